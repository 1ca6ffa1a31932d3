"""What is wrong with a history and what to do: for `doctor`, beside a running hub or without one.

In: the hub's folder and what is to be kept. Out: findings: is it wrong, what, the remedy. A shell: it reads the
database and looks at its disk.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator

from fleetglass_hub.history import database, lines, samples
from fleetglass_hub.history.content import ContentError
from fleetglass_hub.history.database import FILE_NAME, VERSION, HistoryError
from fleetglass_hub.history.keeping import Keeping
from fleetglass_hub.history.levels import DAY_MS, RAW, SPAN_MS

Found = tuple[bool, str, str]
# Every chunk has a checksum. The newest are read until the time is up; a person waits for the answer.
READ_S = 10.0
_DAMAGED = (
    "stop the hub, put a backup in the place of this file (see docs/operate.md), or move it aside to start empty; "
    "agents send again what they still have"
)


def examine(folder: str, keeping: Keeping) -> list[Found]:
    """Look at everything that concerns the history."""
    path = os.path.join(folder, FILE_NAME)
    if not os.path.exists(path):
        return [(False, f"there is no history in {folder} yet", "")]
    try:
        connection = database.connect(path, is_reader=True)
        try:
            return [*_whole(connection, path), *_room(connection, path, folder, keeping)]
        finally:
            connection.close()
    except sqlite3.Error as error:
        refusal = database.refusal(path, error)
        remedy = _DAMAGED if isinstance(refusal, database.DamagedError) else ""
        return [(True, str(refusal) if not remedy else f"{path} is damaged ({error})", remedy)]
    except HistoryError as error:
        return [(True, str(error), "")]


def _whole(connection: sqlite3.Connection, path: str) -> Iterator[Found]:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        yield True, f"{path} has format {version}, this program reads up to {VERSION}", "upgrade fleetglass-hub"
        return
    if version < VERSION:
        yield False, f"{path} has format {version}; it is upgraded at the next start", ""
        return
    if found := database.structure_problem(connection):
        yield True, f"{path} is damaged: {found}", _DAMAGED
        return
    end_s = time.monotonic() + READ_S
    try:
        read, total = _read_chunks(connection, end_s)
    except ContentError as error:
        yield True, f"{path} is damaged: {error}", _DAMAGED
        return
    how = "all of its" if read == total else f"the newest {read:,} of"
    yield False, f"{path} is whole: its structure, and {how} {total:,} chunks", ""


def _read_chunks(connection: sqlite3.Connection, end_s: float) -> tuple[int, int]:
    """Read chunks, newest first, until the time is up: how many, of how many."""
    tables = (
        ("line_body", "SELECT entries, data FROM line_body ORDER BY id DESC", (lines.decompress, lines.decompress)),
        ("line_hot", "SELECT body FROM line_hot ORDER BY id DESC", (lines.decompress,)),
        ("sample_hot", "SELECT body FROM sample_hot ORDER BY id DESC", (lines.decompress,)),
        ("sample_minute", "SELECT body FROM sample_minute ORDER BY id DESC", (lines.decompress,)),
        (
            "sample_series",
            f"SELECT body FROM sample_series WHERE level = {RAW} ORDER BY bucket DESC",  # noqa: S608 - a number
            (samples.check,),
        ),
    )
    read = total = 0
    for table, query, checks in tables:
        total += int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our names
        for row in connection.execute(query):
            if time.monotonic() > end_s:
                break
            for check, value in zip(checks, row, strict=True):
                check(value)
            read += 1
    return min(read, total), total


def _room(connection: sqlite3.Connection, path: str, folder: str, keeping: Keeping) -> Iterator[Found]:
    held = os.path.getsize(path)
    usage = shutil.disk_usage(folder)
    limits = [keeping.lines.bytes, *(keep.bytes for keep in keeping.levels.values())]
    room = held + usage.free
    a_day = _bytes_a_day(connection)
    yield False, f"history takes {_size(held)} and grows by {_size(a_day)} a day", ""
    if any(limit is None for limit in limits):
        ages = [keeping.lines.age_ms, *(keep.age_ms for keep in keeping.levels.values())]
        longest_ms = max((age for age in ages if age is not None), default=0)
        if a_day and (None in ages or a_day * (longest_ms / DAY_MS) > room):
            days = usage.free / a_day
            yield True, f"history has no limit in size; its disk is full in about {days:.0f} days", _limit()
        return
    allowed = sum(limit for limit in limits if limit is not None)
    if allowed > 0.9 * room:
        full = f"; at {_size(a_day)} a day that is in {usage.free / a_day:.0f} days" if a_day else ""
        yield (
            True,
            f"history may grow to {_size(allowed)}, but its disk has room for {_size(room)} of it{full}",
            _limit(),
        )
    else:
        yield False, f"history may grow to {_size(allowed)}; its disk has room for {_size(room)}", ""


def _limit() -> str:
    return "lower the sizes of keep_lines, keep_raw, keep_10s, keep_1min, keep_1h (docs/operate.md), or make room"


def _bytes_a_day(connection: sqlite3.Connection) -> float:
    """What came in during the last day, after packing."""
    now_ms = time.time() * 1_000
    row = connection.execute(
        "SELECT coalesce(sum(stored_bytes), 0), min(first_ms) FROM line_chunk WHERE last_ms >= ?", (now_ms - DAY_MS,)
    ).fetchone()
    first = connection.execute("SELECT min(first_ms) FROM line_chunk").fetchone()[0]
    samples_row = connection.execute(
        "SELECT coalesce(sum(stored_bytes), 0), min(bucket) FROM sample_bucket WHERE level <= 1 AND bucket >= ?",
        ((now_ms - DAY_MS) // SPAN_MS[RAW],),
    ).fetchone()
    begun = [at for at in (first, None if samples_row[1] is None else samples_row[1] * SPAN_MS[RAW]) if at is not None]
    span_ms = min(DAY_MS, max(now_ms - min(begun), DAY_MS / 24)) if begun else DAY_MS
    return float(row[0] + samples_row[0]) * DAY_MS / span_ms


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1_024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1_024
    return f"{count:.1f} TiB"
