"""How far a host's clock is from the hub's.

Every frame says when it was sent, by the host's clock. Its way takes time, so `sent - arrived` is the offset less the
delay: the largest value of the last minute is the one with the shortest way, and the nearest to the truth.

    sent - arrived   ▁▃▂▁▃▂ ▁ ▃▂▁      delays only push it down
    offset           ▔▔▔▔▔▔▔▔▔▔▔▔      the upper edge

Times are corrected by `applied_ms`, which follows only when the measurement has left it by more than its error: a
correction that trembles would give rows times that tremble.

In: two clocks, ms. Out: an offset, ms; positive: the host's clock is ahead.
"""

# Half a window of the filter: a clock that was set back is believed after one to two of them.
WINDOW_MS = 30_000
# Delays and scheduling on a loaded machine; below this a difference is no news.
ERROR_MS = 50.0


class ClockOffset:
    """The offset of one host's clock."""

    __slots__ = ("_current", "_previous", "_window_end_ms", "applied_ms")

    def __init__(self) -> None:
        self.applied_ms = 0.0
        self._current = -float("inf")
        self._previous = -float("inf")
        self._window_end_ms = 0.0

    @property
    def measured_ms(self) -> float:
        """Host clock minus hub clock, as well as it is known; 0 before the first frame."""
        best = max(self._current, self._previous)
        return 0.0 if best == -float("inf") else best

    def observe(self, sent_ms: float, arrived_ms: float) -> bool:
        """Take one frame's times. True: `applied_ms` has changed."""
        past_end_ms = arrived_ms - self._window_end_ms
        if not -WINDOW_MS <= past_end_ms < 0:
            # After a long silence both windows are old, and so they are when the hub's own clock was set back.
            self._previous = self._current if 0 <= past_end_ms < WINDOW_MS else -float("inf")
            self._current = -float("inf")
            self._window_end_ms = arrived_ms + WINDOW_MS
        difference = sent_ms - arrived_ms
        if difference <= self._current:
            return False
        self._current = difference
        best = max(difference, self._previous)
        if abs(best - self.applied_ms) <= ERROR_MS:
            return False
        self.applied_ms = float(round(best))
        return True

    def restart(self) -> None:
        """A new session: the clock may have been set meanwhile."""
        self._current = self._previous = -float("inf")
        self._window_end_ms = 0.0
