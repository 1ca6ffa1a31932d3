"""The web's interface over the hub's rooms: resume, search and figures, with everything in memory."""

import asyncio
import struct

import numpy as np
import pytest
from fleetglass_hub.fleet import cursor as cursors
from fleetglass_hub.history.recorder import HostRecord, Loaded
from fleetglass_web.view import CursorError, LogQuery, MetricQuery
from harness.rooms import HUB_ID, Rooms


@pytest.fixture
def rooms():
    return Rooms()


@pytest.fixture
def agent(rooms):
    agent = rooms.agent(name="web-1").hello()
    agent.follow()
    return agent


def said(batches):
    return b"".join(batch.data for batch in batches)


def test_a_resume_goes_on_right_behind_what_was_shown(rooms, agent):
    agent.lines(0, b"one\n")
    cursor = rooms.view.cursor()
    agent.lines(4, b"two\n")
    agent.lines(8, b"three\n")
    found = rooms.view.resume(cursor, [0], None)
    assert (said(found.batches), found.gaps, found.is_complete) == (b"two\nthree\n", [], True)
    assert said(rooms.view.resume(found.cursor, [0], None).batches) == b""


def test_a_resume_in_steps_leaves_nothing_out(rooms, agent):
    cursor = rooms.view.cursor()
    for number in range(20):
        agent.lines(number * 10, b"123456789\n")
    got, steps = b"", 0
    while True:
        found = rooms.view.resume(cursor, [0], "/var/log/*", 35)
        got, cursor, steps = got + said(found.batches), found.cursor, steps + 1
        if found.is_complete:
            break
    assert (len(got), steps) == (200, 5)


def test_a_cursor_ahead_of_the_hub_or_of_another_one_is_refused(rooms, agent):
    other = Rooms()
    other_agent = other.agent().hello()
    other_agent.follow()
    other_agent.lines(0, b"x\n")
    with pytest.raises(CursorError, match="ahead"):
        rooms.view.resume(other.view.cursor(), [0], None)
    with pytest.raises(CursorError):
        rooms.view.resume(b"", [0], None)


def test_after_a_restart_in_memory_a_resume_is_a_gap_and_what_came_since(rooms, agent):
    agent.lines(0, b"before\n")
    cursor = rooms.view.cursor()
    restarted = Rooms(life=2)
    again = restarted.agent(name="web-1").hello()
    again.follow(start=7)
    again.lines(7, b"after\n")
    found = restarted.view.resume(cursor, [0], None)
    assert [gap.why for gap in found.gaps] == ["agent-away"]
    assert said(found.batches) == b"after\n"
    assert restarted.view.resume(found.cursor, [0], None).gaps == []


def hub(life, lives, next_seq=1):
    """A hub that was started again, whose history knows the host and the numbers below `next_seq`."""
    record = HostRecord(0, bytes(16), "web-1", {}, {}, "", 1_000, "", 0.0, 0.0, False)
    return Rooms(life=life, loaded=Loaded(hosts=(record,), next_seq=next_seq, lives=lives))


def test_numbers_that_were_lost_with_the_machine_and_given_again_are_a_gap_also_two_lives_later():
    first = hub(life=1, lives={})
    teller = first.agent(name="web-1", agent_id=bytes(16)).hello()
    teller.follow()
    for number in range(5):
        teller.lines(number * 2, b"x\n")
    seen = first.view.cursor()  # of number 5, of which the disk has 2
    second = hub(life=2, lives={1: 2}, next_seq=3)
    assert [gap.why for gap in second.view.resume(seen, [0], None).gaps] == ["agent-away"]
    # The second life gave 3 to 9 to other lines: whoever was away all the time has not seen them.
    third = hub(life=3, lives={1: 2, 2: 9}, next_seq=10)
    assert [gap.why for gap in third.view.resume(seen, [0], None).gaps] == ["agent-away"]
    assert not third.view.holds(seen, [0], None)


def test_a_cursor_of_a_life_that_nobody_remembers_is_a_gap():
    cursor = hub(life=1, lives={}).view.cursor()
    assert [gap.why for gap in hub(life=9, lives={8: 3}, next_seq=5).view.resume(cursor, [0], None).gaps] == [
        "agent-away"
    ]


def test_a_batch_that_was_seen_in_part_is_where_a_resume_begins(rooms, agent):
    cursor = rooms.view.cursor()
    for number in range(4):
        agent.lines(number * 2, b"%d\n" % number)
    third = rooms.view.resume(cursor, [0], None).batches[2].seq
    assert said(rooms.view.resume(cursor, [0], None, partly=third).batches) == b"2\n3\n"
    with pytest.raises(CursorError, match="ahead"):
        rooms.view.resume(cursor, [0], None, partly=third + 50)


def test_a_step_of_a_resume_stands_at_the_time_of_its_last_lines_and_not_at_the_present(rooms, agent):
    cursor = rooms.view.cursor()
    began_ms = rooms.now_ms
    agent.lines(0, b"one\n")
    rooms.now_ms += 60_000
    agent.lines(4, b"two\n")
    step = rooms.view.resume(cursor, [0], None, 1)
    assert cursors.decode(HUB_ID, step.cursor).time_ms == began_ms
    assert cursors.decode(HUB_ID, rooms.view.resume(step.cursor, [0], None).cursor).time_ms == rooms.now_ms


