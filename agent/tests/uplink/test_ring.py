from fleetglass_agent.uplink.ring import BACKFILL_SAMPLES, Dropped, Ring
from fleetglass_proto.messages import Sample
from hypothesis import given
from hypothesis import strategies as st

ROW = bytes(160)


def sample(time_ms: int) -> Sample:
    return Sample(1, time_ms, ROW)


def ring_of(*times: int) -> Ring:
    ring = Ring(3_600_000, 1 << 20)
    for time_ms in times:
        ring.add(sample(time_ms))
    return ring


def times(samples) -> list[int]:
    return [taken.time_ms for taken in samples]


def test_a_sample_is_taken_once_and_leaves_when_its_time_is_committed():
    ring = ring_of(1_000)
    assert ring.take() == [sample(1_000)]
    assert ring.take() == []
    assert len(ring) == 1
    ring.committed(1_000)
    assert len(ring) == 0


def test_backfill_goes_oldest_first_in_front_of_the_newest_sample():
    ring = ring_of(1, 2, 3, 4)
    assert times(ring.take()) == [1, 2, 3, 4]


def test_an_hour_comes_back_within_half_a_minute_of_live_samples():
    ring = ring_of(*range(1_000, 3_601_000, 1_000))
    live_frames = 0
    for second in range(3_601, 3_700):
        ring.add(sample(second * 1_000))
        taken = ring.take()
        live_frames += 1
        assert taken[-1].time_ms == second * 1_000
        assert len(taken) <= BACKFILL_SAMPLES + 1
        if len(taken) == 1:
            break
    assert live_frames <= 32


def test_a_committed_live_sample_vouches_for_its_frame_and_those_before_but_not_for_what_still_waits():
    ring = ring_of(*range(500))
    first = ring.take()
    assert times(first) == [*range(BACKFILL_SAMPLES), 499]
    ring.committed(499)  # newer than everything that waits: 120..498 must stay
    assert len(ring) == 500 - len(first)
    ring.add(sample(500))
    assert times(ring.take())[0] == BACKFILL_SAMPLES


def test_a_new_session_sends_again_what_was_under_way_in_its_old_order():
    ring = ring_of(*range(300))
    ring.take()
    ring.add(sample(300))
    ring.take()
    ring.restart(samples_ms=0)
    sent: list[int] = []
    while taken := ring.take():
        sent += times(taken)
    assert sorted(sent) == list(range(301))
    assert sent[:BACKFILL_SAMPLES] == list(range(BACKFILL_SAMPLES))


def test_a_new_session_does_not_send_again_what_the_welcome_says_is_kept():
    ring = ring_of(1_000)
    ring.take()
    ring.restart(samples_ms=1_000)
    assert ring.take() == []


def test_the_oldest_go_first_when_the_ring_is_full_and_are_counted():
    ring = Ring(3_600_000, 10 * (12 + len(ROW)))
    for time_ms in range(15):
        ring.add(sample(time_ms))
    assert ring.dropped() == Dropped(5, 0, 4)
    assert ring.dropped() is None
    assert times(ring.take()) == list(range(5, 15))


def test_samples_older_than_the_span_are_dropped():
    ring = Ring(10_000, 1 << 20)
    for time_ms in range(0, 20_001, 1_000):
        ring.add(sample(time_ms))
    assert ring.dropped() == Dropped(10, 0, 9_000)


def test_a_hub_that_never_commits_does_not_make_the_ring_grow():
    ring = Ring(60_000, 1 << 20)
    for time_ms in range(0, 600_000, 1_000):
        ring.add(sample(time_ms))
        ring.take()
    assert len(ring) <= 62
    assert ring.dropped() is None


def test_a_clock_that_was_set_back_loses_nothing_that_waits():
    ring = ring_of(10_000)
    ring.take()
    ring.committed(10_000)
    for time_ms in (5_000, 6_000):
        ring.add(sample(time_ms))
    ring.restart(samples_ms=10_000)
    assert times(ring.take()) == [5_000, 6_000]


@given(st.lists(st.sampled_from(["add", "take", "commit", "lose", "restart"]), max_size=60))
def test_every_sample_is_kept_by_the_hub_or_still_here_whatever_happens(steps):
    ring = Ring(3_600_000, 1 << 20)
    now = 0
    kept: set[int] = set()
    under_way: list[list[int]] = []  # frames on the wire or in the hub's memory
    newest = 0
    for step in steps:
        if step == "add":
            now += 1_000
            ring.add(sample(now))
        elif step == "take":
            if taken := ring.take():
                under_way.append(times(taken))
        elif step == "commit" and under_way:
            frame = under_way.pop(0)
            assert not kept & set(frame), "a sample came twice"
            kept |= set(frame)
            newest = max(newest, *frame)
            ring.committed(newest)
        elif step == "lose":
            under_way.clear()
            ring.restart(newest)
        elif step == "restart" and under_way:  # committed, but the commit never arrived
            kept |= set(under_way[0])
            newest = max(newest, *under_way[0])
            under_way.clear()
            ring.restart(newest)
    under_way.clear()
    ring.restart(newest)
    while taken := ring.take():
        kept |= set(times(taken))
    assert kept == set(range(1_000, now + 1, 1_000))
