"""One client's side of delivery: what waits for it while its socket does not take more.

The newest metric wins: a channel whose frame cannot be written is marked, and its present state is sent when the
socket drains. Lines wait in a bounded queue; when it is full the oldest frames go. If memory still holds them when the
socket drains (a burst, such as a backlog after a restart), they are read from there; else a `gap` with their counts
takes their place. Answers to the client's own messages are kept. A client that takes nothing for `STALL_CLOSE_MS` is
closed with a reason.

    sink takes everything  ──►  frames go straight from the channel to the sink
    sink is full           ──►  control | stale channels | lines      sent in this order by `drained`

A `Sink` is the transport's end. Nothing here waits.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from fleetglass_web.live import messages as m
from fleetglass_web.live.messages import Frame
from fleetglass_web.query.cursor import Position
from fleetglass_web.view import Gap

if TYPE_CHECKING:
    from fleetglass_web.live.channel import Channel

# With the kernel's send buffer (64 KiB) and what the transport holds below 512 KiB a client (design section 8).
QUEUE_BYTES_MAX = 256 << 10
# Answers to a client's own messages: one that sends and never reads is closed.
CONTROL_BYTES_MAX = 64 << 10
STALL_CLOSE_MS = 60_000
# Gaps are kept a stream; with more streams than this they are told a host, and beyond that in one.
GAPS_MAX = 256

CLOSE_STALLED = 1013  # try again later
CLOSE_FLOOD = 1008  # policy violation


class Sink(Protocol):
    """Where a subscriber's bytes go."""

    def write(self, data: bytes) -> bool:
        """Take all of `data`. True: the next may come at once; False: `Subscriber.drained` will be called."""

    def ping(self) -> bool:
        """Ask the client for a sign of life; True: it will be answered, and the answer ends `awaits_pong`."""

    def ask(self) -> bool:
        """Ask the client whether it reads (`reading`); True: it was asked, and an answer can come."""

    def look(self) -> bool:
        """See whether the client reads; True: it seems not to, and was asked."""

    def hold(self) -> bool:
        """After `ask`: True if the answer is still missing. It will bring `Subscriber.drained`; nothing else does."""

    def waiting_bytes(self) -> int:
        """Bytes taken and not yet accepted by the kernel."""

    def close(self, code: int, reason: str) -> None:
        """Say why and end; what cannot be written soon is dropped."""


class _Missed:
    """What was dropped from one stream."""

    __slots__ = ("bytes", "from_ms", "lines", "name", "path", "to_ms")

    def __init__(self, batch: m.Batch) -> None:
        self.name, self.path = batch.name, batch.path
        self.from_ms = self.to_ms = batch.time_ms
        self.lines = self.bytes = 0

    def add(self, batch: m.Batch) -> None:
        self.from_ms = min(self.from_ms, batch.time_ms)
        self.to_ms = max(self.to_ms, batch.time_ms)
        self.lines += len(batch.lines)
        self.bytes += sum(len(line) + 1 for _offset, line in batch.lines)


