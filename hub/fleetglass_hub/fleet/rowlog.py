"""The rows of one schema in the order of their arrival, for five minutes, and the newest row of each host.

    segments   │ 4,096 rows, full │ 4,096 rows, full │ 1,102 of 4,096 │    host, time, mark, values x width
    marks      17 .............. 4112 ............................ 9310     rising over all schemas of the hub

Rows are only ever written behind the last one, so a slice that was handed out never changes; a segment is dropped
whole when its newest row has been there for five minutes. Memory follows what arrives: a host at 1 Hz with 40 series
holds 300 rows of 180 bytes, 54 KB.

In: arrays. Out: read-only views of arrays.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# What a page needs to draw a chart at once (`history_s` of a subscription).
KEEP_MS = 300_000
# A segment is made to last about this long, so that dropping whole ones holds a tenth more than needed.
SEGMENT_MS = 30_000
SEGMENT_ROWS_MIN = 32
SEGMENT_BYTES_MAX = 8 << 20


class Slice(NamedTuple):
    """Rows as read-only views."""

    hosts: NDArray[np.uint32]
    time_ms: NDArray[np.float64]
    values: NDArray[np.float32]


class _Segment:
    __slots__ = ("count", "hosts", "last_ms", "marks", "opened_ms", "time_ms", "values")

    def __init__(self, rows: int, width: int, now_ms: float) -> None:
        # np.empty does not touch the pages of a large array: what is not filled costs no memory.
        self.hosts = np.empty(rows, np.uint32)
        self.time_ms = np.empty(rows, np.float64)
        self.marks = np.empty(rows, np.int64)
        self.values = np.empty((rows, width), np.float32)
        self.count = 0
        self.opened_ms = self.last_ms = now_ms

    def rows(self, start: int, end: int) -> Slice:
        """A read-only view of some rows."""
        found = Slice(self.hosts[start:end], self.time_ms[start:end], self.values[start:end])
        for array in found:
            array.flags.writeable = False
        return found


class RowLog:
    """All rows of one schema that are kept in memory."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._segments: deque[_Segment] = deque()
        self._capacity = SEGMENT_ROWS_MIN

    def append(
        self,
        hosts: NDArray[np.uint32],
        time_ms: NDArray[np.float64],
        values: NDArray[np.float32],
        first_mark: int,
        now_ms: float,
    ) -> None:
        """Keep rows; they get the marks `first_mark`, `first_mark + 1`, ..."""
        at = 0
        while at < len(hosts):
            segment = self._open_segment(now_ms)
            taken = min(len(hosts) - at, len(segment.hosts) - segment.count)
            start, end = segment.count, segment.count + taken
            segment.hosts[start:end] = hosts[at : at + taken]
            segment.time_ms[start:end] = time_ms[at : at + taken]
            segment.marks[start:end] = np.arange(first_mark + at, first_mark + at + taken)
            segment.values[start:end] = values[at : at + taken]
            segment.count = end
            segment.last_ms = now_ms
            at += taken

    def _open_segment(self, now_ms: float) -> _Segment:
        if self._segments:
            last = self._segments[-1]
            if last.count < len(last.hosts) and now_ms - last.opened_ms < 2 * SEGMENT_MS:
                return last
            self._fit(last, now_ms - last.opened_ms)
        segment = _Segment(self._capacity, self.width, now_ms)
        self._segments.append(segment)
        return segment

    def _fit(self, filled: _Segment, span_ms: float) -> None:
        """Make the next segment last about `SEGMENT_MS` at the rate of the last one."""
        wanted = int(filled.count * SEGMENT_MS / max(span_ms, 1.0))
        most = max(SEGMENT_ROWS_MIN, SEGMENT_BYTES_MAX // (4 * self.width or 4))
        # One busy moment does not make a segment of a million rows.
        self._capacity = max(SEGMENT_ROWS_MIN, min(wanted, 4 * self._capacity, most))

    def expire(self, now_ms: float) -> int:
        """Drop what is older than is kept; the highest mark that was dropped now, 0 for none."""
        dropped = 0
        while self._segments and self._segments[0].last_ms < now_ms - KEEP_MS:
            segment = self._segments.popleft()
            dropped = int(segment.marks[segment.count - 1])
        return dropped

    def after(self, mark: int) -> Iterator[Slice]:
        """Rows with a larger mark, oldest first."""
        for segment in self._segments:
            count = segment.count
            if segment.marks[count - 1] <= mark:
                continue
            start = 0
            if segment.marks[0] <= mark:
                start = int(np.searchsorted(segment.marks[:count], mark, side="right"))
            yield segment.rows(start, count)

    def of_hosts(self, chosen: NDArray[np.bool_], from_ms: float, until_ms: float = np.inf) -> Slice | None:
        """Rows of the hosts where `chosen[host]`, in `from_ms <= time < until_ms`, host by host, oldest first."""
        found = []
        for segment in self._segments:
            hosts, times = segment.hosts[: segment.count], segment.time_ms[: segment.count]
            wanted = np.flatnonzero(chosen[hosts] & (times >= from_ms) & (times < until_ms))
            if len(wanted):
                found.append((hosts[wanted], times[wanted], segment.values[wanted]))
        if not found:
            return None
        hosts, times, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.lexsort((times, hosts))
        rows = Slice(hosts[order], times[order], values[order])
        for array in rows:
            array.flags.writeable = False
        return rows

    def is_empty(self) -> bool:
        """Whether no row is kept."""
        return not self._segments

    def nbytes(self) -> int:
        """Bytes of the rows that are kept."""
        return sum(segment.count * (20 + 4 * self.width) for segment in self._segments)


class Latest:
    """The newest row of each host of one schema."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self.hosts = np.empty(8, np.uint32)
        self.time_ms = np.empty(8, np.float64)
        self.values = np.empty((8, width), np.float32)

    def add(self, host: int) -> int:
        """Make room for a host's newest row; its slot."""
        slot = self.count
        if slot == len(self.hosts):
            for name in ("hosts", "time_ms", "values"):
                array = getattr(self, name)
                setattr(self, name, np.concatenate((array, np.empty_like(array))))
        self.hosts[slot] = host
        self.time_ms[slot] = -np.inf
        self.count += 1
        return slot

    def remove(self, slot: int) -> int | None:
        """Forget a slot; the host whose row has moved into it, if any."""
        last = self.count - 1
        self.count = last
        if slot == last:
            return None
        for array in (self.hosts, self.time_ms, self.values):
            array[slot] = array[last]
        return int(self.hosts[slot])

    def rows(self) -> Slice:
        """A copy of all newest rows."""
        filled = np.flatnonzero(np.isfinite(self.time_ms[: self.count]))
        found = Slice(self.hosts[filled], self.time_ms[filled], self.values[filled])
        for array in found:
            array.flags.writeable = False
        return found
