"""The agent's side of the conversation with the hub: hello, credit, commits, back-off, bye.

    CLOSED ──Open──► OPENING ──opened()──► GREETING ──welcome──► READY
       ▲                │ closed()            │ silence, reject    │ silence, reject, closed()
       └────────────────┴─────────────────────┴────────────────────┘   any ──bye()──► ENDED

Each connection is a new session: the hub's offsets in `welcome` are the truth, so nothing that was under way needs to
be remembered here except samples, which `ring` keeps. Log lines are never kept: `budget` says how many bytes may be
read from the files, and the file itself is the queue.

In: what the transport saw (`opened`, `closed`, `receive`), samples, lines, and the time. Out: `events` for the loop
(open and close the transport, offsets, interval, sentences for the log) and `outgoing` messages. No sockets, no clocks.
"""

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Literal, NamedTuple

from fleetglass_proto import codec, limits
from fleetglass_proto.errors import ProtocolError
from fleetglass_proto.messages import (
    VERSION,
    Bye,
    Commit,
    Event,
    EventKind,
    Frame,
    Hello,
    Interest,
    KnownStream,
    LineBatch,
    Reject,
    RejectCode,
    Sample,
    SchemaMessage,
    Welcome,
)  # fmt: skip

from fleetglass_agent.uplink import batch
from fleetglass_agent.uplink.ring import Ring

# A hub that restarts is found again within a second, ten thousand agents do not come at once.
BACKOFF_MIN_MS = 200
BACKOFF_MAX_MS = 10_000
# A session this long was a good one: the next back-off starts small again.
SETTLED_MS = 10_000
# A peer that drops our packets never answers at all: TCP would try for two minutes.
OPEN_TIMEOUT_MS = 6_000
# A reject that only a person can lift: looked at again this often, so that the agent comes back by itself.
REJECTED_MS = 60_000
# MessagePack: the array, its tag, the number of the schema, the list; and in front of each text.
SCHEMA_HEAD_BYTES = 16
TEXT_HEAD_BYTES = 3
# Events of sources and notices that happened while the hub was away; the newest matter.
EVENTS_KEPT = 100


class State(Enum):
    """Where the conversation stands."""

    CLOSED = auto()
    OPENING = auto()
    GREETING = auto()
    READY = auto()
    ENDED = auto()


class Open(NamedTuple):
    """Open a new transport to the hub."""


class Close(NamedTuple):
    """Close the transport without waiting for what is under way."""


class Welcomed(NamedTuple):
    """A session began. Hand `streams` to the follower: these offsets are the truth."""

    streams: tuple[KnownStream, ...]


class Committed(NamedTuple):
    """The hub has these bytes on disk: (stream, file, offset)."""

    offsets: tuple[tuple[int, int, int], ...]


class IntervalWanted(NamedTuple):
    """How often samples are wanted from now on; 0: at the agent's own rate."""

    interval_ms: int


class Say(NamedTuple):
    """A sentence for the operator's log."""

    level: Literal["info", "warning", "error"]
    text: str


SessionEvent = Open | Close | Welcomed | Committed | IntervalWanted | Say


