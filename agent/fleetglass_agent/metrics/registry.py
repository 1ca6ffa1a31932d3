"""All sources of a host, in the order of a table, and the one row that they fill.

Sources are asked in the order of the table. Where two have the same series the later one's value wins, unless NaN: so
`iostat` stands last, and between its reports the kernel's own counters show through. A source that is off is tried
again later; one that breaks is switched off with a sentence and stops nobody else.

In: factories, and a monotonic clock as an argument. Out: series, and their values as float32 bytes for the wire; what
came and went, as events.
"""

import sys
from array import array
from collections.abc import Callable, Iterable
from math import nan
from typing import NamedTuple, cast

from fleetglass_agent.metrics.settings import MetricsSettings
from fleetglass_agent.metrics.source import Off, Source, Waiting
from fleetglass_proto import limits
from fleetglass_proto.series import parse

Make = Callable[[MetricsSettings], Source]

# A source that is off is tried again after this long, then after twice as long each time: a package that was installed
# or a module that was loaded is noticed soon, one that never comes costs nothing.
RETRY_FIRST_MS = 30_000
RETRY_LAST_MS = 600_000
# Why a source is off is shown in one line.
WHY_CHARACTERS = 300


class Factory(NamedTuple):
    """How to make one source; `name` is known before it is made, so that it can be named when it is off."""

    name: str
    make: Make


class Status(NamedTuple):
    """What `fleetglass-agent sources` prints of one source."""

    name: str
    on: bool
    why: str
    remedy: str
    series: int


class SourceEvent(NamedTuple):
    """A source came or went. `kind` is `source_up` or `source_down`."""

    kind: str
    name: str
    why: str
    remedy: str


class _Slot:
    """One line of the table."""

    __slots__ = ("delay_ms", "factory", "off", "places", "retry_ms", "series", "source", "up_ms", "values")

    def __init__(self, factory: Factory) -> None:
        self.factory = factory
        self.source: Source | None = None
        # Why it does not measure; kept while it is tried again, so that a reason is said once.
        self.off: Off | None = None
        # When it gave its first reading; None: it has not.
        self.up_ms: int | None = None
        self.delay_ms = 0
        self.retry_ms: int | None = None
        self.series: tuple[str, ...] = ()
        self.values = array("f")
        # Where its values go in the row: a start where they stand together, else each one's place.
        self.places: int | list[int] = 0


