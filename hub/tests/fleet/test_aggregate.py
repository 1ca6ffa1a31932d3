"""One number for many hosts."""

import numpy as np
import pytest
from fleetglass_hub.fleet import aggregate
from fleetglass_hub.fleet.aggregate import reduce, rounded
from fleetglass_web.view import AggregateQuery, Block, MetricSeries
from hypothesis import given
from hypothesis import strategies as st


def reduced(values, cells=None, size=1, percentiles=(50.0, 99.0)):
    values = np.array(values, np.float64)
    cells = np.zeros(len(values), np.int64) if cells is None else np.array(cells, np.int64)
    return reduce(cells, values, values, values, size, percentiles)


def test_what_is_unknown_is_left_out_and_counted_out():
    found = reduced([1, np.nan, 3, 8])
    assert [column[0] for column in found[:5]] == [3, 12.0, 1.0, 4.0, 8.0]
    assert found.percentiles[0, 0] == 3.0


def test_nothing_known_is_nothing_and_not_zero():
    found = reduced([np.nan])
    assert (found.count[0], found.sum[0]) == (0, 0.0)
    assert np.isnan([found.min[0], found.avg[0], found.max[0], *found.percentiles[0]]).all()


def test_percentiles_of_a_hundred_are_where_one_expects_them():
    found = reduced(np.arange(1, 101), percentiles=(0.0, 50.0, 99.0, 100.0))
    assert found.percentiles[0].tolist() == [1.0, 50.5, 99.01, 100.0]


@given(st.lists(st.tuples(st.integers(0, 4), st.one_of(st.floats(-1e6, 1e6, width=32), st.just(np.nan))), max_size=40))
def test_many_groups_together_are_each_what_numpy_says_of_them_alone(pairs):
    found = reduced([value for _, value in pairs], [cell for cell, _ in pairs], 5, (25.0, 50.0, 95.0))
    for cell in range(5):
        own = np.array([value for at, value in pairs if at == cell and not np.isnan(value)])
        assert found.count[cell] == len(own)
        if len(own):
            assert (found.min[cell], found.max[cell]) == (own.min(), own.max())
            assert found.avg[cell] == pytest.approx(own.mean(), rel=1e-8, abs=1e-8 * abs(own).max())
            expected = np.percentile(own, (25, 50, 95))
            assert found.percentiles[cell] == pytest.approx(expected, rel=1e-8, abs=1e-8 * abs(own).max())


def test_figures_are_rounded_to_what_is_known():
    assert rounded(np.array([0.1 + 0.2, 0.0, 1 / 3, 2e12 / 3, -5.0]), 9).tolist() == [
        0.3, 0.0, 0.333333333, 666666667000.0, -5.0,
    ]  # fmt: skip


def test_a_sum_of_decimals_is_the_decimal_that_people_expect():
    block = Block(3, np.array([0, 1], np.uint32), np.zeros(2), np.array([[14.48], [1.1]], np.float32))
    query = AggregateQuery((0, 1), (0, 0), ("*",), False, (50.0,), None)
    (found,) = aggregate.newest([block], [("cpu.user_pct",)], query, 7.0)
    assert (found.sum.tolist(), found.max.tolist(), found.time_ms.tolist()) == ([15.58], [14.48], [7.0])


def test_hosts_that_were_not_asked_for_do_not_count():
    block = Block(3, np.array([9, 1], np.uint32), np.zeros(2), np.array([[1], [2]], np.float32))
    query = AggregateQuery((1, 20), (0, 0), ("*",), False, (), None)
    (found,) = aggregate.newest([block], [("load.1m",)], query, 0.0)
    assert found.sum.tolist() == [2.0]
    assert aggregate.newest([], [], query, 0.0) == []


def one(host, time_ms, values):
    column = np.array(values, np.float32)
    return MetricSeries(host, "load.1m", np.array(time_ms, np.float64), column, column, column)


def test_a_long_span_is_asked_in_slices_that_give_what_one_question_gives(monkeypatch):
    query = AggregateQuery((0, 1), (0, 0), ("*",), False, (50.0,), (1_500.0, 9_500.0, 1_000))

    def answer(part):
        times = np.arange(part.from_ms // 1_000, -(-part.to_ms // 1_000)) * 1_000
        return [one(host, times, times / 1_000 + host) for host in part.hosts]

    def ask():
        parts = list(aggregate.slices(query, 2))
        return len(parts), aggregate.joined([aggregate.past(answer(part), query, part) for part in parts], query)

    count, (whole,) = ask()
    monkeypatch.setattr(aggregate, "POINTS_AT_ONCE", 6)
    slices, (sliced,) = ask()
    assert (count, slices) == (1, 3)
    assert whole.time_ms.tolist() == [float(second * 1_000) for second in range(1, 10)]
    assert whole.sum.tolist() == [2.0 * second + 1 for second in range(1, 10)]
    for mine, other in zip(whole[2:], sliced[2:], strict=True):
        np.testing.assert_array_equal(mine, other)
