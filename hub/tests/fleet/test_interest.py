"""Who is watched faster than it samples by itself."""

from fleetglass_hub.fleet import interest
from fleetglass_hub.fleet.interest import Interest


def test_only_what_has_changed_is_ordered():
    orders = Interest()
    own = {1: 1_000, 2: 1_000}
    assert orders.want({1: 100, 2: 500}, own) == [(1, 100), (2, 500)]
    assert orders.want({1: 100, 2: 200}, own) == [(2, 200)]
    assert orders.want({2: 200}, own) == [(1, 0)]
    assert (orders.of(1), orders.of(2)) == (0, 200)


def test_nobody_is_slowed_down_and_nobody_goes_beyond_the_limit():
    orders = Interest()
    assert orders.want({1: 5_000, 2: 1}, {1: 1_000, 2: 1_000}) == [(2, 100)]


def test_an_unknown_host_is_passed_over():
    assert Interest().want({9: 100}, {}) == []


def test_only_so_many_hosts_are_hurried_and_the_fastest_wishes_first():
    own = dict.fromkeys(range(1_000), 1_000)
    found = Interest().want({host: 100 if host >= 900 else 500 for host in range(1_000)}, own)
    assert len(found) == interest.FAST_HOSTS_MAX
    assert [interval for _, interval in found[:100]] == [100] * 100
