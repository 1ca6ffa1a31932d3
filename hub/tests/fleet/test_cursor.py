"""Cursors: made here, or refused."""

import pytest
from fleetglass_hub.fleet import cursor
from fleetglass_hub.fleet.cursor import Cursor
from fleetglass_web.view import CursorError
from hypothesis import given
from hypothesis import strategies as st

HUB = bytes(range(16))


def test_a_cursor_comes_back_as_it_was():
    place = Cursor(7, 1 << 40, 1_700_000_000_123.0)
    assert cursor.decode(HUB, cursor.encode(HUB, place)) == place


def test_a_cursor_of_another_hub_or_version_says_so():
    data = cursor.encode(HUB, Cursor(1, 2, 3.0))
    with pytest.raises(CursorError, match="another hub"):
        cursor.decode(bytes(16), data)
    with pytest.raises(CursorError, match="another version"):
        cursor.decode(HUB, b"\x02" + data[1:])


@given(st.binary(max_size=60))
def test_anything_else_is_no_cursor(data):
    with pytest.raises(CursorError):
        cursor.decode(HUB, data)


def test_a_time_that_cannot_be_is_no_cursor():
    with pytest.raises(CursorError, match="damaged"):
        cursor.decode(HUB, cursor.encode(HUB, Cursor(1, 2, float("nan"))))
