"""How often something took how long, as OpenMetrics wants it: counts at or below each bound, a sum and a count.

In: durations in s. Out: figures for `FleetView.health` under one name, which `api.openmetrics` writes as one family.
One thread adds; another may read meanwhile, and sees a count that is at most one behind.
"""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Durations of one kind.

    Args:
        name: of the family; ends in its unit, as `commit_seconds`.
        bounds: upper bounds of the buckets, rising; above the last is one more.
    """

    def __init__(self, name: str, bounds: Sequence[float]) -> None:
        self._name = name
        self._bounds = tuple(float(bound) for bound in bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def add(self, duration: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, duration)] += 1
        self._sum += duration

    def figures(self) -> dict[str, float]:
        """Each bucket with all below it, the sum and the count."""
        found: dict[str, float] = {}
        below = 0
        for bound, count in zip((*self._bounds, "+Inf"), tuple(self._counts), strict=True):
            below += count
            found[f'{self._name}_bucket{{le="{bound}"}}'] = float(below)
        return {**found, f"{self._name}_sum": self._sum, f"{self._name}_count": float(below)}
