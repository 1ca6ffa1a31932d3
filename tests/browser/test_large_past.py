"""The past of more hosts than a page asks for at once: every column, the picture, and its holes."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fleetglass_hub.history.disk import DiskHistory
from fleetglass_hub.history.recorder import HostRecord, Rows
from harness.waiting import until
from playwright.sync_api import expect

HOSTS = 510
SECONDS = 40
HOLE = slice(10, 20)
ROW = {
    "cpu.user_pct": 20.0, "cpu.nice_pct": 0.0, "cpu.system_pct": 10.0, "cpu.iowait_pct": 5.0, "cpu.steal_pct": 0.0,
    "cpu.idle_pct": 65.0, "load.1m": 2.5, "memory.used_pct": 40.0, "disk.util_pct[sda]": 12.5,
    "disk.await_ms[sda]": 4.0,
    "disk.read_bytes_per_s[sda]": 1.2e6, "disk.write_bytes_per_s[sda]": 3.4e6, "net.rx_bytes_per_s[eth0]": 5.6e6,
    "net.tx_bytes_per_s[eth0]": 7.8e6, "log.lines_per_s": 50.0, "log.errors_per_s": 5.0,
}  # fmt: skip


async def write(folder: str, start_ms: int) -> None:
    """A history of hosts that all did the same, and paused for ten seconds."""
    history = DiskHistory(folder)
    history.load(0)
    history.start(lambda _mark: None)
    history.put_schema(1, tuple(ROW))
    hosts = np.arange(HOSTS, dtype=np.uint32)
    values = np.tile(np.array(list(ROW.values()), np.float32), (HOSTS, 1))
    for host in range(HOSTS):
        agent_id = host.to_bytes(16, "big")
        history.put_host(HostRecord(host, agent_id, f"old-{host:03}", {}, {}, "", 1_000, "", start_ms, start_ms, True))
    for second in [at for at in range(SECONDS) if not HOLE.start <= at < HOLE.stop]:
        at_ms = start_ms + second * 1_000
        history.append_rows(Rows(1, hosts, np.full(HOSTS, at_ms), np.full(HOSTS, at_ms, np.float64), values))
    await history.close()


@pytest.fixture
def past(hub):
    """The first moment of a past that a hub has of many hosts."""
    hub.stop()
    start_ms = (int(time.time()) - 3_000) // 10 * 10_000
    # Playwright has a loop in this thread.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, write(str(hub.folder / "data"), start_ms)).result()
    hub.start()
    return start_ms


def test_the_past_of_many_hosts_has_all_columns_and_its_holes(hub, past, open_page):
    page = open_page(f"{hub.url}/?from={past}&to={past + SECONDS * 1_000}&sort=host")
    row = page.locator('[data-testid="row"][data-host="old-000"]')
    expect(row.locator('[data-field="cpu"]')).to_have_text("35.0", timeout=20_000)
    shown = {"load": "2.50", "memory": "40.0", "util": "12.5", "await": "4.00", "read": "1.20MB/s", "write": "3.40MB/s",
             "in": "5.60MB/s", "out": "7.80MB/s", "lines": "50", "errors": "10.0"}  # fmt: skip
    for field, text in shown.items():
        expect(row.locator(f'[data-field="{field}"]')).to_contain_text(text, timeout=20_000)

    def of(series: str) -> list[float | None]:
        found = page.get_by_test_id("spark").evaluate("c => c.values()")
        return [one["value"] for one in found if one["host"] == "old-000" and one["series"] == series]

    # The processor's parts come last, in longer steps; the ten seconds without a sample stay empty.
    until(lambda: 20.0 in of("cpu.user_pct"), "the sparkline has the processor's parts", within_s=20)
    assert of("cpu.user_pct") == [20.0] * 10 + [None] * 10 + [20.0] * 20
    assert of("cpu.iowait_pct") == [5.0] * 10 + [None] * 10 + [5.0] * 20
