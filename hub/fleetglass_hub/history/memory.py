"""A recorder that keeps the newest lines in memory, and nothing beyond the process.

It commits like one with a disk: in groups, a quarter of a second apart, so that everything around it behaves the same.
After a restart the agents' own checkpoints say where to go on. Samples are not kept a second time: the fleet's five
minutes answer for them.

In and out: see `Recorder`. A shell: it uses the loop's timer.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from fleetglass_proto import limits
from fleetglass_web.live.lines import line_test, split_lines
from fleetglass_web.live.severity import severity
from fleetglass_web.query import series as series_query
from fleetglass_web.query.glob import compile_glob
from fleetglass_web.view import (
    Block,
    CursorError,
    Gap,
    Line,
    LineBatch,
    LogPage,
    LogQuery,
    MetricQuery,
    MetricSeries,
)

from fleetglass_hub.history.recorder import EventRecord, FileRecord, HostRecord, Loaded, Rows, StreamRecord
from fleetglass_hub.history.steps import in_steps

KEEP_BYTES = 64 << 20
_CURSOR = struct.Struct(">cQQ")
# Lines between two looks at the loop: a search does not hold up the browsers.
_LINES_A_TURN = 5_000


class MemoryHistory:
    """See `Recorder`.

    Args:
        recent: rows in memory: hosts, from_ms, until_ms.
        schema: the names of a schema.
    """

    problem = ""
    pending_bytes = 0

    def __init__(
        self,
        recent: Callable[[Iterable[int], float, float], Sequence[Block]],
        schema: Callable[[int], tuple[str, ...]],
    ) -> None:
        self._recent = recent
        self._schema = schema
        self._mark = 0
        self._committed_mark = 0
        self._committed: Callable[[int], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._batches: deque[LineBatch] = deque()
        self._bytes = 0

    def load(self, tail_bytes: int) -> Loaded:  # noqa: ARG002 - the seam's words
        """Nothing is known."""
        return Loaded()

    def start(self, committed: Callable[[int], None]) -> None:
        """See `Recorder`."""
        self._committed = committed

    def put_host(self, record: HostRecord) -> None:
        """Nothing to keep."""

    def put_stream(self, record: StreamRecord) -> None:
        """Nothing to keep."""

    def put_file(self, record: FileRecord) -> None:
        """Nothing to keep."""

    def put_schema(self, schema: int, series: tuple[str, ...]) -> None:
        """Nothing to keep."""

    def _next_mark(self) -> int:
        self._mark += 1
        if self._timer is None and self._committed is not None:
            self._timer = asyncio.get_running_loop().call_later(limits.COMMIT_INTERVAL_MS / 1_000, self._commit)
        return self._mark

    def _commit(self) -> None:
        self._timer = None
        if self._committed is not None and self._mark > self._committed_mark:
            self._committed_mark = self._mark
            self._committed(self._mark)

    def append_rows(self, rows: Rows) -> int:  # noqa: ARG002 - the fleet keeps them
        """See `Recorder`."""
        return self._next_mark()

    def append_lines(self, batch: LineBatch) -> int:
        """See `Recorder`."""
        self._batches.append(batch)
        self._bytes += len(batch.data)
        while self._bytes > KEEP_BYTES:
            self._bytes -= len(self._batches.popleft().data)
        return self._next_mark()

    def append_gap(self, gap: Gap, file: int, end: int, seq: int) -> int:  # noqa: ARG002 - the seam's words
        """See `Recorder`."""
        return self._next_mark()

    def append_event(self, event: EventRecord) -> int:  # noqa: ARG002 - the seam's words
        """See `Recorder`."""
        return self._next_mark()

    def flush(self) -> None:
        """Nothing outlives the process."""

    async def logs(self, query: LogQuery) -> LogPage:
        """See `Recorder`."""
        below = _below(query.cursor)
        hosts, path = set(query.hosts), compile_glob(query.path or "*")
        test = line_test(query.match, query.exclude)
        severities = frozenset(query.severities)
        found: list[Line] = []
        looked = 0
        for batch in reversed(tuple(self._batches)):
            if batch.host not in hosts or batch.seq > below[0] or not query.from_ms <= batch.time_ms < query.to_ms:
                continue
            if not path(batch.path):
                continue
            for offset, line in reversed(split_lines(batch.data, batch.start)):
                looked += 1
                if looked % _LINES_A_TURN == 0:
                    await asyncio.sleep(0)
                if (batch.seq, offset) >= below or (test and not test(line)):
                    continue
                if severities and severity(line) not in severities:
                    continue
                found.append(
                    Line(batch.host, batch.stream, batch.path, batch.file, offset, batch.time_ms, batch.raw_ms, line)
                )
                if len(found) >= query.limit:
                    return LogPage(found, _CURSOR.pack(b"m", batch.seq, offset), batch.time_ms)
        oldest_ms = self._batches[0].time_ms if self._batches else query.to_ms
        return LogPage(found, None, max(query.from_ms, oldest_ms))

    async def metrics(self, query: MetricQuery) -> Sequence[MetricSeries]:
        """See `Recorder`."""
        found: list[MetricSeries] = []
        for host in query.hosts:
            blocks = self._recent([host], query.from_ms, query.to_ms)
            names = dict.fromkeys(name for block in blocks for name in self._schema(block.schema))
            every = tuple(names)
            for column in series_query.select(tuple(query.series), every):
                series = self._one(host, every[column], blocks, query.step_ms)
                if series is not None:
                    found.append(series)
            await asyncio.sleep(0)
        return found

    def _one(self, host: int, name: str, blocks: Sequence[Block], step_ms: int) -> MetricSeries | None:
        own = [
            (block, self._schema(block.schema).index(name)) for block in blocks if name in self._schema(block.schema)
        ]
        times = np.concatenate([block.time_ms for block, _ in own])
        values = np.concatenate([block.values[:, column] for block, column in own])
        return in_steps(host, name, times, values, step_ms)

    async def forget(self, host: int) -> None:
        """See `Recorder`."""
        self._batches = deque(batch for batch in self._batches if batch.host != host)
        self._bytes = sum(len(batch.data) for batch in self._batches)

    def figures(self) -> Mapping[str, float]:
        """See `Recorder`."""
        return {"history_line_bytes": float(self._bytes)}

    async def close(self) -> None:
        """See `Recorder`."""
        if self._timer is not None:
            self._timer.cancel()
        self._commit()


def _below(cursor: bytes | None) -> tuple[int, int]:
    """The place that a page starts below: (seq, offset)."""
    if cursor is None:
        return 1 << 63, 0
    try:
        kind, seq, offset = _CURSOR.unpack(cursor)
    except struct.error:
        kind, seq, offset = b"", 0, 0
    if kind != b"m":
        raise CursorError("this cursor is not one of this hub; start without one")
    return seq, offset
