"""Serve an app on a running event loop: a socket is opened, the URL is known, the end is awaited.

`python -m fleetglass_web.serving` serves a fake fleet that moves, for work on the dashboard and the examples.
"""

import asyncio
import contextlib
import math
import random
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette

from fleetglass_web.app import create_app, uvicorn_config
from fleetglass_web.testing import FakeFleet
from fleetglass_web.transports.server import QuietServer


@contextlib.asynccontextmanager
async def serving(app: Starlette, port: int = 0, **changes: Any) -> AsyncIterator[int]:  # any: uvicorn's keywords
    """Serve on this loopback port, or on a free one; gives the port."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    server = QuietServer(uvicorn_config(app, **changes))
    running = asyncio.create_task(server._serve(sockets=[listener]))
    while not server.started:
        if running.done():
            running.result()
        await asyncio.sleep(0.005)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await running
        listener.close()


async def _main() -> None:
    fleet = FakeFleet(clock=lambda: time.time() * 1_000)
    for name, role in (("web-1", "web"), ("web-2", "web"), ("db-1", "db")):
        fleet.add_host(name, role=role)
    async with serving(create_app(fleet)) as port:
        print(f"http://127.0.0.1:{port}/", flush=True)
        chance = random.Random(1)  # noqa: S311 - plausible numbers, nothing secret
        second = 0
        while True:
            for host in range(3):
                user = 20 + 10 * math.sin(second / 9 + host) + chance.random()
                cpu = {"cpu.user_pct": user, "cpu.system_pct": user / 4, "cpu.idle_pct": 100 - user * 1.25}
                fleet.sample(host, cpu)
                fleet.lines(host, "/var/log/app.log", f"{second} GET /items/{chance.randrange(99)} 200\n")
            second += 1
            await asyncio.sleep(1)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main())
