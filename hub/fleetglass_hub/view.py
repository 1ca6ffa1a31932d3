"""`FleetView` over this hub's own fleet and history: what the web asks, answered in the same process.

In: questions of the web, news of the intake. Out: answers from `fleet/` for the present and from `history/` for the
past, and calls to the watchers.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from fleetglass_web.query.glob import compile_glob
from fleetglass_web.view import (
    AggregateQuery,
    Block,
    CursorError,
    Enrolments,
    Gap,
    GroupSeries,
    Host,
    LineBatch,
    LogPage,
    LogQuery,
    MetricQuery,
    MetricSeries,
    NewEnrolment,
    Resumed,
    Watcher,
)

from fleetglass_hub import __version__
from fleetglass_hub.enrolling import Enrolling
from fleetglass_hub.fleet import aggregate
from fleetglass_hub.fleet import cursor as cursors
from fleetglass_hub.fleet.cursor import Cursor
from fleetglass_hub.fleet.fleet import Fleet
from fleetglass_hub.fleet.interest import Interest
from fleetglass_hub.fleet.linering import LineRing
from fleetglass_hub.fleet.rowlog import KEEP_MS
from fleetglass_hub.history.recorder import Recorder

log = logging.getLogger(__name__)


class LocalView:
    """See `FleetView`.

    Args:
        life: tells the starts of this hub apart in cursors.
        lives: earlier starts, and the last number of each that is known (`Loaded.lives`).
        clock: the hub's clock, ms since 1970 UTC.
        order: tells agents how often to sample.
        forget: drops a host from the present.
        enrolling: makes the lines that join agents.
        figures: the hub's own figures, beside those of the rooms here.
    """

    version = __version__

    def __init__(
        self,
        hub_id: bytes,
        life: int,
        lives: Mapping[int, int],
        fleet: Fleet,
        ring: LineRing,
        recorder: Recorder,
        clock: Callable[[], float],
        order: Callable[[Sequence[tuple[int, int]]], None],
        forget: Callable[[int], None],
        enrolling: Enrolling,
        figures: Callable[[], Mapping[str, float]],
    ) -> None:
        self.hub_id = hub_id.hex()
        self._id = hub_id
        self._life = life
        self._lives = lives
        self._first_seq = ring.last_seq
        self._fleet = fleet
        self._ring = ring
        self._recorder = recorder
        self._clock = clock
        self._order = order
        self._forget = forget
        self._enrolling = enrolling
        self._figures = figures
        self._interest = Interest()
        self._watchers: list[Watcher] = []

    def now_ms(self) -> float:
        """See `FleetView`."""
        return self._clock()

    # The present

    def hosts(self) -> Sequence[Host]:
        """See `FleetView`."""
        return [self._fleet.host(number) for number in sorted(self._fleet.members)]

    def schema(self, schema: int) -> tuple[str, ...]:
        """See `FleetView`."""
        return self._fleet.schema(schema)

    def arrived(self, after: int) -> tuple[int, Sequence[Block]]:
        """See `FleetView`."""
        return self._fleet.arrived(after)

    def recent(self, hosts: Sequence[int], span_ms: float) -> Sequence[Block]:
        """See `FleetView`."""
        return self._fleet.recent(hosts, self._clock() - min(span_ms, KEEP_MS))

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """See `FleetView`."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def want(self, intervals: Mapping[int, int]) -> None:
        """See `FleetView`."""
        orders = self._interest.want(intervals, self._fleet.own_intervals())
        if orders:
            self._order(orders)

    # Lines

    def tail(self, hosts: Sequence[int], path: str | None, lines: int) -> Sequence[LineBatch]:
        """See `FleetView`."""
        return self._ring.tail(frozenset(hosts), compile_glob(path or "*"), lines)

    def cursor(self) -> bytes:
        """See `FleetView`."""
        return cursors.encode(self._id, Cursor(self._life, self._ring.last_seq, self._clock()))

    def resume(
        self, cursor: bytes, hosts: Sequence[int], path: str | None, limit_bytes: int = 1 << 20, partly: int = 0
    ) -> Resumed:
        """See `FleetView`."""
        seen = cursors.decode(self._id, cursor)
        gaps: list[Gap] = []
        from_seq, is_known = self._place(seen._replace(seq=max(seen.seq, partly)))
        if partly > seen.seq and is_known:
            from_seq = partly - 1
        if not is_known:
            # What was shown then is not known now (the machine went down, or history is kept in memory only): the
            # agents send again what they were not told is safe. Some lines may come twice, and that is said.
            gaps = [self._away(host, seen.time_ms) for host in hosts if host in self._fleet.members]
        found = self._ring.after(from_seq, seen.time_ms, frozenset(hosts), compile_glob(path or "*"), limit_bytes)
        reached_ms = self._clock() if found.is_complete else found.batches[-1].time_ms
        reached = cursors.encode(self._id, Cursor(self._life, found.last_seq, reached_ms))
        return Resumed(gaps + found.gaps, found.batches, reached, found.is_complete, is_known)

    def holds(self, cursor: bytes, hosts: Sequence[int], path: str | None) -> bool:
        """See `FleetView`."""
        seen = cursors.decode(self._id, cursor)
        from_seq, is_known = self._place(seen)
        return is_known and self._ring.holds(from_seq, frozenset(hosts), compile_glob(path or "*"))

    def _place(self, seen: Cursor) -> tuple[int, bool]:
        """Where to go on behind a cursor, and whether all that it has seen is known here."""
        if seen.life == self._life:
            if seen.seq > self._ring.last_seq:
                raise CursorError("this cursor is ahead of this hub; start without one")
            return seen.seq, True
        known = self._lives.get(seen.life)
        if known is None:
            return min(seen.seq, self._first_seq), False
        return min(seen.seq, known), seen.seq <= known

    def _away(self, host: int, from_ms: float) -> Gap:
        return Gap(host, -1, "", from_ms, self._clock(), None, None, "agent-away")

    # The past

    async def logs(self, query: LogQuery) -> LogPage:
        """See `FleetView`."""
        return await self._recorder.logs(query)

    async def metrics(self, query: MetricQuery) -> Sequence[MetricSeries]:
        """See `FleetView`."""
        return await self._recorder.metrics(query)

    async def aggregate(self, query: AggregateQuery) -> Sequence[GroupSeries]:
        """See `FleetView`."""
        if query.span is None:
            blocks = self._fleet.arrived(-1)[1]
            names = [self._fleet.schema(block.schema) for block in blocks]
            return await asyncio.to_thread(aggregate.newest, blocks, names, query, self._clock())
        wide = sum(self._fleet.width(host, tuple(query.series)) for host in query.hosts)
        parts = []
        for part in aggregate.slices(query, wide):
            found = await self._recorder.metrics(part)
            parts.append(await asyncio.to_thread(aggregate.past, found, query, part))
        return aggregate.joined(parts, query)

    # Who may send

    async def enrolments(self) -> Enrolments:
        """See `FleetView`."""
        return self._enrolling.enrolments()

    async def enrol(self, labels: Mapping[str, str], ttl_ms: int, tails: Sequence[str]) -> NewEnrolment:
        """See `FleetView`."""
        return self._enrolling.enrol(labels, ttl_ms, tails)

    async def revoke(self, enrolment: str) -> None:
        """See `FleetView`."""
        self._enrolling.revoke(enrolment)

    async def forget(self, host: int) -> None:
        """See `FleetView`."""
        if host in self._fleet.members:
            self._forget(host)
            await self._recorder.forget(host)

    def health(self) -> Mapping[str, float | str | bool]:
        """See `FleetView`."""
        counts = {f"hosts_{state}": float(count) for state, count in self._fleet.counts().items()}
        figures = {
            **counts,
            **self._fleet.lags(),
            "rows_memory_bytes": float(self._fleet.row_bytes_kept()),
            "lines_memory_bytes": float(self._ring.bytes),
            "history_pending_bytes": float(self._recorder.pending_bytes),
            **self._recorder.figures(),
            **self._figures(),
        }
        problem = self._recorder.problem
        return {**figures, "ready": not problem, "problem": problem}

    # News, from the fleet and the intake

    def hosts_changed(self, changed: Sequence[int], gone: Sequence[int]) -> None:
        """Hosts are new, different or gone."""
        upsert = [self._fleet.host(host) for host in changed]
        for watcher in tuple(self._watchers):
            watcher.hosts_changed(upsert, gone)

    def rows_arrived(self) -> None:
        """New rows are in the fleet."""
        for watcher in tuple(self._watchers):
            watcher.rows_arrived()

    def lines_arrived(self, batches: Sequence[LineBatch]) -> None:
        """New lines are in the ring."""
        for watcher in tuple(self._watchers):
            watcher.lines_arrived(batches)

    def gaps_found(self, gaps: Sequence[Gap]) -> None:
        """Something is missing."""
        for watcher in tuple(self._watchers):
            watcher.gaps_found(gaps)
