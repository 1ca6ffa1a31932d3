"""The hub's side of `dashboard` for more hosts than invented agents can speak for on two cores.

`python -m bench.dashboard_fleet HOSTS` within tests/: the web tier over a fleet in memory. Each second every host has a
row of all that the fleet's pages draw, in one block; five minutes of them are kept. Prints its address, then serves.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Sequence

import numpy as np
import uvloop
from fleetglass_web.app import create_app
from fleetglass_web.serving import serving
from fleetglass_web.testing import FakeFleet
from fleetglass_web.view import Block, Host, HostState

SERIES = (
    "cpu.user_pct", "cpu.nice_pct", "cpu.system_pct", "cpu.iowait_pct", "cpu.steal_pct", "cpu.idle_pct", "load.1m",
    "memory.used_pct", *(f"disk.{what}[{disk}]" for disk in ("sda", "sdb") for what in (
        "util_pct", "await_ms", "read_bytes_per_s", "write_bytes_per_s")),
    "net.rx_bytes_per_s[eth0]", "net.tx_bytes_per_s[eth0]", "log.lines_per_s", "log.errors_per_s", "system.uptime_s",
)  # fmt: skip
KEPT = 300


class Fleet(FakeFleet):
    """A row costs nothing here: what it costs to receive one is another figure (`hub_ingest`)."""

    def __init__(self, hosts: int) -> None:
        super().__init__(clock=lambda: time.time() * 1_000)
        self.count = hosts
        now_ms = self.now_ms()
        roles = ("web", "db", "api", "cache", "queue")
        self.all = [
            Host(number, f"00000000-0000-4000-8000-{number:012x}", f"{roles[number % 5]}-{number:05}",
                 {"role": roles[number % 5], "dc": f"dc{number % 3}"}, HostState.LIVE, now_ms, 1_000,
                 {"system": "Linux", "cores": 2}, "0.1.0", "10.0.0.1", 0.0, 0, 2, 1.0, now_ms - 3_600_000)
            for number in range(hosts)
        ]  # fmt: skip
        self.numbers = np.arange(hosts, dtype=np.uint32)
        self.random = np.random.default_rng(1)
        self.base = self.random.random((hosts, len(SERIES)), dtype=np.float32) * 20
        self.rows: deque[tuple[float, np.ndarray]] = deque(maxlen=KEPT)
        self.mark = 0
        for ago in range(KEPT, 0, -1):
            self.second(now_ms - ago * 1_000)

    def second(self, time_ms: float) -> None:
        """A row of every host."""
        values = self.base + self.random.random((self.count, len(SERIES)), dtype=np.float32) * 10
        values[:, 5] = 100 - values[:, :5].sum(axis=1)
        self.rows.append((time_ms, values))
        self.mark += 1

    def hosts(self) -> Sequence[Host]:
        return self.all

    def schema(self, schema: int) -> tuple[str, ...]:
        return SERIES

    def arrived(self, after: int) -> tuple[int, Sequence[Block]]:
        if after >= self.mark:
            return self.mark, []
        time_ms, values = self.rows[-1]
        return self.mark, [Block(0, self.numbers, np.full(self.count, time_ms), values)]

    def recent(self, hosts: Sequence[int], span_ms: float) -> Sequence[Block]:
        since_ms = self.now_ms() - span_ms
        kept = [row for row in self.rows if row[0] >= since_ms]
        chosen = np.asarray(hosts, dtype=np.uint32)
        values = np.stack([values[chosen] for _, values in kept], axis=1).reshape(-1, len(SERIES))
        times = np.tile(np.array([time_ms for time_ms, _ in kept]), len(chosen))
        return [Block(0, np.repeat(chosen, len(kept)), times, values)]


async def main() -> None:
    fleet = Fleet(int(sys.argv[1]))
    async with serving(create_app(fleet)) as port:
        print(f"http://127.0.0.1:{port}", flush=True)
        while True:
            await asyncio.sleep(1 - time.time() % 1)
            fleet.second(fleet.now_ms())
            for watcher in fleet._watchers:
                watcher.rows_arrived()


if __name__ == "__main__":
    uvloop.run(main())
