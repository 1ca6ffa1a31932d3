"""The history on disk: a journal for the process's death, a database for the machine's, and answers from both.

    append ─► waiting (memory) ─ flush ─► journal (page cache) ─ group commit ─► history.sqlite ─► committed(mark)
                  └───────────────── logs, metrics ─────────────────┘

In and out: see `Recorder`. A shell: the rooms beside it do the work, this one puts them together.
"""

import asyncio
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from fleetglass_web.view import Gap, LineBatch, LogPage, LogQuery, MetricQuery, MetricSeries

from fleetglass_hub.history import database, journal, records
from fleetglass_hub.history.content import ContentError
from fleetglass_hub.history.groupcommit import EARLY_BYTES, LINES_WAIT_S, RETRY_S, ROWS_WAIT_S, Group, GroupCommit
from fleetglass_hub.history.journal import Journal
from fleetglass_hub.history.keeping import DEFAULT, Keeping
from fleetglass_hub.history.logreader import LogReader
from fleetglass_hub.history.packing import Packer
from fleetglass_hub.history.readers import Readers
from fleetglass_hub.history.recorder import (
    EventRecord,
    FileRecord,
    HostRecord,
    Loaded,
    Rows,
    StreamRecord,
)
from fleetglass_hub.history.records import Forget, GapRecord, Item, SchemaRecord
from fleetglass_hub.history.retention import Retention
from fleetglass_hub.history.samplereader import SampleReader
from fleetglass_hub.history.samplestore import SampleStore
from fleetglass_hub.history.store import Store
from fleetglass_hub.history.waiting import WaitingLines
from fleetglass_hub.history.warm import contiguous_lines, follows

log = logging.getLogger(__name__)

# Samples that cannot be committed are held up to here: at 100 hosts for ten hours, at 10,000 for five minutes.
ROWS_HELD_BYTES = 512 << 20
# What the fleet keeps in memory. Decoding so many chunks takes a third of a second.
MEMORY_MS = 300_000.0
CHUNKS_AT_START = 4_000
# Starts whose cursors are still understood; a cursor of an older one is answered with a gap.
LIVES_MAX = 256


def now_ms() -> float:
    """The machine's clock."""
    return time.time() * 1_000


