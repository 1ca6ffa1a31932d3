"""Samples on their way through the database: commits, minutes, hours, coarser steps. One small step at a time.

    sample_hot ─ a minute is over ─► sample_minute ─ an hour is over ─► level 0 and level 1 ─ a day ─► 2 ─ a month ─► 3

Each step is one transaction that takes from one place and puts into the next, so a question in between sees everything
once. Whatever comes late takes the same way later, and what was made of its hour is made again.

In: the time. Out: whether there is more to do. A shell: it works on the writing connection, between commits.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fleetglass_hub.history import hotsamples, levels
from fleetglass_hub.history.levels import COARSE, HOUR_MS, RAW, SPAN_MS, STEP_MS, TEN_SECONDS
from fleetglass_hub.history.recorder import Rows
from fleetglass_hub.history.samples import Columns
from fleetglass_hub.history.samplestore import SampleStore

MINUTE_MS = 60_000
# Samples of a minute may be under way this long; what is later goes into a chunk of its own.
UNDER_WAY_MS = 3_000
# Samples that are ahead of the clock by more than this never become "over"; they are packed as they are.
AHEAD_MS = 600_000
# An agent that was away for a moment sends the end of the hour late.
HOUR_GRACE_MS = 300_000
# Of a coarser chunk: its finer ones are made by then.
COARSE_GRACE_MS = 2 * HOUR_MS


class Transaction(Protocol):
    """Of group commit."""

    def commit(self, settle: Callable[[], None]) -> None:
        """Commit."""


class HostRows(NamedTuple):
    """Rows of one host and schema, by raw time, each raw time once."""

    host: int
    schema: int
    columns: Columns


class Packer:
    """See the module.

    Args:
        schemas: the names of each schema.
        transaction: begins one on the writing connection.
        clock: the hub's, ms since 1970 UTC.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        store: SampleStore,
        schemas: Mapping[int, tuple[str, ...]],
        transaction: Callable[[], AbstractContextManager[Transaction]],
        clock: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._store = store
        self._schemas = schemas
        self._transaction = transaction
        self._clock = clock
        self._cuts: dict[int, int] = {}  # shard -> packed up to this time

    # Commits into minutes

    def pack_minutes(self) -> bool:
        """Pack one shard of hosts whose minute is over; True if another may be due."""
        now_ms = self._clock()
        shards = [shard for (shard,) in self._connection.execute("SELECT DISTINCT shard FROM sample_hot")]
        due = [(shard, cut) for shard in shards if (cut := _cut(shard, now_ms)) > self._cuts.get(shard, 0)]
        if not due:
            return False
        shard, cut = due[0]
        self._pack_shard(shard, cut)
        self._cuts[shard] = cut
        return len(due) > 1

    def _pack_shard(self, shard: int, cut: int) -> None:
        rows = self._connection.execute(
            "SELECT id, schema, rows, body FROM sample_hot WHERE shard = ? ORDER BY id", (shard,)
        ).fetchall()
        parts = [hotsamples.decode(schema, count, body) for _, schema, count, body in rows]
        phase = _phase(shard)
        with self._transaction() as transaction:
            left: list[Rows] = []
            newest: dict[int, tuple[int, float]] = {}
            for schema in dict.fromkeys(part.schema for part in parts):
                whole = hotsamples.concatenate(schema, [part for part in parts if part.schema == schema])
                is_over = (whole.time_ms < cut) | (whole.time_ms > cut + AHEAD_MS)
                if not is_over.all():
                    left.append(hotsamples.take(whole, ~is_over))
                for host, columns in split_hosts(hotsamples.take(whole, is_over)):
                    newest[host] = _later(newest.get(host), columns)
                    for piece in split_minutes(columns, phase):
                        self._store.put_minute(self._connection, host, schema, piece)
            self._connection.executemany(
                "UPDATE host SET samples_ms = max(samples_ms, ?), last_ms = max(last_ms, ?) WHERE host = ?",
                [(raw_ms, time_ms, host) for host, (raw_ms, time_ms) in newest.items()],
            )
            self._connection.executemany("DELETE FROM sample_hot WHERE id = ?", [(row[0],) for row in rows])
            self._connection.executemany(
                "INSERT INTO sample_hot (shard, schema, rows, body) VALUES (?, ?, ?, ?)", hotsamples.encode(left)
            )
            transaction.commit(_nothing)

    # Minutes into hours

    def pack_hours(self) -> bool:
        """Re-pack one hour of one host; True if another may be due."""
        before_ms = (self._clock() - HOUR_GRACE_MS) // HOUR_MS * HOUR_MS
        row = self._connection.execute(
            "SELECT host, first_ms FROM sample_minute WHERE last_ms < ? ORDER BY last_ms LIMIT 1", (before_ms,)
        ).fetchone()
        if row is None:
            return False
        self._pack_hour(row[0], row[1] // HOUR_MS)
        return True

    def _pack_hour(self, host: int, hour: int) -> None:
        try:
            self._make_hour(host, hour)
        except BaseException:
            # Series may have got numbers that were rolled back.
            self._store.load(self._connection)
            raise

    def _make_hour(self, host: int, hour: int) -> None:
        connection, store = self._connection, self._store
        first_ms = hour * HOUR_MS
        chunks = [
            chunk
            for chunk in store.minutes(connection, host, first_ms, first_ms + HOUR_MS)
            if int(chunk.columns.time_ms[0]) // HOUR_MS == hour
        ]
        with self._transaction() as transaction:
            series, columns = self._joined(host, hour, [(chunk.schema, chunk.columns) for chunk in chunks])
            store.replace(connection, RAW, hour, host, store.encode_raw_hour(series, columns))
            steps = levels.coarsen(levels.of_values(columns.time_ms, columns.values), STEP_MS[TEN_SECONDS])
            self._put_steps(TEN_SECONDS, hour, host, series, steps)
            connection.executemany("DELETE FROM sample_minute WHERE id = ?", [(chunk.id,) for chunk in chunks])
            transaction.commit(_nothing)

    def _joined(self, host: int, hour: int, chunks: Sequence[tuple[int, Columns]]) -> tuple[list[int], Columns]:
        """Everything of an hour, by time: what was packed before, and then what is new."""
        connection, store = self._connection, self._store
        parts: list[tuple[list[int], Columns]] = []
        if hour in store.buckets(connection, host, RAW, hour * HOUR_MS, hour * HOUR_MS):
            parts.append(store.raw_hour(connection, hour, host))
        for schema, columns in chunks:
            parts.append(([store.number(connection, name) for name in self._schemas.get(schema, ())], columns))
        raw_ms = np.concatenate([columns.raw_ms for _, columns in parts])
        time_ms = np.concatenate([columns.time_ms for _, columns in parts])
        every = list(dict.fromkeys(number for series, _ in parts for number in series))
        rows = {number: row for row, number in enumerate(every)}
        values = np.full((len(every), len(raw_ms)), np.nan, np.float32)
        at = 0
        for series, columns in parts:
            values[[rows[number] for number in series], at : at + len(columns.raw_ms)] = columns.values[: len(series)]
            at += len(columns.raw_ms)
        kept = last_of_each(raw_ms)
        kept = kept[np.argsort(time_ms[kept], kind="stable")]
        return every, Columns(raw_ms[kept], time_ms[kept], np.ascontiguousarray(values[:, kept]))

    # Coarser steps

    def pack_coarse(self) -> bool:
        """Make one coarser chunk that is due; True if another may be due."""
        now_ms = self._clock()
        for level in COARSE[1:]:
            before = levels.bucket(level, now_ms - COARSE_GRACE_MS)
            row = self._connection.execute(
                "SELECT bucket, host FROM sample_due WHERE level = ? AND bucket < ? LIMIT 1", (level, before)
            ).fetchone()
            if row is not None:
                self._pack_coarse(level, *row)
                return True
        return False

    def _pack_coarse(self, level: int, number: int, host: int) -> None:
        connection, store = self._connection, self._store
        first_ms, end_ms = number * SPAN_MS[level], (number + 1) * SPAN_MS[level]
        buckets = sorted(store.buckets(connection, host, level - 1, first_ms, end_ms - 1))
        finer = [store.steps(connection, level - 1, bucket, host) for bucket in buckets]
        series, grid = join_rows(finer)
        with self._transaction() as transaction:
            if series:
                self._put_steps(level, number, host, series, levels.coarsen(grid, STEP_MS[level]))
            connection.execute(
                "DELETE FROM sample_due WHERE level = ? AND bucket = ? AND host = ?", (level, number, host)
            )
            transaction.commit(_nothing)

    def _put_steps(self, level: int, number: int, host: int, series: list[int], steps: levels.Grid) -> None:
        """Keep steps; what only the older chunk knows stays, because its finer ones may be gone."""
        connection, store = self._connection, self._store
        grid = levels.on_grid(steps, level, number)
        older, known = store.steps(connection, level, number, host)
        if older:
            every = list(dict.fromkeys((*series, *older)))
            grid = levels.filled(rows_for(every, series, grid), rows_for(every, older, known))
            series = every
        store.replace(connection, level, number, host, store.encode_steps(series, grid))
        if level + 1 < len(STEP_MS):
            connection.execute(
                "INSERT OR REPLACE INTO sample_due VALUES (?, ?, ?)",
                (host, level + 1, levels.bucket(level + 1, number * SPAN_MS[level])),
            )


def rows_for(every: Sequence[int], series: Sequence[int], grid: levels.Grid) -> levels.Grid:
    """A grid with a row for each of these series, unknown where it has none."""
    if list(every) == list(series):
        return grid
    rows = {number: row for row, number in enumerate(every)}
    places = [rows[number] for number in series]
    figures = np.full((3, len(every), len(grid.time_ms)), np.nan, np.float32)
    counted = np.zeros((len(every), len(grid.time_ms)), np.int64)
    for figure, column in zip(figures, (grid.min, grid.avg, grid.max), strict=True):
        figure[places] = column
    counted[places] = grid.counted
    return levels.Grid(grid.time_ms, figures[0], figures[1], figures[2], counted)


def join_rows(parts: Sequence[tuple[list[int], levels.Grid]]) -> tuple[list[int], levels.Grid]:
    """Chunks behind each other in time, with all series that any of them has."""
    every = list(dict.fromkeys(number for series, _ in parts for number in series))
    if not every:
        none = np.empty((0, 0), np.float32)
        return [], levels.Grid(np.empty(0, np.int64), none, none, none, np.empty((0, 0), np.int64))
    grids = [rows_for(every, series, grid) for series, grid in parts]
    return every, levels.Grid(
        np.concatenate([grid.time_ms for grid in grids]),
        np.concatenate([grid.min for grid in grids], axis=1),
        np.concatenate([grid.avg for grid in grids], axis=1),
        np.concatenate([grid.max for grid in grids], axis=1),
        np.concatenate([grid.counted for grid in grids], axis=1),
    )


def _nothing() -> None:
    """What memory must know of a step: nothing, it holds no packed samples."""


def _phase(shard: int) -> int:
    """Where in a minute a shard's minutes begin: not all at once. The first begins on the full minute."""
    return shard * 7_919 % MINUTE_MS if shard else 0


def _cut(shard: int, now_ms: float) -> int:
    """The newest border between two minutes of a shard behind which nothing is under way."""
    phase = _phase(shard)
    return int((now_ms - UNDER_WAY_MS - phase) // MINUTE_MS) * MINUTE_MS + phase


def _later(known: tuple[int, float] | None, columns: Columns) -> tuple[int, float]:
    raw_ms, time_ms = int(columns.raw_ms.max()), float(columns.time_ms.max())
    return (raw_ms, time_ms) if known is None else (max(raw_ms, known[0]), max(time_ms, known[1]))


def last_of_each(raw_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of the last sample of each raw time, in the order of the raw times."""
    order = np.argsort(raw_ms, kind="stable")
    if not len(order):
        return order
    return order[np.concatenate((np.diff(raw_ms[order]) != 0, [True]))]


def split_hosts(rows: Rows) -> list[tuple[int, Columns]]:
    """Rows of one schema, host by host; of a sample that came twice the later one."""
    order = np.argsort(rows.hosts, kind="stable")
    if not len(order):
        return []
    hosts = rows.hosts[order]
    found = []
    for places in np.split(order, np.flatnonzero(np.diff(hosts)) + 1):
        own = places[last_of_each(rows.raw_ms[places])]
        time_ms = np.floor(rows.time_ms[own]).astype(np.int64)
        own = own[np.argsort(time_ms, kind="stable")]
        columns = Columns(rows.raw_ms[own], np.floor(rows.time_ms[own]).astype(np.int64), rows.values[own].T)
        found.append((int(rows.hosts[own[0]]), columns))
    return found


def split_minutes(columns: Columns, phase_ms: int) -> list[Columns]:
    """Columns by time in pieces of a minute, none across an hour."""
    times = columns.time_ms
    borders = np.flatnonzero(
        (np.diff((times - phase_ms) // MINUTE_MS) != 0) | (np.diff(times // HOUR_MS) != 0)
    ) + 1  # fmt: skip
    ends = [0, *borders.tolist(), len(times)]
    return [
        Columns(columns.raw_ms[begin:end], times[begin:end], columns.values[:, begin:end])
        for begin, end in pairwise(ends)
    ]
