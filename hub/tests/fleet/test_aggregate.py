"""One number for many hosts."""

import numpy as np
import pytest
from fleetglass_hub.fleet.aggregate import PERCENTILES, aggregate, by_group


def test_what_is_unknown_is_left_out_and_counted_out():
    found = aggregate(np.array([1, np.nan, 3, 8], np.float32))
    assert (found.count, found.sum, found.min, found.avg, found.max) == (3, 12.0, 1.0, 4.0, 8.0)
    assert found.percentiles[PERCENTILES.index(50.0)] == 3.0


def test_nothing_known_is_nothing_and_not_zero():
    found = aggregate(np.array([np.nan], np.float32), (50.0,))
    assert (found.count, found.sum) == (0, 0.0)
    assert np.isnan([found.min, found.avg, found.max, *found.percentiles]).all()


def test_percentiles_of_a_hundred_are_where_one_expects_them():
    found = aggregate(np.arange(1, 101, dtype=np.float32), (50.0, 99.0))
    assert found.percentiles == pytest.approx((50.5, 99.01))


def test_groups_stand_in_the_order_of_their_first_member():
    found = by_group(np.array([1, 2, 3, 4], np.float32), ["db", "web", "db", None])
    assert list(found) == ["db", "web", None]
    assert [(group.count, group.sum) for group in found.values()] == [(2, 4.0), (1, 2.0), (1, 4.0)]


def test_no_hosts_are_no_groups():
    assert by_group(np.empty(0, np.float32), []) == {}
