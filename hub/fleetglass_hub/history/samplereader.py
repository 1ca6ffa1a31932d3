"""Past values of many series in steps, from whatever holds them: memory, commits, minutes, hours, coarser steps.

    hour   13     14     15     16     17          each hour of a host from one kind of place:
           │ 1 min│ 1 min│ 10 s │ raw  │ fresh      the coarsest steps that fit into those asked for; raw where there
                                                   are none; raw and fresh together where samples still come in

What was appended and what is on disk are looked at in one moment, so that no sample is missed or counted twice; one
that came twice counts as it came last.

In: queries. Out: series. A shell: it reads the database, on a reader's thread.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from fleetglass_web.query import series as series_query
from fleetglass_web.view import MetricQuery, MetricSeries
from numpy.typing import NDArray

from fleetglass_hub.history import hotsamples, levels
from fleetglass_hub.history.hotsamples import SHARD_SHIFT
from fleetglass_hub.history.levels import COARSE, HOUR_MS, RAW, SPAN_MS, STEP_MS, Grid, Steps
from fleetglass_hub.history.packing import last_of_each
from fleetglass_hub.history.readers import Readers, Stop
from fleetglass_hub.history.recorder import Rows
from fleetglass_hub.history.samplestore import SampleStore

Parts = dict[str, list[Steps]]
# host -> where its samples stand: rows, and the places of its own in them, in the order in which they came.
ByHost = dict[int, list[tuple[Rows, NDArray[np.int64]]]]


# A sample that came again may have another corrected time: so far around the time asked for it is looked for.
AROUND_MS = 120_000


class _Fresh(NamedTuple):
    """Samples of one host that are in no hour yet, as they came."""

    raw_ms: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    names: tuple[str, ...]
    values: NDArray[np.float32]  # shape (names, samples)


class _Wanted:
    """The series that a query selects."""

    def __init__(self, numbers: Mapping[str, int], schemas: Mapping[int, tuple[str, ...]]) -> None:
        self.numbers = numbers  # in their order; 0 where a series has none yet
        self.names = {number: name for name, number in numbers.items() if number}
        self._schemas = schemas
        self._layouts: dict[int, tuple[tuple[str, ...], NDArray[np.int64]]] = {}

    def fresh(
        self, schema: int, raw_ms: NDArray[np.int64], time_ms: NDArray[np.int64], values: NDArray[np.float32]
    ) -> _Fresh:
        """Samples of a schema, shape (series, samples), without the series that nobody asked for."""
        layout = self._layouts.get(schema)
        if layout is None:
            found = [(name, at) for at, name in enumerate(self._schemas.get(schema, ())) if name in self.numbers]
            places = np.array([at for _, at in found], np.int64)
            layout = self._layouts[schema] = tuple(name for name, _ in found), places
        return _Fresh(raw_ms, time_ms, layout[0], values[layout[1]])


class SampleReader:
    """Answers `MetricQuery`.

    Args:
        pending: samples that are not on disk, in the order of their arrival; called with `lock` held.
        schemas: the names of each schema.
    """

    def __init__(
        self,
        readers: Readers,
        store: SampleStore,
        pending: Callable[[], Sequence[Rows]],
        schemas: Mapping[int, tuple[str, ...]],
        lock: threading.Condition,
        turn: threading.Lock,
    ) -> None:
        self._readers = readers
        self._store = store
        self._pending = pending
        self._schemas = schemas
        self._lock = lock
        self._turn = turn

    async def metrics(self, query: MetricQuery) -> Sequence[MetricSeries]:
        """See `Recorder`.

        Raises:
            HistoryError: the database cannot be read.
        """
        if query.step_ms <= 0:
            raise ValueError(f"a step of {query.step_ms} ms; it is at least 1")
        return await self._readers.ask(lambda connection, stop: list(self._series(connection, query, stop)))

    def _series(self, connection: sqlite3.Connection, query: MetricQuery, stop: Stop) -> Iterator[MetricSeries]:
        with self._turn:
            with self._lock:
                pending = list(self._pending())
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM meta").fetchone()
        wanted = self._wanted(query)
        by_shard: dict[int, list[int]] = {}
        for host in dict.fromkeys(query.hosts):
            by_shard.setdefault(host >> SHARD_SHIFT, []).append(host)
        pending_of = by_host(pending, query.hosts, *_around(query))
        for shard, own in by_shard.items():
            hot_of = by_host(_hot(connection, shard), own, *_around(query))
            for host in own:
                stop.check()
                rows = [*hot_of.get(host, ()), *pending_of.get(host, ())]
                yield from self._of_host(connection, host, rows, wanted, query)

    def _wanted(self, query: MetricQuery) -> _Wanted:
        numbers = dict(self._store.numbers)
        for names in list(self._schemas.values()):
            for name in names:
                numbers.setdefault(name, 0)
        every = tuple(numbers)
        chosen = series_query.select(tuple(query.series), every)
        return _Wanted({every[place]: numbers[every[place]] for place in chosen}, self._schemas)

    def _of_host(
        self,
        connection: sqlite3.Connection,
        host: int,
        rows: Sequence[tuple[Rows, NDArray[np.int64]]],
        wanted: _Wanted,
        query: MetricQuery,
    ) -> Iterator[MetricSeries]:
        fresh = self._fresh(connection, host, rows, wanted, query)
        hours = np.concatenate([part.time_ms for part in fresh]) // HOUR_MS if fresh else np.zeros(0, np.int64)
        parts: Parts = {}
        if wanted.names:
            self._add_packed(connection, host, wanted.names, set(np.unique(hours).tolist()), fresh, parts, query)
        _add_fresh(fresh, parts, query)
        for name in wanted.numbers:
            if name in parts:
                own = parts[name]
                steps = own[0] if len(own) == 1 else levels.merge(own, query.step_ms)
                if len(steps.time_ms):
                    yield _answer(host, name, steps, query.step_ms)

    # Fresh samples

    def _fresh(
        self,
        connection: sqlite3.Connection,
        host: int,
        rows: Sequence[tuple[Rows, NDArray[np.int64]]],
        wanted: _Wanted,
        query: MetricQuery,
    ) -> list[_Fresh]:
        """Samples of the query's time and around it, in the order in which they came."""
        found = []
        for chunk in self._store.minutes(connection, host, *_around(query)):
            columns = chunk.columns
            found.append(wanted.fresh(chunk.schema, columns.raw_ms, columns.time_ms, columns.values))
        for part, own in rows:
            time_ms = np.floor(part.time_ms[own]).astype(np.int64)
            found.append(wanted.fresh(part.schema, part.raw_ms[own], time_ms, part.values[own].T))
        return found

    # Packed hours and coarser steps

    def _add_packed(
        self,
        connection: sqlite3.Connection,
        host: int,
        names: Mapping[int, str],
        fresh_hours: set[int],
        fresh: list[_Fresh],
        parts: Parts,
        query: MetricQuery,
    ) -> None:
        store = self._store
        have = {level: store.buckets(connection, host, level, query.from_ms, query.to_ms) for level in (RAW, *COARSE)}
        choice = choose(have, fresh_hours, query.step_ms)
        for hour in sorted(choice.raw_hours & fresh_hours):
            series, columns = store.raw_hour(connection, hour, host, names)
            own = tuple(names[number] for number in series)
            # It came first: a sample that came again is a later one.
            fresh.insert(0, _Fresh(columns.raw_ms, columns.time_ms, own, columns.values))
        for hour in sorted(choice.raw_hours - fresh_hours):
            series, columns = store.raw_hour(connection, hour, host, names)
            grid = levels.of_values(columns.time_ms, columns.values)
            inside = (grid.time_ms >= query.from_ms) & (grid.time_ms < query.to_ms)
            _add(parts, [names[number] for number in series], levels.take(grid, inside), query.step_ms)
        for place, (level, numbers) in enumerate(choice.coarse):
            for number in sorted(numbers):
                series, grid = store.steps(connection, level, number, host, names)
                inside = (grid.time_ms + STEP_MS[level] > query.from_ms) & (grid.time_ms < query.to_ms)
                inside &= is_open(grid.time_ms, place, choice)
                spread = levels.spread(levels.take(grid, inside), STEP_MS[level], query.step_ms)
                _add(parts, [names[number] for number in series], spread, query.step_ms)


