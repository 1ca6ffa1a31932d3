"""Rubbish on both ports: the hub answers or closes, goes on, and never shows a traceback.

`make fuzz` sends it for ten minutes, `FLEETGLASS_FUZZ_S=60` for one. Seeded: a failure names its seed.
"""

import os
import random
import socket
import struct
import time

import msgpack
import pytest
import zmq
from fleetglass_proto import codec, localkey
from fleetglass_proto.messages import Frame, Tag
from harness.fake_agent import FakeAgent

SECONDS = float(os.environ.get("FLEETGLASS_FUZZ_S", "4"))
SEED = int(os.environ.get("FLEETGLASS_FUZZ_SEED", "2009"))

PATHS = [
    "/", "/api/v1/hosts", "/api/v1/metrics", "/api/v1/logs", "/api/v1/stream/logs", "/api/v1/stream/metrics",
    "/api/v1/poll", "/api/v1/live", "/metrics", "/healthz", "/readyz", "/assets/../../etc/passwd", "/%00", "/\xff",
]  # fmt: skip
NAMES = ["filter", "series", "from", "to", "step", "limit", "cursor", "match", "exclude", "path", "tail", "wait"]
VALUES = [
    "", "*", "(", "((((", "!" * 900, "a&", "role=", "=", "\x00", "%", "%zz", "-15m", "99999999999999999999", "-1", "0",
    "NaN", "1e400", "2026-11-25", "2026-11-25T99:99", "10s", "0s", "-1s", "(a+)+$", "[", "\\", "x" * 9_000, "é", "🦊",
    "AAAA", "null", "true", "{}", "a,b,,", "cpu.*", "inf",
]  # fmt: skip
ZMTP = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00CURVE" + b"\0" * 47


def rubbish(chance: random.Random, longest: int = 4_096) -> bytes:
    return chance.randbytes(chance.choice([0, 1, 2, 7, 64, chance.randrange(longest)]))


def thing(chance: random.Random, depth: int = 0) -> object:
    """Any value that MessagePack has, in any wrong place."""
    kind = chance.randrange(9 if depth < 4 else 7)
    match kind:
        case 0:
            return chance.choice([None, True, False])
        case 1:
            return chance.choice([0, -1, 1 << 63, (1 << 64) - 1, -(1 << 63), chance.randrange(1 << 32)])
        case 2:
            return chance.choice([0.0, -0.0, float("nan"), float("inf"), 1e300])
        case 3:
            return rubbish(chance)
        case 4:
            return chance.choice(VALUES)
        case 5:
            return chance.choice(["subscribe", "unsubscribe", "stream_up", "file_up", "gap", "path", "op", "id"])
        case 6:
            return msgpack.ExtType(chance.randrange(127), rubbish(chance, 64))
        case 7:
            return [thing(chance, depth + 1) for _ in range(chance.randrange(8))]
        case _:
            return {chance.choice(["op", "id", "hosts", "logs", "series", "tail", "resume", "history_s"]):
                    thing(chance, depth + 1) for _ in range(chance.randrange(6))}  # fmt: skip


