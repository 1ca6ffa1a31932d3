"""A hub that dies, forgets what it had not committed and comes back, against a file that grows: every line once."""

from fleetglass_agent.uplink.ring import Ring
from fleetglass_agent.uplink.session import Close, Committed, Open, Session, Welcomed
from fleetglass_proto import codec
from fleetglass_proto.messages import (
    VERSION,
    Commit,
    Event,
    EventKind,
    Frame,
    Hello,
    KnownFile,
    KnownStream,
    LineBatch,
    SchemaMessage,
    Welcome,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

WALL = 1_700_000_000_000
HELLO = Hello(VERSION, bytes(16), bytes(16), "web-1", {}, {}, "0.1.0", 1_000, 0, None)
SERIES = ("cpu.user_pct",)
CREDIT = 64
FILE = 7


class ToyHub:
    """Receives in order, commits in groups; a crash loses what was not committed."""

    def __init__(self) -> None:
        self.disk = bytearray()  # the committed bytes of the one file
        self.samples: list[int] = []
        self.crash()

    def crash(self) -> None:
        self.session = False
        self.memory = bytearray(self.disk)
        self.new_samples: list[int] = []
        self.schemas: set[int] = set()
        self.sent_bytes = self.credit = 0

    def receive(self, data: bytes) -> list[bytes]:
        message = codec.decode(data)
        if isinstance(message, Hello):
            self.session, self.schemas = True, set()
            # What is received and not committed counts as not there: the welcome names what is on disk.
            self.memory, self.new_samples = bytearray(self.disk), []
            self.sent_bytes, self.credit = 0, CREDIT
            known = (KnownStream("/log", "file", (KnownFile(FILE, 1, 1, 0, b"", len(self.disk)),)),)
            newest = max(self.samples, default=0)
            return [codec.encode(Welcome(VERSION, bytes(16), "0.1.0", WALL, message.time_ms, CREDIT, newest, known))]
        assert self.session, "something came before hello"
        if isinstance(message, SchemaMessage):
            self.schemas.add(message.schema_id)
        elif isinstance(message, Frame):
            for sample in message.samples:
                assert sample.schema_id in self.schemas, "a sample before its schema"
                self.new_samples.append(sample.time_ms)
            for batch in message.batches:
                assert batch.start == len(self.memory), "a hole, or bytes twice"
                self.memory += batch.data
                self.sent_bytes += len(batch.data)
                assert self.sent_bytes <= self.credit, "more than the credit"
        return []

    def commit(self) -> bytes:
        self.disk = bytearray(self.memory)
        self.samples += self.new_samples
        self.new_samples = []
        self.credit = self.sent_bytes + CREDIT
        return codec.encode(Commit(WALL, self.credit, max(self.samples, default=0), ((0, FILE, len(self.disk)),)))


class Delivery(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.session = Session(HELLO, "tcp://hub:7400", Ring(3_600_000, 1 << 20), lambda: 0.5)
        self.hub = ToyHub()
        self.hub_is_up = True
        self.up: list[bytes] = []  # on the wire
        self.down: list[bytes] = []
        self.is_open = False
        self.file = bytearray()
        self.read_to = self.committed = 0
        self.taken: list[int] = []

    @rule(size=st.integers(1, 40))
    def write(self, size: int) -> None:
        self.file += bytes([len(self.file) % 251]) * size

    @rule()
    def sample(self) -> None:
        self.taken.append(WALL + 1_000 * len(self.taken))
        self.session.sample(SERIES, self.taken[-1], bytes(4))

    @rule(step_ms=st.sampled_from([1, 250, 6_000, 20_000]))
    def time_passes(self, step_ms: int) -> None:
        self.now += step_ms
        self.session.tick(self.now)
        self._turn()

    @rule()
    def read_and_send(self) -> None:
        budget = min(self.session.budget(), 25)
        data = bytes(self.file[self.read_to : self.read_to + budget])
        if data:
            self.session.lines([LineBatch(0, FILE, self.read_to, self.read_to + len(data), WALL, 0, data)])
            self.read_to += len(data)
        self._turn()

    @precondition(lambda self: self.up)
    @rule()
    def wire_up(self) -> None:
        data = self.up.pop(0)
        if self.hub_is_up:
            self.down += self.hub.receive(data)

    @precondition(lambda self: self.down)
    @rule()
    def wire_down(self) -> None:
        self.session.receive(self.down.pop(0), self.now, WALL)
        self._turn()

    @rule(rounds=st.integers(1, 3))
    def all_goes_well(self, rounds: int) -> None:
        """Without this most runs would die before their first welcome."""
        for _ in range(rounds):
            self.time_passes(250)
            self.read_and_send()
            while self.up:
                self.wire_up()
            while self.down:
                self.wire_down()

    @rule(count=st.integers(1, 5))
    def samples(self, count: int) -> None:
        for _ in range(count):
            self.sample()

    @precondition(lambda self: self.hub_is_up and self.hub.session)
    @rule()
    def commit(self) -> None:
        self.down.append(self.hub.commit())

    @rule()
    def cut(self) -> None:
        self._cut()

    @rule()
    def crash(self) -> None:
        self.hub.crash()
        self.hub_is_up = False
        self._cut()

    @rule()
    def hub_starts(self) -> None:
        self.hub_is_up = True

    def _cut(self) -> None:
        if self.is_open:
            self.session.closed(self.now, "cut")
        self._turn()

    def _turn(self) -> None:
        for event in self.session.events():
            if isinstance(event, Open):
                self.is_open = True
                self.up.clear()
                self.down.clear()
                self.hub.session = False
                if self.hub_is_up:
                    self.session.opened(self.now, WALL)
                else:
                    self.session.closed(self.now, "refused")
            elif isinstance(event, Close):
                self.is_open = False
                self.up.clear()
                self.down.clear()
            elif isinstance(event, Welcomed):
                self.read_to = self.committed = event.streams[0].files[0].committed
            elif isinstance(event, Committed):
                self.committed = event.offsets[0][2]
        if self.is_open:
            self.up += self.session.outgoing(WALL)

    @invariant()
    def what_is_on_disk_is_the_beginning_of_the_file(self) -> None:
        assert self.file.startswith(self.hub.disk)
        assert self.committed <= len(self.hub.disk)

    @invariant()
    def no_sample_came_twice(self) -> None:
        assert len(set(self.hub.samples)) == len(self.hub.samples)

    def teardown(self) -> None:
        self.hub_is_up = True
        for _ in range(400):
            self.time_passes(250)
            self.read_and_send()
            while self.up:
                self.wire_up()
            while self.down:
                self.wire_down()
            if self.hub.session:
                self.commit()
                self.wire_down()
            if self.hub.disk == self.file and len(self.hub.samples) == len(self.taken):
                break
        assert bytes(self.hub.disk) == bytes(self.file), "lines are missing"
        assert sorted(self.hub.samples) == self.taken, "samples are missing"


Delivery.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
test_every_line_and_sample_arrives_once_whatever_dies = Delivery.TestCase


def test_gap_events_stand_in_order_with_batches() -> None:
    session = Session(HELLO, "tcp://hub:7400", Ring(1_000, 1_000), lambda: 0.5)
    session.tick(0)
    session.opened(0, WALL)
    session.receive(codec.encode(Welcome(VERSION, bytes(16), "0.1.0", WALL, WALL, 1_000, 0, ())), 0, WALL)
    session.outgoing(WALL)
    gap = Event(WALL, EventKind.GAP, 0, FILE, {"start": 2, "end": 5, "why": "nul-run"})
    session.lines([LineBatch(0, FILE, 0, 2, WALL, 0, b"a\n"), gap, LineBatch(0, FILE, 5, 7, WALL, 0, b"b\n")])
    kinds = [type(codec.decode(data)).__name__ for data in session.outgoing(WALL)]
    assert kinds == ["Frame", "Event", "Frame"]
