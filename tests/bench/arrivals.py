"""When lines came: a reader in a process of its own, as cheap as Python can be.

Each line holds the moment of its write() (`@` and 19 digits, monotonic ns); the reader looks for it in the bytes as
they come and keeps the difference. Frames are parsed only as far as their lengths: a line counts with its frame.

`python -m bench.arrivals live URL` subscribes to all lines; `python -m bench.arrivals pipe` reads standard input.
At SIGTERM or the end, each delay goes to standard output as a 64-bit number of ns.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from array import array
from pathlib import Path

import msgpack

STAMP = re.compile(rb"@(\d{19})")


def stamped(length: int) -> bytes:
    """A line of this many bytes that says when it was made."""
    stamp = b"@%019d " % time.monotonic_ns()
    return stamp + b"x" * (length - len(stamp) - 1) + b"\n"


class Reader:
    """A reading process, from the moment that it is ready until `delays_ms`."""

    def __init__(self, kind: str, *arguments: str, stdin: int | None = None) -> None:
        command = [sys.executable, "-m", "bench.arrivals", kind, *arguments]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        self._child = subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        assert self._child.stderr is not None
        said = self._child.stderr.readline()
        assert said == b"ready\n", said + self._child.stderr.read()

    def delays_ms(self) -> list[float]:
        """End it; from write() to here, in the order of arrival."""
        self._child.terminate()
        out, _ = self._child.communicate(timeout=20)
        return [one / 1e6 for one in array("q", out)]

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()


class Delays:
    """Collects; what is cut between two reads is put together first."""

    def __init__(self) -> None:
        self.found = array("q")
        self._rest = b""

    def take(self, data: bytes) -> None:
        now_ns = time.monotonic_ns()
        data = self._rest + data
        end = data.rfind(b"\n") + 1
        self._rest = data[end:]
        self.whole(data[:end], now_ns)

    def whole(self, data: bytes, now_ns: int) -> None:
        self.found.extend(now_ns - int(stamp) for stamp in STAMP.findall(data))


def read_pipe(delays: Delays) -> None:
    print("ready", file=sys.stderr, flush=True)
    while data := os.read(0, 1 << 20):
        delays.take(data)


def read_live(url: str, delays: Delays) -> None:
    """Subscribe on a WebSocket, subprotocol `fleetglass.v1` (binary)."""
    where = urllib.parse.urlsplit(url)
    connection = socket.create_connection((where.hostname, where.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = (
        f"GET {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: fleetglass.v1\r\n\r\n"
    )
    connection.sendall(head.encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(4_096)
    question = msgpack.packb({"op": "subscribe", "id": 1, "hosts": "*", "logs": {"path": "*"}, "tail": 0})
    assert len(question) < 126
    connection.sendall(bytes([0x82, 0x80 | len(question), 0, 0, 0, 0]) + question)  # masked with zeros
    data = data.partition(b"\r\n\r\n")[2]
    is_ready = False
    while more := connection.recv(1 << 20):
        data += more
        now_ns = time.monotonic_ns()
        while (frame := _frame(data)) is not None:
            payload, data = frame
            delays.whole(payload, now_ns)
            if not is_ready and b"subscribed" in payload:
                is_ready = True
                print("ready", file=sys.stderr, flush=True)


def _frame(data: bytes) -> tuple[bytes, bytes] | None:
    """The first frame's payload and what is behind it; None: not all of it is here. Servers do not mask."""
    if len(data) < 2:
        return None
    start, length = 2, data[1]
    if length >= 126:
        start = 4 if length == 126 else 10
        length = int.from_bytes(data[2:start], "big")
        if len(data) < start:
            return None
    end = start + length
    return (data[start:end], data[end:]) if len(data) >= end else None


class _EndError(Exception):
    """SIGTERM."""


def _end(_number: int, _frame: object) -> None:
    raise _EndError


if __name__ == "__main__":
    collected = Delays()
    signal.signal(signal.SIGTERM, _end)
    with contextlib.suppress(_EndError):
        if sys.argv[1] == "live":
            read_live(sys.argv[2], collected)
        else:
            read_pipe(collected)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdout.buffer.write(collected.found.tobytes())
    sys.stdout.flush()
