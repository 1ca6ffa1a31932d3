"""Hub CPU for one delivered browser frame, against a bare C send() loop over as many sockets.

    python -m tests.bench.fanout [BROWSERS]...     1,000 and 10,000 browsers

One channel, one host of 40 series, a frame each 250 ms (1 s from 5,000 browsers on). Both senders write frames of the
same size to the same C reader, in turn, three times; the middle one counts. The hub's figure is all of its process's
CPU time in the run: the row's arrival, the channel, the encoding, the writes, the event loop.
"""

import base64
import contextlib
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SERIES = 40
ROUNDS = 3
# header 2 or 4, the map's words, 4 + 8 + 160 bytes of columns; the real size is measured and used for both
SUBSCRIPTION = {"op": "subscribe", "id": 1, "hosts": "*", "series": ["*"], "history_s": 0}


def built(folder):
    """Compile the reference and the load."""
    program = Path(folder) / "fanout_reference"
    subprocess.run(["gcc", "-O2", "-o", program, HERE / "fanout_reference.c"], check=True)
    return program


def masked(payload, opcode=0x81):
    """A client's frame (RFC 6455, section 5.2)."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else struct.pack("!BH", 0x80 | 126, len(payload))
    return bytes([opcode]) + length + bytes(4) + payload


def hello(folder, interval_ms, subscription=None):
    """A file with a handshake and a subscription."""
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        "GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: fleetglass.v1\r\n\r\n"
    )
    path = Path(folder) / "hello"
    path.write_bytes(
        request.encode() + masked(json.dumps(subscription or {**SUBSCRIPTION, "interval_ms": interval_ms}).encode())
    )
    return path


def said(process, word):
    """The rest of the next line that begins with a word."""
    for line in process.stdout:
        if line.startswith(word):
            return line.split()[1:]
    raise SystemExit(f"{process.args[0]} ended before it said {word!r}")


@contextlib.contextmanager
def running(*command):
    process = subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield process
    finally:
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.wait(20)


class Hub:
    """A serving process and its readers."""

    def __init__(self, stack, folder, program, kind, browsers, interval_ms, frame_bytes=0):
        self.process = stack.enter_context(
            running(sys.executable, HERE / "fanout_hub.py", kind, interval_ms, frame_bytes)
        )
        port = said(self.process, "port")[0]
        self.reader = stack.enter_context(running(program, "read", port, browsers, hello(folder, interval_ms), 0))
        said(self.reader, "ready")
        self.browsers = browsers

    def us_per_frame(self, rounds):
        """CPU of the process in a run, for one frame of one browser."""
        self.process.stdin.write(f"go {rounds}\n")
        return float(said(self.process, "cpu_s")[0]) / rounds / self.browsers * 1e6

    def bytes_per_frame(self, rounds_in_all):
        """Ends the readers."""
        self.reader.stdin.close()
        counted = said(self.reader, "bytes")
        return round(int(counted[0]) / rounds_in_all / self.browsers), int(counted[4])


def reference(program, browsers, frame_bytes, rounds, interval_ms):
    """CPU of the C loop for one send()."""
    with running(program, "send", browsers, frame_bytes, rounds, interval_ms) as sender:
        port = said(sender, "port")[0]
        with running(program, "read", port, browsers, "-", 0) as reader:
            said(reader, "ready")
            return float(said(sender, "us_per_send")[0])


def measure(browsers):
    interval_ms = 250 if browsers < 5_000 else 1_000
    rounds = 16 if browsers < 5_000 else 6
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        program = built(folder)
        hub = Hub(stack, folder, program, "ours", browsers, interval_ms)
        hub.us_per_frame(4)
        # The frame's size is known before it is counted: the words of the map and the columns of one row.
        frame_bytes = 237
        ours, bare = [], []
        for _ in range(ROUNDS):
            ours.append(hub.us_per_frame(rounds))
            bare.append(reference(program, browsers, frame_bytes, rounds, interval_ms))
        real_bytes, closed = hub.bytes_per_frame(4 + ROUNDS * rounds)
        with contextlib.ExitStack() as second:
            stock_hub = Hub(second, folder, program, "stock", browsers, interval_ms, frame_bytes)
            stock_hub.us_per_frame(2)
            stock = stock_hub.us_per_frame(rounds)
    us, c = statistics.median(ours), statistics.median(bare)
    print(
        f"browser frame delivered, {browsers:,} browsers: {us:.2f} us of hub CPU "
        f"(bare C send() {c:.2f} us, ratio {us / c:.2f}; stock Starlette {stock:.2f} us, ratio {stock / c:.2f}) "
        f"[{real_bytes} bytes a frame, {closed} connections lost]"
    )


def main():
    for browsers in [int(word) for word in sys.argv[1:]] or [1_000, 10_000]:
        measure(browsers)


if __name__ == "__main__":
    main()
