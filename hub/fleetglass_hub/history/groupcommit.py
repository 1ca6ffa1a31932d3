"""Group commit: what was appended in a quarter of a second becomes one transaction, and is told as committed after it.

    loop's thread    append append append │ append append ...            committed(mark)
                                   take ──┘                                   ▲
    this thread                        chunks, rows, offsets ── COMMIT (fsync) ┘ ── tidy up between commits

What cannot be committed stays as it is and is tried again every second, with a sentence that says why: the hub goes on
showing what arrives, and nobody is told that it is safe.

A shell: it owns the thread and the connection that write.
"""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from fleetglass_proto import limits
from fleetglass_web.histogram import Histogram
from fleetglass_web.view import LineBatch

from fleetglass_hub.history import database
from fleetglass_hub.history.content import ContentError
from fleetglass_hub.history.recorder import EventRecord, FileRecord, HostRecord, Rows, StreamRecord
from fleetglass_hub.history.records import Forget, GapRecord, Item, SchemaRecord
from fleetglass_hub.history.store import FileKey, Store
from fleetglass_hub.history.waiting import HOT_MS, Plan, WaitingLines

log = logging.getLogger(__name__)

# Lines wait this long for others: with the commit itself they are on disk within `COMMIT_INTERVAL_MS`.
LINES_WAIT_S = 0.6 * limits.COMMIT_INTERVAL_MS / 1_000
# Samples are kept by their agents for an hour anyway. A commit a second costs a small fleet a quarter of four.
ROWS_WAIT_S = 1.0
# So many bytes do not wait: an agent with a backlog gets its credit back while the next batch is on its way.
EARLY_BYTES = 4 << 20
RETRY_S = 1.0
# Around the 250 ms that are promised; below 150 ms only a group that was full went early.
COMMIT_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1, 2.5, 10)
TIDY_S = 5.0
# Re-packing 10,000 hosts takes minutes. It rests three times as long as it works, so that the loop's thread gets its
# turns: what is numpy and Python here holds the lock that live frames need.
REST = 3.0
# The log of SQLite is moved into the file beyond this size, beside the commits; beyond the second, between them.
WAL_BYTES = 16 << 20
WAL_BYTES_MAX = 256 << 20


class Group(NamedTuple):
    """What is committed together."""

    items: Sequence[Item]
    rows: Sequence[Rows]
    mark: int
    number: int  # of the last item
    last_seq: int
    side: int  # of the journal
    line_bytes: int
    began_s: float  # when the first of it was appended


Job = Callable[[], bool]
"""Something to do between commits; True: it is not finished, call it again."""


