"""Who is watched faster than it samples by itself: what each agent must be told.

In: which intervals the browsers want now. Out: the orders that have changed, as (host, interval_ms); 0: your own rate.
"""

from collections.abc import Mapping

from fleetglass_proto import limits

# Each host at 10 Hz costs the hub ten host-frames a second; a page shows one host, a comparison a dozen.
FAST_HOSTS_MAX = 200


class Interest:
    """What the agents were told last."""

    def __init__(self) -> None:
        self._told: dict[int, int] = {}

    def want(self, intervals: Mapping[int, int], own_ms: Mapping[int, int]) -> list[tuple[int, int]]:
        """Replace what was wanted.

        Args:
            intervals: host -> wanted interval.
            own_ms: host -> the interval of its own, for each known host.
        """
        wanted: dict[int, int] = {}
        for host, interval_ms in sorted(intervals.items(), key=lambda item: item[1]):
            if host in own_ms and interval_ms < own_ms[host] and len(wanted) < FAST_HOSTS_MAX:
                wanted[host] = max(interval_ms, limits.INTERVAL_MIN_MS)
        orders = [(host, interval_ms) for host, interval_ms in wanted.items() if self._told.get(host) != interval_ms]
        orders += [(host, 0) for host in self._told if host not in wanted]
        self._told = wanted
        return orders

    def of(self, host: int) -> int:
        """What a host must be told in a new session; 0: nothing."""
        return self._told.get(host, 0)
