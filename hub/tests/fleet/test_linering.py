"""The newest lines of every stream, against a list that forgets nothing."""

import pytest
from fleetglass_hub.fleet.linering import BATCH_COST_BYTES, GAPS_PER_STREAM, LineRing
from fleetglass_hub.history.recorder import Loaded, StreamRecord
from fleetglass_web.view import Gap, LineBatch
from hypothesis import given, settings
from hypothesis import strategies as st


def batch(seq, stream=0, host=0, data=b"line\n"):
    return LineBatch(seq, host, stream, f"/log/{stream}", 1, 0, float(seq), float(seq), data, False, False)


def everything(_path):
    return True


def seqs(found):
    return [one.seq for one in found]


def after(ring, seq, hosts=(0,), path=everything, limit=1 << 30):
    return ring.after(seq, 0.0, hosts, path, limit)


def test_what_came_after_a_number_comes_in_the_order_of_arrival_over_all_streams():
    ring = LineRing()
    for seq in range(1, 10):
        ring.add(batch(seq, stream=seq % 3))
    found = after(ring, 4)
    assert (seqs(found.batches), found.last_seq, found.is_complete) == ([5, 6, 7, 8, 9], 9, True)
    assert seqs(after(ring, 4, path=lambda path: path == "/log/2").batches) == [5, 8]
    assert after(ring, 4, hosts=(1,)).batches == []


def test_a_limit_ends_an_answer_behind_a_whole_batch_and_the_next_goes_on():
    ring = LineRing()
    for seq in range(1, 6):
        ring.add(batch(seq, data=b"x" * 100))
    got, seq, steps = [], 0, 0
    while True:
        found = after(ring, seq, limit=150)
        got += seqs(found.batches)
        seq, steps = found.last_seq, steps + 1
        if found.is_complete:
            break
    assert (got, steps) == ([1, 2, 3, 4, 5], 3)


def test_a_batch_larger_than_the_limit_is_given_alone():
    ring = LineRing()
    ring.add(batch(1, data=b"x" * 1_000))
    assert seqs(after(ring, 0, limit=10).batches) == [1]


def test_a_tail_has_at_least_the_lines_that_were_asked_for():
    ring = LineRing()
    for seq in range(1, 20):
        ring.add(batch(seq, stream=seq % 4, data=b"a\nb\n"))
    assert seqs(ring.tail((0,), everything, 5)) == [17, 18, 19]
    assert seqs(ring.tail((0,), lambda path: path == "/log/1", 3)) == [13, 17]
    assert ring.tail((0,), everything, 0) == []
    assert len(ring.tail((0,), everything, 1_000)) == 19


def test_a_chatty_stream_does_not_push_out_a_quiet_one():
    ring = LineRing(stream_bytes=10_000)
    ring.add(batch(1, stream=1, data=b"quiet\n"))
    for seq in range(2, 2_000):
        ring.add(batch(seq, stream=0, data=b"x" * 100))
    assert ring.tail((0,), lambda path: path == "/log/1", 1)[0].data == b"quiet\n"
    assert ring.bytes <= 10_000 + 2 * (BATCH_COST_BYTES + 100)
    assert len(ring._order) < 2_000


def test_a_client_from_before_what_is_kept_is_told_of_a_gap_in_just_those_streams():
    ring = LineRing(stream_bytes=3 * (BATCH_COST_BYTES + 5))
    for seq in range(1, 11):
        ring.add(batch(seq, stream=0))
    ring.add(batch(11, stream=1))
    found = after(ring, 3)
    assert [(gap.stream, gap.why, gap.to_ms) for gap in found.gaps] == [(0, "slow-reader", 7.0)]
    assert seqs(found.batches) == [8, 9, 10, 11]
    assert after(ring, 7).gaps == []


def test_gaps_are_told_to_those_who_were_away():
    ring = LineRing()
    ring.add(batch(1))
    gap = Gap(0, 0, "/log/0", 1.0, 2.0, None, 100, "file-gone")
    ring.add_gap(2, gap)
    assert after(ring, 1).gaps == [gap]
    assert after(ring, 2).gaps == []


