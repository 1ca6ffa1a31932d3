"""One agent's conversation with the hub, fed without sockets and clocks."""

import asyncio
import os
import struct

import numpy as np
import pytest
from fleetglass_proto import codec, limits, messages
from fleetglass_proto.messages import BatchFlag, RejectCode
from fleetglass_web.view import HostState, MetricQuery
from harness.rooms import Rooms, offsets
from hypothesis import given, settings
from hypothesis import strategies as st


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


@pytest.fixture
def rooms():
    return Rooms()


def only(told, kind):
    found = [message for message in told if isinstance(message, kind)]
    assert len(found) == 1, told
    return found[0]


def code(agent):
    return only(agent.told(), messages.Reject).code


def test_a_hello_is_answered_with_credit_and_what_the_hub_holds(rooms):
    agent = rooms.agent(name="web-1").hello()
    welcome = only(agent.told(), messages.Welcome)
    assert (welcome.version, welcome.hello_ms, welcome.samples_ms, welcome.streams) == (1, agent.now_ms, 0, ())
    assert welcome.credit == limits.CREDIT_BYTES
    host = rooms.view.hosts()[0]
    assert (host.name, host.state, dict(host.labels)) == ("web-1", HostState.LIVE, {"role": "web"})
    assert (host.platform["cores"], host.address) == (4, "127.0.0.1")


def test_anything_but_a_hello_from_an_unknown_connection_is_told_to_say_hello(rooms):
    agent = rooms.agent()
    agent.send(messages.Frame(agent.now_ms, (), ()))
    refusal = only(agent.told(), messages.Reject)
    assert (refusal.code, refusal.retry_ms) == (RejectCode.HELLO_FIRST, 0)


def test_a_message_on_another_ones_connection_is_not_believed(rooms):
    agent = rooms.agent().hello()
    agent.told()
    agent.key = os.urandom(32)
    agent.send(messages.Bye(agent.now_ms, "I am not who said hello"))
    assert code(agent) == RejectCode.HELLO_FIRST
    assert rooms.view.hosts()[0].state is HostState.LIVE


def test_another_version_is_told_which_side_to_upgrade(rooms):
    agent = rooms.agent().hello(version=2)
    refusal = only(agent.told(), messages.Reject)
    assert refusal.code == RejectCode.VERSION
    assert "upgrade the hub" in refusal.message


def test_a_sample_is_the_newest_row_of_its_host_and_waits_for_the_watchers(rooms):
    agent = rooms.agent().hello()
    agent.schema(5, "cpu.user_pct", "load.1m")
    agent.sample(5, floats(12.5, float("nan")))
    mark, blocks = rooms.view.arrived(-1)
    assert rooms.view.schema(blocks[0].schema) == ("cpu.user_pct", "load.1m")
    assert blocks[0].hosts.tolist() == [agent.host]
    np.testing.assert_array_equal(blocks[0].values, np.array([[12.5, np.nan]], np.float32))
    assert (mark, rooms.watcher.rows) == (1, 1)


def test_hosts_that_measure_the_same_share_a_schema(rooms):
    first, second = rooms.agent().hello(), rooms.agent().hello()
    first.schema(1, "cpu.user_pct")
    second.schema(9, "cpu.user_pct")
    first.sample(1, floats(1))
    second.sample(9, floats(2))
    _, blocks = rooms.view.arrived(0)
    assert [(block.hosts.tolist(), block.values.tolist()) for block in blocks] == [([0, 1], [[1.0], [2.0]])]


@pytest.mark.parametrize("values", [b"", floats(1), floats(1, 2, 3)])
def test_a_sample_that_does_not_fit_its_schema_ends_the_session(rooms, values):
    agent = rooms.agent().hello()
    agent.schema(1, "cpu.user_pct", "load.1m")
    agent.told()
    agent.sample(1, values)
    assert code(agent) == RejectCode.MALFORMED
    assert rooms.intake.sessions == {}


def test_a_sample_of_a_schema_of_an_earlier_session_is_refused(rooms):
    agent = rooms.agent().hello()
    agent.schema(1, "cpu.user_pct")
    agent.hello()
    agent.told()
    agent.sample(1, floats(1))
    assert code(agent) == RejectCode.MALFORMED


