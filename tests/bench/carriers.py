"""The story of 2009: what ten thousand clients cost on the wire by polling, long polling, events and frames.

One client each way, through the real web tier, takes a row of 40 series a second for ten seconds; every byte in both
directions is counted above TCP, with the headers that a Chromium sends. The figures for 10,000 clients are these,
multiplied.
"""

import contextlib
import json
import socket
import sys
import threading
import time

from bench.fanout import HERE, SUBSCRIPTION, masked, running, said

SECONDS, CLIENTS = 10, 10_000
BROWSER = (
    "Host: fleet.example.org:7480\r\nConnection: keep-alive\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) "
    "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\nAccept: ACCEPT\r\nSec-Fetch-Site: "
    "same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: http://fleet.example.org:7480/\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n"
).replace("fleet.example.org", "localhost")


def request(path, accept="application/json"):
    return f"GET {path} HTTP/1.1\r\n{BROWSER.replace('ACCEPT', accept)}\r\n".encode()


class Wire:
    """A connection that counts."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(3)
        self.count = 0

    def send(self, data):
        self.count += len(data)
        self.socket.sendall(data)

    def read(self):
        data = self.socket.recv(1 << 16)
        self.count += len(data)
        return data

    def answer(self, sent):
        """The body of one answer."""
        self.send(sent)
        got = b""
        while b"\r\n\r\n" not in got:
            got += self.read()
        head, _, body = got.partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].split()[0])
        while len(body) < size:
            body += self.read()
        return json.loads(body)


def pushed(wire, first, ends):
    """What comes by itself until the time is over."""
    wire.send(first)
    while time.monotonic() < ends:
        with contextlib.suppress(TimeoutError):
            wire.read()


def polled(wire, wait_s, ends):
    at = ""
    while time.monotonic() < ends:
        path = f"/api/v1/poll?series=*&wait={wait_s}" + (f"&cursor={at}" if at else "")
        at = wire.answer(request(path))["cursor"]
        if not wait_s:
            time.sleep(1)


def handshake():
    head = request("/api/v1/live").decode().replace("Connection: keep-alive", "Connection: Upgrade").rstrip("\r\n")
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13"
    return f"{head}\r\nUpgrade: websocket\r\n{key}\r\nSec-WebSocket-Protocol: fleetglass.v1\r\n\r\n".encode()


def frames(wire, ends):
    wire.send(handshake())
    while b"\r\n\r\n" not in wire.read():
        pass
    pushed(wire, masked(json.dumps(SUBSCRIPTION).encode()), ends)


WAYS = {
    "polling each second": lambda wire, ends: polled(wire, 0, ends),
    "long polling": lambda wire, ends: polled(wire, 5, ends),
    "server-sent events": lambda wire, ends: pushed(
        wire, request("/api/v1/stream/metrics?series=*", "text/event-stream"), ends
    ),
    "frames": frames,
}


def main():
    with running(sys.executable, HERE / "fanout_hub.py", "ours", 1_000, 0) as hub:
        port = said(hub, "port")[0]
        wires = {name: Wire(port) for name in WAYS}
        ends = time.monotonic() + SECONDS
        threads = [threading.Thread(target=way, args=(wires[name], ends), daemon=True) for name, way in WAYS.items()]
        for thread in threads:
            thread.start()
        hub.stdin.write(f"go {SECONDS}\n")
        said(hub, "cpu_s")
        for thread in threads:
            thread.join(10)
    for name, wire in wires.items():
        a_second = wire.count / SECONDS
        print(
            f"{name}: {a_second:,.0f} bytes a second and client (measured, its connection included); "
            f"{CLIENTS:,} clients: {a_second * CLIENTS * 8 / 1e6:,.0f} Mbit/s (computed)"
        )


if __name__ == "__main__":
    main()
