"""What any recorder keeps to: marks, pages of lines, values in steps."""

import asyncio

import numpy as np
import pytest
from fleetglass_web.view import CursorError, Gap

SERIES = ("cpu.user_pct", "memory.used_bytes")


def run(make, story):
    async def whole():
        hands = make().start()
        try:
            return await story(hands)
        finally:
            await hands.recorder.close()

    return asyncio.run(whole())


def test_what_was_appended_is_committed_within_the_interval_and_told_by_its_mark(any_recorder):
    async def story(hands):
        hands.host()
        hands.file()
        hands.lines(b"one\n")
        hands.recorder.flush()
        async with asyncio.timeout(5):
            await hands.until_committed()
        assert hands.committed == hands.mark
        assert hands.recorder.pending_bytes == 0
        assert hands.recorder.problem == ""

    run(any_recorder, story)


def test_each_commit_of_lines_is_counted_by_how_long_they_waited(disk):
    async def story(hands):
        hands.host()
        hands.file()
        for number in range(3):
            hands.lines(f"{number}\n".encode())
            async with asyncio.timeout(5):
                await hands.until_committed()
        found = hands.recorder.figures()
        assert found["commit_seconds_count"] == found['commit_seconds_bucket{le="+Inf"}'] == 3
        assert 0 < found["commit_seconds_sum"] < 15

    run(disk, story)


def test_close_commits_what_was_appended_last(any_recorder):
    async def story(hands):
        hands.host()
        hands.file()
        hands.lines(b"one\n")
        await hands.recorder.close()
        assert hands.committed == hands.mark

    async def whole():
        await story(any_recorder().start())

    asyncio.run(whole())


def test_lines_are_found_at_once_newest_first_without_their_line_end(any_recorder):
    async def story(hands):
        hands.host()
        hands.file()
        hands.lines(b"one\ntwo\r\n", 1_000.0)
        hands.lines(b"\nfour\n", 2_000.0, raw_ms=2_500.0)
        page = await hands.ask()
        assert [(line.data, line.offset, line.time_ms) for line in page.lines] == [
            (b"four", 10, 2_000.0),
            (b"", 9, 2_000.0),
            (b"two", 4, 1_000.0),
            (b"one", 0, 1_000.0),
        ]
        assert page.lines[0].raw_ms == 2_500.0
        assert page.next is None

    run(any_recorder, story)


def test_pages_hold_every_line_once_whatever_arrives_meanwhile(any_recorder):
    async def story(hands):
        hands.host()
        hands.file()
        for at in range(50):
            hands.lines(b"".join(b"line %d\n" % (at * 7 + k) for k in range(7)), 1_000.0 + at // 3)
        late = lambda: hands.lines(b"newcomer\n", 5_000.0)  # noqa: E731
        found = await hands.all_pages(between=late, limit=9)
        assert [line.data for line in found] == [b"line %d" % at for at in reversed(range(350))]

    run(any_recorder, story)


def test_patterns_times_paths_and_severities_choose(any_recorder):
    async def story(hands):
        hands.host()
        hands.file()
        hands.file(stream=1, file=8, path="/var/log/other.log")
        hands.lines(b"ERROR one\nINFO two\nERROR three\n", 1_000.0)
        hands.lines(b"ERROR four\n", 2_000.0, stream=1, file=8, path="/var/log/other.log")
        assert await hands.texts(match="ERROR") == [b"ERROR four", b"ERROR three", b"ERROR one"]
        assert await hands.texts(match="ERROR", exclude="three$") == [b"ERROR four", b"ERROR one"]
        assert await hands.texts(path="*other*") == [b"ERROR four"]
        assert await hands.texts(from_ms=1_000.0, to_ms=2_000.0, match="o$") == [b"INFO two"]
        assert await hands.texts(severities=("info",)) == [b"INFO two"]
        assert await hands.texts(hosts=(2,)) == []

    run(any_recorder, story)


@pytest.mark.parametrize("cursor", [b"", b"x" * 33, b"m" + bytes(15), bytes(60)])
def test_a_cursor_of_something_else_is_refused_with_a_sentence(any_recorder, cursor):
    async def story(hands):
        with pytest.raises(CursorError, match="start without one"):
            await hands.ask(cursor=cursor)

    run(any_recorder, story)


def test_a_forgotten_host_has_no_lines(any_recorder):
    async def story(hands):
        for host in (1, 2):
            hands.host(host)
            hands.file(host)
            hands.lines(b"of %d\n" % host, host=host)
        await hands.recorder.forget(1)
        assert await hands.texts(hosts=(1, 2)) == [b"of 2"]

    run(any_recorder, story)


def test_values_come_in_steps_with_their_extremes_and_holes(any_recorder):
    async def story(hands):
        hands.host()
        hands.recorder.put_schema(1, SERIES)
        nan = float("nan")
        hands.samples([10_000, 10_500, 13_200], [[1, 7], [3, 8], [nan, 9]])
        user, memory = await hands.metrics(step_ms=1_000)
        assert user.series == "cpu.user_pct"
        assert user.time_ms.tolist() == [10_000.0]
        assert (user.min[0], user.avg[0], user.max[0]) == (1, 2, 3)
        assert memory.time_ms.tolist() == [10_000.0, 11_000.0, 12_000.0, 13_000.0]
        assert np.array_equal(memory.avg, np.float32([7.5, nan, nan, 9]), equal_nan=True)

    run(any_recorder, story)


def test_a_gap_has_a_mark_and_is_committed(any_recorder):
    async def story(hands):
        hands.host()
        hands.file()
        hands.seq += 1
        gap = Gap(1, 0, "/var/log/app.log", 1_000.0, 2_000.0, None, 50, "file-gone")
        hands.mark = hands.recorder.append_gap(gap, 7, 50, hands.seq)
        await hands.until_committed()

    run(any_recorder, story)
