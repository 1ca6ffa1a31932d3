"""Demo hosts that speak the real protocol: one DEALER each, all in this process.

In: the roster, the hub's endpoint and its public key. A host samples once a second (faster while the hub asks for it)
and sends its lines as they are written; it obeys credit, says hello again when it is told to, and starts a new
invented file in each session. One host in forty dies without a word for 40 s in each three minutes, and one has a clock
that is fast by 2.4 s, so that a dashboard has something true to say.
"""

import errno
import hashlib
import heapq
import time

import zmq
from demo import activity, lines
from demo.roster import DemoHost
from fleetglass_proto import codec, limits, messages

# How often a host's new lines leave it.
VISIT_S = 0.25
SILENT_EACH_S, SILENT_FOR_S = 180, 40
FAST_CLOCK_MS = 2_400
SAMPLE_AHEAD = 32


class Voice:
    """The conversation of one demo host."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], host: DemoHost, endpoint: str, hub_key: bytes) -> None:
        self.host = host
        self._context, self._endpoint, self._hub_key = context, endpoint, hub_key
        self._keys = zmq.curve_keypair()
        self._socket: zmq.Socket[bytes] | None = None
        self._run_id = hashlib.blake2b(f"run {host.name} {time.time_ns()}".encode(), digest_size=16).digest()
        self._clock_ms = FAST_CLOCK_MS if host.number % 40 == 11 else 0
        self._dies = host.number % 40 == 3
        self._phase_s = (host.number * 0.618) % 1.0
        self._streams = {f"{lines.FOLDER}/{service}": at for at, service in enumerate(host.role.services)}
        self._offsets: dict[int, int] = {}
        self._files: dict[int, int] = {}
        self._is_welcome = False
        self._credit = 0
        self._sent = 0
        self._heard_s = 0.0
        self.interval_s = 1.0
        self._sampled_s = 0.0
        self._written_s = time.time()

    def visit(self, now_s: float, rate: float, row: bytes | None) -> None:
        """Hear what the hub says, then send what is due. `row` is a sample's values if one is due."""
        if self._dies and (now_s + self.host.number) % SILENT_EACH_S < SILENT_FOR_S:
            self._hang_up()
            self._written_s = now_s
            return
        if self._socket is None or now_s - self._heard_s > limits.SILENCE_MS / 1_000:
            self._call(now_s)
        self._hear(now_s)
        if not self._is_welcome:
            self._written_s = now_s
            return
        samples = () if row is None else (messages.Sample(1, self._time_ms(now_s), row),)
        batches = self._batches(now_s, rate)
        if samples or batches:
            self._say(messages.Frame(self._time_ms(now_s), samples, batches))

    def wants_sample(self, now_s: float) -> bool:
        """Whether the next sample is due; hosts are spread over the second."""
        due = int((now_s - self._phase_s) / self.interval_s)
        if due == int((self._sampled_s - self._phase_s) / self.interval_s):
            return False
        self._sampled_s = now_s
        return True

    def close(self, now_s: float) -> None:
        if self._socket is not None:
            self._say(messages.Bye(self._time_ms(now_s), "the demo ends"))
            self._socket.close(linger=500)

    def _time_ms(self, now_s: float) -> int:
        return int(now_s * 1_000) + self._clock_ms

    def _call(self, now_s: float) -> None:
        self._hang_up()
        try:
            socket = self._context.socket(zmq.DEALER)
        except zmq.ZMQError as problem:
            if problem.errno != errno.EMFILE:
                raise
            return  # many calls anew at once, on a busy machine: those that were closed are still being cleared away
        self._socket = socket
        socket.linger = 0
        socket.curve_publickey, socket.curve_secretkey = self._keys
        socket.curve_serverkey = self._hub_key
        socket.connect(self._endpoint)
        self._heard_s = now_s
        self._hello(now_s)

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close(linger=0)
            self._socket = None
            self._is_welcome = False

    def _hello(self, now_s: float) -> None:
        role = self.host.role
        self._is_welcome = False
        self._say(
            messages.Hello(
                messages.VERSION,
                hashlib.blake2b(self.host.name.encode(), digest_size=16).digest(),
                self._run_id,
                self.host.name,
                self.host.labels,
                {
                    "system": "Linux",
                    "release": "6.12.0-demo",
                    "machine": "x86_64",
                    "distribution": "an invented host of the demo",
                    "cores": str(role.cores),
                    "memory_bytes": str(role.memory_gib << 30),
                },
                "0.1.0",
                1_000,
                self._time_ms(now_s),
                None,
            )
        )

    def _hear(self, now_s: float) -> None:
        while self._socket is not None:
            try:
                message = codec.decode(self._socket.recv(zmq.DONTWAIT))
            except zmq.Again:
                return
            self._heard_s = now_s
            match message:
                case messages.Welcome():
                    self._welcome(message, now_s)
                case messages.Commit():
                    self._credit = message.credit
                case messages.Interest():
                    self.interval_s = (message.interval_ms or 1_000) / 1_000
                case messages.Reject():
                    self._is_welcome = False
                    if message.code in (messages.RejectCode.HELLO_FIRST, messages.RejectCode.OFFSET):
                        self._hello(now_s)

    def _welcome(self, message: messages.Welcome, now_s: float) -> None:
        self._is_welcome, self._credit, self._sent = True, message.credit, 0
        time_ms = self._time_ms(now_s)
        self._say(messages.SchemaMessage(1, activity.series_of(self.host.role)))
        for path, stream in self._streams.items():
            seed = f"{self.host.name} {path} {time.time_ns()}".encode()
            file = int.from_bytes(hashlib.blake2b(seed, digest_size=8).digest(), "big") >> 1
            self._files[stream], self._offsets[stream] = file, 0
            self._say(
                messages.Event(time_ms, messages.EventKind.STREAM_UP, stream, None, {"path": path, "kind": "file"})
            )
            fields: dict[str, messages.Field] = {
                "dev": 1,
                "inode": file >> 8,
                "fp_count": 0,
                "fp": bytes(8),
                "start": 0,
            }
            self._say(messages.Event(time_ms, messages.EventKind.FILE_UP, stream, file, fields))

    def _batches(self, now_s: float, rate: float) -> tuple[messages.LineBatch, ...]:
        """What was written since the last visit, one batch a file, within the credit."""
        if rate <= 0:
            return ()
        trouble = float(activity.incident([self.host], now_s)[0])
        texts: dict[str, bytearray] = {}
        for path, line in lines.written(self.host, self._written_s, now_s, trouble, rate):
            texts.setdefault(path, bytearray()).extend(line)
        self._written_s = now_s
        batches = []
        for path, text in texts.items():
            stream, data = self._streams[path], bytes(text)
            if len(data) > limits.BATCH_BYTES or self._sent + len(data) > self._credit:
                continue
            start = self._offsets[stream]
            self._offsets[stream] = start + len(data)
            self._sent += len(data)
            batches.append(
                messages.LineBatch(stream, self._files[stream], start, start + len(data), self._time_ms(now_s), 0, data)
            )
        return tuple(batches)

    def _say(self, message: messages.Up) -> None:
        if self._socket is not None:
            try:
                self._socket.send(codec.encode(message), zmq.DONTWAIT)
            except zmq.Again:
                # The hub is away and the socket's buffer is full; what is invented need not be kept.
                pass


