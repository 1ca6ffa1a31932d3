"""A host's clock against the hub's."""

import random

from fleetglass_hub.fleet.clockoffset import ClockOffset


def test_the_shortest_way_tells_the_offset():
    offset = ClockOffset()
    ways = random.Random(7)
    for second in range(60):
        hub_ms = second * 1_000.0
        delay_ms = 0.4 + ways.expovariate(1 / 30)
        offset.observe(hub_ms + 4_000, hub_ms + delay_ms)
    assert 3_995 <= offset.measured_ms <= 4_000
    assert abs(offset.applied_ms - 4_000) <= 50


def test_a_small_offset_is_measured_and_not_applied():
    offset = ClockOffset()
    assert not offset.observe(1_000.0, 1_000.3)
    assert (offset.measured_ms > -1, offset.applied_ms) == (True, 0.0)


def test_a_frame_that_waited_for_the_connection_is_outdone_by_the_next():
    offset = ClockOffset()
    offset.observe(0.0, 60_000.0)
    offset.observe(60_010.0, 60_011.0)
    assert offset.applied_ms == 0 or abs(offset.applied_ms) <= 50


def test_a_clock_that_was_set_back_is_believed_within_two_windows():
    offset = ClockOffset()
    for second in range(120):
        hub_ms = second * 1_000.0
        ahead_ms = 9_000 if second < 20 else 0
        offset.observe(hub_ms + ahead_ms, hub_ms)
        if second == 19:
            assert offset.applied_ms == 9_000
    assert offset.applied_ms == 0


def test_a_clock_that_was_set_forward_is_believed_at_once():
    offset = ClockOffset()
    offset.observe(0, 0)
    assert offset.observe(61_000, 1_000)
    assert offset.applied_ms == 60_000


def test_a_new_session_forgets_what_was_measured():
    offset = ClockOffset()
    offset.observe(9_000, 0)
    offset.restart()
    assert offset.measured_ms == 0
    offset.observe(10_000, 10_000)
    assert offset.applied_ms == 0


def test_steps_of_the_hubs_own_clock_are_followed_at_once_both_ways():
    clock = ClockOffset()
    for step_ms in (0, 3_600_000, -3_600_000, 0):
        for second in range(3):
            sent_ms = 10_000_000 + second * 1_000
            clock.observe(sent_ms, sent_ms + step_ms + 1)
        assert abs(clock.applied_ms + step_ms) <= 50
