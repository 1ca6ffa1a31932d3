import pytest
from fleetglass_web.query.cursor import (
    CursorTextError,
    PollCursor,
    Position,
    from_text,
    poll_from_text,
    poll_to_text,
    position,
    position_text,
    to_text,
    within,
)


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


def test_a_place_within_a_frame_survives_its_way_through_an_event_id():
    for place in (Position(b"\x00where"), Position(b"\x00where", 77, 3)):
        assert position(position_text(place)) == place
    assert position(within(position_text(Position(b"x", 5, 1)), 6, 2)) == Position(b"x", 6, 2)


@pytest.mark.parametrize("text", ["YQ~", "YQ~3", "YQ~-1.2", "YQ~1.", "YQ~1.2.3", "YQ~\u0661.1", "YQ~1.2~3.4", "*~1.2"])
def test_what_is_no_place_is_an_error(text):
    with pytest.raises(CursorTextError):
        position(text)
