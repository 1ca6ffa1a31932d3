"""Past lines of many streams, newest first, page by page.

    units, by their newest line     chunk 41 │ memory │ chunk 40 │ chunk 38 │ chunk 39 │ ...
                                    └─ searched ──────┘ frontier: the newest line of what is not searched yet

A line is final when it is newer than the frontier. A page ends when it is full, when nothing is left, or when its time
is up: then it says how far back it has searched, and the next one goes on there. The order is by time, then arrival,
then offset; a line keeps its place for ever, so pages neither repeat nor skip one, whatever arrives or expires.

In: queries. Out: pages. A shell: it reads the database, on threads of its own; decompressing and searching leave
Python's lock to others.
"""

import heapq
import sqlite3
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from fleetglass_web.query.glob import compile_glob
from fleetglass_web.view import CursorError, Gap, Line, LineBatch, LogPage, LogQuery

from fleetglass_hub.history import lines, search
from fleetglass_hub.history.content import ContentError
from fleetglass_hub.history.lines import Source, Unit
from fleetglass_hub.history.readers import Readers, Stop
from fleetglass_hub.history.search import NEWEST, Key, Want
from fleetglass_hub.history.waiting import StreamKey, WaitingLines

# A page takes no longer: the reader sees how far it came and asks on.
BUDGET_S = 2.0
# Fewer streams than this are looked up one by one, more by going through everything of that time.
STREAMS_ALONE = 48
# What is in memory is searched in pieces, like chunks.
UNIT_BYTES = 256 << 10
UNIT_BATCHES = 2_000
GAPS_MAX = 1_000

_CURSOR = struct.Struct(">B8sdQQ")
_VERSION = 1
_LAST = (1 << 63) - 1


class _Place(NamedTuple):
    """A unit that may hold lines, and how to get it."""

    last_ms: float
    load: Callable[[], Callable[[], Unit]]  # reads on this thread; what it gives decodes on any


