"""Metric history: bytes a sample, fresh and re-packed, and read times; references: Parquet (pyarrow), rows in SQLite.

The samples are most of an hour of a busy machine (data/agent_hour.xz: 40 series, 1 Hz), once as the agent measured
them and once with two decimals, as iostat prints them.
"""

import asyncio
import importlib
import json
import lzma
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from fleetglass_hub.history.disk import DiskHistory
from fleetglass_hub.history.keeping import EVERYTHING
from fleetglass_hub.history.levels import DAY_MS, HOUR_MS
from fleetglass_hub.history.recorder import HostRecord, Rows
from fleetglass_web.view import MetricQuery

DATA = Path(__file__).parent / "data" / "agent_hour.xz"
START_MS = 20_000 * DAY_MS
HOSTS = 20
HOURS = 24
ROUNDS = 5


def load():
    """Names, values: shape (series, 3600)."""
    body = lzma.decompress(DATA.read_bytes())
    head, _, rest = body.partition(b"\n")
    names = tuple(json.loads(head))
    values = np.frombuffer(rest, "<f4").reshape(len(names), -1)
    return names, values


def pyarrow():
    """pyarrow is a reference only: it is installed beside the environment, where it is missing."""
    target = Path("var/bench-lib").resolve()
    sys.path.insert(0, str(target))
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError:
        command = [sys.executable, "-m", "uv", "pip", "install", "-q", "--target", str(target), "pyarrow"]
        subprocess.run(command, check=True)
        importlib.invalidate_caches()
        return importlib.import_module("pyarrow.parquet")


def pages_bytes(history):
    connection = history._store.connection
    count, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return (count - free) * size


async def settle(history, mark, done):
    while done[0] < mark:
        await asyncio.sleep(0.01)
    await history.tidy()


async def ours(folder, names, values, hosts, hours):
    """Fill a history. Bytes a sample fresh and re-packed, and how to ask it."""
    now = [float(START_MS)]
    history = DiskHistory(folder, lambda: now[0], EVERYTHING)
    history.load(0)
    done = [0]
    history.start(lambda mark: done.__setitem__(0, mark))
    history.put_schema(1, names)
    empty = pages_bytes(history)
    seconds = values.shape[1]
    times = np.arange(seconds, dtype=np.float64) * 1_000 * (3_600 / seconds)
    mark = 0
    for host in range(hosts):
        history.put_host(HostRecord(host, bytes([host]) * 16, "h", {}, {}, "", 1_000, "", 0.0, 0.0, False))
    for hour in range(hours):
        at = START_MS + hour * HOUR_MS + times
        for host in range(hosts):
            hosts_column = np.full(seconds, host, np.uint32)
            mark = history.append_rows(Rows(1, hosts_column, at.astype(np.int64) + 3, at, values.T))
        now[0] = START_MS + (hour + 1) * HOUR_MS + 70_000
        await settle(history, mark, done)
        if hour == 0:
            fresh = (pages_bytes(history) - empty) / (hosts * values.size)
    cpu_before = time.process_time()
    now[0] += HOUR_MS
    await settle(history, mark, done)
    cpu_s = time.process_time() - cpu_before
    connection = history._store.connection
    packed, steps = (
        connection.execute(f"SELECT sum(stored_bytes) FROM sample_bucket WHERE level = {level}").fetchone()[0]
        / (hosts * hours * values.size)
        for level in (0, 1)
    )
    return history, fresh, packed, steps, cpu_s


async def ask(history, series, step_ms, points):
    """The median time of a question about the last 24 h, in ms."""
    question = MetricQuery((0,), series, float(START_MS), float(START_MS + HOURS * HOUR_MS), step_ms)
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        found = await history.metrics(question)
        taken.append((time.perf_counter() - began) * 1e3)
        assert len(found[0].time_ms) <= points + 1
    return statistics.median(taken)


