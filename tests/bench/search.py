"""Search committed lines: no hit, rare and common ones; reference: `zstd -dc | rg` (or grep) of the same bytes.

`MIB=1024 make bench ARGS=search` searches a gigabyte; the default is 256 MiB.
"""

import asyncio
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench.history_lines import fill, open_history
from bench.loglines import blocks
from fleetglass_hub.history.disk import DiskHistory
from fleetglass_hub.history.keeping import EVERYTHING
from fleetglass_web.view import LogQuery

MIB = int(os.environ.get("MIB", "256"))
ROUNDS = 3
RARE = "needle in the haystack"


def query(match, limit=100, cursor=None):
    return LogQuery((1,), None, match, None, 0.0, 1e15, limit, cursor)


async def search(history, match, limit, whole):
    """Search; all pages if `whole`. Hits, wall and CPU s."""
    began, before = time.monotonic(), time.process_time()
    hits, cursor = 0, None
    while True:
        page = await history.logs(query(match, limit, cursor))
        hits += len(page.lines)
        cursor = page.next
        if cursor is None or not whole:
            return hits, time.monotonic() - began, time.process_time() - before


def reference(path, pattern):
    tool = ["rg", "-a"] if shutil.which("rg") else ["grep", "-aE"]
    environment = {**os.environ, "LC_ALL": "C"}
    began = time.monotonic()
    with subprocess.Popen(["zstd", "-dcq", path], stdout=subprocess.PIPE) as unpack:
        subprocess.run([*tool, pattern], stdin=unpack.stdout, stdout=subprocess.DEVNULL, env=environment)
    return time.monotonic() - began, f"zstd -dc | {tool[0]}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(folder))


async def measure(folder):
    raw = Path(folder, "raw")
    total = 0

    def data():
        nonlocal total
        with raw.open("wb") as file:
            for at, block in enumerate(blocks(MIB << 20)):
                if at % 64 == 5:
                    block += b"2026-11-24T00:00:00Z web-1 needle in the haystack %d\n" % at
                file.write(block)
                total += len(block)
                yield block

    history = open_history(folder)
    await fill(history, data())
    await history.close()
    subprocess.run(["zstd", "-1", "-q", "--rm", str(raw)], check=True)
    history = DiskHistory(folder, keeping=EVERYTHING)
    history.load(0)
    history.start(lambda mark: None)
    for name, pattern, limit, is_whole in (
        ("no hit", r"zebra\d+ in (the|a) fridge", 100, True),
        ("a rare hit", RARE, 1_000, True),
        ("an alternation", "zebra|quagga|okapi [0-9]", 100, True),
        ("first 100 of a common pattern", "status=500", 100, False),
        ("first 100 of everything", None, 100, False),
    ):
        taken = [await search(history, pattern, limit, is_whole) for _ in range(ROUNDS)]
        wall_s = statistics.median(took for _, took, _ in taken)
        cpu_s = statistics.median(cpu for _, _, cpu in taken)
        if is_whole:
            other_s, tool = min(reference(f"{raw}.zst", pattern) for _ in range(ROUNDS))
            print(
                f"search, {name}: {wall_s / total * (1 << 30):.2f} s/GiB, {cpu_s / total * (1 << 30):.2f} CPU s "
                f"(reference {tool} {other_s / total * (1 << 30):.2f} s/GiB, ratio {wall_s / other_s:.2f})"
            )
        else:
            print(f"search, {name}: {wall_s * 1e3:.0f} ms (reference the design's 100 ms, ratio {wall_s / 0.1:.2f})")
    await history.close()


if __name__ == "__main__":
    main()
