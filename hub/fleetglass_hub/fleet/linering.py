"""The newest lines of every stream, in memory: for the first screen of a tail and for clients that come back.

Each stream keeps its own newest batches, so that a chatty one does not push out a quiet one's; over all streams the
oldest go first. What was pushed out is remembered as a number per stream: a client that comes back from before it is
told of a gap in exactly those streams.

In: batches in the order of `seq`. Out: batches in the order of `seq`, and gaps. The bytes are never copied.
"""

import heapq
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from fleetglass_web.view import Gap, LineBatch

from fleetglass_hub.history.recorder import Loaded

# A second or two of a stream at 50,000 lines/s: so much arrives at once after a restart of agent or hub, before the
# clients that come back have read it. A page shows less, and asks history for more.
STREAM_BYTES = 8 << 20
TOTAL_BYTES = 128 << 20
# What a batch costs beside its data: the tuple, the bytes object, two deques.
BATCH_COST_BYTES = 400
GAPS_PER_STREAM = 64


class After(NamedTuple):
    """What arrived after a sequence number. `last_seq` stands behind the last batch; `is_complete`: nothing follows.

    Each gap is in the step that passes its place: it is told once, and before the lines behind it. Where more gaps were
    than are kept, and became one, it is in each step that passes a part of it.
    """

    gaps: list[Gap]
    batches: list[LineBatch]
    last_seq: int
    is_complete: bool


class _Place(NamedTuple):
    """A gap, and the numbers that it reaches from and to; more than one only where several became one."""

    first: int
    last: int
    gap: Gap


class _Stream:
    __slots__ = ("batches", "bytes", "evicted_ms", "evicted_seq", "gaps", "host", "path", "stream")

    def __init__(self, host: int, stream: int, path: str, evicted_seq: int, evicted_ms: float) -> None:
        self.host = host
        self.stream = stream
        self.path = path
        self.batches: deque[LineBatch] = deque()
        self.bytes = 0
        self.evicted_seq = evicted_seq
        self.evicted_ms = evicted_ms
        self.gaps: deque[_Place] = deque()

    def pop(self) -> int:
        """Push the oldest batch out; the bytes that it cost."""
        batch = self.batches.popleft()
        self.evicted_seq, self.evicted_ms = batch.seq, batch.time_ms
        cost = len(batch.data) + BATCH_COST_BYTES
        self.bytes -= cost
        return cost

    def add_gap(self, seq: int, gap: Gap) -> None:
        """Keep the newest gaps; the two oldest become one, which reaches from the one's place to the other's."""
        self.gaps.append(_Place(seq, seq, gap))
        if len(self.gaps) > GAPS_PER_STREAM:
            first, _, one = self.gaps.popleft()
            _, last, two = self.gaps.popleft()
            both = two._replace(
                from_ms=min(one.from_ms, two.from_ms),
                to_ms=max(one.to_ms, two.to_ms),
                lines=_sum(one.lines, two.lines),
                bytes=_sum(one.bytes, two.bytes),
            )
            self.gaps.appendleft(_Place(first, last, both))

    def after(self, seq: int) -> Iterator[LineBatch]:
        """Batches behind a number, oldest first: the last ones, so they are looked for from the end."""
        count = 0
        for batch in reversed(self.batches):
            if batch.seq <= seq:
                break
            count += 1
        batches = self.batches
        return (batches[at] for at in range(len(batches) - count, len(batches)))


