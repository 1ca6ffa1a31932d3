import shlex
import string

import msgpack
import pytest
from fleetglass_proto import join
from hypothesis import given
from hypothesis import strategies as st

KEY = bytes(range(32))


def test_a_join_string_is_one_word_that_no_shell_touches_and_reads_back():
    sent = join.Join("tcp://hub.example.org:7400", KEY, "tok-123")
    text = join.encode(sent)
    assert text.startswith("fg1.")
    assert set(text) <= set(string.ascii_letters + string.digits + "._-")
    assert shlex.split(text) == [text]
    assert join.decode(f"  {text}\n") == sent


def test_the_bytes_are_a_msgpack_array_in_base64url():
    assert join.encode(join.Join("tcp://h:1", b"\xff" * 32, "t")) == "fg1.k6l0Y3A6Ly9oOjHEIP" + "_" * 42 + "oXQ"


def test_what_a_later_version_adds_behind_is_left_alone():
    longer = msgpack.packb(["tcp://h:1", KEY, "t", {"more": 1}])
    import base64

    text = "fg1." + base64.urlsafe_b64encode(longer).decode().rstrip("=")
    assert join.decode(text) == join.Join("tcp://h:1", KEY, "t")


def test_a_cut_join_string_says_so_and_does_not_repeat_the_secret():
    text = join.encode(join.Join("tcp://hub.example.org:7400", KEY, "secret-token"))
    for end in range(4, len(text)):
        with pytest.raises(join.JoinError) as caught:
            join.decode(text[:end])
        assert "copy the whole line" in str(caught.value)
        assert text[4:20] not in str(caught.value)


@pytest.mark.parametrize("text", ["", "tcp://127.0.0.1:7400", "fg2.abc", "hello"])
def test_something_else_is_told_where_a_join_string_comes_from(text):
    with pytest.raises(join.JoinError, match="fleetglass-hub enroll"):
        join.decode(text)


@pytest.mark.parametrize(
    "parts",
    [
        None,
        7,
        [],
        ["tcp://h:1", KEY],
        ["nowhere", KEY, "t"],
        ["tcp://h:1", KEY[:31], "t"],
        ["tcp://h:1", KEY, ""],
        [1, 2, 3],
    ],
)
def test_things_that_make_no_sense_inside_are_refused(parts):
    import base64

    with pytest.raises(join.JoinError):
        join.decode("fg1." + base64.urlsafe_b64encode(msgpack.packb(parts)).decode().rstrip("="))


@given(st.text(alphabet=string.ascii_letters + string.digits + "-_.+/= \x00é", max_size=80))
def test_rubbish_never_raises_anything_else(text):
    try:
        join.decode("fg1." + text)
    except join.JoinError:
        pass
