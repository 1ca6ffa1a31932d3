"""Chunks of samples in the tables, in and out. Nothing is decided here.

In: columns and steps of a host. Out: the same. A shell: it works on a connection, within the caller's transaction.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fleetglass_hub.history import levels, samples
from fleetglass_hub.history.content import ContentError
from fleetglass_hub.history.levels import RAW, Grid
from fleetglass_hub.history.recorder import Rows
from fleetglass_hub.history.samples import Columns

TIMES = 0  # the "series" of level 0 that holds the times
# So many series are looked up one by one; more are read with all others of their chunk.
SERIES_ALONE = 12


class MinuteChunk(NamedTuple):
    """A minute of a host, decoded."""

    id: int
    schema: int
    columns: Columns


class SampleStore:
    """Sample tables of one history, through any connection."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}  # series name -> number; grows only
        self.names: dict[int, str] = {}

    def load(self, connection: sqlite3.Connection) -> None:
        """Learn the numbers of the series, and forget those that are not in the table."""
        self.numbers.clear()
        self.names.clear()
        for number, name in connection.execute("SELECT series, name FROM series"):
            self.numbers[name], self.names[number] = number, name

    def number(self, connection: sqlite3.Connection, name: str) -> int:
        """The number of a series; a new one gets the next. Call `load` if the transaction is rolled back."""
        number = self.numbers.get(name)
        if number is None:
            number = connection.execute("INSERT INTO series (name) VALUES (?)", (name,)).lastrowid
            assert number is not None
            self.numbers[name], self.names[number] = number, name
        return number

    # Minutes

    def put_minute(self, connection: sqlite3.Connection, host: int, schema: int, columns: Columns) -> None:
        """Keep a minute."""
        body = samples.encode_minute(columns)
        first_ms, last_ms = int(columns.time_ms.min()), int(columns.time_ms.max())
        connection.execute(
            "INSERT INTO sample_minute (host, schema, first_ms, last_ms, rows, stored_bytes, body) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                host,
                schema,
                first_ms,
                last_ms,
                len(columns.time_ms),
                len(body),
                body,
            ),
        )

    def minutes(self, connection: sqlite3.Connection, host: int, from_ms: float, to_ms: float) -> Iterator[MinuteChunk]:
        """Minutes of a host that reach into a time, in the order in which they were kept."""
        found = connection.execute(
            "SELECT id, schema, body FROM sample_minute WHERE host = ? AND last_ms >= ? AND first_ms < ? ORDER BY id",
            (host, from_ms, to_ms),
        )
        for number, schema, body in found:
            yield MinuteChunk(number, schema, samples.decode_minute(body))

    def newest_rows(self, connection: sqlite3.Connection, since_ms: float, most: int) -> list[Rows]:
        """Minutes since a time as rows, oldest first; none if there are more than `most`."""
        found = connection.execute(
            "SELECT host, schema, body FROM sample_minute WHERE last_ms >= ? ORDER BY last_ms LIMIT ?",
            (since_ms, most + 1),
        ).fetchall()
        if len(found) > most:
            return []
        rows = []
        for host, schema, body in found:
            columns = samples.decode_minute(body)
            hosts = np.full(len(columns.raw_ms), host, np.uint32)
            rows.append(Rows(schema, hosts, columns.raw_ms, columns.time_ms.astype(np.float64), columns.values.T))
        return rows

    # Series

    def buckets(self, connection: sqlite3.Connection, host: int, level: int, from_ms: float, to_ms: float) -> set[int]:
        """Chunks of a level that a host has in a time; not those that finer ones have overtaken."""
        found = connection.execute(
            "SELECT bucket FROM sample_bucket WHERE host = ? AND level = ? AND bucket BETWEEN ? AND ? "
            "EXCEPT SELECT bucket FROM sample_due WHERE host = ? AND level = ?",
            (host, level, levels.bucket(level, from_ms), levels.bucket(level, to_ms), host, level),
        )
        return {number for (number,) in found}

    def bodies(
        self,
        connection: sqlite3.Connection,
        level: int,
        number: int,
        host: int,
        wanted: Collection[int] | None = None,
    ) -> Iterable[tuple[int, bytes]]:
        """Series of a chunk and their bodies; `wanted` None: all."""
        place = (level, number, host)
        if wanted is not None and len(wanted) <= SERIES_ALONE:
            marks = ", ".join("?" * len(wanted))
            return connection.execute(
                "SELECT series, body FROM sample_series WHERE level = ? AND bucket = ? AND host = ? "  # noqa: S608 - marks
                f"AND series IN ({marks})",
                (*place, *wanted),
            )
        found = connection.execute(
            "SELECT series, body FROM sample_series WHERE level = ? AND bucket = ? AND host = ?", place
        )
        return found if wanted is None else (row for row in found if row[0] in wanted)

    def replace(
        self,
        connection: sqlite3.Connection,
        level: int,
        number: int,
        host: int,
        bodies: Mapping[int, bytes],
    ) -> None:
        """Keep the series of a chunk in the place of those that it had."""
        place = (level, number, host)
        connection.execute("DELETE FROM sample_series WHERE level = ? AND bucket = ? AND host = ?", place)
        connection.executemany(
            "INSERT INTO sample_series VALUES (?, ?, ?, ?, ?)",
            [(*place, series, body) for series, body in sorted(bodies.items())],
        )
        connection.execute(
            "INSERT OR REPLACE INTO sample_bucket VALUES (?, ?, ?, ?)",
            (host, level, number, sum(len(body) for body in bodies.values())),
        )

    def raw_hour(
        self, connection: sqlite3.Connection, number: int, host: int, wanted: Collection[int] | None = None
    ) -> tuple[list[int], Columns]:
        """An hour as it came: its series, and their columns."""
        chosen = None if wanted is None else {TIMES, *wanted}
        bodies = dict(self.bodies(connection, RAW, number, host, chosen))
        times = bodies.pop(TIMES, None)
        if times is None:
            raise ContentError(f"hour {number} of host {host} has no times")
        raw_ms, away = samples.decode_longs(times).reshape(2, -1)
        values = np.empty((len(bodies), len(raw_ms)), np.float32)
        for place, body in enumerate(bodies.values()):
            column = samples.decode_series(body)
            if len(column) != len(raw_ms):
                raise ContentError(f"hour {number} of host {host} has series of different lengths")
            values[place] = column
        return list(bodies), Columns(raw_ms, raw_ms + away, values)

    @staticmethod
    def encode_raw_hour(series: Sequence[int], columns: Columns) -> dict[int, bytes]:
        """Bodies of an hour as it came; a series without any value is left out."""
        away = columns.time_ms - columns.raw_ms
        bodies = {TIMES: samples.encode_longs(np.concatenate((columns.raw_ms, away)))}
        for number, column in zip(series, columns.values, strict=True):
            if not np.isnan(column).all():
                bodies[number] = samples.encode_series(column)
        return bodies

    def steps(
        self, connection: sqlite3.Connection, level: int, number: int, host: int, wanted: Collection[int] | None = None
    ) -> tuple[list[int], Grid]:
        """A chunk of a coarser level: its series, and their steps on the chunk's grid."""
        size = levels.SPAN_MS[level] // levels.STEP_MS[level]
        found = dict(self.bodies(connection, level, number, host, wanted))
        figures = np.empty((3, len(found), size), np.float32)
        counted = np.empty((len(found), size), np.int64)
        for place, body in enumerate(found.values()):
            *columns, counts = samples.decode_steps(body)
            if len(counts) != size:
                raise ContentError(f"chunk {number} of level {level} of host {host} has another number of steps")
            figures[0, place], figures[1, place], figures[2, place] = columns
            counted[place] = counts
        times = number * levels.SPAN_MS[level] + np.arange(size, dtype=np.int64) * levels.STEP_MS[level]
        return list(found), Grid(times, figures[0], figures[1], figures[2], counted)

    @staticmethod
    def encode_steps(series: Sequence[int], grid: Grid) -> dict[int, bytes]:
        """Bodies of a coarser chunk; a series that counts nothing is left out."""
        return {
            number: samples.encode_steps(grid.min[place], grid.avg[place], grid.max[place], grid.counted[place])
            for place, number in enumerate(series)
            if grid.counted[place].any()
        }
