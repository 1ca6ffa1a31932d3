"""The hub's rooms without sockets and clocks: a test feeds messages, and reads what came of them.

rooms = Rooms()
agent = rooms.agent()
agent.hello()
assert rooms.said_to(agent)[-1].credit > 0
"""

import os
from collections.abc import Mapping, Sequence

from fleetglass_hub.enrolling import Enrolling, Reach
from fleetglass_hub.fleet.fleet import Fleet
from fleetglass_hub.fleet.linering import LineRing
from fleetglass_hub.history.memory import MemoryHistory
from fleetglass_hub.history.recorder import Loaded, Rows
from fleetglass_hub.ingest.enroll import Door, KeyRecord, TokenRecord
from fleetglass_hub.ingest.intake import Intake
from fleetglass_hub.view import LocalView
from fleetglass_proto import codec, messages
from fleetglass_proto.endpoint import Endpoint
from fleetglass_web.view import Gap, Host, LineBatch

HUB_ID = bytes(range(16))


class Book:
    """`enroll.Book` in a dict."""

    def __init__(self) -> None:
        self.by_key: dict[bytes, KeyRecord] = {}
        self.by_digest: dict[bytes, TokenRecord] = {}

    def key(self, key: bytes) -> KeyRecord | None:
        return self.by_key.get(key)

    def key_of(self, agent_id: bytes) -> KeyRecord | None:
        return next((record for record in self.by_key.values() if record.agent_id == agent_id), None)

    def put_key(self, record: KeyRecord) -> None:
        self.drop_keys(record.agent_id)
        self.by_key[record.key] = record

    def drop_keys(self, agent_id: bytes) -> None:
        self.by_key = {key: record for key, record in self.by_key.items() if record.agent_id != agent_id}

    def token(self, digest: bytes) -> TokenRecord | None:
        return self.by_digest.get(digest)

    def put_token(self, record: TokenRecord) -> None:
        self.by_digest[record.digest] = record

    def tokens(self) -> list[TokenRecord]:
        return list(self.by_digest.values())

    def drop_tokens(self, before_ms: float) -> None:
        self.by_digest = {key: record for key, record in self.by_digest.items() if record.expires_ms >= before_ms}


class Recorder(MemoryHistory):
    """In memory, and it commits when the test says so."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(fleet.recent, fleet.schema)
        self.rows: list[Rows] = []
        self.lines: list[LineBatch] = []
        self.flushed = 0

    def _next_mark(self) -> int:
        self._mark += 1
        return self._mark

    @property
    def mark(self) -> int:
        return self._mark

    def append_rows(self, rows: Rows) -> int:
        self.rows.append(rows)
        return super().append_rows(rows)

    def append_lines(self, batch: LineBatch) -> int:
        self.lines.append(batch)
        return super().append_lines(batch)

    def flush(self) -> None:
        self.flushed = self._mark


class Watcher:
    """Keeps what a browser would be told."""

    def __init__(self) -> None:
        self.hosts: list[Host] = []
        self.removed: list[int] = []
        self.rows = 0
        self.batches: list[LineBatch] = []
        self.gaps: list[Gap] = []

    def hosts_changed(self, upsert: Sequence[Host], remove: Sequence[int]) -> None:
        self.hosts += upsert
        self.removed += remove

    def rows_arrived(self) -> None:
        self.rows += 1

    def lines_arrived(self, batches: Sequence[LineBatch]) -> None:
        self.batches += batches

    def gaps_found(self, gaps: Sequence[Gap]) -> None:
        self.gaps += gaps


class Rooms:
    """All rooms of a hub, wired as `app` does it. `now_ms` is the hub's clock; the test moves it."""

    def __init__(
        self,
        book: Book | None = None,
        life: int = 1,
        loaded: Loaded | None = None,
        ring: LineRing | None = None,
        now_ms: float = 1_700_000_000_000.0,
    ) -> None:
        known = loaded or Loaded()
        self.now_ms = now_ms
        self.book = book or Book()
        self.door = Door(self.book)
        self.fleet = Fleet(lambda changed, gone: self.view.hosts_changed(changed, gone))
        self.recorder = Recorder(self.fleet)
        self.fleet.load(known.hosts, known.schemas, now_ms)
        self.ring = ring or LineRing.loaded(known, now_ms)
        here = Reach(Endpoint("127.0.0.1", 7400), "")
        self.enrolling = Enrolling(self.door, bytes(32), lambda: here, lambda: self.now_ms)
        self.view = LocalView(
            HUB_ID, life, known.lives, self.fleet, self.ring, self.recorder, lambda: self.now_ms,
            lambda orders: self.intake.order(orders), lambda host: self.intake.forget(host, self.now_ms),
            self.enrolling, dict,
        )  # fmt: skip
        self.cut_off: set[bytes] = set()  # routing ids whose connection does not stand any more
        self.probed: list[bytes] = []
        self.intake = Intake(HUB_ID, self.fleet, self.ring, self.recorder, self.door, self.view, self._probe)
        self.intake.load(known.streams, known.files, {})
        self.watcher = Watcher()
        self.view.watch(self.watcher)
        self._said: dict[bytes, list[messages.Down]] = {}
        self._agents = 0

    def _probe(self, routing_id: bytes, message: bytes) -> bool:
        self.probed.append(message)
        return routing_id not in self.cut_off

    def agent(self, **options: object) -> "FedAgent":
        """A new connection, of a new agent unless the options say otherwise."""
        self._agents += 1
        return FedAgent(self, self._agents, **options)  # type: ignore[arg-type]  # the test's own words

    def feed(self, routing_id: bytes, data: bytes, peer: str) -> None:
        """One message, in a pass of its own."""
        self.intake.receive(routing_id, data, peer, self.now_ms)
        self.intake.finish(self.now_ms)
        self.intake.place(self.now_ms)
        self._collect()

    def _collect(self) -> None:
        for routing_id, data in self.intake.outgoing():
            message = codec.decode(data)
            assert isinstance(message, messages.Welcome | messages.Commit | messages.Interest | messages.Reject)
            self._said.setdefault(routing_id, []).append(message)

    def commit(self) -> None:
        """History has everything on disk now."""
        self.intake.committed(self.recorder.mark, self.now_ms)
        self._collect()

    def wait(self, ms: float) -> None:
        """Time passes, with the ticks that it brings."""
        end = self.now_ms + ms
        while self.now_ms < end:
            step = min(250.0, end - self.now_ms)
            self.now_ms += step
            self.intake.tick(self.now_ms, step)
        self._collect()

    def order_all(self) -> None:
        """Collect what was ordered outside of a pass."""
        self._collect()

    def said_to(self, agent: "FedAgent") -> list[messages.Down]:
        """What an agent was told since the last question; empties the list."""
        return self._said.pop(agent.routing_id, [])


