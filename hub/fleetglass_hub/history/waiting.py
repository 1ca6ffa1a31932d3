"""Lines that are not in a chunk yet, stream by stream: what is searched beside the chunks, and what chunks are made of.

    stream   │ hot: on disk, in a row of a commit │ pending: appended, not committed │
             └── packed into a chunk when there are 256 KiB of it, when it is old, or when all streams hold too much

In: batches in the order of `seq`; what was committed. Out: what to pack, which rows are empty then. The caller holds
the recorder's lock.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from typing import NamedTuple

from fleetglass_web.view import LineBatch

from fleetglass_hub.history import lines

StreamKey = tuple[int, int]

# Over all streams: bounds the memory, and what is read at a start.
HOT_BYTES = 32 << 20
HOT_BATCHES = 50_000
# A quiet stream's lines wait at most so long for a chunk.
HOT_MS = 3_600_000.0
# Rows whose lines are in chunks by now are kept until all of their lines are; beyond this the rest is written anew.
DEAD_BYTES = 32 << 20


class _Stream:
    __slots__ = ("batches", "bytes", "hot")

    def __init__(self) -> None:
        self.batches: deque[LineBatch] = deque()
        self.bytes = 0
        self.hot: deque[tuple[int, int]] = deque()  # seq, row


class Plan(NamedTuple):
    """What a commit does with lines."""

    packed: Mapping[StreamKey, Sequence[Sequence[LineBatch]]]  # chunks to be
    hot: Sequence[LineBatch]
    empty_rows: Sequence[int]


class WaitingLines:
    """See the module."""

    def __init__(self) -> None:
        self._streams: dict[StreamKey, _Stream] = {}
        self._rows: Counter[int] = Counter()  # row -> batches of it that wait
        self._row_bytes: dict[int, int] = {}
        self.bytes = 0
        self.count = 0

    def add(self, batch: LineBatch) -> None:
        """A batch was appended."""
        key = (batch.host, batch.stream)
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = _Stream()
        stream.batches.append(batch)
        size = len(batch.data)
        stream.bytes += size
        self.bytes += size
        self.count += 1

    def is_hot(self, batches: Iterable[LineBatch], row: int, row_bytes: int) -> None:
        """Batches are on disk in a row."""
        self._row_bytes[row] = row_bytes
        for batch in batches:
            stream = self._streams.get((batch.host, batch.stream))
            if stream is not None:
                stream.hot.append((batch.seq, row))
                self._rows[row] += 1

    def plan(self, group: Sequence[LineBatch]) -> Plan:
        """What to do with the lines of a commit, in the order of their `seq`."""
        packed: dict[StreamKey, Sequence[Sequence[LineBatch]]] = {}
        last: dict[StreamKey, int] = {}
        for batch in group:
            last[batch.host, batch.stream] = batch.seq
        for key, upto in last.items():
            stream = self._streams.get(key)
            if stream is not None and stream.bytes >= lines.PACK_BYTES:
                pieces = _pieces(stream, upto, lines.PACK_BYTES)
                if pieces:
                    packed[key] = pieces
        behind = {key: pieces[-1][-1].seq for key, pieces in packed.items()}
        hot = [
            batch
            for batch in group
            if batch.seq > behind.get((batch.host, batch.stream), -1) and (batch.host, batch.stream) in self._streams
        ]
        return Plan(packed, hot, self._empty_rows(behind))

    def plan_old(self, upto: int, before_ms: float) -> Plan:
        """Pack what is old or too much, of batches up to a `seq`, all of which are on disk."""
        keys = [key for key, stream in self._streams.items() if stream.hot and stream.batches[0].time_ms < before_ms]
        if self.bytes > HOT_BYTES or self.count > HOT_BATCHES:
            # The largest first: the fewest chunks for the most room.
            ranked = sorted(self._streams, key=lambda key: self._streams[key].bytes, reverse=True)
            keys += ranked[: max(1, len(ranked) // 2)]
        packed = {}
        for key in dict.fromkeys(keys):
            if pieces := _pieces(self._streams[key], upto, 1):
                packed[key] = pieces
        return Plan(packed, (), self._empty_rows({key: pieces[-1][-1].seq for key, pieces in packed.items()}))

    def plan_rewrite(self) -> Plan | None:
        """Write the rest of nearly empty rows anew, if they hold too much that is in chunks by now."""
        held = sum(self._row_bytes.values())
        if held < self.bytes * 2 + DEAD_BYTES:
            return None
        hot = [batch for stream in self._streams.values() for batch, _ in zip(stream.batches, stream.hot, strict=False)]
        hot.sort(key=lambda batch: batch.seq)
        return Plan({}, hot, list(self._row_bytes))

    def _empty_rows(self, behind: Mapping[StreamKey, int]) -> list[int]:
        """Rows of which nothing waits once these streams are packed up to these numbers."""
        leaving: Counter[int] = Counter()
        for key, upto in behind.items():
            for seq, row in self._streams[key].hot:
                if seq > upto:
                    break
                leaving[row] += 1
        return [row for row, count in leaving.items() if self._rows[row] == count]

    def settle(self, plan: Plan, row: int, row_bytes: int) -> None:
        """A plan was committed; `row` holds its hot batches."""
        for key, pieces in plan.packed.items():
            self._drop(key, pieces[-1][-1].seq)
        for empty in plan.empty_rows:
            self._row_bytes.pop(empty, None)
            self._rows.pop(empty, None)
        if plan.hot:
            self.is_hot(plan.hot, row, row_bytes)

    def settle_rewrite(self, plan: Plan, row: int, row_bytes: int) -> None:
        """A rewrite was committed: all hot batches stand in one row."""
        self._row_bytes.clear()
        self._rows.clear()
        for stream in self._streams.values():
            stream.hot.clear()
        self.is_hot(plan.hot, row, row_bytes)

    def _drop(self, key: StreamKey, upto: int) -> None:
        stream = self._streams.get(key)
        if stream is None:
            return
        while stream.batches and stream.batches[0].seq <= upto:
            size = len(stream.batches.popleft().data)
            stream.bytes -= size
            self.bytes -= size
            self.count -= 1
        while stream.hot and stream.hot[0][0] <= upto:
            self._rows[stream.hot.popleft()[1]] -= 1

    def forget(self, host: int) -> None:
        """Drop everything of a host."""
        for key in [key for key in self._streams if key[0] == host]:
            stream = self._streams.pop(key)
            self.bytes -= stream.bytes
            self.count -= len(stream.batches)
            for _, row in stream.hot:
                self._rows[row] -= 1

    def oldest_ms(self) -> float:
        """About the time of the oldest line that waits; infinite if none does."""
        return min((stream.batches[0].time_ms for stream in self._streams.values() if stream.batches), default=inf)

    def matching(self, is_wanted: Callable[[StreamKey], bool]) -> list[LineBatch]:
        """All batches of some streams, each stream's in order."""
        return [batch for key, stream in self._streams.items() if is_wanted(key) for batch in stream.batches]


def _pieces(stream: _Stream, upto: int, least_bytes: int) -> list[Sequence[LineBatch]]:
    """Chunks to be made of a stream's batches up to a number."""
    batches = []
    for batch in stream.batches:
        if batch.seq > upto:
            break
        batches.append(batch)
    batches = batches[: lines.complete(batches)]
    if sum(len(batch.data) for batch in batches) < least_bytes:
        return []
    return lines.split(batches)
