"""Counters become differences and rates; what is not known is NaN."""

from math import isnan

from fleetglass_agent.metrics.rates import Counters


def test_a_first_reading_has_no_rate():
    assert all(isnan(rate) for rate in Counters().per_second([9_000, 1], 0))


def test_growth_is_divided_by_the_seconds_between_readings():
    counters = Counters()
    counters.per_second([100, 0], 1_000)
    assert counters.per_second([200, 1], 3_000) == [50.0, 0.5]
    assert counters.per_second([210, 1], 3_100) == [100.0, 0.0]


def test_a_counter_that_fell_is_unknown_once_and_then_counts_again():
    counters = Counters()
    counters.per_second([9_000, 10], 0)
    fallen, other = counters.per_second([500, 20], 1_000)
    assert isnan(fallen)
    assert other == 10.0
    assert counters.per_second([2_500, 20], 2_000) == [2_000.0, 0.0]


def test_a_reading_too_soon_is_forgotten_and_what_was_known_stands():
    counters = Counters()
    counters.per_second([0], 0)
    # Nothing was known yet.
    assert isnan(counters.per_second([50], 3)[0])
    assert counters.per_second([100], 1_000) == [100.0]
    assert counters.per_second([190], 1_003) == [100.0]
    assert counters.per_second([200], 1_100) == [1_000.0]


def test_another_number_of_counters_starts_anew():
    counters = Counters()
    counters.per_second([1, 2], 0)
    assert [isnan(rate) for rate in counters.per_second([1, 2, 3], 1_000)] == [True] * 3
    assert counters.per_second([2, 2, 3], 2_000) == [1.0, 0.0, 0.0]
