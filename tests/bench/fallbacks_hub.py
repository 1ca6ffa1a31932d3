"""The hub's side of `fallbacks`: the web tier over a fleet in memory, and lines that carry the moment of their writing.

Prints "port N", then serves; each "go TICKS" on standard input writes so many lines a quarter of a second apart and
prints "cpu_s X" for that time, process CPU, everything included.
"""

import asyncio
import sys
import time

import uvloop
from fleetglass_web.app import create_app
from fleetglass_web.serving import serving
from fleetglass_web.testing import FakeFleet

INTERVAL_S = 0.25


async def main():
    fleet = FakeFleet(clock=lambda: time.time() * 1_000)
    fleet.add_host("bench-1")
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    async with serving(create_app(fleet), backlog=4_096) as port:
        print(f"port {port}", flush=True)
        number = 0
        while words := (await commands.readline()).decode().split():
            before, due = time.process_time(), time.monotonic()
            for _ in range(int(words[1])):
                due += INTERVAL_S
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                number += 1
                line = f"at={time.time() * 1_000:.3f} bench-1 GET /items/{number:06d} 200 while everybody looks on\n"
                fleet.lines(0, "/var/log/app.log", line)
            await asyncio.sleep(INTERVAL_S)
            print(f"cpu_s {time.process_time() - before:.6f}", flush=True)


uvloop.run(main())
