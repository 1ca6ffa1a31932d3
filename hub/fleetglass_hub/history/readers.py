"""Threads and connections that read the history beside the one that writes.

Asked on the loop's thread, answered on another: `ask` waits, and tells the work to stop when nobody waits any more.
In: work that reads. Out: its answer. A shell.
"""

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from fleetglass_hub.history import database
from fleetglass_hub.history.content import ContentError

# So many questions are worked on at a time; the rest waits.
READERS = 4

T = TypeVar("T")


class StoppedError(Exception):
    """Nobody waits for the answer any more."""


class Stop(threading.Event):
    """Set when nobody waits for an answer any more."""

    def check(self) -> None:
        """Give up if so.

        Raises:
            StoppedError: nobody waits.
        """
        if self.is_set():
            raise StoppedError


class Readers:
    """See the module. `workers` do what needs neither the database nor Python's lock, on all cores."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.width = os.cpu_count() or 1
        self.workers = ThreadPoolExecutor(self.width, thread_name_prefix="history-work")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="history-read")
        self._asked: set[Stop] = set()
        self._connections: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()

    async def ask(self, work: Callable[[sqlite3.Connection, Stop], T]) -> T:
        """Do work that reads, on a connection within a transaction.

        Raises:
            HistoryError: the database cannot be read.
        """
        stop = Stop()
        self._asked.add(stop)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._readers, self._answer, work, stop)
        except asyncio.CancelledError:
            stop.set()
            raise
        finally:
            self._asked.discard(stop)

    def _answer(self, work: Callable[[sqlite3.Connection, Stop], T], stop: Stop) -> T:
        stop.check()
        try:
            with self._connection() as connection:
                return work(connection, stop)
        except sqlite3.DatabaseError as error:
            raise database.refusal(self.path, error) from error
        except ContentError as error:
            raise database.DamagedError(self.path, str(error)) from error

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._connections.get_nowait()
        except queue.Empty:
            connection = database.connect(self.path, is_reader=True)
        try:
            yield connection
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except BaseException:
            connection.close()
            raise
        self._connections.put(connection)

    def close(self) -> None:
        """End; questions that are being worked on are given up."""
        for stop in self._asked:
            stop.set()
        self._readers.shutdown(cancel_futures=True)
        self.workers.shutdown(cancel_futures=True)
        while not self._connections.empty():
            self._connections.get().close()