def send(port: int, data: bytes, chance: random.Random) -> bytes:
    """Send bytes in pieces, read a little, end in one of several rude ways; the answer's beginning."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        try:
            while data:
                cut = chance.choice([1, 10, len(data), len(data)])
                connection.sendall(data[:cut])
                data = data[cut:]
            connection.settimeout(0.05)
            answer = connection.recv(4_096)
        except OSError:
            pass
        if chance.random() < 0.5:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return answer


def http(chance: random.Random, port: int) -> bytes:
    """A request that is nearly one."""
    query = "&".join(f"{chance.choice(NAMES)}={chance.choice(VALUES)}" for _ in range(chance.randrange(4)))
    method = chance.choice(["GET", "GET", "GET", "POST", "DELETE", "PUT", "\x00", "G" * 9_000])
    host = chance.choice([f"127.0.0.1:{port}", f"127.0.0.1:{port}", "evil.example", "", "\xff"])
    lines = [
        f"{method} {chance.choice(PATHS)}?{query} HTTP/{chance.choice(['1.1', '1.1', '1.0', '9'])}",
        f"Host: {host}",
    ]
    lines += chance.sample(
        ["Content-Length: -1", "Content-Length: 99999999", "Transfer-Encoding: chunked", "Connection: Upgrade",
         "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13", "Accept: text/event-stream",
         "Last-Event-ID: \xff", "Cookie: " + "c" * 5_000, "Accept: application/x-ndjson", "X: " + "y" * 70_000],
        chance.randrange(4),
    )  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + rubbish(chance)


def websocket(chance: random.Random, port: int) -> bytes:
    """A right handshake, then frames of rubbish."""
    name = chance.choice(["fleetglass.v1", "fleetglass.v1.json"])
    head = (f"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {name}\r\n\r\n").encode()  # fmt: skip
    frames = b""
    for _ in range(chance.randrange(1, 6)):
        payload = chance.choice([rubbish(chance), msgpack.packb(thing(chance), default=str, strict_types=False)])
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else bytes([0xFE]) + struct.pack("!H", length & 0xFFFF)
        frames += bytes([chance.choice([0x82, 0x81, 0x02, 0x80, 0x89, 0x88, 0xF2])]) + size + b"\0\0\0\0" + payload
    return head + frames


def frame_of_rubbish(chance: random.Random, _right: bytes) -> bytes:
    """A tag, and anything behind it, whole or cut."""
    body = [chance.choice([*map(int, Tag), 0, 99, None, "frame"]), *(thing(chance) for _ in range(chance.randrange(8)))]
    packed = msgpack.packb(body, default=str, strict_types=False)
    return chance.choice([packed, packed, packed[: chance.randrange(1 + len(packed))], rubbish(chance)])


def flipped(chance: random.Random, right: bytes) -> bytes:
    """A right message with some wrong bytes."""
    data = bytearray(right)
    for _ in range(chance.randrange(1, 4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


@pytest.fixture
def ends(hub):
    """The hub lives, answers, has said no traceback, and is no larger than before by more than some megabytes."""
    before = resident(hub.process.pid)
    yield
    assert hub.process.is_running
    assert hub.request("/healthz")[0] == 200
    assert not (found := mishaps(hub.process.lines)), found
    assert resident(hub.process.pid) - before < 64 << 20


def mishaps(lines: list[str]) -> str:
    """What the hub said around its first traceback or error."""
    at = next((at for at, line in enumerate(lines) if "Traceback" in line or " ERROR " in line), None)
    return "" if at is None else "\n".join(lines[at : at + 60])


def resident(pid: int) -> int:
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def chances(seed: int):
    """A new seeded source for each attempt, until the time is over."""
    end_s = time.monotonic() + SECONDS
    while time.monotonic() < end_s:
        yield random.Random(seed), seed
        seed += 1


def test_rubbish_on_the_browsers_port_is_answered_in_words_or_closed(hub, ends):
    for chance, seed in chances(SEED):
        make = chance.choice([http, http, websocket, lambda chance, _port: rubbish(chance)])
        answer = send(hub.http_port, make(chance, hub.http_port), chance)
        assert not answer.startswith((b"HTTP/1.1 500", b"HTTP/1.0 500")), f"seed {seed}: {answer[:300]!r}"


def test_rubbish_on_the_agents_port_is_closed(hub, ends):
    for chance, _seed in chances(SEED):
        data = chance.choice([b"", ZMTP, ZMTP[:12], ZMTP + b"\x04\xc8\x05HELLO"]) + rubbish(chance)
        send(hub.agents_port, data, chance)


def test_an_agent_that_speaks_rubbish_under_a_right_key_is_refused_in_words_and_others_go_on(hub, ends, start_agent):
    start_agent("web-1")
    hub.until_live("web-1")
    key = localkey.read(hub.agents_port, hub.environment)
    for chance, _seed in chances(SEED):
        with FakeAgent(hub.agents, key, name=f"odd-{chance.randrange(3)}", agent_id=b"odd-" * 4) as odd:
            odd.join()
            odd.follow("/a.log")
            right = codec.encode(Frame(odd.now_ms(), (), (odd.batch("/a.log", 0, b"a line\n"),)))
            for _ in range(20):
                odd.send_bytes(chance.choice([frame_of_rubbish, flipped])(chance, right))
            try:
                odd.receive(0.05)
            except (AssertionError, zmq.ZMQError):
                continue
    hub.until_live("web-1")
    assert hub.hosts("web-1")[0]["age_s"] < 3
