"""Samples that wait for the hub: kept until it has committed them, an hour of them while it is away.

    waiting   not sent in this session, oldest first          [b5 b6 b7 ... | newest]
    flying    sent, not yet committed, a group a frame         [b1 b2 L1] [b3 b4 L2]

A frame carries the newest sample (live), with a bounded number of the oldest ones that wait (backfill) in front of it.
So a commit of the live sample's time says that the whole frame and all before it are kept, although the times of the
backfill are older: nothing else could tell a committed old sample from one that still waits.

In: samples. Out: the samples of one frame, and what had to be dropped. Each sample is one bytes object: 12 bytes of
time and schema before the values (the tuple and its numbers would cost as much again as 40 series do).
"""

import struct
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from fleetglass_proto import limits
from fleetglass_proto.messages import Sample

# Backfill per live sample: an hour at 1 Hz is back within half a minute, and a live frame stays a small one.
BACKFILL_SAMPLES = 120
BACKFILL_BYTES = 64 << 10
_HEAD = struct.Struct("<QI")


class Dropped(NamedTuple):
    """How many samples were given up, and of which time."""

    count: int  # type: ignore[assignment]  # hides the count() of tuples, which nobody wants here
    from_ms: int
    to_ms: int


class Ring:
    """A bounded queue of samples that forgets only what the hub has, or what is too old to keep.

    Args:
        span_ms: how far back samples are kept.
        limit_bytes: how much memory they may take, whatever their age.
    """

    def __init__(self, span_ms: int, limit_bytes: int) -> None:
        self._span_ms = span_ms
        self._limit_bytes = limit_bytes
        self._waiting: deque[bytes] = deque()
        self._flying: deque[tuple[int, list[bytes]]] = deque()
        self._bytes = 0
        self._dropped: Dropped | None = None

    def __len__(self) -> int:
        return len(self._waiting) + sum(len(group) for _, group in self._flying)

    @property
    def waits(self) -> bool:
        """Whether there is a sample that this session has not sent."""
        return bool(self._waiting)

    def add(self, sample: Sample) -> None:
        """Keep a new sample; the oldest one that waits makes room for it if it must."""
        packed = _HEAD.pack(sample.time_ms, sample.schema_id) + sample.values
        self._waiting.append(packed)
        self._bytes += len(packed)
        oldest_ms = sample.time_ms - self._span_ms
        # A hub that takes samples and never commits them: they were sent, so they are not counted as dropped.
        while self._flying and (self._bytes > self._limit_bytes or self._flying[0][0] < oldest_ms):
            self._bytes -= sum(map(len, self._flying.popleft()[1]))
        while len(self._waiting) > 1 and (self._bytes > self._limit_bytes or _time_ms(self._waiting[0]) < oldest_ms):
            self._drop(self._waiting.popleft())

    def take(self) -> list[Sample]:
        """The samples of the next frame, oldest first; the last one is the live one. They now count as flying."""
        if not self._waiting:
            return []
        live = self._waiting.pop()
        group: list[bytes] = []
        room = BACKFILL_BYTES
        most = min(BACKFILL_SAMPLES, limits.SAMPLES_PER_FRAME - 1)
        while self._waiting and len(group) < most and (not group or room >= len(self._waiting[0])):
            room -= len(self._waiting[0])
            group.append(self._waiting.popleft())
        group.append(live)
        self._flying.append((_time_ms(live), group))
        return [_unpack(packed) for packed in group]

    def committed(self, samples_ms: int) -> None:
        """The hub keeps the live sample of this time, and so every frame up to the one that carried it."""
        newest = max((at for at, (live_ms, _) in enumerate(self._flying) if live_ms <= samples_ms), default=-1)
        for _ in range(newest + 1):
            _, group = self._flying.popleft()
            self._bytes -= sum(map(len, group))

    def restart(self, samples_ms: int) -> None:
        """A new session begins: what was under way and is not committed waits again, in its old place."""
        self.committed(samples_ms)
        # Backfill was taken from the front, live samples from the back: what waits belongs between them.
        self._waiting.extendleft(packed for _, group in reversed(self._flying) for packed in reversed(group[:-1]))
        self._waiting.extend(group[-1] for _, group in self._flying)
        self._flying.clear()

    def dropped(self) -> Dropped | None:
        """What was given up since the last call."""
        dropped, self._dropped = self._dropped, None
        return dropped

    def schemas(self) -> set[int]:
        """The schemas that samples in here refer to."""
        return {_HEAD.unpack_from(packed)[1] for packed in self._all()}

    def _all(self) -> Iterable[bytes]:
        yield from self._waiting
        for _, group in self._flying:
            yield from group

    def _drop(self, packed: bytes) -> None:
        self._bytes -= len(packed)
        time_ms = _time_ms(packed)
        before = self._dropped or Dropped(0, time_ms, time_ms)
        self._dropped = Dropped(before.count + 1, min(before.from_ms, time_ms), max(before.to_ms, time_ms))


def _time_ms(packed: bytes) -> int:
    time_ms: int = _HEAD.unpack_from(packed)[0]
    return time_ms


def _unpack(packed: bytes) -> Sample:
    time_ms, schema_id = _HEAD.unpack_from(packed)
    return Sample(schema_id, time_ms, packed[_HEAD.size :])