def _add(parts: Parts, names: Sequence[str], grid: Grid, step_ms: int) -> None:
    coarse = levels.coarsen(grid, step_ms)
    for place, name in enumerate(names):
        parts.setdefault(name, []).append(coarse.row(place))


class Choice(NamedTuple):
    """What answers a question, by priority: steps in an hour that something before has answered are left out."""

    raw_hours: set[int]
    coarse: list[tuple[int, set[int]]]  # level, chunks


def choose(have: Mapping[int, set[int]], fresh_hours: set[int], step_ms: int) -> Choice:
    """The coarsest steps that fit into those asked for, then raw hours, then whatever else is known.

    Args:
        have: the chunks of each level.
        fresh_hours: hours in which samples still come in; their raw ones are needed.
    """
    coarse: list[tuple[int, set[int]]] = []
    fits = [level for level in reversed(COARSE) if STEP_MS[level] <= step_ms and step_ms % STEP_MS[level] == 0]
    for level in fits:
        coarse.append((level, {number for number in have[level] if not _is_within(level, number, coarse)}))
    raw_hours = {hour for hour in have[RAW] if hour in fresh_hours or not _is_within(RAW, hour, coarse)}
    # Where the finer ones are gone, steps longer than those asked for are all that is known.
    for level in COARSE:
        if level not in fits:
            left = {number for number in have[level] if not _is_within(level, number, coarse)}
            coarse.append((level, {number for number in left if not _hours(level, number) <= raw_hours}))
    return Choice(raw_hours, coarse)


