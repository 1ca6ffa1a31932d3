"""The one poll loop: who is readable, whose time has come.

    iostat, plug-ins ──descriptors──┐                         ┌── rows ──► outlet.sample
    inotify, commands ─descriptors──┼─► zmq_poll ─► turn ─────┼── lines ─► outlet.lines
    the hub ──────────sockets───────┤                         └── told ──► follower, rows
    SIGTERM, SIGHUP ──wake-up pipe──┘

A shell: it asks the clocks and waits. It decides nothing but the order of a turn: what came in first, then rows, then
lines, so that a busy log never makes a sample late.
"""

import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Protocol, assert_never

import zmq
from fleetglass_proto.messages import Event, EventKind, KnownStream, LineBatch

from fleetglass_agent import footprint
from fleetglass_agent.clockback import ClockBack
from fleetglass_agent.log import Log
from fleetglass_agent.logs.settings import TailSettings
from fleetglass_agent.metrics.registry import Registry
from fleetglass_agent.outlet import Outlet
from fleetglass_agent.rows import Rows
from fleetglass_agent.uplink.batch import Pace
from fleetglass_agent.uplink.session import Committed, IntervalWanted, Welcomed

# While nothing can be sent, log events are still looked at: a rotation must be seen. But not one by one.
AWAY_LOOK_MS = 100
# As a plain int: each use of the enum costs a call.
_READABLE = int(zmq.POLLIN)
# After so many rows everything ran once, and memory that only the start needed can be given back.
SETTLED_ROWS = 3


class Lines(Protocol):
    """Followed files and commands, in the words of the loop (`logs.tailing`)."""

    def descriptors(self) -> Sequence[int]: ...
    def receive(self, descriptor: int, now_ms: int, /) -> None: ...
    def tick(self, now_ms: int, /) -> None: ...
    def next_tick_ms(self) -> int | None: ...
    def welcome(self, known: Sequence[KnownStream], now_ms: int, /) -> None: ...
    def ready(self) -> bool: ...
    def pull(self, budget_bytes: int, now_ms: int, wall_ms: int, /) -> Sequence[LineBatch | Event]: ...
    def committed(self, stream: int, file: int, offset: int, /) -> None: ...
    def reload(self, settings: TailSettings, /) -> None: ...
    def close(self) -> None: ...


class Reloaded(Protocol):
    """What SIGHUP may change."""

    @property
    def labels(self) -> dict[str, str]: ...
    @property
    def tail(self) -> TailSettings: ...


