"""The lines around a line."""

import asyncio

import pytest
from fleetglass_web.live.context import Anchor, around, parse_anchor
from fleetglass_web.testing import FakeFleet


@pytest.fixture
def fleet():
    made = FakeFleet()
    made.add_host("web-1")
    for at in range(50):
        made.lines(0, "/var/log/app.log", b"line %d\nsecond of %d\n" % (at, at))
        made.lines(0, "/var/log/other.log", b"other %d\n" % at, stream=2)
        # Pauses of all lengths.
        made.clock_ms += 3.0 ** (at % 12)
    return made


def lines_of(fleet):
    from fleetglass_web.view import LogQuery

    page = asyncio.run(fleet.logs(LogQuery((0,), "*app*", None, None, 0.0, 1e15, 10_000, None)))
    return list(page.lines)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (3, 2), (10, 10), (1_000, 0), (0, 1_000)])
def test_every_line_has_its_neighbours(fleet, before, after):
    whole = lines_of(fleet)
    for place in range(0, len(whole), 7):
        line = whole[place]
        found = asyncio.run(around(fleet, Anchor(0, 1, line.time_ms, line.offset), before, after))
        assert found.lines == whole[max(0, place - after) : place + before + 1]
        assert found.lines[found.place] == line


def test_a_line_that_is_not_there_has_no_neighbours(fleet):
    line = lines_of(fleet)[5]
    assert asyncio.run(around(fleet, Anchor(0, 1, line.time_ms, line.offset + 1), 2, 2)) is None
    assert asyncio.run(around(fleet, Anchor(0, 9, line.time_ms, line.offset), 2, 2)) is None
    assert asyncio.run(around(fleet, Anchor(7, 1, line.time_ms, line.offset), 2, 2)) is None


def test_a_burst_of_one_moment_is_read_in_order():
    fleet = FakeFleet()
    fleet.add_host("web-1")
    fleet.lines(0, "/var/log/app.log", b"".join(b"%d\n" % at for at in range(30_000)))
    fleet.clock_ms += 1
    fleet.lines(0, "/var/log/app.log", b"end\n")
    line = asyncio.run(find(fleet, b"15000"))
    found = asyncio.run(around(fleet, Anchor(0, 1, line.time_ms, line.offset), 1, 1))
    assert [one.data for one in found.lines] == [b"15001", b"15000", b"14999"]


async def find(fleet, text):
    from fleetglass_web.view import LogQuery

    page = await fleet.logs(LogQuery((0,), None, f"^{text.decode()}$", None, 0.0, 1e15, 1, None))
    return page.lines[0]


@pytest.mark.parametrize(
    "text", ["", "1", "1,2,3", "1,2,3,4,5", "a,2,3,4", "1,2,nan,4", "-1,2,3,4", "1,2,1e300,4", "٣,1,1,1"]
)
def test_what_is_no_place_of_a_line_is_refused(text):
    with pytest.raises(ValueError, match="host,stream,time_ms,offset"):
        parse_anchor(text)


def test_a_place_is_read():
    assert parse_anchor("0,3,1700000000000.25,42") == Anchor(0, 3, 1700000000000.25, 42)
