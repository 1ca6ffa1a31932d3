"""Turn counters into differences and rates.

The kernel counts upwards; people ask "how much per second". `Counters` keeps the last reading of counters that are read
together, with the time of it. A counter that fell was reset by a reboot or a driver reload, or has wrapped: its rate is
NaN for that interval, because a guess would be drawn as a spike. A first reading has no rate.

In: readings in the counters' own unit, and `now_ms`, monotonic. Out: differences, or the same unit per second.
"""

from collections.abc import Sequence
from math import nan

# A row may be written a few ms after another (a report of iostat between two ticks). A rate of so short a time is
# noise: the kernel counts time in steps of 10 ms. Half of the shortest interval between ticks.
SHORTEST_MS = 50


class Counters:
    """Counters that are read together, always in the same order."""

    __slots__ = ("_before", "_before_ms", "_known")

    def __init__(self) -> None:
        self._before: Sequence[int] = ()
        self._before_ms = 0
        self._known: tuple[float, list[float]] = (nan, [])

    def deltas(self, counters: Sequence[int], now_ms: int) -> tuple[float, list[float]]:
        """Take a reading; give the seconds since the last one and what was counted in them, NaN where unknown.

        A reading too soon after the last one is forgotten: what was known then stands.
        """
        before = self._before
        elapsed_ms = now_ms - self._before_ms
        if len(before) != len(counters):
            self._known = nan, [nan] * len(counters)
        elif elapsed_ms < SHORTEST_MS:
            return self._known
        else:
            changes = [now - then if now >= then else nan for now, then in zip(counters, before, strict=True)]
            self._known = elapsed_ms / 1_000, changes
        self._before, self._before_ms = counters, now_ms
        return self._known

    def per_second(self, counters: Sequence[int], now_ms: int) -> list[float]:
        """Take a reading; give each counter's growth a second, NaN where unknown."""
        seconds, deltas = self.deltas(counters, now_ms)
        return [delta / seconds for delta in deltas]
