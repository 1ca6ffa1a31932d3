"""Crowds: a hundred channels of a hundred browsers, log lines to a thousand, and ten thousand that come back at once.

    python -m tests.bench.crowds [BROWSERS]         of the storm: 10,000, which needs 10,100 open files a process

"CPU" is all of the hub's process. The storm is a hub that is killed (-9) and started again on its port, and browsers
that all send their handshake before the first is answered; a browser is live when its first samples came.
"""

import contextlib
import re
import sys
import tempfile
import time
from pathlib import Path

from bench.fanout import HERE, SUBSCRIPTION, built, hello, reference, running, said


def peak_mib(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


@contextlib.contextmanager
def crowd(folder, program, kind, interval_ms, browsers, subscription, *how):
    """A hub and its readers, all live; also in which time, after the hub was there."""
    with running(sys.executable, HERE / "fanout_hub.py", kind, interval_ms, 0) as hub:
        port = said(hub, "port")[0]
        began = time.monotonic()
        with running(program, "read", port, browsers, hello(folder, interval_ms, subscription), 0, *how) as reader:
            said(reader, "ready")
            yield hub, reader, time.monotonic() - began


def warmed(hub, reader):
    """Rounds that do not count: right behind ten thousand joins the collector walks all that is new, once."""
    hub.stdin.write("go 4\n")
    said(hub, "cpu_s")
    reader.stdin.write("report\n")
    said(reader, "bytes")


def measured(hub, reader, rounds):
    """CPU seconds, bytes, connections lost, p50 and p99 in ms."""
    hub.stdin.write(f"go {rounds}\n")
    spent = float(said(hub, "cpu_s")[0])
    reader.stdin.close()
    words = said(reader, "bytes")
    return spent, int(words[0]), int(words[4]), float(words[6]), float(words[8])


def channels(folder, program):
    browsers, rounds = 10_000, 8
    subscription = {**SUBSCRIPTION, "hosts": "bench-000", "interval_ms": 1_000}
    with crowd(folder, program, "hosts", 1_000, browsers, subscription) as (hub, reader, _):
        warmed(hub, reader)
        spent, received, lost, p50, p99 = measured(hub, reader, rounds)
    us = spent / rounds / browsers * 1e6
    bare = reference(program, browsers, max(64, received // rounds // browsers), rounds, 1_000)
    print(
        f"100 channels x 100 browsers: {us:.2f} us of hub CPU a frame (bare C send() {bare:.2f}, "
        f"ratio {us / bare:.2f}), p50 {p50:.1f} ms, p99 {p99:.1f} ms, {lost} connections lost"
    )


def lines(folder, program):
    browsers, ticks = 1_000, 50
    subscription = {"op": "subscribe", "id": 1, "hosts": "*", "logs": {"path": "*"}}
    with crowd(folder, program, "lines", 100, browsers, subscription) as (hub, reader, _):
        spent, received, lost, _, _ = measured(hub, reader, ticks)
    frame_bytes = received // ticks // browsers
    bare = reference(program, browsers, frame_bytes, ticks, 100)
    us = spent / ticks / browsers * 1e6
    print(
        f"500 log lines/s (ten frames of {frame_bytes:,} bytes) to 1,000 browsers: {spent / ticks * 10 * 100:.1f} % of "
        f"a core, {us:.2f} us a frame (bare C send() {bare:.2f}, ratio {us / bare:.2f}), {lost} connections lost"
    )


def storm(folder, program, browsers):
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(running(sys.executable, HERE / "fanout_hub.py", "ours", 1_000, 0))
        port = said(first, "port")[0]
        reader = stack.enter_context(running(program, "read", port, browsers, hello(folder, 1_000), 0, "storm"))
        said(reader, "ready")
        first.kill()
        first.wait()
        hub = stack.enter_context(running(sys.executable, HERE / "fanout_hub.py", "ours", 1_000, 0, port))
        said(hub, "port")
        empty = peak_mib(hub.pid)
        took = float(said(reader, "again")[0])
        peak = peak_mib(hub.pid)
        _, _, lost, _, _ = measured(hub, reader, 2)
    print(
        f"storm of {browsers:,} reconnects: all live {took:.1f} s after the hub listened again, {peak:.0f} MiB "
        f"resident at the peak ({empty:.0f} without them), {lost} connections lost"
    )


def main():
    with tempfile.TemporaryDirectory() as folder:
        program = built(folder)
        channels(folder, program)
        lines(folder, program)
        storm(folder, program, int(sys.argv[1]) if sys.argv[1:] else 10_000)


if __name__ == "__main__":
    main()
