"""A thousand browsers: how late frames are, also while some have stopped; what one costs to hold and to join.

    python -m tests.bench.browsers [BROWSERS]       1,000, or 10,000

One host of 40 series, a frame a second (four below 5,000 browsers), through the whole web tier, read by the C reader.
The reference for lateness is the bare C send() loop with the same reader. "Joining" is a handshake and a subscription
with its first picture, from four processes at once.
"""

import contextlib
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from bench.cpu import cpu_s, resident_bytes
from bench.fanout import HERE, built, hello, running, said

FRAME_BYTES = 254
JOINERS = 4


def reading(stack, program, port, browsers, folder, interval_ms, stopped):
    """Browsers that are all live; the first `stopped` of them then read no more."""
    reader = stack.enter_context(running(program, "read", port, browsers, hello(folder, interval_ms), stopped))
    said(reader, "ready")
    return reader


def lateness(reader):
    """Ends a reader: p50 and p99 in ms, and how many connections were lost."""
    reader.stdin.close()
    words = said(reader, "bytes")
    return float(words[6]), float(words[8]), int(words[4])


def reference(program, browsers, rounds, interval_ms):
    with running(program, "send", browsers, FRAME_BYTES, rounds, interval_ms) as sender:
        port = said(sender, "port")[0]
        with running(program, "read", port, browsers, "-", 0) as reader:
            said(reader, "ready")
            said(sender, "us_per_send")
            return lateness(reader)


def go(hub, rounds):
    hub.stdin.write(f"go {rounds}\n")
    said(hub, "cpu_s")


def measure(browsers):
    interval_ms = 250 if browsers < 5_000 else 1_000
    rounds = 24 if browsers < 5_000 else 10
    stopped = browsers // 100
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        program = built(folder)
        hub = stack.enter_context(running(sys.executable, HERE / "fanout_hub.py", "ours", interval_ms, 0))
        port = said(hub, "port")[0]
        empty = resident_bytes(hub.pid)
        began, before = time.monotonic(), cpu_s(hub.pid)
        share = browsers // JOINERS
        with ThreadPoolExecutor(JOINERS) as threads:
            joined = [
                threads.submit(reading, stack, program, port, share, folder, interval_ms, 0) for _ in range(JOINERS)
            ]
            readers = [one.result() for one in joined]
        joining_s, joining_cpu_s = time.monotonic() - began, cpu_s(hub.pid) - before
        go(hub, 2)
        held = (resident_bytes(hub.pid) - empty) / browsers / 1024
        go(hub, rounds)
        all_read = [lateness(reader) for reader in readers]
        reader = reading(stack, program, port, browsers, folder, interval_ms, stopped)
        go(hub, rounds)
        with_stopped = lateness(reader)
        bare = reference(program, browsers, rounds, interval_ms)
    p50, p99 = (statistics.median(one[at] for one in all_read) for at in (0, 1))
    lost = sum(one[2] for one in all_read)
    name = f"{browsers:,} browsers"
    ratio = p99 / bare[1]
    print(f"{name}, tick to client: p50 {p50:.1f} ms, p99 {p99:.1f} ms (C loop p99 {bare[1]:.1f}, ratio {ratio:.2f})")
    print(
        f"{name}, 1 % stopped: p99 of the others {with_stopped[1]:.1f} ms (all reading {p99:.1f}, "
        f"ratio {with_stopped[1] / p99:.2f}; {with_stopped[2] + lost} connections lost)"
    )
    print(f"{name}, memory: {held:.1f} KiB resident each (stock Starlette 25 KB, nchan 10 KB: design section 8)")
    print(
        f"{name}, joining: {joining_s:.1f} s, {joining_cpu_s / browsers * 1e6:.0f} us of hub CPU each "
        "(10,000 in 4 s: 400 us)"
    )


def main():
    for browsers in [int(word) for word in sys.argv[1:]] or [1_000]:
        measure(browsers)


if __name__ == "__main__":
    main()
