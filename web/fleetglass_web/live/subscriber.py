"""One client's side of delivery: what waits for it while its socket does not take more.

The newest metric wins: a channel whose frame cannot be written is marked, and its present state is sent when the
socket drains. Lines wait in a `Backlog`. Answers to the client's own messages are kept. A client that takes nothing for
`STALL_CLOSE_MS` is closed with a reason.

    sink takes everything  ──►  frames go straight from the channel to the sink
    sink is full           ──►  control | stale channels | lines      sent in this order by `drained`

A `Sink` is the transport's end. Nothing here waits.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from fleetglass_web.live import messages as m
from fleetglass_web.live.backlog import Backlog
from fleetglass_web.live.messages import Frame
from fleetglass_web.query.cursor import Position

if TYPE_CHECKING:
    from fleetglass_web.live.channel import Channel
    from fleetglass_web.live.lines import LinesChannel

# Answers to a client's own messages: one that sends and never reads is closed.
CONTROL_BYTES_MAX = 64 << 10
STALL_CLOSE_MS = 60_000

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
        self.awaits_pong = False
        self.idle_since_ms = now_ms
        self._control: deque[bytes] = deque()
        self._control_bytes = 0
        self._stale: dict[Channel, int] = {}  # channel -> version that the client has
        self._state: deque[Frame] = deque()  # the rest of a state that is being sent
        self._backlog: Backlog | None = None  # made when lines wait for the first time
        self._progress_ms = now_ms
        self._waiting = 0

    # -- sending ------------------------------------------------------------------------------------------------

    def say(self, message: m.Message) -> None:
        """Send what is this client's own, in order, before everything that waits."""
        data = self.encode(message)
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

    def offer_state(self, channel: "Channel", frame: Frame, version: int) -> None:
        """Send a frame that the next one makes old; `version` is what the client has if it cannot be written."""
        if self.is_ready:
            self._write(frame.encoded(self.encoding, self.encode))
        else:
            self._stale.setdefault(channel, version)

    def offer_lines(self, channel: "LinesChannel", frame: Frame) -> None:
        """Send a frame that must not be lost, now or later."""
        if self._is_reading(channel):
            return  # it lies behind the place that was reached, and will be read from there
        if self.is_ready:
            self._write(frame.encoded(self.encoding, self.encode))
        else:
            self._lines().keep(channel, frame)

    def takes_frames_of(self, channel: "Channel") -> bool:
        """Whether a frame may be written at once, without a look at what it is."""
        return self.is_ready and not self._is_reading(channel)

    def catch_up(self, channel: "LinesChannel", position: Position) -> None:
        """Hand over what lies behind a position, in the steps that the socket takes; live frames wait meanwhile."""
        self._lines().read(channel, position)
        if self.is_ready:
            self._flush()

    def is_behind(self) -> bool:
        """Whether anything waits for this client."""
        return not self.is_ready or (self._backlog is not None and not self._backlog.is_empty())

    @property
    def dropped_lines(self) -> int:
        """Lines that were told in gaps."""
        return self._backlog.dropped_lines if self._backlog else 0

    def _is_reading(self, channel: object) -> bool:
        return self._backlog is not None and self._backlog.is_reading(channel)

    def _lines(self) -> Backlog:
        if self._backlog is None:
            self._backlog = Backlog(lambda frame: len(frame.encoded(self.encoding, self.encode)))
        return self._backlog

    def _write(self, data: bytes) -> None:
        if not data:
            return  # this encoding has no words for it
        self.sent_frames += 1
        if not self.sink.write(data):
            self.blocked()

    def blocked(self) -> None:
        """The sink took the last write and no more for now."""
        if self.is_ready:
            self.is_ready = False
            self.blocked_ms = self._progress_ms = self._clock()
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
            else:
                frame = self._backlog.next() if self._backlog else None
                if frame is None:
                    return
                data = frame.encoded(self.encoding, self.encode)
            self._write(data)

    # -- the end ------------------------------------------------------------------------------------------------

    def forget(self, channel: "Channel") -> None:
        """Nothing of this channel is sent any more."""
        self._stale.pop(channel, None)
        self._state = deque(frame for frame in self._state if _channel_of(frame) != channel.number)
        if self._backlog is not None:
            self._backlog.forget(channel)

    def check(self, now_ms: float) -> None:
        """Close a client that takes nothing; call every few seconds while it is not ready."""
        if self.is_ready or self.is_closed:
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
