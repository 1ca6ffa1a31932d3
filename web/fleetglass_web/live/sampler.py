"""Which lines a limited channel sends, and exact counts of all of them.

While lines come slower than the limit, every one is sent. Above it one in N: N comes from the second before, and is
doubled within a second whenever half of what is left of the limit is used up, so a sudden burst is thinned and not
cut off. At the end of a second in which lines were left out, the counts of all are given.

In: lines and `now_ms`. Out: which lines go, and a `Second` for each second that was sampled.
"""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from fleetglass_web.live import severity

SECOND_MS = 1_000


class Second(NamedTuple):
    """One second in which lines were left out."""

    start_ms: float
    counts: dict[str, int]
    left_out: int
    one_in: int


class Sampler:
    """The budget of one channel."""

    def __init__(self, max_lines_per_s: int) -> None:
        self.max_lines_per_s = max_lines_per_s
        self._start_ms = 0.0
        self._first_one_in = 1
        self._reset()

    def _reset(self) -> None:
        self._one_in = self._first_one_in
        self._seen = self._sent = 0
        self._halve_at = self.max_lines_per_s / 2 if self._one_in > 1 else float(self.max_lines_per_s) * 0.9
        self._counts = [0] * len(severity.SEVERITIES)

    def take(self, lines: Sequence[bytes], now_ms: float) -> list[bool]:
        """Which of these lines are sent. Call `ended` first."""
        if self._seen == 0:
            self._start_ms = now_ms - now_ms % SECOND_MS
        for rank, number in enumerate(severity.count(lines)):
            self._counts[rank] += number
        return [self._take_one() for _line in lines]

    def _take_one(self) -> bool:
        self._seen += 1
        if self._seen % self._one_in or self._sent >= self.max_lines_per_s:
            return False
        self._sent += 1
        if self._sent >= self._halve_at:
            self._one_in *= 2
            self._halve_at = self._sent + max(1.0, (self.max_lines_per_s - self._sent) / 2)
        return True

    def next_tick_ms(self) -> float | None:
        """When the running second ends, if it has lines."""
        return self._start_ms + SECOND_MS if self._seen else None

    def ended(self, now_ms: float) -> Second | None:
        """The second that ended before `now_ms`, if lines of it were left out."""
        if not self._seen or now_ms < self._start_ms + SECOND_MS:
            return None
        left_out = self._seen - self._sent
        second = None
        if left_out:
            counts = dict(zip(severity.SEVERITIES, self._counts, strict=True))
            second = Second(self._start_ms, counts, left_out, ceil(self._seen / max(self._sent, 1)))
        self._first_one_in = max(1, ceil(self._seen / self.max_lines_per_s))
        self._reset()
        return second
