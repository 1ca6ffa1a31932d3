"""The present of all hosts: who they are, whether they live, and their newest five minutes.

    add_row, add_row, ...  ── flush ──►  Rows for history, marks for `arrived`, the newest row of each host

What is asked for each frame stands in arrays with one place a host number; what is asked for seldom, in `Member`.
Rows of one pass of the router are put in their places together: 0.3 us a row in a pass of 100, 9 us alone.

In: hellos, rows and times of the hub's clock. Out: columns. Names are kept once: a schema's number is hub-wide.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from fleetglass_web.query.series import select
from fleetglass_web.view import Block, Host
from numpy.typing import NDArray

from fleetglass_hub.fleet import liveness, rowlog
from fleetglass_hub.fleet.member import Member
from fleetglass_hub.fleet.rowlog import Latest, RowLog
from fleetglass_hub.history.recorder import HostRecord, Rows

NO_SCHEMA = -1


class _Schema:
    """The rows of one schema, and those of the present pass that are not in their places yet."""

    __slots__ = ("hosts", "latest", "log", "names", "raw_ms", "row_bytes", "values")

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.row_bytes = 4 * len(names)
        self.log = RowLog(len(names))
        self.latest = Latest(len(names))
        self.hosts: list[int] = []
        self.raw_ms: list[int] = []
        self.values: list[bytes] = []


class Fleet:
    """All hosts and their present.

    Args:
        hosts_changed: called with the numbers of hosts that have changed, and of those that are gone.
    """

    def __init__(self, hosts_changed: Callable[[Sequence[int], Sequence[int]], None]) -> None:
        self.members: dict[int, Member] = {}
        self.by_agent: dict[bytes, int] = {}
        self.mark = 0
        self._hosts_changed = hosts_changed
        self._changed: set[int] = set()
        self._gone: list[int] = []
        self._next_host = 0
        self._schemas: dict[int, _Schema] = {}
        self._numbers: dict[tuple[str, ...], int] = {}
        self._pending: dict[int, _Schema] = {}
        self._oldest_mark = 0  # rows up to it may have been dropped
        self._expired_ms = 0.0
        # One place a host number.
        self._last_ms = np.full(16, -np.inf)
        self._interval_ms = np.full(16, 1_000.0)
        self._said_bye = np.zeros(16, np.bool_)
        self._state = np.full(16, liveness.LOST, np.int8)
        self._offset_ms = np.zeros(16)
        self._row_ms = np.full(16, -np.inf)
        self._lag_ms = np.zeros(16)
        self._schema = np.full(16, NO_SCHEMA, np.int64)
        self._slot = np.zeros(16, np.int64)

    # Who they are

    def load(self, records: Iterable[HostRecord], schemas: Mapping[int, tuple[str, ...]], now_ms: float) -> None:
        """Take what history knows, at the start."""
        for number, names in schemas.items():
            self._schemas[number] = _Schema(names)
            self._numbers[names] = number
        for record in records:
            self._add(record)
            # A hub that was away cannot tell how its hosts fared meanwhile: they are lost until they speak.
            self._last_ms[record.host] = min(record.last_ms, now_ms)
            self._said_bye[record.host] = record.said_bye
            self._state[record.host] = liveness.LEFT if record.said_bye else liveness.LOST

    def load_rows(self, rows: Iterable[Rows], now_ms: float) -> None:
        """Take the newest minutes that history knows, oldest first."""
        for part in rows:
            if part.schema in self._schemas:
                recent = np.flatnonzero(part.time_ms >= now_ms - rowlog.KEEP_MS)
                if len(recent):
                    self._keep(part.schema, part.hosts[recent], part.time_ms[recent], part.values[recent], now_ms)

    def _keep(
        self,
        number: int,
        hosts: NDArray[np.uint32],
        time_ms: NDArray[np.float64],
        values: NDArray[np.float32],
        now_ms: float,
    ) -> None:
        schema = self._schemas[number]
        schema.log.append(hosts, time_ms, values, self.mark + 1, now_ms)
        self.mark += len(hosts)
        self._renew(number, schema, hosts, time_ms, values, now_ms)

    def _add(self, record: HostRecord) -> Member:
        host = record.host
        while host >= len(self._last_ms):
            self._grow()
        self._next_host = max(self._next_host, host + 1)
        member = self.members[host] = Member(record)
        self.by_agent[record.agent_id] = host
        self._interval_ms[host] = record.interval_ms
        return member

    def _grow(self) -> None:
        fresh = {"_last_ms": -np.inf, "_interval_ms": 1_000.0, "_said_bye": False, "_state": liveness.LOST,
                 "_offset_ms": 0.0, "_row_ms": -np.inf, "_lag_ms": 0.0, "_schema": NO_SCHEMA, "_slot": 0}  # fmt: skip
        for name, value in fresh.items():
            array = getattr(self, name)
            setattr(self, name, np.concatenate((array, np.full_like(array, value))))

    def member(self, agent_id: bytes, now_ms: float, name: str) -> Member:
        """The host of an agent; a new one if it was never met."""
        host = self.by_agent.get(agent_id)
        if host is not None:
            return self.members[host]
        record = HostRecord(self._next_host, agent_id, name, {}, {}, "", 1_000, "", now_ms, now_ms, False)
        return self._add(record)

    def greeted(self, member: Member, now_ms: float) -> None:
        """A session has begun: the host is alive, and what it said of itself stands in `member`."""
        host = member.host
        self._interval_ms[host] = member.interval_ms
        self._said_bye[host] = False
        self._last_ms[host] = now_ms
        self._state[host] = liveness.LIVE
        self._changed.add(host)

    def left(self, host: int) -> None:
        """It said goodbye."""
        self._said_bye[host] = True
        self._state[host] = liveness.LEFT
        self._changed.add(host)

    def changed(self, host: int) -> None:
        """Something in its `Member` has changed."""
        self._changed.add(host)

    def corrected(self, host: int) -> None:
        """Its clock offset has changed: rows of the present pass still have the old one, later ones the new one."""
        self._offset_ms[host] = self.members[host].clock.applied_ms
        self._changed.add(host)

    def forget(self, host: int) -> None:
        """Drop a host. Its number is not used again."""
        member = self.members.pop(host)
        del self.by_agent[member.agent_id]
        self._leave_schema(host)
        self._last_ms[host] = self._row_ms[host] = -np.inf
        self._offset_ms[host] = 0.0
        self._changed.discard(host)
        self._gone.append(host)

    def record(self, host: int) -> HostRecord:
        """What history keeps of a host."""
        return self.members[host].record(float(self._last_ms[host]), bool(self._said_bye[host]))

    def host(self, host: int) -> Host:
        """What the web shows of a host."""
        schema = int(self._schema[host])
        return self.members[host].host_now(
            liveness.STATES[self._state[host]],
            float(self._last_ms[host]),
            None if schema == NO_SCHEMA else schema,
            float(self._lag_ms[host]),
        )

    def own_intervals(self) -> dict[int, int]:
        """host -> its own interval."""
        return {host: member.interval_ms for host, member in self.members.items()}

    def counts(self) -> dict[str, int]:
        """How many hosts are in each state."""
        numbers = np.fromiter(self.members, np.int64, len(self.members))
        found = np.bincount(self._state[numbers], minlength=len(liveness.STATES))
        return {state.value: int(count) for state, count in zip(liveness.STATES, found, strict=True)}

    def lags(self) -> dict[str, float]:
        """How old the newest rows of live hosts were when they arrived."""
        numbers = np.fromiter(self.members, np.int64, len(self.members))
        live = numbers[(self._state[numbers] == liveness.LIVE) & (self._schema[numbers] != NO_SCHEMA)]
        found = np.percentile(self._lag_ms[live], (50, 99, 100)) if len(live) else np.zeros(3)
        names = ("lag_arrival_p50_ms", "lag_arrival_p99_ms", "lag_arrival_max_ms")
        return {name: round(float(value), 1) for name, value in zip(names, found, strict=True)}

    # Schemas

    def schema(self, schema: int) -> tuple[str, ...]:
        """The series names of a schema."""
        return self._schemas[schema].names

    def width(self, host: int, patterns: tuple[str, ...]) -> int:
        """How many series of a host's newest row the patterns choose."""
        number = int(self._schema[host]) if host in self.members else NO_SCHEMA
        return 0 if number == NO_SCHEMA else len(select(patterns, self._schemas[number].names))

    def intern(self, names: tuple[str, ...]) -> tuple[int, bool]:
        """The hub's number for an exact list of series, and whether it is new."""
        number = self._numbers.get(names)
        if number is not None:
            return number, False
        number = max(self._schemas, default=-1) + 1
        self._schemas[number] = _Schema(names)
        self._numbers[names] = number
        return number, True

    # Rows

    def row_bytes(self, schema: int) -> int:
        """How long the values of a row are."""
        return self._schemas[schema].row_bytes

    def add_row(self, host: int, schema: int, raw_ms: int, values: bytes) -> None:
        """Take one sample; `flush` puts it in its place. `values` has `row_bytes(schema)` bytes."""
        pending = self._schemas[schema]
        pending.hosts.append(host)
        pending.raw_ms.append(raw_ms)
        pending.values.append(values)
        self._pending[schema] = pending

    def heard(self, hosts: Sequence[int], now_ms: float) -> None:
        """Frames of these hosts have just arrived."""
        index = np.fromiter(hosts, np.int64, len(hosts))
        self._last_ms[index] = now_ms
        if self._state[index].any():  # LIVE is 0
            woken = index[self._state[index] != liveness.LIVE]
            self._state[woken] = liveness.LIVE
            self._said_bye[woken] = False
            self._changed.update(woken.tolist())

    def flush(self, now_ms: float) -> list[Rows]:
        """Put the rows of this pass in their places; what history must keep of them."""
        if not self._pending:
            return []
        pending, self._pending = self._pending, {}
        return [self._place(number, schema, now_ms) for number, schema in pending.items()]

    def _place(self, number: int, schema: _Schema, now_ms: float) -> Rows:
        hosts = np.array(schema.hosts, np.uint32)
        raw_ms = np.array(schema.raw_ms, np.int64)
        values = np.frombuffer(b"".join(schema.values), "<f4").reshape(len(hosts), len(schema.names))
        schema.hosts, schema.raw_ms, schema.values = [], [], []
        # Nothing was measured later than now: what says so comes from a clock that was set meanwhile.
        time_ms = np.minimum(raw_ms - self._offset_ms[hosts], now_ms)
        for array in (hosts, raw_ms, time_ms):
            array.flags.writeable = False
        rows = Rows(number, hosts, raw_ms, time_ms, values)
        if time_ms.min() < now_ms - rowlog.KEEP_MS:
            # Backfill of a long outage belongs into history alone.
            recent = np.flatnonzero(time_ms >= now_ms - rowlog.KEEP_MS)
            hosts, time_ms, values = hosts[recent], time_ms[recent], values[recent]
        if len(hosts):
            self._keep(number, hosts, time_ms, values, now_ms)
        return rows

    def _renew(
        self,
        number: int,
        schema: _Schema,
        hosts: NDArray[np.uint32],
        time_ms: NDArray[np.float64],
        values: NDArray[np.float32],
        now_ms: float,
    ) -> None:
        """Bring the newest row of each host up to date; of several rows of one host, the latest time wins."""
        newer = np.flatnonzero(time_ms >= self._row_ms[hosts])
        if not len(newer):
            return
        if len(newer) > 1:
            newer = newer[np.argsort(time_ms[newer], kind="stable")]
        hosts, time_ms = hosts[newer], time_ms[newer]
        for host in hosts[self._schema[hosts] != number].tolist():
            if self._schema[host] != number:
                self._leave_schema(host)
                self._schema[host] = number
                self._slot[host] = schema.latest.add(host)
                self._changed.add(host)
        slots = self._slot[hosts]
        schema.latest.time_ms[slots] = time_ms
        schema.latest.values[slots] = values[newer]
        self._row_ms[hosts] = time_ms
        self._lag_ms[hosts] = now_ms - time_ms

    def _leave_schema(self, host: int) -> None:
        number = int(self._schema[host])
        if number == NO_SCHEMA:
            return
        slot = int(self._slot[host])
        moved = self._schemas[number].latest.remove(slot)
        if moved is not None:
            self._slot[moved] = slot
        self._schema[host] = NO_SCHEMA

    def arrived(self, after: int) -> tuple[int, list[Block]]:
        """See `FleetView.arrived`."""
        if after < self._oldest_mark or after > self.mark:
            return self.mark, [
                Block(number, *rows)
                for number, schema in self._schemas.items()
                if schema.latest.count and len((rows := schema.latest.rows()).hosts)
            ]
        if after == self.mark:
            return self.mark, []
        return self.mark, [
            Block(number, *rows) for number, schema in self._schemas.items() for rows in schema.log.after(after)
        ]

    def recent(self, hosts: Iterable[int], from_ms: float, until_ms: float = np.inf) -> list[Block]:
        """Rows of these hosts in `from_ms <= time < until_ms`, as far as memory has them, oldest first a host."""
        chosen = np.zeros(len(self._last_ms), np.bool_)
        chosen[[host for host in hosts if host in self.members]] = True
        return [
            Block(number, *rows)
            for number, schema in self._schemas.items()
            if (rows := schema.log.of_hosts(chosen, from_ms, until_ms)) is not None
        ]

    # Time

    def tick(self, now_ms: float) -> None:
        """Time has passed: who is late or lost now, what is too old to keep. Tells the watchers what has changed."""
        if self.members:
            numbers = np.fromiter(self.members, np.int64, len(self.members))
            states = liveness.states(
                self._last_ms[numbers], self._interval_ms[numbers], self._said_bye[numbers], now_ms
            )
            moved = states != self._state[numbers]
            # LOST at the start stays so until a frame comes, whatever history says of `last_ms`.
            moved &= ~((self._state[numbers] >= liveness.LOST) & (states < self._state[numbers]))
            if moved.any():
                self._state[numbers[moved]] = states[moved]
                self._changed.update(numbers[moved].tolist())
        if now_ms - self._expired_ms >= 1_000:
            self._expired_ms = now_ms
            for schema in self._schemas.values():
                oldest = schema.log.expire(now_ms)
                self._oldest_mark = max(self._oldest_mark, oldest)
        self.tell_changes()

    def tell_changes(self) -> None:
        """Call `hosts_changed` for what has gathered."""
        if self._changed or self._gone:
            changed, self._changed = self._changed, set()
            gone, self._gone = self._gone, []
            self._hosts_changed(sorted(changed & self.members.keys()), gone)

    def row_bytes_kept(self) -> int:
        """Bytes of all rows in memory."""
        return sum(schema.log.nbytes() for schema in self._schemas.values())