def _is_within(level: int, number: int, coarse: Sequence[tuple[int, set[int]]]) -> bool:
    first_ms = number * SPAN_MS[level]
    return any(other >= level and levels.bucket(other, first_ms) in own for other, own in coarse)


def _hours(level: int, number: int) -> set[int]:
    size = SPAN_MS[level] // HOUR_MS
    return set(range(number * size, (number + 1) * size))


def is_open(time_ms: NDArray[np.int64], place: int, choice: Choice) -> NDArray[np.bool_]:
    """Which steps of the coarse chunks at a place of the choice are answered by nothing before."""
    found: NDArray[np.bool_] = ~np.isin(time_ms // HOUR_MS, np.array(sorted(choice.raw_hours), np.int64))
    for level, numbers in choice.coarse[:place]:
        found &= ~np.isin(time_ms // SPAN_MS[level], np.array(sorted(numbers), np.int64))
    return found


def _around(query: MetricQuery) -> tuple[float, float]:
    return query.from_ms - AROUND_MS, query.to_ms + AROUND_MS


def by_host(rows: Sequence[Rows], hosts: Sequence[int], begin_ms: float, end_ms: float) -> ByHost:
    """Where the samples of some hosts stand, of `begin_ms <= time < end_ms`: one look at each part for all hosts."""
    found: ByHost = {}
    is_wanted = np.zeros(max(hosts, default=-1) + 1, np.bool_)
    is_wanted[list(hosts)] = True
    for part in rows:
        known = np.flatnonzero((part.hosts < len(is_wanted)) & (part.time_ms >= begin_ms) & (part.time_ms < end_ms))
        places = known[is_wanted[part.hosts[known]]]
        if not len(places):
            continue
        places = places[np.argsort(part.hosts[places], kind="stable")]
        of = part.hosts[places]
        starts = np.flatnonzero(np.diff(of, prepend=-1.0))
        for host, own in zip(of[starts].tolist(), np.split(places, starts[1:]), strict=True):
            found.setdefault(host, []).append((part, own))
    return found


def _hot(connection: sqlite3.Connection, shard: int) -> list[Rows]:
    found = connection.execute("SELECT schema, rows, body FROM sample_hot WHERE shard = ? ORDER BY id", (shard,))
    return [hotsamples.decode(schema, count, body) for schema, count, body in found]


def _add_fresh(fresh: Sequence[_Fresh], parts: Parts, query: MetricQuery) -> None:
    """Parts of the same series are joined first: a host's last minutes come in one part a commit."""
    if not fresh:
        return
    raw_ms = np.concatenate([part.raw_ms for part in fresh])
    time_ms = np.concatenate([part.time_ms for part in fresh])
    chosen = np.zeros(len(raw_ms), np.bool_)
    chosen[last_of_each(raw_ms)] = True
    chosen &= (time_ms >= query.from_ms) & (time_ms < query.to_ms)
    alike: dict[tuple[str, ...], list[tuple[_Fresh, NDArray[np.bool_]]]] = {}
    end = 0
    for part in fresh:
        start, end = end, end + len(part.raw_ms)
        if chosen[start:end].any():
            alike.setdefault(part.names, []).append((part, chosen[start:end]))
    for names, own in alike.items():
        times = np.concatenate([part.time_ms[inside] for part, inside in own])
        values = np.concatenate([part.values[:, inside] for part, inside in own], axis=1)
        order = np.argsort(times, kind="stable")
        _add(parts, names, levels.of_values(times[order], values[:, order]), query.step_ms)


def _answer(host: int, name: str, steps: Steps, step_ms: int) -> MetricSeries:
    """Steps with their holes."""
    first = int(steps.time_ms[0])
    places = (steps.time_ms - first) // step_ms
    size = int(places[-1]) + 1
    columns = []
    for column in (steps.min, steps.avg, steps.max):
        whole = np.full(size, np.nan, np.float32)
        whole[places] = column
        columns.append(whole)
    times = np.arange(size, dtype=np.float64) * step_ms + first
    return MetricSeries(host, name, times, columns[0], columns[1], columns[2])