class GroupCommit:
    """The writing thread.

    Args:
        take: gives what was appended; None if nothing was. Called with `condition` held.
        due_s: when the next group is due, monotonic; None: nothing waits. Called with `condition` held.
        settled: a group is committed; called on this thread.
        told: the state has changed: a group was committed, or `problem` is another. Called on this thread.
        clock: the hub's, ms since 1970 UTC.
        turn: held from COMMIT until memory knows of it, so that a reader sees each line once.
    """

    def __init__(
        self,
        store: Store,
        path: str,
        waiting: WaitingLines,
        condition: threading.Condition,
        turn: threading.Lock,
        take: Callable[[], Group | None],
        due_s: Callable[[], float | None],
        settled: Callable[[Group], None],
        told: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self.problem = ""
        self.commits = 0
        self.slowest_ms = 0.0
        self.seconds = Histogram("commit_seconds", COMMIT_BOUNDS_S)  # the same, of all since the start
        self.latencies_ms: list[float] = []  # of the last commits of lines: from the first append to the disk
        self._store = store
        self._path = path
        self._waiting = waiting
        self._condition = condition
        self._turn = turn
        self._take = take
        self._due_s = due_s
        self._settled = settled
        self._told = told
        self._clock = clock
        self._jobs: list[Job] = []
        self._unfinished: list[Job] = []  # regular ones that have more to do
        self._rest_until_s = 0.0
        self._regular: list[Job] = [self._pack_old, self._rewrite]
        self._is_closing = False
        self._last_seq = 0
        self._tidy_at_s = 0.0
        self._checkpoint: threading.Thread | None = None
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def add_regular(self, job: Job) -> None:
        """Something to do every few seconds; before `start`."""
        self._regular.append(job)

    def submit(self, job: Job) -> None:
        """Something to do once, between commits."""
        with self._condition:
            self._jobs.append(job)
            self._condition.notify()

    def close(self) -> None:
        """Commit what is there, once, and end; waits for it."""
        with self._condition:
            self._is_closing = True
            self._condition.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                group, jobs, is_closing = self._next()
            if (group is None and is_closing) or (group is not None and not self._commit(group)):
                break
            self._work_on(jobs)
        if self._checkpoint is not None:
            self._checkpoint.join()

    def _next(self) -> tuple[Group | None, list[Job], bool]:
        """Wait for something to do."""
        while True:
            now_s = time.monotonic()
            due_s = self._due_s()
            if self._is_closing:
                return self._take(), [], True
            jobs, self._jobs = self._jobs, []
            if now_s >= self._rest_until_s:
                jobs += self._unfinished
                self._unfinished = []
            if now_s >= self._tidy_at_s:
                self._tidy_at_s = now_s + TIDY_S
                jobs += [job for job in self._regular if job not in jobs and job not in self._unfinished]
            if due_s is not None and now_s >= due_s:
                return self._take(), jobs, False
            if jobs:
                return None, jobs, False
            wake_s = [self._tidy_at_s]
            if due_s is not None:
                wake_s.append(due_s)
            if self._unfinished:
                wake_s.append(self._rest_until_s)
            self._condition.wait(max(min(wake_s) - now_s, 0.001))

    # A group

    def _commit(self, group: Group) -> bool:
        """Commit, however long it takes; False: there was no way before the end."""
        while True:
            try:
                self.write(group)
            except sqlite3.Error as error:
                refusal = database.refusal(self._path, error)
                self._refuse(str(refusal))
                if not self._wait_for_retry(isinstance(refusal, database.DamagedError)):
                    return False
                continue
            except Exception as error:
                if not self.problem:
                    log.exception("a fault in fleetglass: a group could not be committed")
                self._refuse(f"a fault in fleetglass: {error}; the hub's log has the cause. Restart the hub")
                if not self._wait_for_retry(is_damaged=False):
                    return False
                continue
            self._note(group)
            return True

    def _note(self, group: Group) -> None:
        latency_ms = (time.monotonic() - group.began_s) * 1_000
        self.commits += 1
        # Samples alone wait longer, and nobody waits for them.
        if group.line_bytes:
            self.slowest_ms = max(self.slowest_ms, latency_ms)
            self.latencies_ms.append(latency_ms)
            self.seconds.add(latency_ms / 1_000)
        if len(self.latencies_ms) > 2_000:
            del self.latencies_ms[:1_000]
        if self.problem:
            self.problem = ""
        self._told()
        self._look_at_wal()

    def _refuse(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            self._told()

    def _wait_for_retry(self, is_damaged: bool) -> bool:
        """Wait; False: there is no use in trying again."""
        end_s = time.monotonic() + RETRY_S
        with self._condition:
            while not self._is_closing and (is_damaged or time.monotonic() < end_s):
                self._condition.wait(RETRY_S)
            return not self._is_closing

    def write(self, group: Group) -> None:
        """Write a group in one transaction.

        Raises:
            sqlite3.Error: nothing of it was written.
        """
        forgotten = {item.host for item in group.items if isinstance(item, Forget)}
        ends: dict[FileKey, int] = {}
        group_lines = [item for item in group.items if isinstance(item, LineBatch) and item.host not in forgotten]
        with self._condition:
            plan = self._waiting.plan(group_lines)
        store = self._store
        with _Transaction(store.connection, self._turn) as transaction:
            for item in group.items:
                match item:
                    case LineBatch():
                        ends[item.host, item.stream, item.file] = item.start + len(item.data)
                    case GapRecord():
                        store.put_gap(item)
                        ends[item.gap.host, item.gap.stream, item.file] = item.end
                    case HostRecord():
                        store.put_host(item)
                    case StreamRecord():
                        store.put_stream(item)
                    case FileRecord():
                        store.put_file(item)
                    case SchemaRecord():
                        store.put_schema(item)
                    case EventRecord():
                        store.put_event(item)
                    case Forget():
                        store.forget(item)
            row, row_bytes = store.put_lines(plan)
            store.move_offsets(ends)
            store.put_rows(group.rows)
            store.set_meta("committed_number", group.number)
            store.set_meta("last_seq", group.last_seq)
            transaction.commit(lambda: self._settle(group, plan, row, row_bytes))

    def _settle(self, group: Group, plan: Plan, row: int, row_bytes: int) -> None:
        with self._condition:
            self._waiting.settle(plan, row, row_bytes)
        self._last_seq = group.last_seq
        self._settled(group)

    # Between groups

    def _work_on(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            began_s = time.monotonic()
            try:
                if job():
                    self._unfinished.append(job)
            except sqlite3.Error as error:
                # The next commit meets the same trouble and says so; what tidies up can wait.
                log.debug("tidying up stopped: %s", error)
            except Exception as error:  # noqa: BLE001 - what tidies up must not end the commits
                self._give_up(job, error)
            now_s = time.monotonic()
            self._rest_until_s = max(self._rest_until_s, now_s + REST * (now_s - began_s))

    def _give_up(self, job: Job, error: Exception) -> None:
        """Leave a job that meets what it cannot work on until the next start."""
        if job in self._regular:
            self._regular.remove(job)
        if isinstance(error, ContentError):
            log.error("%s", database.DamagedError(self._path, str(error)))
        else:
            log.error("a fault in fleetglass: history is not tidied up any more", exc_info=error)

    def tidy(self) -> bool:
        """Do every regular job once; True if any of them has more to do. On the writing thread."""
        more = [job() for job in self._regular]
        return any(more)

    def transaction(self) -> "_Transaction":
        """A transaction for a job."""
        return _Transaction(self._store.connection, self._turn)

    def _pack_old(self) -> bool:
        with self._condition:
            plan = self._waiting.plan_old(self._last_seq, self._clock() - HOT_MS)
        if plan.packed:
            self._carry_out(plan, self._waiting.settle)
        return False

    def _rewrite(self) -> bool:
        with self._condition:
            plan = self._waiting.plan_rewrite()
        if plan is not None:
            self._carry_out(plan, self._waiting.settle_rewrite)
        return False

    def _carry_out(self, plan: Plan, settle: Callable[[Plan, int, int], None]) -> None:
        with self.transaction() as transaction:
            row, row_bytes = self._store.put_lines(plan)

            def settled() -> None:
                with self._condition:
                    settle(plan, row, row_bytes)

            transaction.commit(settled)

    def _look_at_wal(self) -> None:
        """Move SQLite's log into its file: the bulk of it beside the commits, the rest between two of them."""
        try:
            size = os.path.getsize(f"{self._path}-wal")
        except OSError:
            return
        if self._checkpoint is not None and not self._checkpoint.is_alive():
            self._checkpoint = None
            checkpoint(self._store.connection)
        elif size > WAL_BYTES_MAX:
            checkpoint(self._store.connection)
        elif size > WAL_BYTES and self._checkpoint is None:
            self._checkpoint = threading.Thread(target=self._checkpoint_beside, name="history-checkpoint", daemon=True)
            self._checkpoint.start()

    def _checkpoint_beside(self) -> None:
        try:
            connection = database.connect(self._path)
            try:
                checkpoint(connection)
            finally:
                connection.close()
        except sqlite3.Error as error:
            log.debug("no checkpoint: %s", error)


def checkpoint(connection: sqlite3.Connection) -> None:
    """Move as much of SQLite's log as no reader needs."""
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    except sqlite3.Error as error:
        log.debug("no checkpoint: %s", error)


class _Transaction:
    """BEGIN, and COMMIT with what memory must know at the same moment; ROLLBACK where it does not come to that."""

    def __init__(self, connection: sqlite3.Connection, turn: threading.Lock) -> None:
        self._connection = connection
        self._turn = turn

    def __enter__(self) -> "_Transaction":
        self._connection.execute("BEGIN IMMEDIATE")
        return self

    def commit(self, settle: Callable[[], None]) -> None:
        """Commit; `settle` is called before any reader looks."""
        with self._turn:
            self._connection.execute("COMMIT")
            settle()

    def __exit__(self, *_: object) -> None:
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                log.debug("no rollback: %s", error)