class LogReader:
    """Answers `LogQuery`.

    Args:
        history_id: of the database; cursors of others are refused.
        lock: guards `waiting` and `paths`.
        turn: held while lines move from memory into the database.
    """

    def __init__(
        self,
        readers: Readers,
        history_id: bytes,
        waiting: WaitingLines,
        paths: Mapping[int, Mapping[int, str]],
        lock: threading.Condition,
        turn: threading.Lock,
        budget_s: float = BUDGET_S,
    ) -> None:
        self._readers = readers
        self._id = history_id
        self._waiting = waiting
        self._paths = paths
        self._lock = lock
        self._turn = turn
        self._budget_s = budget_s

    async def logs(self, query: LogQuery) -> LogPage:
        """See `Recorder`.

        Raises:
            CursorError: the cursor is not one of this history.
            HistoryError: the database cannot be read.
        """
        want = search.want(query)
        below = self._below(query.cursor)
        return await self._readers.ask(lambda connection, stop: self._page(connection, query, want, below, stop))

    # Cursors

    def _below(self, cursor: bytes | None) -> Key:
        if cursor is None:
            return NEWEST
        if len(cursor) != _CURSOR.size:
            raise CursorError("this is no cursor of past lines; start without one")
        version, history, time_ms, seq, offset = _CURSOR.unpack(cursor)
        if version != _VERSION:
            raise CursorError("this cursor is of another version of fleetglass; start without one")
        if history != self._id:
            raise CursorError("this cursor is of another hub; start without one")
        if time_ms != time_ms:
            raise CursorError("this cursor is damaged; start without one")
        return Key(time_ms, seq, offset)

    def _cursor(self, key: Key) -> bytes:
        return _CURSOR.pack(_VERSION, self._id, key.time_ms, key.seq, key.offset)

    # A page, on a reader's thread

    def _page(self, connection: sqlite3.Connection, query: LogQuery, want: Want, below: Key, stop: Stop) -> LogPage:
        end_s = time.monotonic() + self._budget_s
        wanted = self._wanted(query)
        batches = self._snapshot(connection, wanted)
        places = self._places(connection, query, below, wanted, batches)
        return self._collect(connection, query, want, below, wanted, places, end_s, stop)

    def _wanted(self, query: LogQuery) -> Mapping[StreamKey, str]:
        matches = compile_glob(query.path or "*")
        with self._lock:
            return {
                (host, stream): path
                for host in dict.fromkeys(query.hosts)
                for stream, path in self._paths.get(host, {}).items()
                if matches(path)
            }

    def _snapshot(self, connection: sqlite3.Connection, wanted: Collection[StreamKey]) -> list[LineBatch]:
        """Memory and database at one moment."""
        with self._turn:
            with self._lock:
                batches = self._waiting.matching(wanted.__contains__)
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM meta").fetchone()
        return batches

    def _places(
        self,
        connection: sqlite3.Connection,
        query: LogQuery,
        below: Key,
        wanted: Mapping[StreamKey, str],
        batches: Sequence[LineBatch],
    ) -> Iterator[_Place]:
        """Everything that may hold a line, from the newest last line down."""
        memory = _memory(batches, query.from_ms, min(query.to_ms, below.time_ms))
        ways: list[Iterator[_Place]] = [memory]
        limits = (query.from_ms, query.to_ms, below.time_ms)
        if len(wanted) <= STREAMS_ALONE:
            ways += [self._of_stream(connection, key, path, limits) for key, path in wanted.items()]
        else:
            ways.append(self._of_all(connection, wanted, limits))
        return heapq.merge(*ways, key=lambda place: -place.last_ms)

    def _of_stream(
        self, connection: sqlite3.Connection, key: StreamKey, path: str, limits: tuple[float, float, float]
    ) -> Iterator[_Place]:
        found = connection.execute(
            "SELECT id, last_ms FROM line_chunk WHERE host = ? AND stream = ? AND last_ms >= ? AND first_ms < ? "
            "AND first_ms <= ? ORDER BY last_ms DESC",
            (*key, *limits),
        )
        for chunk, last_ms in found:
            yield _Place(last_ms, _loader(connection, chunk, Source(*key, path)))

    def _of_all(
        self, connection: sqlite3.Connection, wanted: Mapping[StreamKey, str], limits: tuple[float, float, float]
    ) -> Iterator[_Place]:
        found = connection.execute(
            "SELECT id, host, stream, last_ms FROM line_chunk WHERE last_ms >= ? AND first_ms < ? AND first_ms <= ? "
            "ORDER BY last_ms DESC",
            limits,
        )
        for chunk, host, stream, last_ms in found:
            path = wanted.get((host, stream))
            if path is not None:
                yield _Place(last_ms, _loader(connection, chunk, Source(host, stream, path)))

    def _collect(
        self,
        connection: sqlite3.Connection,
        query: LogQuery,
        want: Want,
        below: Key,
        wanted: Mapping[StreamKey, str],
        places: Iterator[_Place],
        end_s: float,
        stop: Stop,
    ) -> LogPage:
        limit = query.limit
        most = limit + 1
        running: deque[Future[list[tuple[Key, Line]]]] = deque()
        found: list[tuple[Key, Line]] = []
        ahead = next(places, None)
        width = 1
        is_late = False
        while (ahead or running) and not is_late:
            while ahead and len(running) < width:
                running.append(self._readers.workers.submit(_look, ahead.load(), want, below, most))
                ahead = next(places, None)
            found += running.popleft().result()
            stop.check()
            width = min(width * 2, 2 * self._readers.width)
            if len(found) > 4 * most:
                found = heapq.nlargest(most, found, key=_key)
            # What runs may hold lines newer than the frontier: only when nothing runs is it certain.
            is_late = time.monotonic() > end_s and ahead is not None and ahead.last_ms < below.time_ms
            if is_late or (len(found) > limit and ahead and _count_above(found, ahead.last_ms) > limit):
                while running:
                    found += running.popleft().result()
                if _count_above(found, ahead.last_ms if ahead else float("-inf")) > limit:
                    break
        found.sort(key=_key, reverse=True)
        return self._finish(connection, query, below, wanted, found, ahead.last_ms if ahead else None)

    def _finish(
        self,
        connection: sqlite3.Connection,
        query: LogQuery,
        below: Key,
        wanted: Mapping[StreamKey, str],
        found: Sequence[tuple[Key, Line]],
        frontier_ms: float | None,
    ) -> LogPage:
        """Make the page of what was found above the frontier; None: everything was searched."""
        final = [hit for hit in found if frontier_ms is None or hit[0].time_ms > frontier_ms][: query.limit]
        shown = [line for _, line in final]
        if len(final) == query.limit and (frontier_ms is not None or len(found) > len(final)):
            going_on: Key | None = final[-1][0]
            searched_to_ms = final[-1][0].time_ms
        elif frontier_ms is not None:
            going_on = Key(frontier_ms, _LAST, _LAST)
            searched_to_ms = frontier_ms
        else:
            going_on = None
            searched_to_ms = max(query.from_ms, min(self._oldest_ms(connection), query.to_ms))
        high_ms = min(query.to_ms, below.time_ms)
        gaps = self._gaps(connection, wanted, searched_to_ms if going_on else query.from_ms, high_ms)
        if going_on is None:
            gaps += self._expired(connection, query.from_ms, wanted)
        return LogPage(shown, self._cursor(going_on) if going_on else None, searched_to_ms, gaps)

    def _expired(self, connection: sqlite3.Connection, from_ms: float, wanted: Mapping[StreamKey, str]) -> list[Gap]:
        """What retention has taken of the time that was asked for."""
        found = connection.execute("SELECT host, stream, expired_ms FROM stream WHERE expired_ms > ?", (from_ms,))
        gaps: list[Gap] = []
        for host, stream, expired_ms in found:
            path = wanted.get((host, stream))
            if path is not None and len(gaps) < GAPS_MAX:
                gaps.append(Gap(host, stream, path, from_ms, expired_ms, None, None, "retention"))
        return gaps

    def _oldest_ms(self, connection: sqlite3.Connection) -> float:
        row = connection.execute("SELECT first_ms FROM line_chunk ORDER BY last_ms LIMIT 1").fetchone()
        with self._lock:
            oldest = self._waiting.oldest_ms()
        return min(oldest, row[0] if row else float("inf"))

    def _gaps(
        self, connection: sqlite3.Connection, wanted: Mapping[StreamKey, str], low_ms: float, high_ms: float
    ) -> list[Gap]:
        found = connection.execute(
            "SELECT host, stream, from_ms, to_ms, lines, bytes, why FROM gap WHERE to_ms > ? AND to_ms <= ? "
            "ORDER BY to_ms DESC",
            (low_ms, high_ms),
        )
        gaps: list[Gap] = []
        for host, stream, from_ms, to_ms, line_count, byte_count, why in found:
            path = wanted.get((host, stream))
            if path is not None and len(gaps) < GAPS_MAX:
                gaps.append(Gap(host, stream, path, from_ms, to_ms, line_count, byte_count, why))
        return gaps