class Loop:
    """Everything that the agent does after its start, on one thread.

    Args:
        reload: reads the configuration again; None if it makes no sense (and said so).
    """

    def __init__(
        self,
        registry: Registry,
        rows: Rows,
        lines: Lines,
        outlet: Outlet,
        log: Log,
        reload: Callable[[], Reloaded | None],
    ) -> None:
        self._registry, self._rows, self._lines, self._outlet = registry, rows, lines, outlet
        self._log, self._reload = log, reload
        self._pace = Pace()
        self._clock_back = ClockBack(monotonic_ms(), wall_clock_ms())
        self._lines_muted_until_ms = 0
        self._last_sample_ms = 0
        self._rows_written = 0
        self._were_up: set[str] = set()
        self._stop_why = ""
        # What the last wait was for, so that a turn does not ask for it twice.
        self._line_descriptors: Sequence[int] = ()
        self._lines_due_ms: int | None = None
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Go round until SIGTERM or SIGINT; then say goodbye, within a second."""
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, _only_wake)
        try:
            self._registry.open(monotonic_ms())
            self._registry.read(monotonic_ms())  # the first reading of counters: rates begin with the second
            while not self._stop_why:
                self._turn()
                self._settle()
        finally:
            self._end()

    def _turn(self) -> None:
        readable = self._wait()
        now_ms, wall_ms = monotonic_ms(), wall_clock_ms()
        if back_ms := self._clock_back.look(now_ms, wall_ms):
            self._log.say("warning", f"this machine's clock was set back by {back_ms / 1_000:.1f} s; the hub is told")
            self._outlet.begin_anew(now_ms)
        if self._wake_read in readable:
            self._signals(now_ms)
        self._sources(readable, now_ms)
        self._follow(readable, now_ms)
        for told in self._outlet.turn(readable, now_ms, wall_ms):
            match told:
                case Welcomed(streams):
                    self._lines.welcome(streams, now_ms)
                    self._state_sources(wall_ms)
                case Committed(offsets):
                    for stream, file, offset in offsets:
                        self._lines.committed(stream, file, offset)
                case IntervalWanted(interval_ms):
                    self._rows.want(interval_ms, now_ms)
                case _:
                    assert_never(told)
        if now_ms >= self._rows.next_ms:
            self._row(now_ms, wall_ms)
        self._pull(now_ms, wall_ms)
        self._outlet.flush(wall_ms)

    def _settle(self) -> None:
        """Once, when the agent has done everything for the first time."""
        if self._rows_written == SETTLED_ROWS:
            self._rows_written += 1
            footprint.release()

    def _wait(self) -> set[object]:
        """Sleep until something is readable or due; the descriptors and sockets that are readable."""
        now_ms = monotonic_ms()
        polled: list[tuple[object, int]] = [(self._wake_read, _READABLE), *self._outlet.polled()]
        self._lines_due_ms = self._lines.next_tick_ms()
        times = [self._rows.next_ms, self._outlet.next_tick_ms(), self._lines_due_ms]
        for source in self._registry.waiting():
            polled += [(descriptor, _READABLE) for descriptor in source.descriptors()]
            times.append(source.next_tick_ms())
        if self._lines.ready() and self._outlet.budget() > 0:
            times.append(self._pace.next_ms)
        wake_ms = min(due_ms for due_ms in times if due_ms is not None)
        self._line_descriptors = ()
        if now_ms < self._lines_muted_until_ms:
            # While lines gather their descriptors are not polled. That this is over is nothing to do a turn for.
            found = _poll(polled, min(wake_ms, self._lines_muted_until_ms) - now_ms)
            if found or wake_ms <= self._lines_muted_until_ms:
                return found
            now_ms = monotonic_ms()
        self._line_descriptors = self._lines.descriptors()
        polled += [(descriptor, _READABLE) for descriptor in self._line_descriptors]
        return _poll(polled, wake_ms - now_ms)

    def _sources(self, readable: set[object], now_ms: int) -> None:
        for source in self._registry.waiting():
            for descriptor in source.descriptors():
                if descriptor in readable and self._registry.receive(source, descriptor, now_ms):
                    self._rows.report(now_ms)
            due_ms = source.next_tick_ms()
            if due_ms is not None and now_ms >= due_ms:
                self._registry.tick(source, now_ms)

    def _follow(self, readable: set[object], now_ms: int) -> None:
        received = False
        for descriptor in self._line_descriptors:
            if descriptor in readable:
                self._lines.receive(descriptor, now_ms)
                received = True
        # With each row the files are asked, too: so a host at rest wakes once a second and not twice.
        is_due = self._lines_due_ms is not None and now_ms >= self._lines_due_ms
        if is_due or now_ms >= self._rows.next_ms:
            self._lines.tick(now_ms)
        if received and self._outlet.budget() <= 0:
            self._lines_muted_until_ms = now_ms + AWAY_LOOK_MS

    def _row(self, now_ms: int, wall_ms: int) -> None:
        series, values = self._registry.read(now_ms)
        self._rows.written(now_ms)
        self._rows_written += 1
        for event in self._registry.events():
            if event.kind == EventKind.SOURCE_UP:
                self._were_up.add(event.name)
            elif not event.remedy and event.name not in self._were_up:
                continue  # a thing that this host does not have is no news: `sources` tells
            fields = {"source": event.name, "why": event.why, "remedy": event.remedy}
            self._outlet.event(Event(wall_ms, event.kind, None, None, {k: v for k, v in fields.items() if v}))
            if event.kind == EventKind.SOURCE_DOWN:
                self._log.say("warning", f"source {event.name} is off: {event.why}. {event.remedy}".rstrip())
        # Two rows of one millisecond would be one sample to the hub.
        self._last_sample_ms = wall_ms + (wall_ms == self._last_sample_ms)
        self._outlet.sample(series, self._last_sample_ms, values)

    def _pull(self, now_ms: int, wall_ms: int) -> None:
        if now_ms < self._pace.next_ms or (budget := self._outlet.budget()) <= 0 or not self._lines.ready():
            return
        items = self._lines.pull(budget, now_ms, wall_ms)
        for item in items:
            if isinstance(item, Event) and item.kind == EventKind.NOTICE:
                self._log.say("warning", str(item.fields.get("text", "")))
        if items:
            self._pace.sent(self._outlet.lines(items), now_ms)
            self._lines_muted_until_ms = self._pace.next_ms

    def _state_sources(self, wall_ms: int) -> None:
        """A hub that was just met does not know which sources are off."""
        for status in self._registry.status():
            if not status.on and (status.remedy or status.name in self._were_up):
                fields = {"source": status.name, "why": status.why, "remedy": status.remedy}
                self._outlet.event(Event(wall_ms, EventKind.SOURCE_DOWN, None, None, {**fields}))

    def _signals(self, now_ms: int) -> None:
        for number in os.read(self._wake_read, 4_096):
            if number == signal.SIGHUP:
                reloaded = self._reload()
                if reloaded:
                    self._lines.reload(reloaded.tail)
                    self._line_descriptors = ()
                    self._outlet.introduce(reloaded.labels, now_ms)
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._stop_why = signal.Signals(number).name

    def _end(self) -> None:
        signal.set_wakeup_fd(-1)
        # Children end while the goodbye is under way.
        self._registry.close()
        self._lines.close()
        self._outlet.end(wall_clock_ms(), self._stop_why or "failure")


def _poll(polled: list[tuple[object, int]], wait_ms: int) -> set[object]:
    found = zmq.zmq_poll(polled, max(0, wait_ms))  # type: ignore[arg-type]  # sockets and descriptors mixed
    return {ready for ready, _ in found}


def monotonic_ms() -> int:
    """The clock of all due times: never steps."""
    return time.monotonic_ns() // 1_000_000


def wall_clock_ms() -> int:
    """The clock that people and the hub see."""
    return time.time_ns() // 1_000_000


def _only_wake(_number: int, _frame: object) -> None:
    """The signal's number is in the wake-up pipe: the loop acts on it between two turns."""
