"""Answers about 10,000 hosts of 40 series: how long they take, and how long everybody else waits meanwhile.

The application in this process over a fleet in memory, asked through ASGI; beside it a task that wants to run every
2 ms. Reference: one json.dumps of the same answer, which is what holds a loop that encodes by itself.
"""

import asyncio
import json
import time
from collections.abc import Sequence

import msgspec
import numpy as np
from fleetglass_hub.fleet import aggregate
from fleetglass_web.app import create_app
from fleetglass_web.testing import FakeFleet
from fleetglass_web.view import AggregateQuery, Block, GroupSeries, Host, HostState

HOSTS, SERIES = 10_000, tuple(f"cpu.user_pct[{number}]" for number in range(40))
PATHS = ("/api/v1/hosts", "/api/v1/aggregate?by=role", "/metrics")


class Fleet(FakeFleet):
    def __init__(self) -> None:
        super().__init__(clock=lambda: time.time() * 1_000)
        now_ms = self.now_ms()
        self.all = [
            Host(number, f"00000000-0000-4000-8000-{number:012x}", f"web-{number:05}", {"role": f"r{number % 10}"},
                 HostState.LIVE, now_ms, 1_000, {"system": "Linux", "cores": 2}, "0.1.0", "10.0.0.1", 0.0, 0, 2, 1.0)
            for number in range(HOSTS)
        ]  # fmt: skip
        values = (np.random.default_rng(1).random((HOSTS, len(SERIES))) * 100).round(2).astype(np.float32)
        self.block = Block(0, np.arange(HOSTS, dtype=np.uint32), np.full(HOSTS, now_ms), values)

    def hosts(self) -> Sequence[Host]:
        return self.all

    def schema(self, schema: int) -> tuple[str, ...]:
        return SERIES

    def arrived(self, after: int) -> tuple[int, Sequence[Block]]:
        return 1, [self.block]

    async def aggregate(self, query: AggregateQuery) -> Sequence[GroupSeries]:
        return await asyncio.to_thread(aggregate.newest, [self.block], [SERIES], query, self.now_ms())


async def ask(app, path: str, encoding: str) -> tuple[float, bytes]:
    route, _, query = path.partition("?")
    headers = [(b"host", b"localhost"), (b"accept-encoding", encoding.encode())]
    scope = {"type": "http", "method": "GET", "path": route, "raw_path": route.encode(), "root_path": "",
             "query_string": query.encode(), "headers": headers, "server": ("localhost", 7480),
             "client": ("127.0.0.1", 1), "scheme": "http", "http_version": "1.1"}  # fmt: skip
    body = bytearray()

    async def send(message) -> None:
        body.extend(message.get("body", b""))

    async def receive():
        await asyncio.Event().wait()

    began = time.perf_counter()
    await app(scope, receive, send)
    return time.perf_counter() - began, bytes(body)


async def measure() -> None:
    app = create_app(Fleet())
    waits: list[float] = []

    async def neighbour() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.002)
            waits.append(time.perf_counter() - began - 0.002)

    beside = asyncio.create_task(neighbour())
    for path in PATHS:
        for encoding in ("identity", "gzip"):
            await asyncio.sleep(0.05)
            waits.clear()
            took_s, body = await ask(app, path, encoding)
            print(
                f"{path}, {encoding}: {len(body) / 1e6:.1f} MB in {took_s * 1e3:.0f} ms; "
                f"a neighbour waited {max(waits, default=0.0) * 1e3:.0f} ms at most"
            )
            if path == PATHS[0] and encoding == "identity":
                read = msgspec.json.decode(body)
                began = time.perf_counter()
                json.dumps(read)
                print(f"reference: json.dumps of it {(time.perf_counter() - began) * 1e3:.0f} ms, at one go")
    beside.cancel()


def main() -> None:
    asyncio.run(measure())


if __name__ == "__main__":
    main()