class LineRing:
    """Bounded memory of lines.

    Args:
        floor_seq: nothing up to this number was ever here.
        floor_ms: when that was.
    """

    def __init__(
        self,
        floor_seq: int = 0,
        floor_ms: float = 0.0,
        stream_bytes: int = STREAM_BYTES,
        total_bytes: int = TOTAL_BYTES,
    ) -> None:
        self.last_seq = floor_seq
        self.bytes = 0
        self._count = 0
        self._floor_seq = floor_seq
        self._floor_ms = floor_ms
        self._stream_bytes = stream_bytes
        self._total_bytes = total_bytes
        self._streams: dict[tuple[int, int], _Stream] = {}
        self._order: deque[tuple[int, _Stream]] = deque()  # arrival over all streams; may name batches already gone

    @classmethod
    def loaded(
        cls, known: Loaded, now_ms: float, stream_bytes: int = STREAM_BYTES, total_bytes: int = TOTAL_BYTES
    ) -> "LineRing":
        """A ring with what history knows at the start."""
        tail = known.tail
        floor_seq, floor_ms = (tail[0].seq - 1, tail[0].time_ms) if tail else (known.next_seq - 1, now_ms)
        ring = cls(floor_seq, floor_ms, stream_bytes, total_bytes)
        # Before their lines: what a stream had up to the floor is not here, and a client that comes back is told.
        for stream in known.streams:
            ring.know(stream.host, stream.stream, stream.path)
        items: list[tuple[int, LineBatch | Gap]] = [(batch.seq, batch) for batch in tail]
        items += known.gaps
        for seq, item in sorted(items, key=lambda entry: entry[0]):
            if isinstance(item, Gap):
                ring.add_gap(seq, item)
            else:
                ring.add(item)
        ring.last_seq = known.next_seq - 1
        return ring

    def know(self, host: int, stream: int, path: str) -> None:
        """A stream exists: it may have had lines up to the floor that are not here."""
        if (host, stream) not in self._streams:
            self._streams[host, stream] = _Stream(host, stream, path, self._floor_seq, self._floor_ms)

    def add(self, batch: LineBatch) -> None:
        """Keep a batch. Its `seq` is above all before."""
        key = (batch.host, batch.stream)
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = _Stream(batch.host, batch.stream, batch.path, 0, 0.0)
        cost = len(batch.data) + BATCH_COST_BYTES
        stream.batches.append(batch)
        stream.bytes += cost
        self.bytes += cost
        self.last_seq = batch.seq
        self._count += 1
        self._order.append((batch.seq, stream))
        while stream.bytes > self._stream_bytes and len(stream.batches) > 1:
            self._evict(stream)
        while self.bytes > self._total_bytes and len(self._order) > 1:
            seq, oldest = self._order.popleft()
            if oldest.batches and oldest.batches[0].seq == seq:
                self._evict(oldest)
        # A chatty stream leaves the numbers of its evicted batches behind a quiet one's that is still kept.
        if len(self._order) > 2 * self._count + 1_024:
            self._order = deque(entry for entry in self._order if self._is_kept(*entry))

    def _evict(self, stream: _Stream) -> None:
        self.bytes -= stream.pop()
        self._count -= 1

    @staticmethod
    def _is_kept(seq: int, stream: _Stream) -> bool:
        return bool(stream.batches) and stream.batches[0].seq <= seq

    def add_gap(self, seq: int, gap: Gap) -> None:
        """Keep the news that something is missing."""
        self.know(gap.host, gap.stream, gap.path)
        self._streams[gap.host, gap.stream].add_gap(seq, gap)
        self.last_seq = seq

    def forget(self, host: int) -> None:
        """Drop everything of a host."""
        for key in [key for key in self._streams if key[0] == host]:
            stream = self._streams.pop(key)
            self.bytes -= stream.bytes
            self._count -= len(stream.batches)
            stream.batches.clear()

    def _matching(self, hosts: Collection[int], path: Callable[[str], bool]) -> list[_Stream]:
        return [stream for stream in self._streams.values() if stream.host in hosts and path(stream.path)]

    def tail(self, hosts: Collection[int], path: Callable[[str], bool], lines: int) -> list[LineBatch]:
        """The newest batches of the matching streams, in the order of arrival; at least `lines` lines if there are."""
        if lines <= 0:
            return []
        newest = [(-stream.batches[-1].seq, at, stream, len(stream.batches) - 1)
                  for at, stream in enumerate(self._matching(hosts, path)) if stream.batches]  # fmt: skip
        heapq.heapify(newest)
        found: list[LineBatch] = []
        while newest and lines > 0:
            _, at, stream, index = heapq.heappop(newest)
            batch = stream.batches[index]
            found.append(batch)
            lines -= max(1, batch.data.count(b"\n"))
            if index:
                heapq.heappush(newest, (-stream.batches[index - 1].seq, at, stream, index - 1))
        found.reverse()
        return found

    def after(
        self, seq: int, seen_ms: float, hosts: Collection[int], path: Callable[[str], bool], limit_bytes: int
    ) -> After:
        """What arrived behind a number in the matching streams.

        Args:
            seq: everything up to it was seen.
            seen_ms: when that was: the start of a gap.
            limit_bytes: stop behind about so many bytes of data, but not before the first batch.
        """
        streams = self._matching(hosts, path)
        batches: list[LineBatch] = []
        size = 0
        last, is_complete = max(self.last_seq, seq), True
        for batch in heapq.merge(*(stream.after(seq) for stream in streams), key=lambda batch: batch.seq):
            if batches and size >= limit_bytes:
                last, is_complete = batches[-1].seq, False
                break
            batches.append(batch)
            size += len(batch.data)
        told = [place for stream in streams for place in stream.gaps]
        told += [_Place(stream.evicted_seq, stream.evicted_seq, _evicted(stream, seen_ms)) for stream in streams]
        told.sort(key=lambda place: place.first)
        gaps = [place.gap for place in told if seq < place.last and place.first <= last]
        return After(gaps, batches, last, is_complete)

    def holds(self, seq: int, hosts: Collection[int], path: Callable[[str], bool]) -> bool:
        """Whether all that arrived behind a number in the matching streams is here."""
        return all(stream.evicted_seq <= seq for stream in self._matching(hosts, path))


def _sum(one: int | None, two: int | None) -> int | None:
    return None if one is None or two is None else one + two


def _evicted(stream: _Stream, seen_ms: float) -> Gap:
    until_ms = max(stream.evicted_ms, seen_ms)
    return Gap(stream.host, stream.stream, stream.path, seen_ms, until_ms, None, None, "slow-reader")
