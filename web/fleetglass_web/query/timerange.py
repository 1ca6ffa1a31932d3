"""Times as people write them: epoch milliseconds, ISO 8601, `now`, `-15m`; spans as `10s`.

In: text and the hub's `now_ms`. Out: float ms since 1970 UTC, or whole ms for a step. An ISO time without a
zone is UTC.
"""

import re
from datetime import UTC, datetime

from fleetglass_proto.limits import TIME_MAX_MS

_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SPAN = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d|w)\Z", re.ASCII)
_EPOCH = re.compile(r"\d{1,15}(?:\.\d{1,6})?\Z", re.ASCII)
_FORMS = "write epoch milliseconds, ISO 8601 (2026-11-24T12:00:00Z) or a span back from now (-15m)"


class TimeError(ValueError):
    """A time, a span or a range that cannot be read; the text says what to write."""


def parse_span(text: str, name: str) -> float:
    """`10s`, `1.5h` -> ms."""
    found = _SPAN.match(text.strip())
    if not found:
        raise TimeError(f"{name} {text[:60]!r}: write a number and a unit (ms, s, m, h, d, w), as in 10s")
    return float(found[1]) * _UNIT_MS[found[2]]


def parse_time(text: str, now_ms: float, name: str) -> float:
    """A moment in ms.

    Raises:
        TimeError: names the parameter and the forms that are understood.
    """
    text = text.strip()
    relative = text.removeprefix("now")
    if text == "now":
        time_ms = now_ms
    elif relative.startswith(("-", "+")) and _SPAN.match(relative[1:]):
        span_ms = parse_span(relative[1:], name)
        time_ms = now_ms - span_ms if relative[0] == "-" else now_ms + span_ms
    elif _EPOCH.match(text):
        time_ms = float(text)
    else:
        time_ms = _iso(text, name)
    if not 0 <= time_ms <= TIME_MAX_MS:
        raise TimeError(f"{name} {text[:60]!r}: lies outside the years 1970 to 9999")
    return time_ms


def _iso(text: str, name: str) -> float:
    # A '+' in a query string arrives as a space: 12:00:00+01:00 becomes 12:00:00 01:00.
    repaired = re.sub(r" (\d\d:?\d\d)\Z", r"+\1", text) if "T" in text else text
    try:
        moment = datetime.fromisoformat(repaired)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp() * 1_000
    except (ValueError, OverflowError):
        raise TimeError(f"{name} {text[:60]!r}: {_FORMS}") from None


def parse_range(start: str | None, end: str | None, now_ms: float, default_ms: float) -> tuple[float, float]:
    """`from` and `to`, half-open; without `from` the `default_ms` before `to`, without `to` until now."""
    to_ms = parse_time(end, now_ms, "to") if end else now_ms
    from_ms = parse_time(start, now_ms, "from") if start else max(0.0, to_ms - default_ms)
    if from_ms >= to_ms:
        raise TimeError(
            f"from {(start or 'default')!r} is not before to {(end or 'now')!r}; exchange them or widen the range"
        )
    return from_ms, to_ms


def parse_step(text: str, from_ms: float, to_ms: float, points_max: int) -> int:
    """A step in whole ms of at least 100, such that the range has at most `points_max` of them."""
    step_ms = parse_span(text, "step")
    if step_ms < 100:
        raise TimeError(f"step {text!r}: the shortest is 100ms")
    least_ms = (to_ms - from_ms) / points_max
    if step_ms < least_ms:
        raise TimeError(
            f"step {text!r}: {(to_ms - from_ms) / step_ms:,.0f} points; at most {points_max:,} a series, so "
            f"take a step of at least {least_ms / 1_000:,.1f}s or a shorter range"
        )
    return round(step_ms)
