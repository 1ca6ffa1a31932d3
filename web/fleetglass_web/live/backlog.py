"""The lines that wait for one client, and what became of those that could not wait.

For each channel of lines (a *source*) a client is in one of four states:

    live      nothing waits: the channel writes to the socket, past this room
    waiting   the socket is full: frames queue here, `QUEUE_BYTES_MAX` over all sources
    lost      the queue was full too: the oldest went, with their counts and the place before the first of them
    reading   what lies behind a place is read from memory, in the steps that the socket takes; live frames are passed
              over meanwhile, because they lie behind that place and are read from there

    live ── full ──► waiting ── too much ──► lost ── drained, memory has them ──► reading ── at the present ──► live
      ▲                 │                      └──── drained, memory has not ──► a gap with their counts, waiting
      └──── drained ────┘                            a resume begins here ──► reading

What is next for a source always follows, without a hole, on what the client got: that is all of the promise "each line
once, in order, or a gap" (docs/decisions/0005-every-line-once-or-a-gap.md).

In: frames of channels, places. Out: frames, oldest first, from `next`. Nothing here waits or writes.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from fleetglass_web.live import messages as m
from fleetglass_web.live.messages import Frame
from fleetglass_web.query.cursor import Position
from fleetglass_web.view import Gap

# With the kernel's send buffer (64 KiB) and what the transport holds below 512 KiB a client (design section 8).
QUEUE_BYTES_MAX = 256 << 10
# Gaps are kept a stream; with more streams than this they are told in one.
GAPS_MAX = 256


class LinesSource(Protocol):
    """A channel of lines, as this room needs it."""

    number: int

    def still_there(self, after: str) -> Position | None:
        """The place behind a cursor if memory holds all that follows it; None: it does not, or never will again."""

    def lines_after(self, position: Position) -> tuple[Sequence[Frame], Position | None]:
        """Frames behind a place, and where they end; None: they end at the present."""


class _Missed:
    """What was dropped of one stream."""

    __slots__ = ("bytes", "from_ms", "host", "lines", "name", "path", "stream", "to_ms")

    def __init__(self, host: int, stream: int, name: str, path: str, time_ms: float) -> None:
        self.host, self.stream, self.name, self.path = host, stream, name, path
        self.from_ms = self.to_ms = time_ms
        self.lines = self.bytes = 0

    def add(self, from_ms: float, to_ms: float, lines: int, size: int) -> None:
        self.from_ms = min(self.from_ms, from_ms)
        self.to_ms = max(self.to_ms, to_ms)
        self.lines += lines
        self.bytes += size

    def mark(self, channel: int) -> m.GapMark:
        gap = Gap(self.host, self.stream, self.path, self.from_ms, self.to_ms, self.lines, self.bytes, "slow-reader")
        return m.GapMark(channel, self.name, gap)


class _Lost:
    """What was dropped of one source, from the place `after` on."""

    __slots__ = ("after", "missed")

    def __init__(self, after: str) -> None:
        self.after = after
        self.missed: dict[tuple[int, int], _Missed] = {}


class Backlog:
    """The backlog of one client.

    Args:
        size: how many bytes a frame is for this client.
    """

    def __init__(self, size: Callable[[Frame], int]) -> None:
        self.dropped_lines = 0  # that were told in gaps
        self._size = size
        self._ready: deque[tuple[LinesSource, Frame]] = deque()  # comes before everything else
        self._waiting: deque[tuple[LinesSource, Frame, int]] = deque()
        self._waiting_bytes = 0
        self._lost: dict[LinesSource, _Lost] = {}
        self._reading: dict[LinesSource, Position] = {}

    def is_reading(self, source: object) -> bool:
        """Whether live frames of a source are passed over."""
        return source in self._reading

    def is_empty(self) -> bool:
        """Whether the client has got all there is."""
        return not (self._ready or self._waiting or self._lost or self._reading)

    def keep(self, source: LinesSource, frame: Frame) -> None:
        """The socket is full: a frame waits. Not for a source that is being read."""
        size = self._size(frame)
        self._waiting.append((source, frame, size))
        self._waiting_bytes += size
        # The newest stays however large it is (its bytes are shared by all who wait for it): a screen ends with it.
        while self._waiting_bytes > QUEUE_BYTES_MAX and len(self._waiting) > 1:
            self._drop_oldest()

    def read(self, source: LinesSource, position: Position) -> None:
        """Hand over what lies behind a place, instead of what waits."""
        self._drop_waiting(source)
        self._lost.pop(source, None)
        self._reading[source] = position

    def next(self) -> Frame | None:
        """What the client gets next; None: nothing waits any more."""
        while True:
            if self._ready:
                return self._ready.popleft()[1]
            if self._lost:
                self._judge(*self._lost.popitem())
            elif self._waiting:
                _source, frame, size = self._waiting.popleft()
                self._waiting_bytes -= size
                return frame
            elif self._reading:
                self._read_on()
            else:
                return None

    def forget(self, source: object) -> None:
        """Nothing of a source is wanted any more."""
        self._drop_waiting(source)
        self._lost = {one: lost for one, lost in self._lost.items() if one is not source}
        self._reading = {one: position for one, position in self._reading.items() if one is not source}
        self._ready = deque(entry for entry in self._ready if entry[0] is not source)

    def _read_on(self) -> None:
        source, position = next(iter(self._reading.items()))
        frames, reached = source.lines_after(position)
        if reached is None:
            del self._reading[source]
        else:
            self._reading[source] = reached
        self._ready.extend((source, frame) for frame in frames)

    def _judge(self, source: LinesSource, lost: _Lost) -> None:
        """Read what was dropped from memory, with all that follows it; where that is gone a gap tells."""
        position = source.still_there(lost.after)
        if position is not None:
            self._drop_waiting(source)
            self._reading[source] = position
            return
        for missed in lost.missed.values():
            self.dropped_lines += missed.lines
            self._ready.append((source, Frame(missed.mark(source.number))))

    def _drop_waiting(self, source: object) -> None:
        self._waiting = deque(entry for entry in self._waiting if entry[0] is not source)
        self._waiting_bytes = sum(size for _source, _frame, size in self._waiting)

    def _drop_oldest(self) -> None:
        source, frame, size = self._waiting.popleft()
        self._waiting_bytes -= size
        message = frame.message
        if isinstance(message, m.GapMark):
            gap = message.gap
            missed = self._missed(source, message.after, gap.host, gap.stream, message.name, gap.path, gap.from_ms)
            missed.add(gap.from_ms, gap.to_ms, gap.lines or 0, gap.bytes or 0)
        elif isinstance(message, m.Lines) and not message.is_partial:
            for batch in message.batches:
                missed = self._missed(
                    source, message.after, batch.host, batch.stream, batch.name, batch.path, batch.time_ms
                )
                size = sum(len(line) + 1 for _offset, line in batch.lines)
                missed.add(batch.time_ms, batch.time_ms, len(batch.lines), size)

    def _missed(
        self, source: LinesSource, after: str, host: int, stream: int, name: str, path: str, time_ms: float
    ) -> _Missed:
        lost = self._lost.get(source)
        if lost is None:
            lost = self._lost[source] = _Lost(after)
        key = (host, stream)
        if key not in lost.missed and sum(len(one.missed) for one in self._lost.values()) >= GAPS_MAX:
            key, host, stream, name, path = (-1, -1), -1, -1, "", ""
        missed = lost.missed.get(key)
        if missed is None:
            missed = lost.missed[key] = _Missed(host, stream, name, path, time_ms)
        return missed