class Session:
    """One agent's conversation.

    Args:
        hello: who this agent is; `time_ms` is replaced by the time of sending.
        hub: the hub's endpoint, for sentences.
        ring: the samples that wait.
        jitter: gives numbers in [0, 1); spreads agents that lost the same hub.
    """

    def __init__(self, hello: Hello, hub: str, ring: Ring, jitter: Callable[[], float]) -> None:
        self.state = State.CLOSED
        self._hello, self._hub, self._ring, self._jitter = hello, hub, ring, jitter
        self._due_ms = 0  # CLOSED: when to open; otherwise: until when something must have been heard
        self._failures = 0
        self._ready_since_ms = 0
        self._credit = self._sent_bytes = 0
        self._schemas: dict[int, tuple[str, ...]] = {}
        self._schema_id = self._row_bytes = 0
        self._series: tuple[str, ...] | None = None
        self._announced: set[int] = set()
        self._urgent: list[bytes] = []
        self._items: list[LineBatch | Event] = []
        self._notices: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._out: list[SessionEvent] = []
        self._told: set[str] = set()
        self._notice = ""

    # What came in.

    def opened(self, now_ms: int, wall_ms: int) -> None:
        """The transport is up and the hub has shown that it owns its key."""
        if self.state is State.OPENING:
            self._greet(now_ms, wall_ms)

    def closed(self, now_ms: int, why: str) -> None:
        """The transport is gone or could not be opened; `why` completes "cannot reach the hub at ...: "."""
        if self.state in (State.CLOSED, State.ENDED):
            return
        lost = "lost the hub at" if self.state is State.READY else "cannot reach the hub at"
        self._tell("warning", f"{lost} {self._hub}: {why}; retrying", key=f"unreachable {why}")
        self._drop(now_ms, self._backoff_ms(now_ms))

    def receive(self, message: bytes, now_ms: int, wall_ms: int) -> None:
        """A message of the hub. What cannot be read ends the session: the hub is not one that we understand."""
        if self.state not in (State.GREETING, State.READY):
            return
        try:
            meant = codec.decode(message)
        except ProtocolError as problem:
            self._tell("error", f"the hub at {self._hub} sent what this agent cannot read ({problem}); retrying")
            self._drop(now_ms, self._backoff_ms(now_ms))
            return
        self._due_ms = now_ms + limits.SILENCE_MS
        match meant:
            case Welcome():
                self._welcome(meant, now_ms, wall_ms)
            case Commit() if self.state is State.READY:
                # Credit never falls; a hub that says otherwise must not make us read less than we were promised.
                self._credit = max(self._credit, meant.credit)
                self._ring.committed(meant.samples_ms)
                self._noticed(meant.notice)
                if meant.offsets:
                    self._out.append(Committed(meant.offsets))
            case Interest() if self.state is State.READY:
                self._out.append(IntervalWanted(meant.interval_ms))
            case Reject():
                self._rejected(meant, now_ms, wall_ms)
            case _:
                pass  # ours, or out of turn: nothing that we could act on

    def tick(self, now_ms: int) -> None:
        """Time has passed: open, or give up a hub that is silent."""
        if self.state is State.ENDED or now_ms < self._due_ms:
            return
        if self.state is State.CLOSED:
            self.state = State.OPENING
            self._due_ms = now_ms + OPEN_TIMEOUT_MS
            self._out.append(Open())
        else:
            self.closed(now_ms, "no answer")

    def next_tick_ms(self) -> int | None:
        """When to call `tick` at the latest."""
        return None if self.state is State.ENDED else self._due_ms

    # What the agent has to say.

    def sample(self, series: tuple[str, ...], time_ms: int, values: bytes) -> None:
        """Keep a row until the hub has it. `series` is the same object as long as nothing changed."""
        if self._series is not series:
            used = self._ring.schemas()
            self._schemas = {schema: names for schema, names in self._schemas.items() if schema in used}
            self._schema_id += 1
            self._series = series
            self._schemas[self._schema_id] = fitting = _fitting(series)
            self._row_bytes = 4 * len(fitting)
            if len(fitting) < len(series):
                left_out = len(series) - len(fitting)
                self._tell("warning", f"this host has more series than one message can name; {left_out} are left out")
        self._ring.add(Sample(self._schema_id, time_ms, values[: self._row_bytes]))

    def event(self, event: Event) -> None:
        """Something that belongs to no stream: a source, a notice. Kept while the hub is away, the newest hundred."""
        self._notices.append(event)

    def budget(self) -> int:
        """How many bytes of log may be read and handed to `lines` now; 0: do not read."""
        if self.state is not State.READY:
            return 0
        return min(self._credit - self._sent_bytes, limits.BATCH_BYTES)

    def may_announce(self) -> bool:
        """Whether stream events may be handed to `lines`, whatever the credit says."""
        return self.state is State.READY

    def lines(self, items: Iterable[LineBatch | Event]) -> int:
        """Send what the follower read, in its order. Answers how many bytes of lines it was."""
        assert self.state is State.READY
        size = 0
        for item in items:
            self._items.append(item)
            if isinstance(item, LineBatch):
                size += len(item.data)
        self._sent_bytes += size
        return size

    def outgoing(self, wall_ms: int) -> list[bytes]:
        """What to send now, oldest first; empties the list. Each call takes one frame's worth of samples."""
        messages, self._urgent = self._urgent, []
        if self.state is not State.READY or not (self._items or self._notices or self._ring.waits):
            return messages
        if dropped := self._ring.dropped():
            self._notices.append(Event(wall_ms, EventKind.SAMPLES_DROPPED, None, None, {**dropped._asdict()}))
        messages += map(codec.encode, self._notices)
        self._notices.clear()
        samples = self._ring.take()
        for schema_id in sorted({sample.schema_id for sample in samples} - self._announced):
            messages.append(codec.encode(SchemaMessage(schema_id, self._schemas[schema_id])))
            self._announced.add(schema_id)
        messages += batch.messages(wall_ms, samples, self._items)
        self._items.clear()
        return messages

    def introduce(self, hello: Hello, now_ms: int) -> None:
        """Name, labels or the clock changed: begin a new session at once, in which the hub hears of it."""
        self._hello = hello._replace(token=self._hello.token)
        if self.state in (State.GREETING, State.READY):
            self._drop(now_ms, 0)

    def bye(self, wall_ms: int, why: str) -> None:
        """Say goodbye; nothing is opened any more. Call `outgoing` once afterwards."""
        if self.state is State.READY:
            self._urgent += self.outgoing(wall_ms)
            self._urgent.append(codec.encode(Bye(wall_ms, why)))
        self.state = State.ENDED

    def events(self) -> list[SessionEvent]:
        """What it meant, oldest first; empties the list."""
        out, self._out = self._out, []
        return out

    # How it goes on.

    def _greet(self, now_ms: int, wall_ms: int) -> None:
        self.state = State.GREETING
        self._due_ms = now_ms + limits.SILENCE_MS
        self._urgent = [codec.encode(self._hello._replace(version=VERSION, time_ms=wall_ms))]
        self._items.clear()

    def _welcome(self, welcome: Welcome, now_ms: int, wall_ms: int) -> None:
        if self.state is not State.GREETING:
            return
        self.state = State.READY
        self._ready_since_ms = now_ms
        self._credit, self._sent_bytes = welcome.credit, 0
        self._announced.clear()
        self._ring.restart(welcome.samples_ms)
        self._hello = self._hello._replace(token=None)  # one-time: the hub knows our key now
        again = " again" if self._told else ""
        self._told.clear()
        self._out.append(
            Say("info", f"connected to the hub at {self._hub}{again} (version {welcome.hub_version[:40]})")
        )
        self._out.append(Welcomed(welcome.streams))
        # An empty frame tells the hub our clock before the first sample is due.
        self._urgent.append(codec.encode(Frame(wall_ms, (), ())))

    def _noticed(self, notice: str) -> None:
        """What the hub says of itself: once when it begins, once when it is over."""
        if notice == self._notice:
            return
        self._notice = notice
        if notice:
            self._out.append(Say("warning", f"the hub at {self._hub} says: {notice[:500]}"))
        else:
            self._out.append(Say("info", f"the hub at {self._hub} commits again"))

    def _rejected(self, reject: Reject, now_ms: int, wall_ms: int) -> None:
        match reject.code:
            case RejectCode.HELLO_FIRST if self.state is State.READY and now_ms - self._ready_since_ms > BACKOFF_MAX_MS:
                self._out.append(IntervalWanted(0))
                self._greet(now_ms, wall_ms)
            case RejectCode.HELLO_FIRST if self.state is State.GREETING:
                pass  # an answer to what was under way before our hello; the welcome follows
            case RejectCode.HELLO_FIRST | RejectCode.OFFSET:
                self._out.append(Say("warning", f"the hub at {self._hub} asks for a new start: {reject.message[:500]}"))
                self._drop(now_ms, self._backoff_ms(now_ms))
            case _:
                self._tell("error", f"the hub at {self._hub} refuses this agent: {reject.message[:500]}")
                retry_ms = REJECTED_MS if reject.retry_ms is None else max(reject.retry_ms, BACKOFF_MIN_MS)
                self._drop(now_ms, max(retry_ms, self._backoff_ms(now_ms)))

    def _drop(self, now_ms: int, wait_ms: int) -> None:
        self.state = State.CLOSED
        self._due_ms = now_ms + wait_ms
        self._notice = ""
        self._urgent.clear()
        self._items.clear()
        self._out += [Close(), IntervalWanted(0)]

    def _backoff_ms(self, now_ms: int) -> int:
        if self.state is State.READY and now_ms - self._ready_since_ms >= SETTLED_MS:
            self._failures = 0
        span_ms = min(BACKOFF_MIN_MS << min(self._failures, 10), BACKOFF_MAX_MS)
        self._failures += 1
        return span_ms // 2 + int(span_ms // 2 * self._jitter())

    def _tell(self, level: Literal["warning", "error"], text: str, key: str | None = None) -> None:
        """Say a trouble once, until it is over."""
        if (key or text) not in self._told:
            self._told.add(key or text)
            self._out.append(Say(level, text))


def _fitting(series: tuple[str, ...]) -> tuple[str, ...]:
    """As many series as one message can name."""
    if sum(map(len, series)) * 4 < limits.MESSAGE_BYTES // 2:  # UTF-8 takes 4 bytes a character at most
        return series
    room = limits.MESSAGE_BYTES - SCHEMA_HEAD_BYTES
    for at, name in enumerate(series):
        room -= len(name.encode()) + TEXT_HEAD_BYTES
        if room < 0:
            return series[:at]
    return series
