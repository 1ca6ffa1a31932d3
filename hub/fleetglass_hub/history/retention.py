"""Delete what is too old or too much, oldest first, a little at a time, and give its room back to the disk.

What a stream has lost is remembered as a time, so that a search that comes to it can say so.

In: the time. Out: whether there is more to do. A shell: it works on the writing connection, between commits.
"""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager

from fleetglass_hub.history.keeping import Keeping
from fleetglass_hub.history.levels import RAW, SPAN_MS
from fleetglass_hub.history.packing import Transaction

# A step deletes so many chunks: commits wait for no longer than that takes, some 10 ms.
STEP_CHUNKS = 64
STEP_BUCKETS = 16
# Free pages are given back when there are many; a few are used again anyway.
FREE_PAGES = 512
STEP_PAGES = 128
# Sums of sizes read an index once in a while.
LOOK_MS = 60_000.0


class Retention:
    """See the module.

    Args:
        transaction: begins one on the writing connection.
        clock: the hub's, ms since 1970 UTC.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        keeping: Keeping,
        transaction: Callable[[], AbstractContextManager[Transaction]],
        clock: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._keeping = keeping
        self._transaction = transaction
        self._clock = clock
        self._looked_ms = 0.0
        self._line_bytes = 0
        self.deleted_chunks = 0

    def look(self) -> bool:
        """One step; True if there is more to do."""
        now_ms = self._clock()
        if self._purge_forgotten():
            return True
        if abs(now_ms - self._looked_ms) < LOOK_MS:
            return False
        if self._lines(now_ms) or self._samples(now_ms) or self._small_things(now_ms) or self._give_back():
            return True
        self._looked_ms = now_ms
        return False

    # Lines

    def _lines(self, now_ms: float) -> bool:
        keep = self._keeping.lines
        before_ms = -float("inf") if keep.age_ms is None else now_ms - keep.age_ms
        over = 0 if keep.bytes is None else self._size_of_lines() - keep.bytes
        oldest = self._connection.execute(
            "SELECT id, host, stream, last_ms, stored_bytes FROM line_chunk ORDER BY last_ms LIMIT ?", (STEP_CHUNKS,)
        ).fetchall()
        chunks = []
        for chunk, host, stream, last_ms, stored in oldest:
            if last_ms >= before_ms and over <= 0:
                break
            chunks.append((chunk, host, stream, last_ms))
            over -= stored
        self._delete_chunks(chunks)
        return len(chunks) == STEP_CHUNKS

    def _size_of_lines(self) -> int:
        row = self._connection.execute("SELECT coalesce(sum(stored_bytes), 0) FROM line_chunk").fetchone()
        return int(row[0])

    def _delete_chunks(self, chunks: list[tuple[int, int, int, float]]) -> None:
        if not chunks:
            return
        with self._transaction() as transaction:
            ids = [(chunk,) for chunk, *_ in chunks]
            self._connection.executemany("DELETE FROM line_chunk WHERE id = ?", ids)
            self._connection.executemany("DELETE FROM line_body WHERE id = ?", ids)
            self._connection.executemany(
                "UPDATE stream SET expired_ms = max(expired_ms, ?) WHERE host = ? AND stream = ?",
                [(last_ms, host, stream) for _, host, stream, last_ms in chunks],
            )
            transaction.commit(_nothing)
        self.deleted_chunks += len(chunks)

    # Samples

    def _samples(self, now_ms: float) -> bool:
        return any([self._level(level, now_ms) for level in self._keeping.levels])  # noqa: C419 - all of them

    def _level(self, level: int, now_ms: float) -> bool:
        keep = self._keeping.levels[level]
        before = -1 if keep.age_ms is None else int((now_ms - keep.age_ms) // SPAN_MS[level])
        over = 0 if keep.bytes is None else self._size_of_level(level) - keep.bytes
        oldest = self._connection.execute(
            "SELECT host, bucket, stored_bytes FROM sample_bucket INDEXED BY sample_bucket_time WHERE level = ? "
            "ORDER BY bucket LIMIT ?",
            (level, STEP_BUCKETS),
        ).fetchall()
        gone = []
        for host, bucket, stored in oldest:
            if bucket >= before and over <= 0:
                break
            gone.append((level, bucket, host))
            over -= stored
        if gone:
            with self._transaction() as transaction:
                for table in ("sample_series", "sample_bucket"):
                    self._connection.executemany(
                        f"DELETE FROM {table} WHERE level = ? AND bucket = ? AND host = ?",  # noqa: S608 - our names
                        gone,
                    )
                transaction.commit(_nothing)
        if level == RAW and keep.age_ms is not None:
            self._connection.execute("DELETE FROM sample_minute WHERE last_ms < ?", (now_ms - keep.age_ms,))
        return len(gone) == STEP_BUCKETS

    def _size_of_level(self, level: int) -> int:
        row = self._connection.execute(
            "SELECT coalesce(sum(stored_bytes), 0) FROM sample_bucket WHERE level = ?", (level,)
        ).fetchone()
        return int(row[0])

    # The rest

    def _small_things(self, now_ms: float) -> bool:
        age_ms = self._keeping.lines.age_ms
        if age_ms is not None:
            self._connection.execute("DELETE FROM gap WHERE to_ms < ?", (now_ms - age_ms,))
            self._connection.execute("DELETE FROM event WHERE time_ms < ?", (now_ms - age_ms,))
        return False

    def _purge_forgotten(self) -> bool:
        row = self._connection.execute("SELECT host FROM forgotten LIMIT 1").fetchone()
        if row is None:
            return False
        host = row[0]
        chunks = self._connection.execute(
            "SELECT id, host, stream, last_ms FROM line_chunk WHERE host = ? LIMIT ?", (host, STEP_CHUNKS)
        ).fetchall()
        buckets = self._connection.execute(
            "SELECT level, bucket, host FROM sample_bucket WHERE host = ? LIMIT ?", (host, STEP_BUCKETS)
        ).fetchall()
        self._delete_chunks(chunks)
        with self._transaction() as transaction:
            for table in ("sample_series", "sample_bucket"):
                self._connection.executemany(
                    f"DELETE FROM {table} WHERE level = ? AND bucket = ? AND host = ?",  # noqa: S608 - our names
                    buckets,
                )
            for table in ("sample_minute", "sample_due"):
                self._connection.execute(f"DELETE FROM {table} WHERE host = ?", (host,))  # noqa: S608 - our names
            if not chunks and not buckets:
                self._connection.execute("DELETE FROM forgotten WHERE host = ?", (host,))
            transaction.commit(_nothing)
        return True

    def purge_all_forgotten(self) -> None:
        """Delete all that is left of forgotten hosts, before their numbers are given to others."""
        while self._purge_forgotten():
            pass

    def _give_back(self) -> bool:
        free = int(self._connection.execute("PRAGMA freelist_count").fetchone()[0])
        if free < FREE_PAGES:
            return False
        self._connection.execute(f"PRAGMA incremental_vacuum({STEP_PAGES})").fetchall()
        return free - STEP_PAGES >= FREE_PAGES


def _nothing() -> None:
    """What memory must know of a deletion: nothing."""
