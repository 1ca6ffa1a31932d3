"""When to start iostat, when to give it up, and what to say about it.

                 report            no report in 2.5 intervals        3 failures in a row
    start ─► waiting ─► running ───────────────► end it, start anew ──────────────────► off, with a reason
                 ▲                │ it ended                │
                 └────────────────┴── after a delay ◄───────┘

In: what happened, and the monotonic clock as an argument. Out: whether to start or end it now, and when to ask again.
Nothing is started here: `process` does that.
"""

from collections.abc import Sequence

from fleetglass_agent.iostat.commands import Call
from fleetglass_agent.iostat.report import quoted

# A stopped or hung iostat must be noticed within three intervals; its reports come some ms late.
PATIENCE_INTERVALS = 2.5
# The program itself takes a moment to begin, more on a machine in trouble.
START_MS = 1_000
# One that ends after a good while is started at once; one that keeps ending, ever later.
DELAY_FIRST_MS = 1_000
DELAY_LAST_MS = 60_000
HEALTHY_MS = 10_000
# Then the kernel's counters stand for it, and the registry tries again every now and then.
FAILURES = 3


class Supervision:
    """The life of one child."""

    def __init__(self, calls: Sequence[Call], interval_ms: int) -> None:
        self.call = calls[0]
        self.off_reason: str | None = None  # it is given up, and why
        self.notices: list[str] = []  # sentences for a person, oldest first; the caller empties it
        self._others = list(calls[1:])
        self._interval_ms = max(interval_ms, 1_000)
        self._start_ms: int | None = 0  # when to start it; None: it runs
        self._started_ms = 0
        self._deadline_ms = 0
        self._failures = 0
        self._has_reported = False
        self._ever_reported = False
        self._complained = False

    def must_start(self, now_ms: int) -> bool:
        return self._start_ms is not None and now_ms >= self._start_ms and self.off_reason is None

    def must_end(self, now_ms: int) -> bool:
        """Whether it has been silent for too long."""
        return self._start_ms is None and now_ms >= self._deadline_ms

    def next_ms(self) -> int | None:
        if self.off_reason is not None:
            return None
        return self._deadline_ms if self._start_ms is None else self._start_ms

    def started(self, now_ms: int) -> None:
        self._start_ms, self._started_ms, self._has_reported = None, now_ms, False
        self._deadline_ms = now_ms + START_MS + round(PATIENCE_INTERVALS * self._interval_ms)

    def reported(self, now_ms: int) -> None:
        """A report that was understood."""
        self._deadline_ms = now_ms + round(PATIENCE_INTERVALS * self._interval_ms)
        if not self._has_reported and self._failures:
            self.notices.append("iostat reports again")
        self._has_reported = self._ever_reported = True
        self._failures = 0

    def rubbish(self, problem: str) -> None:
        """A report that is not whole; said once."""
        if not self._complained:
            self._complained = True
            self.notices.append(f"iostat printed something that is no whole report: {problem}; left out")

    def ended(self, now_ms: int, how: str, said: str) -> None:
        """It is gone.

        Args:
            how: `exit code 1`, `signal 9`.
            said: the last line of its standard error, "" if none.
        """
        detail = f"{how}: {said}" if said else how
        if not self._ever_reported and self._others and how.startswith("exit code") and how != "exit code 0":
            self.call = self._others.pop(0)  # an iostat that does not know these flags
            self._start_ms = now_ms
            return
        self._again(now_ms, f"iostat ended ({detail})")

    def silent(self, now_ms: int, said: str = "") -> None:
        """It was ended because no report came; `said` is what came instead."""
        span_s = (now_ms - self._started_ms) / 1_000
        if self._has_reported:
            self._again(now_ms, f"iostat stopped reporting for {PATIENCE_INTERVALS * self._interval_ms / 1_000:g} s")
        else:
            instead = f" but {quoted(said)}" if said else ""
            self._again(now_ms, f"iostat printed no report within {span_s:.1f} s{instead}")

    def _again(self, now_ms: int, why: str) -> None:
        was_healthy = self._has_reported and now_ms - self._started_ms >= HEALTHY_MS
        self._failures += 1
        if self._failures >= FAILURES and not self._has_reported:
            self.off_reason = f"{why}, {self._failures} times in a row"
            return
        delay_ms = 0 if was_healthy else min(DELAY_LAST_MS, DELAY_FIRST_MS << (self._failures - 1))
        self._start_ms = now_ms + delay_ms
        if self._failures == 1 and self._ever_reported:
            self.notices.append(f"{why}; starting it anew")