class Subscriber:
    """The delivery state of one connection."""

    def __init__(
        self, encoding: str, encode: Callable[[m.Message], bytes], sink: Sink, clock: Callable[[], float]
    ) -> None:
        now_ms = clock()
        self.blocked_ms = now_ms  # since when its sink has not been empty, if it is not ready
        self._clock = clock
        self.encoding = encoding
        self.encode = encode
        self.sink = sink
        self.is_ready = True
        self.is_closed = False
        self.channels: dict[int, Channel] = {}  # subscription id -> channel
        self.sent_frames = 0
        self.dropped_lines = 0  # that were told in gaps
        self.awaits_pong = False
        self.idle_since_ms = now_ms
        self._control: deque[bytes] = deque()
        self._control_bytes = 0
        self._stale: dict[Channel, int] = {}  # channel -> version that the client has
        self._state: deque[Frame] = deque()  # the rest of a state that is being sent
        self._lines: deque[tuple[Channel, Frame, int]] = deque()
        self._lines_bytes = 0
        self._missed: dict[tuple[Channel, int, int], _Missed] = {}
        self._missed_after: dict[Channel, str] = {}  # channel -> the cursor before the first lines that were dropped
        self._catching_up: dict[Channel, Position] = {}  # channel -> up to where lines were handed over
        self._progress_ms = now_ms
        self._waiting = 0

    # -- sending ------------------------------------------------------------------------------------------------

    def say(self, message: m.Message) -> None:
        """Send what is this client's own, in order, before everything that waits."""
        data = self.encode(message)
        if not data:
            return
        if self.is_ready:
            self._write(data)
        else:
            self._control.append(data)
            self._control_bytes += len(data)
            if self._control_bytes > CONTROL_BYTES_MAX:
                self.close(CLOSE_FLOOD, "your messages are answered, but the answers are not read")

    def send_state(self, channel: "Channel", frames: Sequence[Frame]) -> None:
        """Send a channel's present state, as far as the socket takes it; the rest follows by itself."""
        self._state.extend(frames)
        self._stale.pop(channel, None)
        if self.is_ready:
            self._flush()

    def offer(self, channel: "Channel", frame: Frame) -> None:
        """Send a channel's frame now, or do with it what its kind demands."""
        if channel in self._catching_up and isinstance(frame.message, m.Lines | m.GapMark | m.Counts):
            return  # it lies behind the cursor and will be read from there
        if self.is_ready:
            data = frame.encoded(self.encoding, self.encode)
            if data:
                self._write(data)
        else:
            self.keep(channel, frame)

    def takes_frames_of(self, channel: "Channel") -> bool:
        """Whether a frame may be written at once, without a look at what it is."""
        return self.is_ready and channel not in self._catching_up

    def keep(self, channel: "Channel", frame: Frame) -> None:
        """The socket is full: remember what must be sent later."""
        message = frame.message
        if isinstance(message, m.Lines | m.GapMark | m.Counts):
            size = len(frame.encoded(self.encoding, self.encode))
            self._lines.append((channel, frame, size))
            self._lines_bytes += size
            # The newest stays however large it is (its bytes are shared by all who wait for it): a screen ends with it.
            while self._lines_bytes > QUEUE_BYTES_MAX and len(self._lines) > 1:
                self._drop_oldest()
        else:
            # A frame of hosts made the channel's version; this client has the one before.
            self._stale.setdefault(channel, channel.version - isinstance(message, m.Hosts))

    def catch_up(self, channel: "Channel", position: Position) -> None:
        """Hand over what lies behind a position, in the steps that the socket takes; live frames wait meanwhile."""
        self._catching_up[channel] = position
        if self.is_ready:
            self._flush()

    def _write(self, data: bytes) -> None:
        self.sent_frames += 1
        if not self.sink.write(data):
            self.blocked()

    def blocked(self) -> None:
        """The sink took the last write and no more for now."""
        if self.is_ready:
            self.is_ready = False
            self.blocked_ms = self._clock()
            for channel in self.channels.values():
                channel.readiness_changed()

    def gone(self) -> None:
        """The connection ends: nothing can be written any more."""
        self.is_closed = True
        self.blocked()

    def drained(self, now_ms: float) -> None:
        """The sink takes more: send what waits, newest state first."""
        if self.is_closed:
            return
        self.is_ready = True
        self._progress_ms = now_ms
        self._flush()
        if self.is_ready:
            for channel in self.channels.values():
                channel.readiness_changed()

    def _flush(self) -> None:
        while self.is_ready and not self.is_closed:
            if self._control:
                data = self._control.popleft()
                self._control_bytes -= len(data)
            elif self._state:
                data = self._state.popleft().encoded(self.encoding, self.encode)
            elif self._stale:
                channel, version = self._stale.popitem()
                self._state.extend(channel.state_since(version))
                continue
            elif self._missed_after:
                self._read_again(*self._missed_after.popitem())
                continue
            elif self._missed:
                data = self._next_gap()
            elif self._lines:
                _channel, frame, size = self._lines.popleft()
                self._lines_bytes -= size
                data = frame.encoded(self.encoding, self.encode)
            elif self._catching_up:
                self._catch_up_once()
                continue
            else:
                return
            if data:
                self._write(data)

    def _catch_up_once(self) -> None:
        channel, position = next(iter(self._catching_up.items()))
        frames, reached = channel.lines_after(position)
        if reached is None:
            del self._catching_up[channel]
            channel.readiness_changed()
        else:
            self._catching_up[channel] = reached
        self._state.extend(frames)

    # -- what is dropped ----------------------------------------------------------------------------------------

    def _drop_oldest(self) -> None:
        channel, frame, size = self._lines.popleft()
        self._lines_bytes -= size
        if isinstance(frame.message, m.GapMark):
            self._drop_gap(channel, frame.message)
        if isinstance(frame.message, m.Lines) and not frame.message.is_partial:
            self._missed_after.setdefault(channel, frame.message.after)
            for batch in frame.message.batches:
                self._miss(channel, batch)

    def _read_again(self, channel: "Channel", after: str) -> None:
        """Read what was dropped from memory, with all that follows it; where that is gone the gap tells."""
        position = channel.still_there(after)
        if position is not None:
            self._drop_waiting(channel)
            self._catching_up[channel] = position

    def _drop_waiting(self, channel: "Channel") -> None:
        kept = [entry for entry in self._lines if entry[0] is not channel]
        self._lines = deque(kept)
        self._lines_bytes = sum(size for _channel, _frame, size in kept)
        self._missed = {key: missed for key, missed in self._missed.items() if key[0] is not channel}
        self._missed_after.pop(channel, None)

    def _drop_gap(self, channel: "Channel", mark: m.GapMark) -> None:
        gap = mark.gap
        stand_in = m.Batch(gap.host, mark.name, gap.stream, gap.path, gap.from_ms, gap.from_ms, [])
        self._miss(channel, stand_in)
        missed = self._missed[self._missed_key(channel, stand_in)]
        missed.to_ms = max(missed.to_ms, gap.to_ms)
        missed.lines += gap.lines or 0
        missed.bytes += gap.bytes or 0

    def _missed_key(self, channel: "Channel", batch: m.Batch) -> tuple["Channel", int, int]:
        key = (channel, batch.host, batch.stream)
        if key in self._missed or len(self._missed) < GAPS_MAX:
            return key
        return (channel, -1, -1)

    def _miss(self, channel: "Channel", batch: m.Batch) -> None:
        key = self._missed_key(channel, batch)
        missed = self._missed.get(key)
        if missed is None:
            missed = self._missed[key] = _Missed(batch)
            if key[1] < 0:
                missed.name = missed.path = ""
        missed.add(batch)

    def _next_gap(self) -> bytes:
        key = next(iter(self._missed))
        channel, host, stream = key
        missed = self._missed.pop(key)
        self.dropped_lines += missed.lines
        gap = Gap(host, stream, missed.path, missed.from_ms, missed.to_ms, missed.lines, missed.bytes, "slow-reader")
        return self.encode(m.GapMark(channel.number, missed.name, gap))

    # -- the end ------------------------------------------------------------------------------------------------

    def forget(self, channel: "Channel") -> None:
        """Nothing of this channel is sent any more."""
        self._stale.pop(channel, None)
        self._catching_up.pop(channel, None)
        self._state = deque(frame for frame in self._state if _channel_of(frame) != channel.number)
        self._drop_waiting(channel)

    def check(self, now_ms: float) -> None:
        """Close a client that takes nothing; call every few seconds."""
        if self.is_ready or self.is_closed:
            self._progress_ms = now_ms
            return
        waiting = self.sink.waiting_bytes()
        if waiting < self._waiting:
            self._progress_ms = now_ms
        self._waiting = waiting
        if now_ms - self._progress_ms >= STALL_CLOSE_MS:
            self.close(CLOSE_STALLED, "nothing was read for 60 s; connect again, with resume for lines")

    def ping(self) -> None:
        """Ask for a sign of life, where the transport has one."""
        self.awaits_pong = self.sink.ping()

    def close(self, code: int, reason: str) -> None:
        """End the connection from here."""
        if not self.is_closed:
            self.is_closed = True
            self.is_ready = False
            self.sink.close(code, reason)


def _channel_of(frame: Frame) -> int | None:
    return getattr(frame.message, "ch", None)
