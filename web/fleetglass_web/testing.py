"""A fleet in memory, and the checks that every `FleetView` must pass.

`FakeFleet` keeps what it is told and calls its watchers, so a test writes "this host sent that row" and awaits what a
browser gets. `FleetViewChecks` (in `viewchecks`) runs over it and over the hub's own view.
"""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from fleetglass_web.live.lines import line_test, split_lines
from fleetglass_web.query import series as series_query
from fleetglass_web.query.glob import compile_glob
from fleetglass_web.view import (
    AggregateQuery,
    Block,
    CursorError,
    Enrolment,
    Enrolments,
    EnrolmentStateError,
    Gap,
    GroupSeries,
    Host,
    HostState,
    Line,
    LineBatch,
    LogPage,
    LogQuery,
    MetricQuery,
    MetricSeries,
    NewEnrolment,
    Resumed,
    TurnedAway,
    Watcher,
)

MEMORY_MS = 300_000


class FakeFleet:
    """A `FleetView` that a test fills. Its clock stands still until `clock_ms` is changed."""

    version = "0.0.test"

    def __init__(self, clock: Callable[[], float] | None = None, hub_id: str = "hub-test") -> None:
        self.hub_id = hub_id
        self.clock_ms = 1_700_000_000_000.0
        self.wanted: dict[int, int] = {}
        self._clock = clock
        self._hosts: dict[int, Host] = {}
        self._schemas: list[tuple[str, ...]] = []
        self._rows: list[tuple[int, int, float, np.ndarray]] = []  # schema, host, time_ms, values
        self._batches: list[LineBatch] = []
        self._gaps: list[tuple[int, Gap]] = []  # seq behind which it lies
        self._ends: dict[tuple[int, int], int] = {}
        self._watchers: list[Watcher] = []
        self._enrolments: dict[str, Enrolment] = {}
        self.endpoint = "tcp://hub.example.org:7400"
        self.endpoint_note = ""
        self.turned_away: list[TurnedAway] = []
        self._forgotten = 0  # batches with a smaller seq are no longer kept
        self._seq = 0

    # -- what a test does ---------------------------------------------------------------------------------------

    def add_host(self, name: str, state: HostState = HostState.LIVE, **labels: str) -> int:
        """A host joins."""
        number = len(self._hosts)
        agent_id = f"00000000-0000-4000-8000-{number:012x}"
        platform: dict[str, str | int | float] = {"system": "Linux", "release": "6.12", "machine": "x86_64", "cores": 2}
        self._hosts[number] = Host(
            host=number, agent_id=agent_id, name=name, labels=labels, state=state, last_ms=self.now_ms(),
            interval_ms=1_000, platform=platform, agent_version="0.0.test", address="127.0.0.1", clock_offset_ms=0.0,
            schema=None, streams=0, lag_ms=1.0, first_ms=self.now_ms(),
        )  # fmt: skip
        self._changed([self._hosts[number]], [])
        return number

    def change_host(self, number: int, **changes: object) -> None:
        """Labels, state, name ... of a host change."""
        self._hosts[number] = replace(self._hosts[number], **changes)  # type: ignore[arg-type]  # the test's own words
        self._changed([self._hosts[number]], [])

    def remove_host(self, number: int) -> None:
        """A host is forgotten."""
        del self._hosts[number]
        self._changed([], [number])

    def sample(self, number: int, values: Mapping[str, float], time_ms: float | None = None) -> None:
        """One row of a host; its names are its schema."""
        names = tuple(values)
        if names not in self._schemas:
            self._schemas.append(names)
        schema = self._schemas.index(names)
        at = self.now_ms() if time_ms is None else time_ms
        self._rows.append((schema, number, at, np.array(list(values.values()), dtype=np.float32)))
        host = self._hosts[number]
        is_changed = host.schema != schema
        self._hosts[number] = replace(host, schema=schema, last_ms=self.now_ms())
        if is_changed:
            self._changed([self._hosts[number]], [])
        for watcher in list(self._watchers):
            watcher.rows_arrived()

    def lines(self, number: int, path: str, data: bytes | str, stream: int = 1, partial: bool = False) -> None:
        """Whole lines of a host's file."""
        raw = data.encode() if isinstance(data, str) else data
        start = self._ends.get((number, stream), 0)
        if not partial:
            self._ends[number, stream] = start + len(raw)
            self._seq += 1
        now_ms = self.now_ms()
        seq = 0 if partial else self._seq
        batch = LineBatch(seq, number, stream, path, stream, start, now_ms, now_ms, raw, partial, cut=False)
        if not partial:
            self._batches.append(batch)
        for watcher in list(self._watchers):
            watcher.lines_arrived([batch])

    def gap(self, gap: Gap) -> None:
        """Something is missing."""
        self._gaps.append((self._seq, gap))
        for watcher in list(self._watchers):
            watcher.gaps_found([gap])

    def forget_lines(self, count: int) -> None:
        """The oldest `count` batches are no longer kept."""
        self._forgotten = self._batches[count - 1].seq
        self._batches = self._batches[count:]

    def use_enrolment(self, enrolment: str, number: int) -> None:
        """A host has joined with a line; its labels are the host's from now on."""
        agent_id = self._hosts[number].agent_id
        waiting = self._enrolments[enrolment]
        self._enrolments[enrolment] = waiting._replace(used_ms=self.now_ms(), agent_id=agent_id)
        self.change_host(number, labels={**self._hosts[number].labels, **waiting.labels})

    def _changed(self, upsert: Sequence[Host], remove: Sequence[int]) -> None:
        for watcher in list(self._watchers):
            watcher.hosts_changed(upsert, remove)

    # -- FleetView ----------------------------------------------------------------------------------------------

    def now_ms(self) -> float:
        """See `FleetView`."""
        return self._clock() if self._clock else self.clock_ms

    def hosts(self) -> Sequence[Host]:
        """See `FleetView`."""
        return list(self._hosts.values())

    def schema(self, schema: int) -> tuple[str, ...]:
        """See `FleetView`."""
        return self._schemas[schema]

    def arrived(self, after: int) -> tuple[int, Sequence[Block]]:
        """See `FleetView`."""
        mark = len(self._rows)
        if after >= 0:
            return mark, _blocks(self._rows[after:])
        newest = {row[1]: row for row in self._rows if row[1] in self._hosts}
        return mark, _blocks(list(newest.values()))

    def recent(self, hosts: Sequence[int], span_ms: float) -> Sequence[Block]:
        """See `FleetView`."""
        since = self.now_ms() - min(span_ms, MEMORY_MS)
        wanted = set(hosts)
        return _blocks([row for row in self._rows if row[1] in wanted and row[2] >= since])

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """See `FleetView`."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def want(self, intervals: Mapping[int, int]) -> None:
        """See `FleetView`."""
        self.wanted = dict(intervals)

    def tail(self, hosts: Sequence[int], path: str | None, lines: int) -> Sequence[LineBatch]:
        """See `FleetView`."""
        found: list[LineBatch] = []
        count = 0
        for batch in reversed(self._of(hosts, path)):
            if count >= lines:
                break
            found.append(batch)
            count += batch.data.count(b"\n")
        return found[::-1]

    def cursor(self) -> bytes:
        """See `FleetView`."""
        return json.dumps([self.hub_id, self._seq]).encode()

    def resume(
        self, cursor: bytes, hosts: Sequence[int], path: str | None, limit_bytes: int = 1 << 20, partly: int = 0
    ) -> Resumed:
        """See `FleetView`."""
        seq = max(self._seq_of(cursor), partly - 1)
        gaps = [gap for at, gap in self._gaps if at > seq and gap.host in set(hosts)]
        if seq < self._forgotten:
            gaps += [Gap(host, -1, "", 0.0, self.now_ms(), None, None, "retention") for host in hosts]
        batches: list[LineBatch] = []
        size = 0
        for batch in self._of(hosts, path):
            if batch.seq > seq:
                if batches and size + len(batch.data) > limit_bytes:
                    return Resumed(gaps, batches, json.dumps([self.hub_id, batches[-1].seq]).encode(), False)
                batches.append(batch)
                size += len(batch.data)
        return Resumed(gaps, batches, self.cursor(), True)

    def holds(self, cursor: bytes, hosts: Sequence[int], path: str | None) -> bool:  # noqa: ARG002 - the seam's words
        """See `FleetView`."""
        return self._seq_of(cursor) >= self._forgotten

    def _seq_of(self, cursor: bytes) -> int:
        try:
            hub_id, seq = json.loads(cursor)
            is_ours = hub_id == self.hub_id and isinstance(seq, int) and 0 <= seq <= self._seq
        except (ValueError, TypeError):
            seq, is_ours = 0, False
        if not is_ours:
            raise CursorError("the cursor is not one of this hub; start without one")
        return int(seq)

    async def logs(self, query: LogQuery) -> LogPage:
        """See `FleetView`."""
        test = line_test(query.match, query.exclude)
        if query.cursor and not query.cursor.isdigit():
            raise CursorError("the cursor is not one of this hub; start without one")
        below = int(query.cursor) if query.cursor else None
        found: list[Line] = []
        position = 0
        for batch in self._of(query.hosts, query.path):
            for offset, line in split_lines(batch.data, batch.start):
                position += 1
                if query.from_ms <= batch.time_ms < query.to_ms and (test is None or test(line)):
                    fields = (
                        batch.host,
                        batch.stream,
                        batch.path,
                        batch.file,
                        offset,
                        batch.time_ms,
                        batch.raw_ms,
                        line,
                    )
                    found.append(Line(*fields))
        end = len(found) if below is None else below
        start = max(0, end - query.limit)
        return LogPage(found[start:end][::-1], str(start).encode() if start else None, query.from_ms)

    async def metrics(self, query: MetricQuery) -> Sequence[MetricSeries]:
        """See `FleetView`."""
        found = []
        patterns = tuple(query.series)
        for host in query.hosts:
            rows = [row for row in self._rows if row[1] == host and query.from_ms <= row[2] < query.to_ms]
            names = dict.fromkeys(name for row in rows for name in self._schemas[row[0]])
            chosen = [tuple(names)[column] for column in series_query.select(patterns, tuple(names))]
            found += [_in_steps(host, name, rows, self._schemas, query.step_ms) for name in chosen]
        return [one for one in found if len(one.time_ms)]

    async def aggregate(self, query: AggregateQuery) -> Sequence[GroupSeries]:
        """See `FleetView`; one Python number after the other, so that the hub's columns have something to equal."""
        group_of = dict(zip(query.hosts, query.groups, strict=True))
        points: dict[tuple[int, str, float], list[tuple[float, float, float]]] = {}
        times = [self.now_ms()]
        if query.span is None:
            for block in self.arrived(-1)[1]:
                names = self._schemas[block.schema]
                for host, row in zip(block.hosts.tolist(), block.values, strict=True):
                    for column in series_query.select(tuple(query.series), names) if host in group_of else ():
                        value = float(str(row[column]))
                        key = group_of[host], _counted_as(names[column], query.by_instance), times[0]
                        points.setdefault(key, []).append((value, value, value))
        else:
            from_ms, to_ms, step_ms = query.span
            times = [float(at) for at in range(int(from_ms // step_ms * step_ms), int(to_ms), step_ms)]
            for one in await self.metrics(MetricQuery(query.hosts, query.series, from_ms, to_ms, step_ms)):
                columns = ([float(str(value)) for value in column] for column in (one.min, one.avg, one.max))
                for time_ms, *figures in zip(one.time_ms.tolist(), *columns, strict=True):
                    key = group_of[one.host], _counted_as(one.series, query.by_instance), time_ms
                    points.setdefault(key, []).append((figures[0], figures[1], figures[2]))
        return [
            _reduced(group, name, times, points, query.percentiles)
            for group, name in sorted({(group, name) for group, name, _ in points})
        ]

    async def enrolments(self) -> Enrolments:
        """See `FleetView`."""
        last = self.turned_away[-1] if self.turned_away else None
        listed = list(reversed(self._enrolments.values()))
        return Enrolments(listed, self.endpoint, self.endpoint_note, len(self.turned_away), last)

    async def enrol(self, labels: Mapping[str, str], ttl_ms: int, tails: Sequence[str]) -> NewEnrolment:
        """See `FleetView`."""
        number = len(self._enrolments)
        new = Enrolment(f"{number:016x}", dict(labels), self.now_ms(), self.now_ms() + ttl_ms, None, None)
        self._enrolments[new.id] = new
        join = f"fg1.secret{number}"
        words = " ".join([join, *(f"--tail {shlex.quote(glob)}" for glob in tails)])
        return NewEnrolment(
            new, join, f"fleetglass-agent run --join {words}", f"sudo sh deploy/install.sh --join {words}"
        )

    async def revoke(self, enrolment: str) -> None:
        """See `FleetView`."""
        if self._enrolments[enrolment].used_ms is not None:
            raise EnrolmentStateError("an agent has joined with it; forget the host to keep it out")
        del self._enrolments[enrolment]

    async def forget(self, host: int) -> None:
        """See `FleetView`."""
        self.remove_host(host)

    def health(self) -> Mapping[str, float | str | bool]:
        """See `FleetView`."""
        return {"ready": True, "hosts": float(len(self._hosts))}

    def _of(self, hosts: Sequence[int], path: str | None) -> list[LineBatch]:
        wanted, matches = set(hosts), compile_glob(path or "*")
        return [batch for batch in self._batches if batch.host in wanted and matches(batch.path)]


def _blocks(rows: Sequence[tuple[int, int, float, np.ndarray]]) -> list[Block]:
    found = []
    for schema in sorted({row[0] for row in rows}):
        own = [row for row in rows if row[0] == schema]
        hosts = np.array([row[1] for row in own], dtype=np.uint32)
        times = np.array([row[2] for row in own], dtype=np.float64)
        found.append(Block(schema, hosts, times, np.stack([row[3] for row in own])))
    return found


def _counted_as(series: str, by_instance: bool) -> str:
    return series if by_instance else series.partition("[")[0]


def _reduced(
    group: int,
    name: str,
    times: Sequence[float],
    points: Mapping[tuple[int, str, float], Sequence[tuple[float, float, float]]],
    percentiles: Sequence[float],
) -> GroupSeries:
    rows = []
    for time_ms in times:
        known = [point for point in points.get((group, name, time_ms), ()) if point[1] == point[1]]
        if known:
            low, mean, high = zip(*known, strict=True)
            ranks = [float(np.percentile(mean, rank)) for rank in percentiles]
            rows.append((len(known), sum(mean), min(low), sum(mean) / len(mean), max(high), ranks))
        else:
            rows.append((0, 0.0, np.nan, np.nan, np.nan, [np.nan] * len(percentiles)))
    counts, totals, lows, means, highs, spread = zip(*rows, strict=True)
    total, least, average, most = (np.array(column, np.float64) for column in (totals, lows, means, highs))
    shares = np.array(spread, np.float64)
    return GroupSeries(group, name, np.array(times), np.array(counts, np.int64), total, least, average, most, shares)


def _in_steps(
    host: int,
    name: str,
    rows: Sequence[tuple[int, int, float, np.ndarray]],
    schemas: Sequence[tuple[str, ...]],
    step_ms: int,
) -> MetricSeries:
    by_step: dict[float, list[float]] = {}
    for schema, _host, time_ms, values in rows:
        if name in schemas[schema]:
            value = float(values[schemas[schema].index(name)])
            by_step.setdefault(time_ms // step_ms * step_ms, []).append(value)
    times = np.array(sorted(by_step), dtype=np.float64)
    groups = [np.array(by_step[time], dtype=np.float32) for time in times]
    columns = [
        np.array([function(group) for group in groups], dtype=np.float32) for function in (np.min, np.mean, np.max)
    ]
    return MetricSeries(host, name, times, *columns)
