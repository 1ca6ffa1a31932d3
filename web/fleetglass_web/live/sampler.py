"""Which lines a limited channel sends, and exact counts of all of them.

While a second has no more lines than the limit, every one is sent. When one had more, the next is spread: the limit is
handed out evenly over its time, and of lines that come together every so many-th is taken. At the end of a second in
which lines were left out, the counts of all are given; after one in which none had to be, all are sent again.

In: lines and `now_ms`. Out: which lines go, and a `Second` for each second that was sampled.
"""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from fleetglass_web.live import severity

SECOND_MS = 1_000
# How much of a second's limit may be saved up for lines that come together.
BURST_SHARE = 0.1


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
        self._burst = max(1.0, max_lines_per_s * BURST_SHARE)
        self._is_spread = False
        self._start_ms = self._last_ms = 0.0
        self._tokens = 0.0
        self._reset()

    def _reset(self) -> None:
        self._seen = self._sent = 0
        self._counts = [0] * len(severity.SEVERITIES)

    def take(self, lines: Sequence[bytes], now_ms: float) -> list[bool]:
        """Which of these lines are sent. Call `ended` first."""
        if self._seen == 0:
            start_ms = now_ms - now_ms % SECOND_MS
            self._is_spread = self._is_spread and start_ms == self._start_ms + SECOND_MS
            self._start_ms = self._last_ms = start_ms
            self._tokens = self._burst
        for rank, number in enumerate(severity.count(lines)):
            self._counts[rank] += number
        self._seen += len(lines)
        left = self.max_lines_per_s - self._sent
        if self._is_spread:
            earned = (now_ms - self._last_ms) * self.max_lines_per_s / SECOND_MS
            self._tokens = min(self._burst, self._tokens + earned)
            left = min(left, int(self._tokens))
        self._last_ms = now_ms
        taken = min(left, len(lines))
        self._sent += taken
        self._tokens -= taken
        return _evenly(taken, len(lines))

    def next_tick_ms(self) -> float | None:
        """When the running second ends, if it has lines."""
        return self._start_ms + SECOND_MS if self._seen else None

    def ended(self, now_ms: float) -> Second | None:
        """The second that ended before `now_ms`, if lines of it were left out."""
        if not self._seen or now_ms < self._start_ms + SECOND_MS:
            return None
        left_out = self._seen - self._sent
        self._is_spread = self._seen > self.max_lines_per_s
        second = None
        if left_out:
            counts = dict(zip(severity.SEVERITIES, self._counts, strict=True))
            second = Second(self._start_ms, counts, left_out, ceil(self._seen / max(self._sent, 1)))
        self._reset()
        return second


def _evenly(taken: int, count: int) -> list[bool]:
    """`taken` of `count` places, evenly spread."""
    if taken == count:
        return [True] * count
    return [at * taken // count != (at + 1) * taken // count for at in range(count)]
