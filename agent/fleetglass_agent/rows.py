"""When a row of samples is due.

At the agent's own rate a row is written the moment iostat's report arrives, so that it carries the report of that very
second; if the report is late by a quarter of an interval the row comes without it. Where nothing reports, and while
somebody watches the host faster, a plain timer writes the rows.

In: reports, rows written, the interval that is wanted; monotonic ms. Out: `next_ms`.
"""

# A report later than this share of the interval is late: the row goes without it.
LATE_SHARE = 0.25
# After so many intervals without a report nobody waits for one any more.
REPORTS_GONE = 3


class Rows:
    """The schedule of one host's rows."""

    def __init__(self, interval_ms: int, fastest_ms: int, now_ms: int) -> None:
        self._own_ms = interval_ms
        self._fastest_ms = fastest_ms
        self._interval_ms = interval_ms
        self._report_ms: int | None = None
        self.next_ms = now_ms
        """When the next row is due, if no report comes before."""

    def want(self, interval_ms: int, now_ms: int) -> None:
        """The hub asks for another interval; 0: the agent's own. Never slower than that, never faster than allowed."""
        before = self._interval_ms
        self._interval_ms = min(max(interval_ms, self._fastest_ms), self._own_ms) if interval_ms else self._own_ms
        if self._interval_ms < before:
            self.next_ms = min(self.next_ms, now_ms + self._interval_ms)

    def report(self, now_ms: int) -> None:
        """A source has a complete reading: a row is due now."""
        self._report_ms = now_ms
        self.next_ms = now_ms

    def written(self, now_ms: int) -> None:
        """A row was written."""
        if self._report_ms == now_ms or now_ms - self.next_ms >= self._interval_ms:
            step_ms = now_ms + self._interval_ms  # with the report; or after the machine slept
        else:
            step_ms = self.next_ms + self._interval_ms
        if self._is_reported(now_ms) and self._interval_ms == self._own_ms:
            step_ms += int(self._interval_ms * LATE_SHARE)
        self.next_ms = max(step_ms, now_ms + 1)

    def _is_reported(self, now_ms: int) -> bool:
        return self._report_ms is not None and now_ms - self._report_ms <= REPORTS_GONE * self._own_ms
