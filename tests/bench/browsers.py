"""A thousand and ten thousand browsers: how late frames are, also while some have stopped; what one costs to hold.

    python -m tests.bench.browsers [BROWSERS]...    1,000 and 10,000

One host of 40 series, a frame a second (four below 5,000 browsers), through the whole web tier, read by the C reader in
one process. Lateness is from the hub's tick to the client; three windows, the middle p50 and p99 count. The reference
is the bare C send() loop with the same reader. Then one of a hundred stops for three windows more, and reads on.

Last, a thousand browsers with a hundred hosts in each frame (19 KB), of which ten stop: that is where memory would go.
"""

import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.cpu import cpu_s, resident_bytes
from bench.fanout import HERE, SUBSCRIPTION, built, hello, running, said

FRAME_BYTES = 237
WINDOWS = 3


def tell(reader, word):
    reader.stdin.write(f"{word}\n")


def report(reader):
    """Bytes, connections lost, p50 and p99 in ms since the last report."""
    tell(reader, "report")
    words = said(reader, "bytes")
    return int(words[0]), int(words[4]), float(words[6]), float(words[8])


def go(hub, rounds):
    hub.stdin.write(f"go {rounds}\n")
    said(hub, "cpu_s")


def windows(hub, reader, rounds):
    """p50 and p99 in ms, the middle of some windows."""
    report(reader)
    found = []
    for _ in range(WINDOWS):
        go(hub, rounds)
        found.append(report(reader))
    return statistics.median(one[2] for one in found), statistics.median(one[3] for one in found)


def reference(program, browsers, rounds, interval_ms, frame_bytes):
    found = []
    for _ in range(WINDOWS):
        with running(program, "send", browsers, frame_bytes, rounds, interval_ms) as sender:
            port = said(sender, "port")[0]
            with running(program, "read", port, browsers, "-", 0) as reader:
                said(reader, "ready")
                said(sender, "us_per_send")
                found.append(report(reader))
    return statistics.median(one[2] for one in found), statistics.median(one[3] for one in found)


def kernel_bytes(port):
    """What the kernel keeps for the hub's sockets: not yet acknowledged bytes, each."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(line[4].split(":")[0], 16) for line in lines if int(line[1].split(":")[1], 16) == int(port)]


def stopping(hub, reader, port, stopped, rounds):
    """One of a hundred stops and goes on: p99 of the others, bytes kept for each of them, how many were fresh, when."""
    before = resident_bytes(hub.pid)
    tell(reader, "stop")
    go(hub, 2)
    _, p99 = windows(hub, reader, rounds)
    kept = max(0, resident_bytes(hub.pid) - before) / stopped + sum(sorted(kernel_bytes(port))[-stopped:]) / stopped
    tell(reader, "on")
    go(hub, 2)
    tell(reader, "fresh")
    words = said(reader, "fresh")
    return p99, kept, int(words[0]), float(words[2])


def measure(program, folder, browsers, kind="ours", interval_ms=1_000, rounds=20, reference_rounds=10):
    stopped = browsers // 100
    subscription = {**SUBSCRIPTION, "interval_ms": interval_ms}
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(running(sys.executable, HERE / "fanout_hub.py", kind, interval_ms, 0))
        port = said(hub, "port")[0]
        empty, began, before = resident_bytes(hub.pid), time.monotonic(), cpu_s(hub.pid)
        greeting = hello(folder, interval_ms, subscription)
        reader = stack.enter_context(running(program, "read", port, browsers, greeting, stopped))
        said(reader, "ready")
        joining_s, joining_cpu_s = time.monotonic() - began, cpu_s(hub.pid) - before
        go(hub, 2)
        held = (resident_bytes(hub.pid) - empty) / browsers
        report(reader)
        go(hub, 2)
        frame_bytes = round(report(reader)[0] / 2 / browsers)
        p50, p99 = windows(hub, reader, rounds)
        others, kept, fresh, fresh_ms = stopping(hub, reader, port, stopped, rounds)
        lost = report(reader)[1]
    bare50, bare99 = reference(program, browsers, reference_rounds, interval_ms, frame_bytes)
    seconds = WINDOWS * rounds * interval_ms / 1_000
    name = f"{browsers:,} browsers, {frame_bytes:,} bytes a frame"
    print(
        f"{name}, tick to client over {seconds:.0f} s: p50 {p50:.1f}, p99 {p99:.1f} ms (bare C loop {bare50:.1f} and "
        f"{bare99:.1f}, ratio of p99 {p99 / bare99:.2f}; design section 8: stock Starlette 1.9)"
    )
    print(
        f"{name}, {stopped} stopped for {seconds:.0f} s: p99 of the others {others:.1f} ms, ratio {others / p99:.2f}; "
        f"{kept / 1024:.0f} KiB kept for each, {lost} connections lost in all; reading on, {fresh} of {stopped} had "
        f"the newest state, the last after {fresh_ms:.0f} ms"
    )
    print(
        f"{name}, memory: {held / 1024:.1f} KiB resident each (design section 8: stock Starlette 25, nchan 10); "
        f"joining one by one: {joining_s:.1f} s, {joining_cpu_s / browsers * 1e6:.0f} us of hub CPU each"
    )


def main():
    with tempfile.TemporaryDirectory() as folder:
        program = built(folder)
        for browsers in [int(word) for word in sys.argv[1:]] or [1_000, 10_000]:
            if browsers < 5_000:
                measure(program, folder, browsers, interval_ms=250, rounds=24, reference_rounds=24)
            else:
                measure(program, folder, browsers)
        measure(program, folder, 1_000, kind="hosts", interval_ms=500, rounds=8)


if __name__ == "__main__":
    main()
