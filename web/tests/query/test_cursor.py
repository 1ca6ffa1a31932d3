import pytest
from fleetglass_web.query.cursor import CursorTextError, PollCursor, from_text, poll_from_text, poll_to_text, to_text


def test_a_cursor_survives_its_way_through_a_url():
    for raw in (b"", b"\x00\xff\xfe", bytes(range(256))):
        assert from_text(to_text(raw)) == raw
    both = PollCursor("a1b2", 77, b"\x00where")
    assert poll_from_text(poll_to_text(both)) == both


@pytest.mark.parametrize("text", ["*", "ä", "a b", "A" * 2_000])
def test_what_is_no_cursor_is_an_error(text):
    with pytest.raises(CursorTextError):
        from_text(text)


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.x.YQ", "a.1.*"])
def test_what_is_no_poll_cursor_is_an_error(text):
    with pytest.raises(CursorTextError):
        poll_from_text(text)