def _loader(connection: sqlite3.Connection, chunk: int, source: Source) -> Callable[[], Callable[[], Unit]]:
    def load() -> Callable[[], Unit]:
        row = connection.execute("SELECT entries, data FROM line_body WHERE id = ?", (chunk,)).fetchone()
        if row is None:
            raise ContentError(f"chunk {chunk} has no lines")
        entries, data = row
        return lambda: lines.decode(source, entries, data)

    return load


def _look(decode: Callable[[], Unit], want: Want, below: Key, most: int) -> list[tuple[Key, Line]]:
    return search.search(decode(), want, below, most)


def _key(hit: tuple[Key, Line]) -> Key:
    return hit[0]


def _count_above(found: Sequence[tuple[Key, Line]], frontier_ms: float) -> int:
    return sum(key.time_ms > frontier_ms for key, _ in found)


def _memory(batches: Sequence[LineBatch], from_ms: float, to_ms: float) -> Iterator[_Place]:
    """Batches of any streams as units, newest first."""
    whole = [batch for batch in lines.whole(batches) if from_ms <= batch.time_ms <= to_ms]
    whole.sort(key=lambda batch: (batch.time_ms, batch.seq, batch.start))
    while whole:
        size = count = 0
        while count < min(len(whole), UNIT_BATCHES) and size < UNIT_BYTES:
            count += 1
            size += len(whole[-count].data)
        unit = whole[-count:]
        del whole[-count:]
        yield _Place(unit[-1].time_ms, lambda unit=unit: lambda: lines.join(unit))  # type: ignore[misc]