class Registry:
    """Makes the sources, asks them, and keeps the row's layout."""

    def __init__(self, settings: MetricsSettings, factories: Iterable[Factory]) -> None:
        self._settings = settings
        self._slots: list[_Slot] = []
        self._events: list[SourceEvent] = []
        self._series: tuple[str, ...] = ()
        self._blank = array("f")
        self._waiting: list[Waiting] | None = None  # asked for in each turn of the loop; None: made anew
        for factory in factories:
            slot = _Slot(factory)
            if any(factory.name == other.factory.name for other in self._slots):
                slot.off = Off(f"there is a source {factory.name!r} already", "Uninstall one of the two plug-ins")
            elif factory.name in settings.off:
                slot.off = Off("switched off in the settings")
            self._slots.append(slot)

    def open(self, now_ms: int) -> None:
        """Make every source once. What cannot work is off, with a reason; nothing is raised."""
        for slot in self._slots:
            if slot.off is None and slot.source is None:
                self._make(slot, now_ms)

    def read(self, now_ms: int) -> tuple[tuple[str, ...], bytes]:
        """Ask every source once.

        Returns:
            series: the very same tuple as long as nothing came or went: `is` tells whether a schema must be sent;
            values: float32 little-endian, one for each series, NaN where unknown.
        """
        changed = False
        for slot in self._slots:
            source = slot.source
            if source is None:
                if slot.retry_ms is None or now_ms < slot.retry_ms or not self._make(slot, now_ms):
                    continue
                source = cast(Source, slot.source)
            try:
                slot.values = array("f", source.read(now_ms))
                if source.series is not slot.series:
                    slot.series = _checked(source.series)
                    changed = True
                if len(slot.values) != len(slot.series):
                    raise ValueError(f"{len(slot.values)} values for {len(slot.series)} series")
                # A child that has not said anything yet (iostat) is not up: all it has is unknown.
                if slot.up_ms is None and (not slot.values or any(value == value for value in slot.values)):
                    self._up(slot, now_ms)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code
                changed = True
                self._down(slot, error, now_ms)
        if changed:
            self._lay_out(now_ms)
        row = self._blank[:]
        for slot in self._slots:
            places = slot.places
            if isinstance(places, int):
                row[places : places + len(slot.values)] = slot.values
                continue
            for place, value in zip(places, slot.values, strict=True):
                if value == value:
                    row[place] = value
        if sys.byteorder == "big":
            row.byteswap()
        return self._series, row.tobytes()

    def waiting(self) -> list[Waiting]:
        """Sources whose descriptors and clock the loop must watch; ask again after each `read`."""
        if self._waiting is None:
            sources = [slot.source for slot in self._slots if slot.source is not None]
            self._waiting = [cast(Waiting, source) for source in sources if hasattr(source, "descriptors")]
        return self._waiting

    def receive(self, source: Waiting, descriptor: int, now_ms: int) -> bool:
        """Tell a source that a descriptor is readable. True: a row should be written now."""
        try:
            return source.receive(descriptor, now_ms)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code
            self._down_source(source, error, now_ms)
            return False

    def tick(self, source: Waiting, now_ms: int) -> None:
        """Tell a source that its time has come."""
        try:
            source.tick(now_ms)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code
            self._down_source(source, error, now_ms)

    def events(self) -> list[SourceEvent]:
        """What came and went since the last call, oldest first."""
        events, self._events = self._events, []
        return events

    def status(self) -> list[Status]:
        """One line a source, in the order of the table."""
        return [
            Status(slot.factory.name, True, "", "", len(slot.series))
            if (off := slot.off) is None
            else Status(slot.factory.name, False, off.why, off.remedy, 0)
            for slot in self._slots
        ]

    def close(self) -> None:
        """Close every source, whatever they raise."""
        for slot in self._slots:
            _close(slot)
        self._waiting = None

    def _make(self, slot: _Slot, now_ms: int) -> bool:
        try:
            source: object = slot.factory.make(self._settings)
            if source is None:
                raise TypeError("its factory gave no source")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code
            self._down(slot, error, now_ms)
            return False
        slot.source = cast(Source, source)
        self._waiting = None
        return True

    def _up(self, slot: _Slot, now_ms: int) -> None:
        slot.up_ms = now_ms
        slot.off = slot.retry_ms = None
        self._events.append(SourceEvent("source_up", slot.factory.name, "", ""))

    def _down_source(self, source: Source, error: BaseException, now_ms: int) -> None:
        for slot in self._slots:
            if slot.source is source:
                self._down(slot, error, now_ms)
                self._lay_out(now_ms)

    def _down(self, slot: _Slot, error: BaseException, now_ms: int) -> None:
        """Switch a source off; say so once for each reason, unless it never was on and there is nothing to be done."""
        why = error if isinstance(error, Off) else _broken(error)
        _close(slot)
        self._waiting = None
        is_news = slot.up_ms is not None or (slot.off is None and why.remedy) or (slot.off and slot.off.why != why.why)
        if is_news:
            self._events.append(SourceEvent("source_down", slot.factory.name, why.why, why.remedy))
        # One that worked for a while is tried again soon; one that never does, ever later.
        worked = slot.up_ms is not None and now_ms - slot.up_ms >= RETRY_LAST_MS
        slot.delay_ms = RETRY_FIRST_MS if worked or not slot.delay_ms else min(slot.delay_ms * 2, RETRY_LAST_MS)
        slot.up_ms = None
        slot.off = why
        slot.retry_ms = now_ms + slot.delay_ms

    def _lay_out(self, now_ms: int) -> None:
        """Give every series its place; the first source that has it says where."""
        places: dict[str, int] = {}
        for slot in self._slots:
            if slot.source is None:
                continue
            start = len(places)
            own = [places.setdefault(name, len(places)) for name in slot.series]
            slot.places = start if own == list(range(start, start + len(own))) else own
            if len(places) > limits.SERIES:
                why = f"a host may have {limits.SERIES} series, with these there would be {len(places)}"
                self._down(slot, Off(why), now_ms)
                self._lay_out(now_ms)
                return
        series = tuple(places)
        # A source that was tried again and failed leaves everything as it was.
        if series != self._series:
            self._series = series
            self._blank = array("f", [nan]) * len(series)


def _close(slot: _Slot) -> None:
    source, slot.source, slot.series, slot.values, slot.places = slot.source, None, (), array("f"), 0
    if source is not None:
        try:
            source.close()
        except (Exception, SystemExit):  # noqa: BLE001, S110 - it is gone either way
            pass


def _checked(series: tuple[str, ...]) -> tuple[str, ...]:
    """Look at names that a source wants to use.

    Raises:
        Off: one of them is not a series name.
    """
    if not isinstance(series, tuple):
        raise Off(f"its series must be a tuple of names, not {type(series).__name__}")
    for name in series:
        try:
            if len(name.encode()) > limits.STRING_BYTES:
                raise ValueError(f"series {name[:80]!r}... is longer than {limits.STRING_BYTES} bytes")
            parse(name)
        except (ValueError, AttributeError, TypeError) as error:
            raise Off(f"it names a series that cannot be one: {error}") from None
    return series


def _broken(error: BaseException) -> Off:
    why = f"it broke: {type(error).__name__}: {error}"[:WHY_CHARACTERS]
    return Off(why, "This is a fault of the source, not of this host")