class Choir:
    """All voices, visited one after the other, each at its own moments."""

    def __init__(self, hosts: list[DemoHost], endpoint: str, hub_key: bytes, rate: float) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        # A socket that is closed holds its place until ZeroMQ's own thread has cleared it away.
        self._context.set(zmq.MAX_SOCKETS, 2 * len(hosts) + 16)
        self._rate = rate
        self.voices = [Voice(self._context, host, endpoint, hub_key) for host in hosts]
        start_s = time.time()
        self._due = [(start_s + voice.host.number * 0.618 % VISIT_S, at) for at, voice in enumerate(self.voices)]
        heapq.heapify(self._due)

    def sing(self, until_s: float) -> None:
        """Visit whoever is due, until a moment (seconds since 1970)."""
        while self._due[0][0] < until_s:
            due_s, _ = self._due[0]
            if (early_s := due_s - time.time()) > 0:
                time.sleep(early_s)
            self._visit_due(time.time())

    def _visit_due(self, now_s: float) -> None:
        called: list[int] = []
        while self._due and self._due[0][0] <= now_s and len(called) < SAMPLE_AHEAD:
            called.append(heapq.heappop(self._due)[1])
        for at, row in self._rows(called, now_s):
            voice = self.voices[at]
            voice.visit(now_s, self._rate, row)
            # Late visits do not pile up: the next one counts from now.
            heapq.heappush(self._due, (now_s + min(VISIT_S, voice.interval_s), at))

    def _rows(self, called: list[int], now_s: float) -> list[tuple[int, bytes | None]]:
        """The values of those who are due for a sample, computed a role at a time."""
        due: dict[str, list[int]] = {}
        rows: dict[int, bytes] = {}
        for at in called:
            if self.voices[at].wants_sample(now_s):
                due.setdefault(self.voices[at].host.role.name, []).append(at)
        for group in due.values():
            table = activity.rows([self.voices[at].host for at in group], now_s)
            rows.update((at, table[index].tobytes()) for index, at in enumerate(group))
        return [(at, rows.get(at)) for at in called]

    def close(self) -> None:
        for voice in self.voices:
            voice.close(time.time())
        self._context.term()
