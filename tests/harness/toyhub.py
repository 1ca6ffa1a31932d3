"""A hub of a hundred lines for the agent's tests: a ROUTER under CURVE that welcomes, keeps everything and commits.

It runs in a thread of the test. `up` is everything that came, in order; what is on "disk" outlives `stop` and `start`.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import zmq
from fleetglass_proto import codec, limits, localkey, z85
from fleetglass_proto.messages import (
    VERSION,
    BatchFlag,
    Bye,
    Commit,
    Event,
    EventKind,
    Frame,
    Hello,
    KnownFile,
    KnownStream,
    Reject,
    RejectCode,
    Sample,
    SchemaMessage,
    Welcome,
)
from harness.ports import free_port
from harness.waiting import until

COMMIT_S = 0.05


class ToyHub:
    """Listens on loopback; `runtime` is the folder for its key (FLEETGLASS_RUNTIME_DIR of the agent)."""

    def __init__(self, runtime: Any, reject: Reject | None = None) -> None:
        self.port = free_port()
        self.environment = {"FLEETGLASS_RUNTIME_DIR": str(runtime)}
        self.reject = reject
        self.new_key()
        self.hellos: list[Hello] = []
        self.events: list[Event] = []
        self.byes: list[Bye] = []
        self.samples: list[dict[str, float]] = []
        self.sample_times: list[int] = []
        self.frame_bytes: list[int] = []
        self.line_arrival_ns: list[int] = []  # of each batch
        self.line_arrival_lines: list[int] = []  # how many lines it held
        self.commits = True
        self.disk: dict[tuple[str, int], bytearray] = {}
        self._known: dict[tuple[str, int], dict[str, Any]] = {}
        self._orders: list[bytes] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: BaseException | None = None

    @property
    def endpoint(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def new_key(self) -> None:
        public, secret = zmq.curve_keypair()
        self.public, self._secret = z85.decode_key(public.decode()), secret

    def start(self, leave_key: bool = True) -> "ToyHub":
        if leave_key:
            localkey.write(self.port, self.public, self.environment)
        self._stopping.clear()
        bound = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(bound,), daemon=True)
        self._thread.start()
        assert bound.wait(10), "the toy hub is bound"
        return self

    def stop(self) -> None:
        self._stopping.set()
        if self._thread:
            self._thread.join(10)
        assert self.failure is None, self.failure

    def order(self, message: Any) -> None:
        """Send a message to the agent."""
        self._orders.append(codec.encode(message))

    def lines(self, path: str) -> list[bytes]:
        """All complete lines that were received of a path, its files one after the other."""
        return b"".join(bytes(data) for (name, _), data in self.disk.items() if name == path).splitlines(keepends=True)

    def until(self, look: Callable[["ToyHub"], Any], what: str, within_s: float = 15.0) -> Any:
        return until(lambda: look(self), what, within_s)

    def _run(self, bound: threading.Event) -> None:
        context = zmq.Context()
        router = context.socket(zmq.ROUTER)
        router.setsockopt(zmq.LINGER, 0)
        router.setsockopt(zmq.CURVE_SERVER, 1)
        router.setsockopt(zmq.CURVE_SECRETKEY, self._secret)
        router.setsockopt(zmq.ROUTER_MANDATORY, 0)
        for _ in range(100):
            try:
                router.bind(self.endpoint)
                break
            except zmq.ZMQError:  # the last one's socket is still closing
                time.sleep(0.05)
        bound.set()
        try:
            self._serve(router)
        except BaseException as failure:
            self.failure = failure
        finally:
            router.close(0)
            context.term()

    def _serve(self, router: "zmq.Socket[bytes]") -> None:
        peers: dict[bytes, _Peer] = {}
        due = time.monotonic()
        while not self._stopping.is_set():
            if router.poll(10):
                peer_id, data = router.recv_multipart()
                answer = self._receive(peers, peer_id, data)
                if answer:
                    router.send_multipart([peer_id, answer])
            if time.monotonic() >= due and self.commits:
                due = time.monotonic() + COMMIT_S
                for peer_id, peer in peers.items():
                    if commit := peer.commit():
                        router.send_multipart([peer_id, commit])
            while self._orders and peers:
                router.send_multipart([list(peers)[-1], self._orders.pop(0)])

    def _receive(self, peers: dict[bytes, "_Peer"], peer_id: bytes, data: bytes) -> bytes | None:
        message = codec.decode(data)
        if isinstance(message, Hello):
            self.hellos.append(message)
            if self.reject:
                return codec.encode(self.reject)
            peers[peer_id] = _Peer()
            streams: dict[str, list[KnownFile]] = {}
            for (path, file), known in self._known.items():
                committed = len(self.disk[path, file]) + known["start"]
                streams.setdefault(path, []).append(
                    KnownFile(file, known["dev"], known["inode"], known["fp_count"], known["fp"], committed)
                )
            listed = tuple(KnownStream(path, "file", tuple(files)) for path, files in streams.items())
            wall = time.time_ns() // 1_000_000
            return codec.encode(
                Welcome(VERSION, bytes(16), "toy", wall, message.time_ms, limits.CREDIT_BYTES,
                        max(self.sample_times, default=0), listed)
            )  # fmt: skip
        if peer_id not in peers:
            return codec.encode(Reject(RejectCode.HELLO_FIRST, "say hello", 0))
        peer = peers[peer_id]
        match message:
            case SchemaMessage(schema_id, series):
                peer.schemas[schema_id] = series
            case Frame(_, samples, batches):
                for sample in samples:
                    self._sample(peer, sample)
                if samples and not batches:
                    self.frame_bytes.append(len(data))
                for batch in batches:
                    self.line_arrival_ns.append(time.monotonic_ns())
                    self.line_arrival_lines.append(batch.data.count(b"\n"))
                    peer.sent_bytes += len(batch.data)
                    if not batch.flags & BatchFlag.PARTIAL:
                        key = (peer.paths[batch.stream], batch.file)
                        have = len(self.disk[key]) + self._known[key]["start"]
                        assert batch.start == have, f"{key}: a batch starts at {batch.start}, received is {have}"
                        self.disk[key] += batch.data
                        peer.offsets[batch.stream, batch.file] = batch.end
            case Event(_, kind, stream, file, fields):
                self.events.append(message)
                if kind == EventKind.STREAM_UP and stream is not None:
                    peer.paths[stream] = str(fields["path"])
                elif kind == EventKind.FILE_UP and stream is not None and file is not None:
                    key = (peer.paths[stream], file)
                    start = self._known.get(key, fields)["start"]
                    self._known[key] = {**fields, "start": start}
                    self.disk.setdefault(key, bytearray())
            case Bye():
                self.byes.append(message)
        return None

    def _sample(self, peer: "_Peer", sample: Sample) -> None:
        values = memoryview(sample.values).cast("f")
        self.sample_times.append(sample.time_ms)
        peer.samples_ms = max(peer.samples_ms, sample.time_ms)
        self.samples.append(dict(zip(peer.schemas[sample.schema_id], values, strict=True)))


class _Peer:
    """What is known of one session."""

    def __init__(self) -> None:
        self.schemas: dict[int, tuple[str, ...]] = {}
        self.paths: dict[int, str] = {}
        self.offsets: dict[tuple[int, int], int] = {}
        self.sent_bytes = self.samples_ms = self.said_ms = 0
        self.said: tuple[int, tuple[tuple[int, int, int], ...]] = (0, ())

    def commit(self) -> bytes | None:
        """What was received since the last commit is on disk; None: nothing, and none is due."""
        offsets = tuple((*key, offset) for key, offset in self.offsets.items())
        self.offsets.clear()
        wall = time.time_ns() // 1_000_000
        said = (self.samples_ms, offsets)
        if said == self.said and wall - self.said_ms < limits.HEARTBEAT_MS:
            return None
        self.said, self.said_ms = (self.samples_ms, ()), wall
        return codec.encode(Commit(wall, self.sent_bytes + limits.CREDIT_BYTES, self.samples_ms, offsets))
