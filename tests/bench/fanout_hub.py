"""The hub's side of `fanout`: the web tier over a fleet in memory, one host of 40 series, in a process of its own.

Prints "port N", then serves; each line "go ROUNDS" on standard input sends so many rows `interval_ms` apart and prints
"cpu_s X" for that time, process CPU, everything included. `stock` sends the same bytes as everybody does it, with
`await websocket.send_bytes` over all clients. `hosts` is a hundred hosts, `lines` are fifty log lines a tick.
A fourth argument is the port.
"""

import asyncio
import sys
import time

import numpy as np
import uvloop
from fleetglass_web.app import create_app
from fleetglass_web.serving import serving
from fleetglass_web.testing import FakeFleet
from fleetglass_web.view import Block
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

SERIES = 40


class Fleet(FakeFleet):
    """A row costs nothing here: what it costs to receive one is another figure (`hostframe`)."""

    def __init__(self):
        super().__init__(clock=lambda: time.time() * 1_000)
        self.add_host("bench-1")
        self.sample(0, {f"cpu.figure_{number}_pct": number for number in range(SERIES)})
        self.block = super().arrived(-1)[1][0]
        self.mark = 0

    def arrived(self, after):
        if after >= self.mark:
            return self.mark, []
        # Asked for at the tick: the reader compares this moment with its own.
        block = self.block
        return self.mark, [Block(block.schema, block.hosts, np.full(len(block.hosts), self.now_ms()), block.values)]


class Ours:
    def __init__(self):
        self.fleet = Fleet()
        self.app = create_app(self.fleet)

    async def send(self, _tick):
        self.fleet.mark += 1
        for watcher in self.fleet._watchers:
            watcher.rows_arrived()

    def changes(self):
        return {}


class Hosts(Fleet):
    """A hundred of them, each with a row a tick."""

    def __init__(self):
        super().__init__()
        for number in range(100):
            self.add_host(f"bench-{number:03d}")
        hosts = np.arange(1, 101, dtype=self.block.hosts.dtype)
        values = np.repeat(self.block.values, 100, axis=0)
        for number in hosts.tolist():
            self.sample(number, {f"cpu.figure_{one}_pct": one for one in range(SERIES)})
        self.block = self.block._replace(hosts=hosts, time_ms=np.zeros(100), values=values)


class Crowd(Ours):
    def __init__(self, fleet):
        self.fleet = fleet
        self.app = create_app(fleet)


class Lines(Crowd):
    async def send(self, tick):
        texts = (f"2026-11-24T12:00:00.000Z bench-1 GET /items/{tick}/{one} 200 {one} ms\n" for one in range(50))
        self.fleet.lines(0, "/var/log/app.log", "".join(texts))
        self.fleet.forget_lines(max(0, len(self.fleet._batches) - 100) or 1)


class Stock:
    """Plain Starlette on plain uvicorn."""

    def __init__(self):
        self.clients = set()
        self.app = Starlette(routes=[WebSocketRoute("/api/v1/live", self.live)])
        self.frame = b"\x82" + bytes(int(sys.argv[3]) - 1)

    async def live(self, websocket):
        await websocket.accept("fleetglass.v1")
        await websocket.send_bytes(self.frame)
        self.clients.add(websocket)
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            self.clients.discard(websocket)

    async def send(self, _tick):
        for websocket in list(self.clients):
            await websocket.send_bytes(self.frame)

    def changes(self):
        return {"ws": "websockets-sansio", "http": "h11", "lifespan": "off"}


async def commands(reader, side, interval_s):
    while line := (await reader.readline()).decode().split():
        before, due = time.process_time(), time.monotonic()
        for tick in range(int(line[1])):
            due += interval_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await side.send(tick)
        await asyncio.sleep(interval_s)
        print(f"cpu_s {time.process_time() - before:.6f}", flush=True)


async def main():
    kinds = {"stock": Stock, "ours": Ours, "hosts": lambda: Crowd(Hosts()), "lines": lambda: Lines(Fleet())}
    side = kinds[sys.argv[1]]()
    interval_s = int(sys.argv[2]) / 1_000
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    wanted = int(sys.argv[4]) if sys.argv[4:] else 0
    async with serving(side.app, wanted, backlog=4_096, **side.changes()) as port:
        print(f"port {port}", flush=True)
        await commands(reader, side, interval_s)


uvloop.run(main())