def test_the_tail_is_from_memory(rooms, agent):
    agent.lines(0, b"one\ntwo\n")
    agent.lines(8, b"three\n")
    assert said(rooms.view.tail([0], None, 1)) == b"three\n"
    assert said(rooms.view.tail([0], "*app*", 2)) == b"one\ntwo\nthree\n"
    assert rooms.view.tail([0], "/other/*", 9) == []
    assert rooms.view.tail([], None, 9) == []


def query(**changes):
    base = LogQuery([0], None, None, None, 0.0, 1e15, 100, None)
    return base._replace(**changes)


def search(rooms, **changes):
    return asyncio.run(rooms.view.logs(query(**changes)))


def test_a_search_finds_the_newest_first_and_pages_without_gap_or_double(rooms, agent):
    agent.lines(0, b"one\ntwo\nthree\n")
    agent.lines(14, b"four\nfive\n")
    page = search(rooms, limit=2)
    assert [(line.offset, line.data) for line in page.lines] == [(19, b"five"), (14, b"four")]
    agent.lines(24, b"six\n")  # a line that comes between two pages is in neither
    page = search(rooms, limit=2, cursor=page.next)
    assert [line.data for line in page.lines] == [b"three", b"two"]
    page = search(rooms, limit=2, cursor=page.next)
    assert ([line.data for line in page.lines], page.next) == ([b"one"], None)


def test_a_search_is_narrowed_by_pattern_path_time_and_severity(rooms, agent):
    agent.lines(0, b"ERROR disk full\nINFO all well\nERROR again\n")
    assert [line.data for line in search(rooms, match="ERROR").lines] == [b"ERROR again", b"ERROR disk full"]
    assert [line.data for line in search(rooms, match="ERROR", exclude="disk").lines] == [b"ERROR again"]
    assert [line.data for line in search(rooms, severities=("info",)).lines] == [b"INFO all well"]
    assert search(rooms, path="/nowhere").lines == []
    assert search(rooms, hosts=[5]).lines == []
    assert search(rooms, from_ms=rooms.now_ms + 1).lines == []
    assert len(search(rooms, from_ms=rooms.now_ms, to_ms=rooms.now_ms + 1).lines) == 3


@pytest.mark.parametrize("cursor", [b"", b"x", b"x" * 17, b"m"])
def test_a_search_cursor_that_was_not_made_here_is_refused(rooms, agent, cursor):
    with pytest.raises(CursorError):
        search(rooms, cursor=cursor)


def test_metrics_come_in_steps_with_min_avg_and_max(rooms, agent):
    agent.schema(1, "cpu.user_pct", "cpu.idle_pct")
    rooms.now_ms = 1_700_000_000_000.0
    for second, value in enumerate([1.0, 3.0, np.nan, np.nan, 8.0, np.nan]):
        rooms.now_ms = 1_700_000_000_000.0 + second * 1_000
        agent.sample(1, struct.pack("<2f", value, 50.0))
    answer = asyncio.run(rooms.view.metrics(MetricQuery([0], ["cpu.user*"], 0.0, 1e15, 2_000)))
    assert [(series.host, series.series) for series in answer] == [(0, "cpu.user_pct")]
    assert answer[0].time_ms.tolist() == [1_700_000_000_000.0, 1_700_000_002_000.0, 1_700_000_004_000.0]
    np.testing.assert_array_equal(answer[0].min, np.array([1, np.nan, 8], np.float32))
    np.testing.assert_array_equal(answer[0].avg, np.array([2, np.nan, 8], np.float32))
    np.testing.assert_array_equal(answer[0].max, np.array([3, np.nan, 8], np.float32))


def test_the_range_of_metrics_is_half_open(rooms, agent):
    agent.schema(1, "cpu.user_pct")
    start = rooms.now_ms
    for second in range(4):
        rooms.now_ms = start + second * 1_000
        agent.sample(1, struct.pack("<f", second))
    answer = asyncio.run(rooms.view.metrics(MetricQuery([0], ["*"], start + 1_000, start + 3_000, 1_000)))
    assert answer[0].avg.tolist() == [1.0, 2.0]


def test_the_last_five_minutes_are_at_hand_at_once(rooms, agent):
    agent.schema(1, "cpu.user_pct")
    start = rooms.now_ms
    for second in range(20):
        rooms.now_ms = start + second * 1_000
        agent.sample(1, struct.pack("<f", second))
    blocks = rooms.view.recent([0], 5_000)
    assert [value for block in blocks for value in block.values[:, 0].tolist()] == [14.0, 15.0, 16.0, 17.0, 18.0, 19.0]
    assert rooms.view.recent([7], 5_000) == []


def test_health_says_how_the_hub_is(rooms, agent):
    health = rooms.view.health()
    assert (health["ready"], health["hosts_live"], health["problem"]) == (True, 1.0, "")


def test_a_watcher_that_has_left_hears_no_more(rooms, agent):
    heard = len(rooms.watcher.batches)
    end = rooms.view.watch(other := type(rooms.watcher)())
    end()
    agent.lines(0, b"x\n")
    assert (len(other.batches), len(rooms.watcher.batches)) == (0, heard + 1)


def test_forgetting_reaches_every_room(rooms, agent):
    agent.lines(0, b"secret\n")
    asyncio.run(rooms.view.forget(0))
    assert (rooms.view.hosts(), search(rooms).lines, rooms.watcher.removed) == ([], [], [0])
