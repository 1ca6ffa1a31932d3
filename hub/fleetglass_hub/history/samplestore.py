"""Chunks of samples in the tables, in and out. Nothing is decided here.

In: columns and steps of a host. Out: the same. A shell: it works on a connection, within the caller's transaction.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleetglass_hub.history import levels, samples
from fleetglass_hub.history.database import ContentError
from fleetglass_hub.history.levels import RAW, Steps
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

    def fresh_hours(self, connection: sqlite3.Connection, host: int, from_ms: float, to_ms: float) -> set[int]:
        """Hours of a host that have minutes which are not re-packed yet."""
        found = connection.execute(
            "SELECT DISTINCT first_ms / ? FROM sample_minute WHERE host = ? AND last_ms >= ? AND first_ms < ?",
            (levels.HOUR_MS, host, from_ms, to_ms),
        )
        return {hour for (hour,) in found}

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
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], dict[int, NDArray[np.float32]]]:
        """An hour as it came: raw times, corrected times, values by series."""
        chosen = None if wanted is None else {TIMES, *wanted}
        bodies = dict(self.bodies(connection, RAW, number, host, chosen))
        times = bodies.pop(TIMES, None)
        if times is None:
            raise ContentError(f"hour {number} of host {host} has no times")
        raw_ms, away = samples.decode_longs(times).reshape(2, -1)
        values = {series: samples.decode_series(body) for series, body in bodies.items()}
        if any(len(column) != len(raw_ms) for column in values.values()):
            raise ContentError(f"hour {number} of host {host} has series of different lengths")
        return raw_ms, raw_ms + away, values

    @staticmethod
    def encode_raw_hour(
        raw_ms: NDArray[np.int64], time_ms: NDArray[np.int64], values: Mapping[int, NDArray[np.float32]]
    ) -> dict[int, bytes]:
        """Bodies of an hour as it came; a series without any value is left out."""
        bodies = {TIMES: samples.encode_longs(np.concatenate((raw_ms, time_ms - raw_ms)))}
        for series, column in values.items():
            if not np.isnan(column).all():
                bodies[series] = samples.encode_series(column)
        return bodies


def encode_steps(steps: Steps) -> bytes:
    """The body of a series at a coarser level; `steps` are on the grid of their chunk."""
    columns = (steps.min, steps.avg, steps.max, steps.counted.astype(np.float32))
    parts = [samples.encode_series(column) for column in columns]
    lengths = np.array([len(part) for part in parts[:-1]], "<u4").tobytes()
    return lengths + b"".join(parts)


def decode_steps(body: bytes, level: int, number: int) -> Steps:
    """Read what `encode_steps` made: steps that hold a value.

    Raises:
        ContentError: it is damaged.
    """
    if len(body) < 12:
        raise ContentError("damaged: steps are cut short")
    cuts = 12 + np.cumsum(np.frombuffer(body, "<u4", 3)).astype(int)
    pieces: Sequence[bytes] = [body[begin:end] for begin, end in zip((12, *cuts), (*cuts, len(body)), strict=True)]
    least, average, most, counts = (samples.decode_series(piece) for piece in pieces)
    times = number * levels.SPAN_MS[level] + np.arange(len(counts), dtype=np.int64) * levels.STEP_MS[level]
    return Steps(times, least, average, most, counts.astype(np.int64))