def test_lines_are_shown_at_once_and_acknowledged_after_the_commit(rooms):
    agent = rooms.agent().hello()
    agent.follow(start=1_024)
    agent.told()
    agent.lines(1_024, b"hello\nworld\n")
    batch = rooms.watcher.batches[0]
    assert (batch.start, batch.data, batch.path, batch.seq) == (1_024, b"hello\nworld\n", "/var/log/app.log", 1)
    assert rooms.recorder.flushed == rooms.recorder.mark
    assert agent.told() == []
    rooms.commit()
    commit = only(agent.told(), messages.Commit)
    assert commit.offsets == ((0, 7, 1_036),)
    assert commit.credit == limits.CREDIT_BYTES + 12


def test_the_next_welcome_says_where_each_file_stands(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.lines(0, b"kept\n")
    rooms.commit()
    agent.lines(5, b"on its way\n")
    agent.told()
    agent.hello()
    stream = only(agent.told(), messages.Welcome).streams[0]
    assert (stream.path, stream.kind) == ("/var/log/app.log", "file")
    assert (stream.files[0].file, stream.files[0].inode, stream.files[0].committed) == (7, 2, 5)


def test_what_is_sent_again_is_shown_once_and_acknowledged_all_the_same(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.lines(0, b"one\ntwo\n")
    agent.hello()  # before the commit: the agent must send them again
    agent.follow()
    agent.lines(0, b"one\ntwo\n")
    rooms.commit()
    assert [batch.data for batch in rooms.watcher.batches] == [b"one\ntwo\n"]
    assert offsets(agent.told()) == {7: 8}


def test_lines_that_came_and_were_committed_before_a_new_session_are_acknowledged_in_it(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.lines(0, b"one\n")
    agent.hello()
    rooms.commit()  # the agent has not announced the file yet
    agent.follow()
    agent.lines(0, b"one\n")
    rooms.wait(2_100)
    assert offsets(agent.told()) == {7: 4}


def test_a_batch_that_overlaps_is_cut_to_what_is_new(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.lines(0, b"one\n")
    agent.lines(0, b"one\ntwo\n")
    assert [(batch.start, batch.data) for batch in rooms.watcher.batches] == [(0, b"one\n"), (4, b"two\n")]


def test_a_batch_that_leaves_a_hole_is_refused_with_the_place_to_go_on(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.lines(0, b"one\n")
    agent.told()
    agent.lines(8, b"three\n")
    refusal = only(agent.told(), messages.Reject)
    assert (refusal.code, refusal.retry_ms) == (RejectCode.OFFSET, 0)
    assert "go on at 4" in refusal.message
    assert len(rooms.watcher.batches) == 1


def test_a_batch_of_a_file_that_was_not_announced_is_refused(rooms):
    agent = rooms.agent().hello()
    agent.told()
    agent.lines(0, b"who am I\n")
    assert code(agent) == RejectCode.MALFORMED


def test_a_partial_line_is_shown_and_not_kept(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.lines(0, b"not yet", flags=BatchFlag.PARTIAL)
    agent.lines(0, b"not yet whole\n")
    assert [(batch.seq, batch.partial, batch.data) for batch in rooms.watcher.batches] == [
        (0, True, b"not yet"),
        (1, False, b"not yet whole\n"),
    ]
    assert [batch.data for batch in rooms.recorder.lines] == [b"not yet whole\n"]


def test_a_gap_is_told_and_moves_the_offset_as_lines_do(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.lines(0, b"one\n")
    agent.event("gap", 0, 7, start=4, end=4_096, why="nul-run")
    agent.lines(4_096, b"two\n")
    rooms.commit()
    assert [(gap.bytes, gap.why, gap.path) for gap in rooms.watcher.gaps] == [(4_092, "truncated", "/var/log/app.log")]
    assert offsets(agent.told())[7] == 4_100


def test_a_gap_that_is_told_again_is_shown_once(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    for _ in range(2):
        agent.event("gap", 0, 7, start=0, end=100, why="file-gone")
    assert len(rooms.watcher.gaps) == 1


def test_a_truncated_file_says_how_much_is_lost(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.event("truncated", 0, 7, end=0, lost_bytes=512)
    assert [(gap.bytes, gap.why) for gap in rooms.watcher.gaps] == [(512, "truncated")]


def test_a_truncation_whose_lost_range_came_as_a_gap_is_told_once(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.event("gap", 0, 7, start=0, end=512, why="truncated")
    agent.event("truncated", 0, 7, end=512, lost_bytes=512)
    assert [(gap.bytes, gap.why) for gap in rooms.watcher.gaps] == [(512, "truncated")]


def test_credit_grows_with_what_is_committed_and_never_falls(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    first = only(agent.told(), messages.Welcome).credit
    line = b"x" * 99_999 + b"\n"
    for number in range(5):
        agent.lines(number * len(line), line)
    others = [rooms.agent().hello() for _ in range(60)]  # the share of each becomes smaller
    rooms.commit()
    assert only(agent.told(), messages.Commit).credit >= first
    assert only(others[-1].told(), messages.Welcome).credit < first


def test_lines_beyond_the_credit_end_the_session(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.told()
    data = b"x" * (limits.BATCH_BYTES - 1) + b"\n"
    for number in range(limits.CREDIT_BYTES // len(data) + 1):
        agent.lines(number * len(data), data)
    assert code(agent) == RejectCode.LIMIT


def test_a_commit_comes_every_two_seconds_also_without_news(rooms):
    agent = rooms.agent().hello()
    agent.told()
    rooms.wait(6_100)
    assert len([message for message in agent.told() if isinstance(message, messages.Commit)]) == 3


def notices(agent):
    return [message.notice for message in agent.told() if isinstance(message, messages.Commit)]


def test_a_hub_that_cannot_commit_tells_its_agents_and_its_log_and_says_when_it_is_over(rooms, caplog):
    agent = rooms.agent().hello()
    rooms.wait(2_500)
    assert notices(agent) == [""]
    rooms.recorder.problem = "no space left in /var/lib/fleetglass; make room"
    rooms.wait(4_000)
    told = notices(agent)
    assert "no space left in /var/lib/fleetglass; make room" in told[-1]
    assert not rooms.view.health()["ready"]
    assert rooms.view.health()["problem"] == rooms.recorder.problem
    assert [record.levelname for record in caplog.records if "nothing is committed" in record.message] == ["ERROR"]
    rooms.recorder.problem = ""
    rooms.wait(4_000)
    assert notices(agent)[-1] == ""
    assert rooms.view.health()["ready"]


def test_a_hub_that_ends_tells_its_agents_with_their_last_offsets(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.lines(0, b"one\n")
    rooms.commit()
    agent.told()
    agent.lines(4, b"two\n")
    rooms.intake._owed.committed(rooms.recorder.mark)
    rooms.intake.end(rooms.now_ms)
    rooms.order_all()
    (last,) = agent.told()
    assert "ends now" in last.notice
    assert last.offsets == ((0, 7, 8),)


def test_samples_that_come_late_stand_in_their_place_in_the_past(rooms):
    agent = rooms.agent().hello()
    agent.schema(1, "cpu.user_pct")
    now = agent.now_ms
    agent.sample(1, floats(3), time_ms=now)
    agent.sample(1, floats(1), time_ms=now - 40_000)
    agent.sample(1, floats(2), time_ms=now - 20_000)
    query = MetricQuery([agent.host], ["cpu.*"], now - 60_000, now + 1, 10_000)
    (found,) = asyncio.run(rooms.view.metrics(query))
    known = {int(at): value for at, value in zip(found.time_ms, found.avg.tolist(), strict=True) if value == value}
    assert known == {now - 40_000: 1.0, now - 20_000: 2.0, now // 10_000 * 10_000: 3.0}
    (block,) = rooms.view.arrived(-1)[1]
    assert block.values.tolist() == [[3.0]], "the newest is the newest, whatever came last"


@pytest.mark.parametrize("wrong_ms", [3_600_000, -3_600_000])
def test_a_clock_that_is_wrong_by_an_hour_is_corrected_for_order_and_kept_as_it_was(rooms, wrong_ms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.schema(1, "cpu.user_pct")
    said = agent.now_ms + wrong_ms
    agent.send(messages.Frame(said, (messages.Sample(1, said, floats(1)),), (line(0, b"one\n", said),)))
    (batch,) = rooms.watcher.batches
    assert (batch.raw_ms, abs(batch.time_ms - rooms.now_ms) < 1) == (said, True)
    (rows,) = rooms.recorder.rows
    assert (rows.raw_ms.tolist(), abs(rows.time_ms[0] - rooms.now_ms) < 1) == ([said], True)
    assert rooms.view.hosts()[0].clock_offset_ms == pytest.approx(wrong_ms, abs=1)
    assert rooms.view.hosts()[0].state is HostState.LIVE


def line(start, data, read_ms):
    return messages.LineBatch(0, 7, start, start + len(data), read_ms, 0, data)


def test_samples_are_acknowledged_by_their_time_after_the_commit(rooms):
    agent = rooms.agent().hello()
    agent.schema(1, "cpu.user_pct")
    agent.sample(1, floats(1), time_ms=agent.now_ms - 3)
    at = agent.now_ms - 3
    rooms.wait(2_000)
    assert {message.samples_ms for message in agent.told() if isinstance(message, messages.Commit)} == {0}
    rooms.commit()
    rooms.wait(2_000)
    assert [m.samples_ms for m in agent.told() if isinstance(m, messages.Commit)][-1] == at
    agent.hello()
    assert only(agent.told(), messages.Welcome).samples_ms == at


def test_samples_that_are_sent_again_after_a_new_hello_stand_once(rooms):
    agent = rooms.agent().hello()
    agent.schema(1, "cpu.user_pct")
    sent = agent.now_ms
    agent.sample(1, floats(1), time_ms=sent)
    agent.hello()
    agent.schema(1, "cpu.user_pct")
    agent.sample(1, floats(1), time_ms=sent)
    agent.sample(1, floats(2), time_ms=sent - 5_000)  # of the outage before, not sent until now
    assert [int(t) for rows in rooms.recorder.rows for t in rows.raw_ms] == [sent, sent - 5_000]


def test_a_goodbye_right_behind_a_frame_is_left_and_stays_so(rooms):
    agent = rooms.agent().hello()
    agent.schema(1, "cpu.user_pct")
    frame = messages.Frame(agent.now_ms, (messages.Sample(1, agent.now_ms, floats(1.0)),), ())
    for message in (frame, messages.Bye(agent.now_ms, "SIGTERM")):  # in one pass: the row is not placed between them
        rooms.intake.receive(agent.routing_id, codec.encode(message), agent.peer, rooms.now_ms)
    rooms.intake.finish(rooms.now_ms)
    rooms.wait(1_000)
    assert rooms.view.hosts()[0].state is HostState.LEFT
    assert len(rooms.recorder.rows) == 1


def test_a_goodbye_is_left_and_a_frame_afterwards_needs_a_hello(rooms):
    agent = rooms.agent().hello()
    agent.told()
    agent.send(messages.Bye(agent.now_ms, "SIGTERM"))
    assert rooms.view.hosts()[0].state is HostState.LEFT
    agent.send(messages.Frame(agent.now_ms, (), ()))
    assert code(agent) == RejectCode.HELLO_FIRST


def test_silence_makes_a_host_late_then_lost_and_a_frame_brings_it_back(rooms):
    agent = rooms.agent().hello()
    seen = []
    for ms in (2_900, 300, 7_000):
        rooms.wait(ms)
        seen.append(rooms.view.hosts()[0].state)
    agent.send(messages.Frame(agent.now_ms, (), ()))
    seen.append(rooms.view.hosts()[0].state)
    assert seen == [HostState.LIVE, HostState.LATE, HostState.LOST, HostState.LIVE]
    assert [host.state for host in rooms.watcher.hosts[-3:]] == [HostState.LATE, HostState.LOST, HostState.LIVE]


def test_a_source_that_is_off_is_a_problem_of_its_host_until_it_is_back(rooms):
    agent = rooms.agent().hello()
    agent.event("source_down", source="iostat", why="not installed", remedy="apt install sysstat")
    assert rooms.view.hosts()[0].problems == ("iostat: not installed. apt install sysstat",)
    agent.event("source_up", source="iostat")
    assert rooms.view.hosts()[0].problems == ()


def test_a_clock_that_is_ahead_is_measured_and_taken_off(rooms):
    agent = rooms.agent()
    agent.clock_ahead_ms = 7_000
    agent.hello()
    agent.follow()
    agent.schema(1, "cpu.user_pct")
    agent.sample(1, floats(1))
    agent.lines(0, b"late or early?\n")
    _, blocks = rooms.view.arrived(-1)
    assert blocks[0].time_ms.tolist() == [rooms.now_ms]
    batch = rooms.watcher.batches[0]
    assert (batch.time_ms, batch.raw_ms) == (rooms.now_ms, rooms.now_ms + 7_000)
    assert rooms.view.hosts()[0].clock_offset_ms == 7_000


# Two machines, one agent_id


def test_a_cloned_machine_is_refused_and_named_on_its_original(rooms):
    original = rooms.agent(name="web-1").hello()
    original.told()
    copy = rooms.agent(name="web-1-copy", agent_id=original.agent_id, key=original.key, address="127.0.0.9").hello()
    refusal = only(copy.told(), messages.Reject)
    assert refusal.code == RejectCode.DUPLICATE
    assert "delete its state folder" in refusal.message
    assert rooms.view.hosts()[0].name == "web-1"
    assert "127.0.0.9" in rooms.view.hosts()[0].problems[0]
    rooms.wait(40_000)
    assert rooms.view.hosts()[0].problems == ()


def test_an_agent_that_was_killed_and_started_again_is_no_copy(rooms):
    agent = rooms.agent().hello()
    rooms.cut_off.add(agent.routing_id)
    again = rooms.agent(agent_id=agent.agent_id, key=agent.key).hello()
    only(again.told(), messages.Welcome)
    assert len(rooms.view.hosts()) == 1


def test_the_same_process_on_a_new_connection_takes_over_its_session(rooms):
    agent = rooms.agent().hello()
    again = rooms.agent(agent_id=agent.agent_id, key=agent.key, run_id=agent.run_id).hello()
    only(again.told(), messages.Welcome)
    assert rooms.probed == []
    agent.told()
    agent.send(messages.Frame(agent.now_ms, (), ()))
    assert code(agent) == RejectCode.HELLO_FIRST


# Orders and forgetting


def test_a_watched_host_is_told_to_hurry_and_told_again_in_its_next_session(rooms):
    agent = rooms.agent().hello()
    agent.told()
    rooms.view.want({agent.host: 100})
    rooms.order_all()
    assert agent.told() == [messages.Interest(100)]
    rooms.view.want({agent.host: 100})
    rooms.order_all()
    assert agent.told() == []
    agent.hello()
    assert only(agent.told(), messages.Interest).interval_ms == 100
    rooms.view.want({})
    rooms.order_all()
    assert agent.told() == [messages.Interest(0)]


def test_a_forgotten_host_is_gone_with_its_key_and_its_agent_is_told(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.lines(0, b"secret\n")
    agent.told()
    host = agent.host
    rooms.intake.forget(host, rooms.now_ms)
    rooms.order_all()
    assert code(agent) == RejectCode.TOKEN
    assert rooms.view.hosts() == []
    assert rooms.watcher.removed == [host]
    assert rooms.book.by_key == {}
    assert rooms.view.tail([host], None, 10) == []


# Limits and rubbish


def test_more_streams_than_the_limit_are_refused(rooms):
    agent = rooms.agent().hello()
    for number in range(limits.STREAMS):
        agent.event("stream_up", number, path=f"/var/log/{number}", kind="file")
    agent.told()
    agent.event("stream_up", limits.STREAMS, path="/var/log/one-more", kind="file")
    assert code(agent) == RejectCode.LIMIT


def test_a_stream_that_is_down_leaves_the_count_and_the_limit(rooms):
    agent = rooms.agent().hello()
    for number in range(limits.STREAMS):
        agent.event("stream_up", number, path=f"/var/log/{number}", kind="file")
    agent.event("stream_down", 3, why="its file is gone")
    agent.event("stream_down", 3, why="its file is gone")
    agent.event("stream_down", limits.STREAMS + 7, why="of an earlier session")
    assert rooms.view.hosts()[0].streams == limits.STREAMS - 1
    agent.event("stream_up", limits.STREAMS, path="/var/log/one-more", kind="file")
    assert rooms.view.hosts()[0].streams == limits.STREAMS
    assert not [message for message in agent.told() if isinstance(message, messages.Reject)]
    agent.event("stream_up", 3, path="/var/log/two-more", kind="file")
    assert code(agent) == RejectCode.LIMIT


@pytest.mark.parametrize("numbers", [range(2 * limits.STREAMS + 200), [5] * (2 * limits.STREAMS + 200)])
def test_streams_of_a_day_each_come_and_go_for_longer_than_the_limit(rooms, numbers):
    agent = rooms.agent().hello()
    for day, number in enumerate(numbers):
        agent.follow(f"/var/log/app-{day}.log", number, file=100 + day)
        agent.lines(0, b"a line\n", number, 100 + day)
        agent.event("stream_down", number, why="its file is gone")
    assert not [message for message in agent.told() if isinstance(message, messages.Reject)]
    assert rooms.view.hosts()[0].streams == 0
    assert len(rooms.recorder.lines) == len(numbers)


def test_lines_and_gaps_that_come_after_their_stream_went_down_are_kept(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.event("stream_down", 0, why="its file is gone")
    agent.lines(0, b"late\n")
    agent.event("gap", 0, 7, start=5, end=9, why="file-gone")
    assert [bytes(batch.data) for batch in rooms.recorder.lines] == [b"late\n"]
    assert [gap.bytes for gap in rooms.watcher.gaps] == [4]
    rooms.commit()
    assert offsets(agent.told()) == {7: 9}
    assert rooms.view.hosts()[0].streams == 0


def test_a_number_that_another_stream_has_got_is_not_taken_for_the_old_one(rooms):
    agent = rooms.agent().hello()
    agent.follow("/var/log/old.log", file=7)
    agent.event("stream_down", 0, why="its file is gone")
    agent.follow("/var/log/new.log", file=8)
    agent.lines(0, b"of the new one\n", file=8)
    assert not [message for message in agent.told() if isinstance(message, messages.Reject)]
    assert [batch.path for batch in rooms.recorder.lines] == ["/var/log/new.log"]
    agent.lines(0, b"of the old one\n", file=7)
    assert code(agent) == RejectCode.MALFORMED


def test_a_welcome_with_all_that_a_hub_may_know_fits_into_a_message(rooms):
    agent = rooms.agent().hello()
    for number in range(limits.STREAMS):
        agent.event("stream_up", number, path=f"/var/log/{'x' * 200}/{number}", kind="file")
        for file in range(limits.FILES_PER_STREAM // 8):
            agent.event("file_up", number, number * 100 + file, dev=1 << 40, inode=1 << 40, fp=bytes(8))
    agent.told()
    agent.hello()
    assert len(only(agent.told(), messages.Welcome).streams) == limits.STREAMS


@pytest.mark.parametrize(
    "event",
    [
        ("stream_up", None, None, {"path": "/x"}),
        ("stream_up", 0, None, {}),
        ("stream_up", 0, None, {"path": 7}),
        ("file_up", 5, 1, {}),
        ("file_up", 0, None, {}),
        ("file_up", 0, 1, {"start": -1}),
        ("file_up", 0, 1, {"start": 1 << 63}),
        ("file_up", 0, 1, {"fp": "text"}),
        ("file_up", 0, 1, {"fp": b"x" * 33}),
        ("file_end", 0, 99, {}),
        ("gap", 0, 99, {"start": 0, "end": 1}),
        ("gap", 0, 7, {"start": True, "end": 1}),
        ("gap", 0, 7, {"start": 50, "end": 100}),
        ("truncated", 0, 7, {"lost_bytes": 1.5}),
        ("source_down", None, None, {"source": b"bytes"}),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(rooms, event):
    agent = rooms.agent().hello()
    agent.follow()
    agent.told()
    kind, stream, file, fields = event
    agent.event(kind, stream, file, **fields)
    assert code(agent) in (RejectCode.MALFORMED, RejectCode.OFFSET)


def test_an_event_of_a_later_version_is_kept_and_harms_nobody(rooms):
    agent = rooms.agent().hello()
    agent.told()
    agent.event("moon_phase", 99, 99, phase="full")
    assert agent.told() == []


def test_rubbish_costs_one_answer_each_and_only_so_many_a_second(rooms):
    agent = rooms.agent()
    for _ in range(2_000):
        rooms.feed(agent.routing_id, b"\xc1", agent.peer)
    assert 0 < len(agent.told()) <= 500
    rooms.wait(1_000)
    rooms.feed(agent.routing_id, b"\xc1", agent.peer)
    assert code(agent) == RejectCode.MALFORMED


def _messages():
    times = st.integers(0, limits.TIME_MAX_MS)
    offset = st.integers(0, 40)
    data = st.sampled_from([b"", b"a\n", b"bc\nd\n", b"partial"])
    batch = st.builds(
        lambda stream, file, at, flags, data: messages.LineBatch(stream, file, at, at + len(data), 1, flags, data),
        st.integers(0, 2), st.integers(7, 9), offset, st.integers(0, 3), data,
    )  # fmt: skip
    sample = st.builds(messages.Sample, st.integers(0, 3), times, st.sampled_from([b"", floats(1), floats(1, 2)]))
    field = st.none() | st.booleans() | st.integers(-1, 60) | st.text(max_size=3) | st.binary(max_size=3)
    kinds = st.sampled_from(["stream_up", "file_up", "file_end", "gap", "truncated", "source_down", "source_up", "?"])
    fields = st.dictionaries(st.sampled_from(["path", "kind", "start", "end", "lost_bytes", "source", "fp"]), field)
    samples, batches = st.lists(sample, max_size=2).map(tuple), st.lists(batch, max_size=3).map(tuple)
    return st.one_of(
        st.builds(messages.Frame, times, samples, batches),
        st.builds(messages.Event, times, kinds, st.none() | st.integers(0, 2), st.none() | st.integers(7, 9), fields),
        st.builds(messages.SchemaMessage, st.integers(0, 3), st.sampled_from([("a",), ("a", "b"), ()])),
        st.builds(messages.Bye, times, st.text(max_size=3)),
        st.just("hello"), st.just("follow"), st.just("commit"), st.just("wait"), st.just("forget"),
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), _messages()), max_size=30))
def test_whatever_agents_say_each_byte_of_a_file_is_shown_once_and_in_order(script):
    rooms = Rooms()
    agents = [rooms.agent().hello(), rooms.agent().hello()]
    ends: dict[tuple[int, int, int], int] = {}
    for which, step in script:
        agent = agents[which]
        before = len(rooms.watcher.batches)
        if step == "hello":
            agent.hello()
        elif step == "follow":
            agent.follow(stream=which, file=7)
        elif step == "commit":
            rooms.commit()
        elif step == "wait":
            rooms.wait(1_500)
        elif step == "forget":
            if agent.agent_id in rooms.fleet.by_agent:
                rooms.intake.forget(agent.host, rooms.now_ms)
                rooms.order_all()
                ends = {}
        else:
            agent.send(step)
        for batch in rooms.watcher.batches[before:]:
            if not batch.partial:
                key = (batch.host, batch.stream, batch.file)
                assert batch.start >= ends.get(key, 0)
                ends[key] = batch.start + len(batch.data)
        for message in agent.told():
            assert len(codec.encode(message)) <= limits.MESSAGE_BYTES
    assert [batch.seq for batch in rooms.recorder.lines] == sorted(batch.seq for batch in rooms.recorder.lines)
