"""The lines around a line: what its file said before and after it.

A view answers newest first, from any moment back. What came before is the rest of such an answer. What came after is
its beginning, if it starts a little later than the line: how much later is found by trying, because a stream may say
three lines a day or fifty thousand a second.

In: a view and the place of a line. Out: lines, newest first. Nothing is kept here.
"""

from typing import NamedTuple

from fleetglass_web.view import FleetView, Line, LogQuery

LINES_MAX = 1_000
_FIRST_SPAN_MS = 1_000.0
_LONGER = 16.0
# A span that holds more lines than this is too long, and is tried shorter, unless it cannot be much shorter.
_LINES_TRIED = 20_000
_SHORTEST_MS = 1.0
_PAGE = 10_000
_HOST_AHEAD_MS = 60_000.0


class Anchor(NamedTuple):
    """A line, by what an answer says of it."""

    host: int
    stream: int
    time_ms: float
    offset: int


class Around(NamedTuple):
    """Lines, newest first; `place` is that of the line itself."""

    lines: list[Line]
    place: int


def parse_anchor(text: str) -> Anchor:
    """Read `host,stream,time_ms,offset`.

    Raises:
        ValueError: says what is expected.
    """
    parts = text.split(",")
    try:
        host, stream, time_ms, offset = parts
        if not all(part.strip().isascii() for part in parts):
            raise ValueError
        anchor = Anchor(int(host), int(stream), float(time_ms), int(offset))
    except ValueError:
        anchor = None
    if anchor is None or not (0 <= anchor.time_ms < 1e15) or min(anchor.host, anchor.stream, anchor.offset) < 0:
        raise ValueError(f"around {text[:60]!r}: write host,stream,time_ms,offset of a line that 'lines' holds")
    return anchor


async def around(view: FleetView, anchor: Anchor, before: int, after: int) -> Around | None:
    """The lines of the same stream around one; None if it is not there (any more)."""
    newer = await _newer(view, anchor, after)
    older = await _older(view, anchor, before)
    if older is None:
        return None
    return Around([*newer, *older], len(newer))


async def _older(view: FleetView, anchor: Anchor, before: int) -> list[Line] | None:
    """The line itself and those before it; None if it is not there."""
    found: list[Line] = []
    is_found = False
    cursor: bytes | None = None
    while True:
        # Of its own moment, lines behind it come first: a batch may hold thousands.
        query = _query(anchor, 0.0, _next_after(anchor.time_ms), before + 64 if cursor is None else _PAGE, cursor)
        page = await view.logs(query)
        for line in page.lines:
            if line.stream != anchor.stream:
                continue
            is_found = is_found or (line.time_ms, line.offset) == (anchor.time_ms, anchor.offset)
            if is_found:
                found.append(line)
            elif line.time_ms < anchor.time_ms:
                return None
        cursor = page.next
        if len(found) > before or cursor is None:
            return found[: before + 1] if is_found else None


async def _newer(view: FleetView, anchor: Anchor, after: int) -> list[Line]:
    """Up to `after` lines behind the line, newest first."""
    if not after:
        return []
    end_ms = view.now_ms() + _HOST_AHEAD_MS
    span_ms, short_ms = _FIRST_SPAN_MS, 0.0
    while True:
        long_enough = anchor.time_ms + span_ms >= end_ms
        most = None if span_ms <= _SHORTEST_MS or span_ms <= short_ms * 1.5 else _LINES_TRIED
        found = await _within(view, anchor, span_ms, most)
        if found is None:
            span_ms = max(_SHORTEST_MS, (short_ms + span_ms) / 2 if short_ms else span_ms / _LONGER)
        elif len(found) >= after or long_enough:
            return found[-after:]
        else:
            short_ms, span_ms = span_ms, span_ms * _LONGER


async def _within(view: FleetView, anchor: Anchor, span_ms: float, most: int | None) -> list[Line] | None:
    """All lines behind the line within a span, newest first; None if there are more than `most`."""
    found: list[Line] = []
    cursor: bytes | None = None
    while True:
        page = await view.logs(_query(anchor, anchor.time_ms, anchor.time_ms + span_ms, _PAGE, cursor))
        for line in page.lines:
            if line.stream != anchor.stream:
                continue
            if (line.time_ms, line.offset) == (anchor.time_ms, anchor.offset):
                return found
            found.append(line)
        cursor = page.next
        if cursor is None:
            return found
        if most is not None and len(found) > most:
            return None


def _query(anchor: Anchor, from_ms: float, to_ms: float, limit: int, cursor: bytes | None) -> LogQuery:
    return LogQuery((anchor.host,), None, None, None, from_ms, to_ms, limit, cursor)


def _next_after(time_ms: float) -> float:
    """The end of a range that holds a moment and nothing later: times are not finer than this."""
    return time_ms + 2**-10