def test_more_gaps_than_are_kept_become_one_with_their_sum():
    ring = LineRing()
    ring.add(batch(1))
    for seq in range(2, 2 + GAPS_PER_STREAM + 10):
        ring.add_gap(seq, Gap(0, 0, "/log/0", float(seq), float(seq), None, 100, "file-gone"))
    found = after(ring, 1).gaps
    assert len(found) == GAPS_PER_STREAM
    assert sum(gap.bytes for gap in found) == (GAPS_PER_STREAM + 10) * 100
    assert (found[0].from_ms, found[0].to_ms) == (2.0, 12.0)


def test_a_gap_is_told_in_the_step_that_passes_its_place_and_in_no_other():
    ring = LineRing(stream_bytes=2 * (BATCH_COST_BYTES + 5))
    for seq in range(1, 11):
        ring.add(batch(seq, stream=seq % 2))
    told, seq = [], 0
    while True:
        found = after(ring, seq, limit=1)
        told += [(gap.stream, found.last_seq) for gap in found.gaps]
        seq = found.last_seq
        if found.is_complete:
            break
    assert told == [(1, 7), (0, 7)]
    assert not ring.holds(5, (0,), everything)
    assert ring.holds(6, (0,), everything)


def test_a_ring_that_is_loaded_knows_that_it_lacks_what_is_older_than_its_tail():
    known = Loaded(
        streams=(StreamRecord(0, 0, "/log/0", "file"), StreamRecord(0, 1, "/log/1", "file")),
        next_seq=12,
        tail=(batch(10), batch(11)),
    )
    ring = LineRing.loaded(known, 99.0)
    assert [(gap.stream, gap.from_ms, gap.to_ms) for gap in after(ring, 3).gaps] == [(0, 0.0, 10.0), (1, 0.0, 10.0)]
    assert seqs(after(ring, 3).batches) == [10, 11]
    assert after(ring, 9).gaps == []
    ring.add(batch(12))
    assert seqs(after(ring, 11).batches) == [12]


def test_the_total_is_bounded_and_the_oldest_go_first():
    ring = LineRing(stream_bytes=1 << 20, total_bytes=20 * (BATCH_COST_BYTES + 5))
    for seq in range(1, 101):
        ring.add(batch(seq, stream=seq % 10))
    assert seqs(after(ring, 0).batches) == list(range(81, 101))
    ring.forget(0)
    assert (ring.bytes, after(ring, 0).batches) == (0, [])


def test_a_stream_of_before_the_floor_has_lost_what_lies_below_it():
    ring = LineRing(floor_seq=50)
    ring.know(0, 0, "/log/0")
    ring.add(batch(51, stream=0))
    assert len(after(ring, 40).gaps) == 1
    assert after(ring, 50).gaps == []


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 300)), max_size=80),
    st.integers(1_000, 6_000),
    st.integers(2_000, 12_000),
    st.integers(0, 80),
)
def test_whatever_is_kept_nothing_is_left_out_without_a_gap(script, stream_bytes, total_bytes, seen):
    ring = LineRing(stream_bytes=stream_bytes, total_bytes=total_bytes)
    whole = [batch(seq, stream, data=b"x" * size) for seq, (stream, size) in enumerate(script, 1)]
    for one in whole:
        ring.add(one)
    found = after(ring, seen)
    told = {gap.stream for gap in found.gaps}
    missing = [one for one in whole if one.seq > seen and one not in found.batches]
    assert {one.stream for one in missing} <= told
    assert seqs(found.batches) == sorted(seqs(found.batches))
    assert ring.bytes == sum(BATCH_COST_BYTES + len(one.data) for s in ring._streams.values() for one in s.batches)


@pytest.mark.parametrize("lines", [1, 7, 100])
def test_the_tail_of_everything_is_the_end_of_what_arrived(lines):
    ring = LineRing()
    for seq in range(1, 60):
        ring.add(batch(seq, stream=seq * 7 % 5, host=seq % 2))
    assert seqs(ring.tail((0, 1), everything, lines)) == list(range(60 - min(lines, 59), 60))
