"""A thousand clients on each carrier: hub CPU and lateness of one delivered line, by socket, events, text and polls.

    python -m tests.bench.fallbacks [CLIENTS]        1,000

One line each 250 ms through the whole web tier, read by a C client that also polls. What a line is wrapped in differs,
so the bytes of a line are said; the bare C send() loop beside it sends as many as the WebSocket.
"""

import contextlib
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from bench.fanout import HERE, built, hello, reference, running, said

TICKS, ROUNDS, INTERVAL_MS = 12, 3, 250
LOGS = {"op": "subscribe", "id": 1, "hosts": "*", "logs": {"path": "*"}}


def request(path, accept):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n".encode()


STREAM = "/api/v1/stream/logs"
CARRIERS = {
    "WebSocket, MessagePack": None,
    "server-sent events": request(STREAM, "text/event-stream"),
    "JSON lines": request(STREAM, "application/x-ndjson"),
    "plain text": request(STREAM, "text/plain"),
    "long polling": request("/api/v1/poll?path=*&cursor=CURSOR", "application/json"),
}


def warm(hub, reader):
    """A line now and then, until each client has seen one."""
    is_ready = threading.Event()

    def feed():
        while not is_ready.wait(0.1):
            hub.stdin.write("go 1\n")
            said(hub, "cpu_s")

    feeding = threading.Thread(target=feed, daemon=True)
    feeding.start()
    said(reader, "ready")
    is_ready.set()
    feeding.join()


def measure(program, folder, clients, name, file):
    with contextlib.ExitStack() as stack:
        hub = stack.enter_context(running(sys.executable, HERE / "fallbacks_hub.py"))
        port = said(hub, "port")[0]
        how = ["poll"] if name == "long polling" else []
        reader = stack.enter_context(running(program, port, clients, file, *how))
        warm(hub, reader)
        reader.stdin.write("count\n")
        spent = []
        for _ in range(ROUNDS):
            hub.stdin.write(f"go {TICKS}\n")
            spent.append(float(said(hub, "cpu_s")[0]))
        reader.stdin.close()
        words = said(reader, "lines")
    lines, size, lost, p50, p99 = (float(words[at]) for at in (0, 2, 4, 6, 8))
    due = TICKS * ROUNDS * clients
    us = statistics.median(spent) / TICKS / clients * 1e6
    print(
        f"{name}, {clients:,} clients: {us:.2f} us of hub CPU a line, p50 {p50:.1f} ms, p99 {p99:.1f} ms "
        f"[{size / max(lines, 1):.0f} bytes a line, {due - lines:.0f} of {due:,} lines missing, {lost:.0f} "
        "connections lost]",
        flush=True,
    )
    return us, round(size / max(lines, 1))


def main():
    clients = int(sys.argv[1]) if sys.argv[1:] else 1_000
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "reader"
        subprocess.run(["gcc", "-O2", "-o", program, HERE / "fallbacks_reader.c"], check=True)
        bare = built(folder)
        first = None
        for number, (name, asked) in enumerate(CARRIERS.items()):
            file = hello(folder, 0, LOGS) if asked is None else Path(folder) / f"request-{number}"
            if asked is not None:
                file.write_bytes(asked)
            us, size = measure(program, folder, clients, name, file)
            if first is None:
                first = us
                c = reference(bare, clients, size, TICKS, INTERVAL_MS)
                print(f"  bare C send() of {size} bytes: {c:.2f} us, ratio {us / c:.2f}", flush=True)
            else:
                print(f"  against the WebSocket: {us / first:.1f}", flush=True)


if __name__ == "__main__":
    main()