def rows_in_sqlite(folder, values):
    """Bytes a sample of plain rows, and the time to read one series of the hour with steps made by SQL, in ms."""
    connection = sqlite3.connect(Path(folder, "rows.sqlite"))
    connection.execute(
        "CREATE TABLE sample (host INTEGER, series INTEGER, time_ms INTEGER, value REAL, "
        "PRIMARY KEY (host, series, time_ms)) WITHOUT ROWID"
    )
    for series, column in enumerate(values):
        rows = [(0, series, START_MS + at * 1_000, float(value)) for at, value in enumerate(column)]
        connection.executemany("INSERT INTO sample VALUES (?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return Path(folder, "rows.sqlite").stat().st_size / values.size


def parquet(folder, names, values):
    """Bytes a sample, and the time to read one column and all columns of 24 h, in ms."""
    parquet_module = pyarrow()
    arrow = importlib.import_module("pyarrow")
    path = Path(folder, "day.parquet")

    def write(columns):
        times = START_MS + np.arange(len(columns[0]), dtype=np.int64) * 1_000
        table = arrow.table({"time_ms": times, **dict(zip(names, columns, strict=True))})
        parquet_module.write_table(table, path, compression="zstd")
        return path.stat().st_size

    size = write(list(values)) / values.size
    write([np.tile(column, HOURS) for column in values])

    def read(columns):
        taken = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            parquet_module.read_table(path, columns=columns)
            taken.append((time.perf_counter() - began) * 1e3)
        return statistics.median(taken)

    return size, read(["time_ms", names[0]]), read(None)


def main():
    names, values = load()
    with tempfile.TemporaryDirectory() as folder:
        for kind, own in (("as measured", values), ("two decimals", np.round(values.astype(float), 2).astype("<f4"))):
            asyncio.run(sizes(folder, names, np.ascontiguousarray(own), kind))
        asyncio.run(times(folder, names, values))


async def sizes(folder, names, values, kind):
    with tempfile.TemporaryDirectory(dir=folder) as own:
        history, fresh, packed, steps, cpu_s = await ours(own, names, values, HOSTS, 1)
        await history.close()
        rows = rows_in_sqlite(own, values)
        arrow, _, _ = parquet(own, names, values)
    for what, size in (("newest hour", fresh), ("re-packed hour", packed)):
        print(
            f"history, {what}, {kind}: {size:.2f} bytes a sample (reference Parquet {arrow:.2f}, "
            f"ratio {size / arrow:.2f}; reference rows in SQLite {rows:.1f}, ratio {size / rows:.2f})"
        )
    print(f"history, steps of 10 s with min, avg, max and count, {kind}: {steps:.2f} bytes for each sample")
    frames = HOSTS * values.shape[1]
    print(f"history, re-packing, {kind}: {cpu_s / frames * 1e6:.1f} us of CPU a host-frame of {len(names)} series")


async def times(folder, names, values):
    history, _, _, _, _ = await ours(folder, names, values, 1, HOURS)
    _, one_ms, all_ms = parquet(folder, names, values)
    every = await ask(history, ("*",), 60_000, 1_440)
    print(f"history, 24 h x {len(names)} series in minutes: {every:.1f} ms (reference Parquet, read alone "
          f"{all_ms:.1f} ms, ratio {every / all_ms:.2f})")  # fmt: skip
    single = await ask(history, (names[0],), 86_400, 1_000)
    print(f"history, one series of 24 h at 1,000 points, from raw: {single:.1f} ms (reference Parquet, read alone "
          f"{one_ms:.1f} ms, ratio {single / one_ms:.2f})")  # fmt: skip
    single = await ask(history, (names[0],), 90_000, 960)
    print(f"history, one series of 24 h at 960 points, from steps: {single:.1f} ms (reference Parquet, read alone "
          f"{one_ms:.1f} ms, ratio {single / one_ms:.2f})")  # fmt: skip
    await history.close()


if __name__ == "__main__":
    main()
