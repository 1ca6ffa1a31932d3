"""A recorder with one host and one file, and hands that append to it."""

import asyncio

import numpy as np
import pytest
from fleetglass_hub.history.disk import DiskHistory
from fleetglass_hub.history.keeping import EVERYTHING
from fleetglass_hub.history.memory import MemoryHistory
from fleetglass_hub.history.recorder import FileRecord, HostRecord, Rows, StreamRecord
from fleetglass_web.view import Block, LineBatch, LogQuery, MetricQuery

EVER = 1e15


class Hands:
    """Appends as the intake does, and knows what was committed."""

    def __init__(self, recorder):
        self.recorder = recorder
        self.loaded = recorder.load(1 << 20)
        self.seq = self.loaded.next_seq - 1
        self.ends = {(f.host, f.stream, f.file): f.committed for f in self.loaded.files}
        self.mark = self.committed = 0
        self.rows = []
        self._waiters = []

    def start(self):
        self.recorder.start(self._told)
        return self

    def _told(self, mark):
        self.committed = mark
        for waiter in self._waiters:
            waiter.set()

    async def until(self, condition, within_s=5.0):
        """Wait until something is true, looking whenever a commit is told."""
        told = asyncio.Event()
        self._waiters.append(told)
        async with asyncio.timeout(within_s):
            while not condition():
                await told.wait()
                told.clear()
        self._waiters.remove(told)

    async def until_committed(self):
        await self.until(lambda: self.committed >= self.mark)

    def host(self, host=1, name="web-1", labels=None):
        self.recorder.put_host(
            HostRecord(host, host.to_bytes(16, "big"), name, labels or {}, {"system": "Linux"}, "0.1.0", 1_000,
                       "10.0.0.1", 5.0, 6.0, False)
        )  # fmt: skip

    def file(self, host=1, stream=0, file=7, path="/var/log/app.log", start=0):
        self.recorder.put_stream(StreamRecord(host, stream, path, "file"))
        self.recorder.put_file(FileRecord(host, stream, file, 66, (1 << 64) - 2, 4, b"12345678", start, False))
        self.ends.setdefault((host, stream, file), start)

    def lines(self, data, time_ms=1_000.0, host=1, stream=0, file=7, path="/var/log/app.log", cut=False, raw_ms=None):
        """Append one batch behind the last one of its file."""
        self.seq += 1
        start = self.ends[host, stream, file]
        raw = time_ms if raw_ms is None else raw_ms
        batch = LineBatch(self.seq, host, stream, path, file, start, time_ms, raw, data, False, cut)
        self.mark = self.recorder.append_lines(batch)
        self.ends[host, stream, file] = start + len(data)
        return batch

    def samples(self, times_ms, values, host=1, schema=1, raw_ms=None):
        times = np.asarray(times_ms, np.float64)
        raw = times.astype(np.int64) if raw_ms is None else np.asarray(raw_ms, np.int64)
        rows = Rows(schema, np.full(len(times), host, np.uint32), raw, times, np.asarray(values, np.float32))
        self.rows.append(rows)
        self.mark = self.recorder.append_rows(rows)

    async def ask(self, hosts=(1,), path=None, match=None, exclude=None, from_ms=0.0, to_ms=EVER, limit=100,
                  cursor=None, severities=()):  # fmt: skip
        query = LogQuery(tuple(hosts), path, match, exclude, from_ms, to_ms, limit, cursor, severities)
        return await self.recorder.logs(query)

    async def texts(self, **wanted):
        return [line.data for line in (await self.ask(**wanted)).lines]

    async def all_pages(self, between=lambda: None, **wanted):
        """Every line, page by page; `between` happens before each next page."""
        found, cursor = [], None
        while True:
            page = await self.ask(cursor=cursor, **wanted)
            found += page.lines
            cursor = page.next
            if cursor is None:
                return found
            between()

    async def metrics(self, series=("*",), hosts=(1,), from_ms=0.0, to_ms=EVER, step_ms=1_000):
        return await self.recorder.metrics(MetricQuery(tuple(hosts), tuple(series), from_ms, to_ms, step_ms))


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """Groups are committed at once: what is tested is not the waiting."""
    monkeypatch.setattr("fleetglass_hub.history.disk.LINES_WAIT_S", 0.002)
    monkeypatch.setattr("fleetglass_hub.history.disk.ROWS_WAIT_S", 0.002)


@pytest.fixture
def disk(tmp_path):
    """Opens the history of one folder, again and again."""
    return lambda: Hands(DiskHistory(str(tmp_path), lambda: 10_000.0, EVERYTHING))


@pytest.fixture(params=["memory", "disk"])
def any_recorder(request, tmp_path):
    """Every implementation of `Recorder`."""
    if request.param == "disk":
        return lambda: Hands(DiskHistory(str(tmp_path), lambda: 10_000.0, EVERYTHING))

    def make():
        schemas = {1: ("cpu.user_pct", "memory.used_bytes")}

        def recent(hosts, from_ms, until_ms):
            return [
                Block(rows.schema, rows.hosts[wanted], rows.time_ms[wanted], rows.values[wanted])
                for rows in hands.rows
                for wanted in [np.isin(rows.hosts, list(hosts)) & (rows.time_ms >= from_ms) & (rows.time_ms < until_ms)]
                if wanted.any()
            ]

        hands = Hands(MemoryHistory(recent, schemas.__getitem__))
        return hands

    return make


@pytest.fixture
def make_hands():
    """Hands for a recorder that a test opens itself."""
    return Hands
