"""Past values of many series in steps, from whatever holds them: memory, rows of single commits.

In: queries. Out: series. A shell: it reads the database, on a reader's thread. What was appended and what is on disk
are looked at in one moment, so that no sample is missed or counted twice; one that came twice counts as it came last.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from fleetglass_web.query import series as series_query
from fleetglass_web.view import MetricQuery, MetricSeries

from fleetglass_hub.history import hotsamples
from fleetglass_hub.history.hotsamples import SHARD_SHIFT
from fleetglass_hub.history.readers import Readers, Stop
from fleetglass_hub.history.recorder import Rows
from fleetglass_hub.history.steps import in_steps


class SampleReader:
    """Answers `MetricQuery`.

    Args:
        pending: samples that are not on disk, in the order of their arrival; called with `lock` held.
        schemas: the names of each schema.
    """

    def __init__(
        self,
        readers: Readers,
        pending: Callable[[], Sequence[Rows]],
        schemas: Mapping[int, tuple[str, ...]],
        lock: threading.Condition,
        turn: threading.Lock,
    ) -> None:
        self._readers = readers
        self._pending = pending
        self._schemas = schemas
        self._lock = lock
        self._turn = turn

    async def metrics(self, query: MetricQuery) -> Sequence[MetricSeries]:
        """See `Recorder`.

        Raises:
            HistoryError: the database cannot be read.
        """
        return await self._readers.ask(lambda connection, stop: list(self._series(connection, query, stop)))

    def _series(self, connection: sqlite3.Connection, query: MetricQuery, stop: Stop) -> Iterator[MetricSeries]:
        with self._turn:
            with self._lock:
                pending = list(self._pending())
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM meta").fetchone()
        hosts = list(dict.fromkeys(query.hosts))
        by_shard: dict[int, list[int]] = {}
        for host in hosts:
            by_shard.setdefault(host >> SHARD_SHIFT, []).append(host)
        for shard, own in by_shard.items():
            hot = _hot(connection, shard)
            for host in own:
                stop.check()
                parts = [part for rows in (*hot, *pending) if (part := _of_host(rows, host)) is not None]
                yield from self._of_host(host, _newest(parts), query)

    def _of_host(self, host: int, parts: Sequence[Rows], query: MetricQuery) -> Iterator[MetricSeries]:
        names = dict.fromkeys(name for part in parts for name in self._schemas.get(part.schema, ()))
        every = tuple(names)
        for place in series_query.select(tuple(query.series), every):
            name = every[place]
            own = [
                (part, self._schemas[part.schema].index(name)) for part in parts if name in self._schemas[part.schema]
            ]
            times = np.concatenate([part.time_ms for part, _ in own])
            values = np.concatenate([part.values[:, column] for part, column in own])
            chosen = (times >= query.from_ms) & (times < query.to_ms)
            series = in_steps(host, name, times[chosen], values[chosen], query.step_ms)
            if series is not None:
                yield series


def _hot(connection: sqlite3.Connection, shard: int) -> list[Rows]:
    found = connection.execute("SELECT schema, rows, body FROM sample_hot WHERE shard = ? ORDER BY id", (shard,))
    return [hotsamples.decode(schema, count, body) for schema, count, body in found]


def _of_host(rows: Rows, host: int) -> Rows | None:
    places = np.flatnonzero(rows.hosts == host)
    if not len(places):
        return None
    return hotsamples.take(rows, places)


def _newest(parts: Sequence[Rows]) -> list[Rows]:
    """Parts of one host without the samples that came again later, by the host's own clock."""
    if not parts:
        return []
    raw_ms = np.concatenate([part.raw_ms for part in parts])
    order = np.argsort(raw_ms, kind="stable")
    is_last = np.ones(len(raw_ms), np.bool_)
    is_last[order[:-1]] = np.diff(raw_ms[order]) != 0
    ends = np.cumsum([len(part.raw_ms) for part in parts])[:-1]
    return [hotsamples.take(part, own) for part, own in zip(parts, np.split(is_last, ends), strict=True) if own.any()]
