"""Coarser steps keep extremes, weigh averages and leave holes."""

import numpy as np
from fleetglass_hub.history import levels
from fleetglass_hub.history.levels import HOUR_MS, MINUTE, RAW, TEN_SECONDS, Steps
from fleetglass_hub.history.samplereader import Choice, choose, is_open


def of(times, values):
    return levels.of_values(np.array(times, np.int64), np.float32([values])).row(0)


def grid(times, values, step_ms):
    return levels.coarsen(levels.of_values(np.array(times, np.int64), np.float32([values])), step_ms)


def test_steps_of_single_values_hold_their_extremes_and_average():
    steps = levels.merge([of([0, 400, 1_000, 9_999], [5, 1, 7, 3])], 1_000)
    assert steps.time_ms.tolist() == [0, 1_000, 9_000]
    assert steps.min.tolist() == [1, 7, 3]
    assert steps.avg.tolist() == [3, 7, 3]
    assert steps.max.tolist() == [5, 7, 3]
    assert steps.counted.tolist() == [2, 1, 1]


def test_an_unknown_value_counts_for_nothing():
    steps = levels.merge([of([0, 1], [float("nan"), 4])], 10)
    assert (steps.min.tolist(), steps.counted.tolist()) == ([4], [1])


def test_an_average_of_averages_is_weighted():
    many, few = of(range(9), [1] * 9), of([10], [11])
    steps = levels.merge([levels.merge([many], 10), levels.merge([few], 10)], 100)
    assert steps.avg.tolist() == [2]


def test_a_long_step_is_known_in_each_short_one():
    steps = levels.spread(grid([60_000], [3], 60_000), 60_000, 20_000).row(0)
    assert steps.time_ms.tolist() == [60_000, 80_000, 100_000]
    assert steps.max.tolist() == [3, 3, 3]


def test_a_grid_has_a_place_for_every_step_and_older_knowledge_fills_holes():
    newer = levels.on_grid(grid([HOUR_MS], [1], 10_000), TEN_SECONDS, 1)
    older = levels.on_grid(grid([HOUR_MS, HOUR_MS + 10_000], [9, 2], 10_000), TEN_SECONDS, 1)
    assert len(newer.time_ms) == 360
    both = levels.filled(newer, older)
    assert both.max[0, :2].tolist() == [1, 2]
    assert both.counted.sum() == 2


def test_the_coarsest_steps_that_fit_answer():
    have = {RAW: {0, 1, 30}, 1: {0, 1, 30}, 2: {0}, 3: set()}
    choice = choose(have, {30}, 60_000)
    assert choice.raw_hours == {30}
    assert dict(choice.coarse)[MINUTE] == {0}
    assert dict(choice.coarse)[TEN_SECONDS] == {30}


def test_steps_that_do_not_fit_are_raw_and_what_has_no_raw_is_coarse():
    choice = choose({RAW: {24}, 1: {23, 24}, 2: {0, 1}, 3: set()}, set(), 7_000)
    assert choice.raw_hours == {24}
    assert dict(choice.coarse)[TEN_SECONDS] == {23}
    assert dict(choice.coarse)[MINUTE] == {0, 1}


def test_a_step_is_answered_once():
    choice = Choice({24}, [(TEN_SECONDS, {23}), (MINUTE, {0, 1})])
    times = np.array([22, 23, 24, 25], np.int64) * HOUR_MS
    assert is_open(times, 1, choice).tolist() == [True, False, False, True]
    assert is_open(times, 0, choice).tolist() == [True, True, False, True]


def test_nothing_makes_nothing():
    assert isinstance(levels.merge([of([], [])], 10), Steps)
    assert len(grid([], [], 10).time_ms) == 0
