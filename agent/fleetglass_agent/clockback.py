"""Notice that this machine's clock was set back.

The hub takes the newest of a host's times for the one with the shortest way, so it sees at once that a clock was set
forward; set back, it looks as if everything took longer, and for up to a minute samples and lines would be given times
that are long past. Only the agent can know, because it has a second clock that never steps.

In: both clocks, ms. Out: how far back the wall clock was set.
"""

# Clocks are slewed by a thousandth and stepped by a tenth of a second and more (ntpd: 128 ms, chrony: as set). The two
# clocks are read one after the other, and a machine may stop in between.
BACK_MS = 500


class ClockBack:
    """Both clocks, as they were at the last look."""

    def __init__(self, now_ms: int, wall_ms: int) -> None:
        self._ahead_ms = wall_ms - now_ms

    def look(self, now_ms: int, wall_ms: int) -> int:
        """By how much the wall clock was set back since the last look; 0: it was not."""
        ahead_ms = wall_ms - now_ms
        back_ms = self._ahead_ms - ahead_ms
        # Below the threshold the older difference stands, so that a clock that is turned back slowly adds up.
        if back_ms >= BACK_MS or ahead_ms > self._ahead_ms:
            self._ahead_ms = ahead_ms
        return back_ms if back_ms >= BACK_MS else 0