class DiskHistory:
    """See `Recorder`.

    Args:
        folder: where the database and its journal are.
        clock: the hub's, ms since 1970 UTC.
        keeping: what is deleted when.

    Raises:
        HistoryError: the database cannot be used; the text says what to do.
    """

    def __init__(self, folder: str, clock: Callable[[], float] = now_ms, keeping: Keeping = DEFAULT) -> None:
        self.path = os.path.join(folder, database.FILE_NAME)
        self._clock = clock
        self._store = Store(database.open_writer(self.path))
        self.history_id: bytes = self._store.meta("history_id")
        self._condition = threading.Condition(threading.Lock())
        self._turn = threading.Lock()
        self._waiting = WaitingLines()
        self._paths: dict[int, dict[int, str]] = {}
        self._items: list[Item] = []  # of the next group
        self._rows: list[Rows] = []
        self._committing_rows: Sequence[Rows] = ()
        self._schemas: dict[int, tuple[str, ...]] = {}
        self._unflushed: list[Item] = []
        self._number = 0  # of the last item
        self._mark = 0
        self._seq = 0
        self._committed_mark = 0
        self._line_bytes = 0  # of the next group
        self._row_bytes = 0
        self._dropped_rows = 0
        self._pending_bytes = 0
        self._lines_since_s: float | None = None
        self._rows_since_s: float | None = None
        self._journal: Journal | None = None
        self._journal_rests_s = 0.0  # after a failure it is left alone for a moment
        self._loop: asyncio.AbstractEventLoop | None = None
        self._committed: Callable[[int], None] | None = None
        self._commit = GroupCommit(
            self._store, self.path, self._waiting, self._condition, self._turn, self._take, self._due_s,
            self._settled, self._tell, clock,
        )  # fmt: skip
        self._readers = Readers(self.path)
        self._sample_store = SampleStore()
        self._packer = Packer(
            self._store.connection, self._sample_store, self._schemas, self._commit.transaction, clock
        )
        self._retention = Retention(self._store.connection, keeping, self._commit.transaction, clock)
        packer = self._packer
        for job in (packer.pack_minutes, packer.pack_hours, packer.pack_coarse, self._retention.look):
            self._commit.add_regular(job)
        self._samples = SampleReader(
            self._readers,
            self._sample_store,
            lambda: (*self._committing_rows, *self._rows),
            self._schemas,
            self._condition,
            self._turn,
        )
        self._logs = LogReader(self._readers, self.history_id, self._waiting, self._paths, self._condition, self._turn)

    @property
    def problem(self) -> str:
        """See `Recorder`."""
        return self._commit.problem

    @property
    def pending_bytes(self) -> int:
        """See `Recorder`."""
        return self._pending_bytes

    # The start

    def load(self, tail_bytes: int) -> Loaded:
        """See `Recorder`.

        Raises:
            HistoryError: what the database holds does not fit together.
        """
        try:
            return self._load(tail_bytes)
        except sqlite3.Error as error:
            raise database.refusal(self.path, error) from error
        except ContentError as error:
            raise database.DamagedError(self.path, str(error)) from error

    def _load(self, tail_bytes: int) -> Loaded:
        store = self._store
        # The numbers of forgotten hosts may be used again from now on.
        self._retention.purge_all_forgotten()
        self._number = int(store.meta("committed_number", 0))
        life = store.meta("life", b"")
        left = journal.replay(self.path, life, self._number) if life else []
        self._seq = max(int(store.meta("last_seq", 0)), store.last_seq())
        schemas = store.schemas()
        hosts, streams, files = store.hosts(), store.streams(), store.files()
        self._know(streams)
        self._sample_store.load(store.connection)
        self._schemas.update(schemas)
        paths = {(stream.host, stream.stream): stream.path for stream in streams}
        for row, row_bytes, batches in store.hot_lines(paths):
            for batch in batches:
                self._waiting.add(batch)
            self._waiting.is_hot(batches, row, row_bytes)
        if left:
            self._adopt(left, files)
            hosts, streams, files, schemas = store.hosts(), store.streams(), store.files(), store.schemas()
        store.connection.execute("BEGIN IMMEDIATE")
        life = os.urandom(journal.LIFE_BYTES)
        store.set_meta("life", life)
        store.set_meta("committed_number", self._number)
        own, lives = self._next_life()
        store.connection.execute("COMMIT")
        self._journal = Journal(self.path, life)
        hot_rows = store.hot_rows()
        tail = contiguous_lines(
            self._waiting.matching(lambda _key: True), store.newest_batches(self._paths), tail_bytes
        )
        paths = {(host, number): path for host, own in self._paths.items() for number, path in own.items()}
        self._pending_bytes = 0
        return Loaded(
            hosts,
            streams,
            files,
            schemas,
            store.samples_ms(hot_rows),
            self._seq + 1,
            tail,
            [*self._newest_minutes(), *hot_rows],
            own,
            lives,
            store.gaps(tail[0].seq if tail else self._seq + 1, paths),
        )

    def _next_life(self) -> tuple[int, Mapping[int, int]]:
        """A name for this start, and up to where the numbers of the earlier ones are known: where the next began."""
        began = records.decode_lives(self._store.meta("lives", b""))
        ends = [seq for _life, seq in began[1:]] + [self._seq]
        lives = {life: end for (life, _seq), end in zip(began, ends, strict=False)}
        # In ms: a hub that is killed can be back within the second. Above the last, should the clock step back.
        own = max(int(self._clock()) & 0xFFFF_FFFF, began[-1][0] + 1 if began else 0) & 0xFFFF_FFFF
        while own in lives:
            own = (own + 1) & 0xFFFF_FFFF
        self._store.set_meta("lives", records.encode_lives([*began, (own, self._seq)][-LIVES_MAX:]))
        return own, lives

    def _newest_minutes(self) -> Sequence[Rows]:
        """Samples of the last minutes that are in chunks, as rows; of a large fleet none: a start must not wait."""
        since_ms = self._clock() - MEMORY_MS
        return self._sample_store.newest_rows(self._store.connection, since_ms, CHUNKS_AT_START)

    def _know(self, streams: Sequence[StreamRecord]) -> None:
        for stream in streams:
            self._paths.setdefault(stream.host, {})[stream.stream] = stream.path

    def _adopt(self, left: Sequence[Item], files: Sequence[FileRecord]) -> None:
        """Commit what the last life flushed and could not commit any more."""
        items = follows(left, files)
        with self._condition:
            for item in items:
                self._append(item, 0)
                match item:
                    case LineBatch():
                        self._waiting.add(item)
                        self._seq = max(self._seq, item.seq)
                    case GapRecord():
                        self._seq = max(self._seq, item.seq)
                    case StreamRecord():
                        self._know([item])
                    case SchemaRecord():
                        self._schemas[item.schema] = item.series
                    case _:
                        pass
            # Numbers go on behind all that was in the journal, also what did not fit.
            self._number += len(left) - len(items)
            self._unflushed.clear()
            group = self._take()
        if group is not None:
            self._commit.write(group)
        log.info("%d records of the last life were taken from the journal", len(items))

    def start(self, committed: Callable[[int], None]) -> None:
        """See `Recorder`."""
        self._loop = asyncio.get_running_loop()
        self._committed = committed
        self._commit.start()

    # Appending, on the loop's thread

    def _append(self, item: Item, line_bytes: int) -> int:
        """Called with the lock held, or before `start`."""
        self._mark += 1
        self._number += 1
        self._items.append(item)
        self._unflushed.append(item)
        self._line_bytes += line_bytes
        self._pending_bytes += line_bytes
        is_first = self._lines_since_s is None
        if is_first:
            self._lines_since_s = time.monotonic()
        if is_first or (self._line_bytes >= EARLY_BYTES > self._line_bytes - line_bytes):
            self._condition.notify()
        return self._mark

    def _put(self, item: Item, line_bytes: int = 0) -> int:
        with self._condition:
            return self._append(item, line_bytes)

    def put_host(self, record: HostRecord) -> None:
        """See `Recorder`."""
        self._put(record)

    def put_stream(self, record: StreamRecord) -> None:
        """See `Recorder`."""
        with self._condition:
            self._know([record])
            self._append(record, 0)

    def put_file(self, record: FileRecord) -> None:
        """See `Recorder`."""
        self._put(record)

    def put_schema(self, schema: int, series: tuple[str, ...]) -> None:
        """See `Recorder`."""
        with self._condition:
            self._schemas[schema] = series
            self._append(SchemaRecord(schema, series), 0)

    def append_rows(self, rows: Rows) -> int:
        """See `Recorder`."""
        with self._condition:
            self._mark += 1
            self._rows.append(rows)
            self._row_bytes += rows.values.nbytes
            if self._row_bytes > ROWS_HELD_BYTES:
                self._row_bytes -= self._rows[0].values.nbytes
                self._dropped_rows += len(self._rows.pop(0).hosts)
            if self._rows_since_s is None:
                self._rows_since_s = time.monotonic()
                self._condition.notify()
            return self._mark

    def append_lines(self, batch: LineBatch) -> int:
        """See `Recorder`."""
        with self._condition:
            self._waiting.add(batch)
            self._seq = batch.seq
            return self._append(batch, len(batch.data))

    def append_gap(self, gap: Gap, file: int, end: int, seq: int) -> int:
        """See `Recorder`."""
        with self._condition:
            self._seq = seq
            return self._append(GapRecord(gap, file, end, seq), 0)

    def append_event(self, event: EventRecord) -> int:
        """See `Recorder`."""
        return self._put(event)

    def flush(self) -> None:
        """See `Recorder`: one write into the page cache. Samples need none, their agents keep them."""
        with self._condition:
            if not self._unflushed or self._journal is None or time.monotonic() < self._journal_rests_s:
                return
            try:
                self._journal.write(self._number - len(self._unflushed) + 1, self._unflushed)
            except OSError as error:
                # It is tried again later, with all that waits; the commit meets the same disk and says what to do.
                if not self._journal_rests_s:
                    log.warning("the journal of %s cannot be written: %s", self.path, error.strerror)
                self._journal_rests_s = time.monotonic() + RETRY_S
                return
            self._journal_rests_s = 0.0
            self._unflushed = []

    # Committing, called on the writing thread

    def _due_s(self) -> float | None:
        if self._line_bytes >= EARLY_BYTES:
            return 0.0
        due = []
        if self._lines_since_s is not None:
            due.append(self._lines_since_s + LINES_WAIT_S)
        if self._rows_since_s is not None:
            due.append(self._rows_since_s + ROWS_WAIT_S)
        return min(due, default=None)

    def _take(self) -> Group | None:
        if not self._items and not self._rows:
            return None
        began_s = min(since for since in (self._lines_since_s, self._rows_since_s) if since is not None)
        side = self._journal.switch() if self._journal else -1
        group = Group(self._items, self._rows, self._mark, self._number, self._seq, side, self._line_bytes, began_s)
        self._committing_rows = self._rows
        self._items, self._rows = [], []
        self._line_bytes = self._row_bytes = 0
        self._lines_since_s = self._rows_since_s = None
        return group

    def _settled(self, group: Group) -> None:
        with self._condition:
            self._pending_bytes -= group.line_bytes
            self._committed_mark = group.mark
            self._committing_rows = ()
            if self._journal is not None:
                self._journal.clear(group.side)

    def _tell(self) -> None:
        if self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._told)
            except RuntimeError:
                return  # the loop has ended; `close` tells

    def _told(self) -> None:
        if self._committed is not None:
            self._committed(self._committed_mark)

    # Questions

    async def logs(self, query: LogQuery) -> LogPage:
        """See `Recorder`."""
        return await self._logs.logs(query)

    async def metrics(self, query: MetricQuery) -> Sequence[MetricSeries]:
        """See `Recorder`."""
        return await self._samples.metrics(query)

    async def forget(self, host: int) -> None:
        """See `Recorder`."""
        with self._condition:
            self._append(Forget(host), 0)
            self._waiting.forget(host)
            self._paths.pop(host, None)
        self.flush()

    def _pending_rows(self) -> Sequence[Rows]:
        return (*self._committing_rows, *self._rows)

    async def tidy(self) -> None:
        """Do at once what is otherwise done every few seconds: pack, re-pack, delete what is too old."""
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def work() -> bool:
            try:
                while self._commit.tidy():
                    pass
            finally:
                loop.call_soon_threadsafe(done.set)
            return False

        self._commit.submit(work)
        await done.wait()

    def figures(self) -> Mapping[str, float]:
        """See `Recorder`."""
        recent = sorted(self._commit.latencies_ms[-1_000:])
        return {
            "history_commits_total": float(self._commit.commits),
            "history_commit_p99_ms": recent[int(0.99 * (len(recent) - 1))] if recent else 0.0,
            "history_commit_slowest_ms": self._commit.slowest_ms,
            "history_waiting_line_bytes": float(self._waiting.bytes),
            "history_dropped_rows_total": float(self._dropped_rows),
            **self._commit.seconds.figures(),
        }

    async def close(self) -> None:
        """See `Recorder`."""
        await asyncio.get_running_loop().run_in_executor(None, self._commit.close)
        self._told()
        self._readers.close()
        if self._journal is not None:
            self._journal.close()
        self._store.connection.close()