class FedAgent:
    """One connection, fed without a socket."""

    def __init__(
        self,
        rooms: Rooms,
        number: int,
        name: str | None = None,
        agent_id: bytes | None = None,
        key: bytes | None = None,
        address: str = "127.0.0.1",
        run_id: bytes | None = None,
    ) -> None:
        self.rooms = rooms
        self.routing_id = b"\0" + number.to_bytes(4, "big")
        self.name = name or f"host-{number}"
        self.agent_id = agent_id or number.to_bytes(16, "big")
        self.key = key or os.urandom(32)
        self.run_id = run_id or os.urandom(16)
        self.address = address
        self.clock_ahead_ms = 0

    @property
    def peer(self) -> str:
        return f"{self.key.hex()} {self.address}"

    @property
    def host(self) -> int:
        return self.rooms.fleet.by_agent[self.agent_id]

    @property
    def now_ms(self) -> int:
        return int(self.rooms.now_ms) + self.clock_ahead_ms

    def send(self, message: messages.Up) -> None:
        self.rooms.feed(self.routing_id, codec.encode(message), self.peer)

    def hello(self, **changes: object) -> "FedAgent":
        hello = messages.Hello(
            messages.VERSION, self.agent_id, self.run_id, self.name, {"role": "web"}, {"system": "Linux", "cores": "4"},
            "0.1.0", 1_000, self.now_ms, None,
        )  # fmt: skip
        self.send(hello._replace(**changes))  # type: ignore[arg-type]  # the test's own words
        return self

    def schema(self, schema_id: int, *series: str) -> None:
        self.send(messages.SchemaMessage(schema_id, series))

    def sample(self, schema_id: int, values: bytes, time_ms: int | None = None) -> None:
        at = self.now_ms if time_ms is None else time_ms
        self.send(messages.Frame(self.now_ms, (messages.Sample(schema_id, at, values),), ()))

    def event(self, kind: str, stream: int | None = None, file: int | None = None, /, **fields: messages.Field) -> None:
        self.send(messages.Event(self.now_ms, kind, stream, file, fields))

    def follow(self, path: str = "/var/log/app.log", stream: int = 0, file: int = 7, start: int = 0) -> None:
        self.event("stream_up", stream, path=path, kind="file")
        self.event("file_up", stream, file, dev=1, inode=2, fp_count=0, fp=b"", start=start)

    def lines(self, start: int, data: bytes, stream: int = 0, file: int = 7, flags: int = 0) -> None:
        batch = messages.LineBatch(stream, file, start, start + len(data), self.now_ms, flags, data)
        self.send(messages.Frame(self.now_ms, (), (batch,)))

    def told(self) -> list[messages.Down]:
        return self.rooms.said_to(self)


def offsets(told: Sequence[messages.Down]) -> Mapping[int, int]:
    """file -> committed offset, as an agent was told."""
    return {
        file: offset for message in told if isinstance(message, messages.Commit) for _, file, offset in message.offsets
    }
