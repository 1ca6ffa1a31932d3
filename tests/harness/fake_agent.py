"""An agent that a test speaks for: a real DEALER under CURVE, and the codec of the protocol; no sources, no files.

agent = FakeAgent(hub.agents, localkey.read(hub.agents_port, hub.environment), name="web-1")
agent.join()                                   # hello, and the welcome that it was answered with
agent.sample({"cpu.user_pct": 12.5})
agent.lines("/var/log/app.log", b"hello\\n")
agent.until_committed("/var/log/app.log", 6)
"""

import os
import struct
import time
from collections.abc import Mapping
from typing import TypeVar

import zmq
from fleetglass_proto import codec, messages, z85

M = TypeVar("M", bound=messages.Down)


class FakeAgent:
    """One agent. What it sends is right unless the test says otherwise; `send` and `send_bytes` take anything."""

    def __init__(
        self,
        endpoint: str,
        hub_key: bytes,
        name: str = "fake-1",
        agent_id: bytes | None = None,
        keys: tuple[bytes, bytes] | None = None,
        token: str | None = None,
        labels: Mapping[str, str] | None = None,
        interval_ms: int = 1_000,
        clock_ahead_ms: float = 0.0,
    ) -> None:
        self.endpoint, self.hub_key, self.name, self.token = endpoint, hub_key, name, token
        self.agent_id = agent_id or os.urandom(16)
        self.run_id = os.urandom(16)
        self.keys = keys or zmq.curve_keypair()
        self.labels = dict(labels or {})
        self.interval_ms = interval_ms
        self.clock_ahead_ms = clock_ahead_ms
        self.welcome: messages.Welcome | None = None
        self.committed: dict[int, int] = {}  # file -> offset
        self.credit = 0
        self.samples_ms = 0
        self._context = zmq.Context()
        self._socket: zmq.Socket[bytes] | None = None
        self._schemas: dict[tuple[str, ...], int] = {}
        self._streams: dict[str, tuple[int, int]] = {}  # path -> stream, file
        self._ends: dict[str, int] = {}
        self.connect()

    # The connection

    def connect(self) -> None:
        """Open a new connection, without a word to say on it yet."""
        self.disconnect()
        socket = self._context.socket(zmq.DEALER)
        socket.linger = 500
        socket.curve_serverkey = z85.encode_key(self.hub_key).encode()
        socket.curve_publickey, socket.curve_secretkey = self.keys
        socket.connect(self.endpoint)
        self._socket = socket

    def disconnect(self) -> None:
        """Cut the connection as a killed process does."""
        if self._socket is not None:
            self._socket.close(linger=0)
            self._socket = None

    def close(self) -> None:
        """End."""
        self.disconnect()
        self._context.term()

    def __enter__(self) -> "FakeAgent":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send_bytes(self, data: bytes) -> None:
        assert self._socket is not None
        self._socket.send(data)

    def send(self, message: messages.Up) -> None:
        self.send_bytes(codec.encode(message))

    def receive(self, within_s: float = 5.0) -> messages.Down:
        """The next message of the hub; commits are also taken note of."""
        assert self._socket is not None
        if not self._socket.poll(int(within_s * 1_000)):
            raise AssertionError(f"{self.name}: nothing came from the hub within {within_s:g} s")
        message = codec.decode(self._socket.recv())
        assert isinstance(message, messages.Welcome | messages.Commit | messages.Interest | messages.Reject)
        if isinstance(message, messages.Commit):
            self.committed.update({file: offset for _, file, offset in message.offsets})
            self.credit, self.samples_ms = message.credit, message.samples_ms
        return message

    def next(self, kind: type[M], within_s: float = 5.0) -> M:
        """The next message of this kind; others are passed over."""
        deadline = time.monotonic() + within_s
        others = []
        while (left := deadline - time.monotonic()) > 0:
            message = self.receive(left)
            if isinstance(message, kind):
                return message
            others.append(message)
        raise AssertionError(f"{self.name}: no {kind.__name__} within {within_s:g} s; came instead: {others[-5:]}")

    def is_silent(self, for_s: float) -> bool:
        """Whether nothing comes for a while."""
        assert self._socket is not None
        return not self._socket.poll(int(for_s * 1_000))

    # The conversation

    def now_ms(self) -> int:
        """Its clock."""
        return int(time.time() * 1_000 + self.clock_ahead_ms)

    def hello(self, **changes: object) -> messages.Hello:
        """What it says first."""
        facts = {"system": "Linux", "release": "6.12", "machine": "x86_64", "cores": "2"}
        hello = messages.Hello(
            messages.VERSION, self.agent_id, self.run_id, self.name, self.labels, facts, "0.1.0", self.interval_ms,
            self.now_ms(), self.token,
        )  # fmt: skip
        return hello._replace(**changes)  # type: ignore[arg-type]  # the test's own words

    def join(self, within_s: float = 5.0) -> messages.Welcome:
        """Say hello and be welcomed."""
        self.send(self.hello())
        self.welcome = self.next(messages.Welcome, within_s)
        self.credit, self.samples_ms = self.welcome.credit, self.welcome.samples_ms
        self._schemas.clear()
        self._streams.clear()
        self._ends = {
            stream.path: max(file.committed for file in stream.files) for stream in self.welcome.streams if stream.files
        }
        return self.welcome

    def refused(self, within_s: float = 5.0) -> messages.Reject:
        """Say hello and be refused."""
        self.send(self.hello())
        return self.next(messages.Reject, within_s)

    def sample(self, values: Mapping[str, float], time_ms: int | None = None) -> int:
        """One sample; its time. A schema that is new is announced first."""
        names = tuple(values)
        if names not in self._schemas:
            self._schemas[names] = len(self._schemas)
            self.send(messages.SchemaMessage(self._schemas[names], names))
        at = self.now_ms() if time_ms is None else time_ms
        packed = struct.pack(f"<{len(names)}f", *values.values())
        self.send(messages.Frame(self.now_ms(), (messages.Sample(self._schemas[names], at, packed),), ()))
        return at

    def follow(self, path: str, start: int = 0, file: int | None = None, kind: str = "file") -> tuple[int, int]:
        """Announce a stream and its file; their numbers."""
        if path not in self._streams:
            known = [] if self.welcome is None else [s for s in self.welcome.streams if s.path == path]
            number = len(self._streams)
            chosen = file or (known[0].files[-1].file if known and known[0].files else int.from_bytes(os.urandom(7)))
            start = self._ends.setdefault(path, start)
            self._streams[path] = number, chosen
            now_ms = self.now_ms()
            self.send(messages.Event(now_ms, "stream_up", number, None, {"path": path, "kind": kind}))
            facts: dict[str, messages.Field] = {
                "dev": 1,
                "inode": chosen & 0xFFFF,
                "fp_count": 0,
                "fp": b"",
                "start": start,
            }
            self.send(messages.Event(now_ms, "file_up", number, chosen, facts))
        return self._streams[path]

    def batch(self, path: str, start: int, data: bytes, flags: int = 0) -> messages.LineBatch:
        """A batch as it would be sent."""
        stream, file = self.follow(path)
        return messages.LineBatch(stream, file, start, start + len(data), self.now_ms(), flags, data)

    def send_batch(self, *batches: messages.LineBatch) -> None:
        self.send(messages.Frame(self.now_ms(), (), batches))

    def gap(self, stream: int, file: int, start: int, end: int, why: str) -> messages.Event:
        """A range of a file that is not sent."""
        return messages.Event(self.now_ms(), "gap", stream, file, {"start": start, "end": end, "why": why})

    def lines(self, path: str, data: bytes) -> int:
        """The next bytes of a file; the offset behind them."""
        self.follow(path)
        start = self._ends[path]
        self.send_batch(self.batch(path, start, data))
        self._ends[path] = start + len(data)
        return self._ends[path]

    def until_committed(self, path: str, offset: int, within_s: float = 5.0) -> None:
        """Wait until the hub says that a file is on disk up to an offset."""
        _, file = self._streams[path]
        deadline = time.monotonic() + within_s
        while self.committed.get(file, -1) < offset:
            left = deadline - time.monotonic()
            assert left > 0, (
                f"{path} is committed to {self.committed.get(file)}, not to {offset}, within {within_s:g} s"
            )
            self.receive(left)

    def bye(self, why: str = "SIGTERM") -> None:
        self.send(messages.Bye(self.now_ms(), why))
