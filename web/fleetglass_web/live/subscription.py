"""What clients say: bytes to a typed message, or an error that says what to change.

A *question* is the part of a subscription that decides which frames it gets; subscriptions with equal questions share
a channel. `history_s`, `tail` and `resume` only shape a subscriber's first answer.

In: one WebSocket message (JSON text or MessagePack). Out: `Subscribe`, `Unsubscribe`, or `ClientError`.
"""

import difflib
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from fleetglass_proto.limits import INTERVAL_MAX_MS, INTERVAL_MIN_MS

from fleetglass_web.query import cursor, hostfilter, pattern, series
from fleetglass_web.query.cursor import Position
from fleetglass_web.query.hostfilter import FilterError
from fleetglass_web.query.pattern import PatternError
from fleetglass_web.query.series import SeriesError

# The longest filter, 256 series patterns and two regular expressions fit.
MESSAGE_BYTES_MAX = 64 << 10
ID_MAX = (1 << 53) - 1  # the largest whole number that JSON clients keep
# What the hub holds in memory; older points come from GET /api/v1/metrics.
HISTORY_MAX_S = 300
HISTORY_DEFAULT_S = 60
TAIL_MAX = 10_000
PATH_LENGTH_MAX = 4_096


class ClientError(ValueError):
    """A message that cannot be accepted. `id` is the subscription it was about, if that could be read."""

    def __init__(self, message: str, about: int | None = None) -> None:
        super().__init__(message)
        self.id = about


@dataclass(frozen=True, slots=True)
class MetricsQuestion:
    """Samples of these series of these hosts, at most one row a host and interval."""

    hosts: str
    series: tuple[str, ...]
    interval_ms: int
    numbers: bool = False  # hosts are said by their numbers only


@dataclass(frozen=True, slots=True)
class LogsQuestion:
    """Lines of these hosts' streams."""

    hosts: str
    path: str
    match: str | None = None
    exclude: str | None = None
    max_lines_per_s: int | None = None
    numbers: bool = False


Question = MetricsQuestion | LogsQuestion


@dataclass(frozen=True, slots=True)
class Subscribe:
    """A question, and what its first answer should hold."""

    id: int
    question: Question
    history_s: float = 0.0
    tail: int = 0
    resume: Position | None = None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """The end of a subscription."""

    id: int


class _Logs(msgspec.Struct, forbid_unknown_fields=True):
    path: str | None = None
    match: str | None = None
    exclude: str | None = None
    max_lines_per_s: int | None = None


class _Subscribe(msgspec.Struct, forbid_unknown_fields=True):
    op: str
    id: int
    hosts: str | None = None
    series: list[str] | str | None = None
    interval_ms: int | float | None = None
    history_s: int | float | None = None
    logs: _Logs | None = None
    tail: int | None = None
    resume: str | None = None
    numbers: bool = False


class _Unsubscribe(msgspec.Struct, forbid_unknown_fields=True):
    op: str
    id: int


def read(data: str | bytes) -> Subscribe | Unsubscribe:
    """Read one message.

    Raises:
        ClientError: says which field is wrong and what it may hold.
    """
    raw = _decode(data)
    about = raw.get("id")
    about = about if isinstance(about, int) and not isinstance(about, bool) and 0 <= about <= ID_MAX else None
    try:
        return _message(raw)
    except msgspec.ValidationError as error:
        raise ClientError(_in_words(str(error), raw), about) from None
    except (FilterError, SeriesError, PatternError, cursor.CursorTextError) as error:
        raise ClientError(str(error), about) from None
    except ClientError as error:
        raise ClientError(str(error), about) from None


def _decode(data: str | bytes) -> dict[str, Any]:  # any: the client may have sent anything
    form = "JSON" if isinstance(data, str) else "MessagePack"
    if len(data) > MESSAGE_BYTES_MAX:
        raise ClientError(f"the message is longer than {MESSAGE_BYTES_MAX:,} bytes; split it into more subscriptions")
    try:
        raw = msgspec.json.decode(data) if isinstance(data, str) else msgspec.msgpack.decode(data)
    except UnicodeEncodeError as error:  # shells keep what is not UTF-8 as surrogates
        byte = ord(error.object[error.start]) & 0xFF
        raise ClientError(
            f"a text message is JSON in UTF-8, and the byte 0x{byte:02x} at character {error.start + 1} is not; "
            "send MessagePack in a binary message"
        ) from None
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise ClientError(f"not {form}: {error}; send one map, as in {_EXAMPLE}") from None
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        raise ClientError(f"a message is one map with names as keys, as in {_EXAMPLE}")
    return raw


_EXAMPLE = '{"op":"subscribe","id":1,"hosts":"*","series":["cpu.*"]}'


def _message(raw: dict[str, Any]) -> Subscribe | Unsubscribe:  # any: not yet checked
    match raw.get("op"):
        case "subscribe":
            if "id" not in raw:
                raise ClientError("id: is missing; choose a number that no other subscription of yours has")
            if isinstance(raw.get("resume"), bytes):  # a MessagePack client may keep what is opaque as bytes
                raw["resume"] = raw["resume"].decode("ascii", "replace")
            return _subscribe(msgspec.convert(raw, _Subscribe))
        case "unsubscribe":
            if "id" not in raw:
                raise ClientError("id: is missing; name the subscription that ends")
            return Unsubscribe(_checked_id(msgspec.convert(raw, _Unsubscribe).id))
        case None:
            raise ClientError(f"op: is missing; it is 'subscribe' or 'unsubscribe', as in {_EXAMPLE}")
        case other:
            raise ClientError(f"op: {str(other)[:40]!r} is not known; it is 'subscribe' or 'unsubscribe'")


def _checked_id(number: int) -> int:
    if not 0 <= number <= ID_MAX:
        raise ClientError(f"id: {number} is outside 0 to 2^53 - 1")
    return number


def _subscribe(said: _Subscribe) -> Subscribe:
    about = _checked_id(said.id)
    if said.series is not None and said.logs is not None:
        raise ClientError("a subscription asks for 'series' or for 'logs'; send two with different ids")
    if said.series is None and said.logs is None:
        raise ClientError('say what to send: "series":["cpu.*"] or "logs":{"path":"*"}')
    tail = said.tail or 0
    if not 0 <= tail <= TAIL_MAX:
        raise ClientError(f"tail: {tail} is outside 0 to {TAIL_MAX:,}; older lines: GET /api/v1/logs")
    hosts = canonical_hosts(said.hosts)
    if said.logs is not None:
        if said.interval_ms is not None or said.history_s is not None:
            raise ClientError(
                "interval_ms and history_s belong to 'series'; lines come at once, 'tail' gives older ones"
            )
        lines = replace(logs_question(hosts, said.logs), numbers=said.numbers)
        return Subscribe(about, lines, tail=tail, resume=_resume(said.resume))
    if said.tail is not None or said.resume is not None:
        raise ClientError("tail and resume belong to 'logs'; for series say 'history_s'")
    patterns = series.parse_list(said.series) if isinstance(said.series, str) else series.canonical(said.series or [])
    history_s = HISTORY_DEFAULT_S if said.history_s is None else said.history_s
    if not 0 <= history_s <= HISTORY_MAX_S:
        raise ClientError(f"history_s: {history_s} is outside 0 to {HISTORY_MAX_S}; older points: GET /api/v1/metrics")
    samples = MetricsQuestion(hosts, patterns, checked_interval(said.interval_ms), said.numbers)
    return Subscribe(about, samples, history_s=history_s)


def checked_interval(said: float | None) -> int:
    """Whole ms within what agents can do; nothing said is a second."""
    interval_ms = 1_000 if said is None else said
    if not INTERVAL_MIN_MS <= interval_ms <= INTERVAL_MAX_MS:
        raise ClientError(f"interval_ms: {interval_ms} is outside {INTERVAL_MIN_MS} to {INTERVAL_MAX_MS:,}")
    return round(interval_ms)


def _resume(said: str | None) -> Position | None:
    return None if said is None else cursor.position(said)


def canonical_hosts(text: str | None) -> str:
    """The canonical text of a filter; nothing said is everyone."""
    return hostfilter.parse(text).text if text and text.strip() else "*"


def logs_question(hosts: str, said: _Logs) -> LogsQuestion:
    """Check the parts of a question about lines.

    Raises:
        ClientError, PatternError: says which part is wrong.
    """
    path = said.path or "*"
    if len(path) > PATH_LENGTH_MAX:
        raise ClientError(f"logs.path: {len(path):,} characters; at most {PATH_LENGTH_MAX:,}")
    if said.match:
        pattern.compile_pattern(said.match, "logs.match")
    if said.exclude:
        pattern.compile_pattern(said.exclude, "logs.exclude")
    if said.max_lines_per_s is not None and not 1 <= said.max_lines_per_s <= 1_000_000:
        raise ClientError(
            f"logs.max_lines_per_s: {said.max_lines_per_s} is outside 1 to 1,000,000; null sends every line"
        )
    return LogsQuestion(hosts, path, said.match or None, said.exclude or None, said.max_lines_per_s)


def ask_logs(hosts: str | None, path: str | None, match: str | None, exclude: str | None = None) -> LogsQuestion:
    """The question of an HTTP request. Raises what `logs_question` and the filter raise."""
    return logs_question(canonical_hosts(hosts), _Logs(path=path, match=match, exclude=exclude))


_FIELDS = {
    "$": _Subscribe.__struct_fields__,
    "$.logs": _Logs.__struct_fields__,
}


def _in_words(problem: str, raw: dict[str, Any]) -> str:  # any: not yet checked
    """msgspec's `Expected X, got Y - at `$.field`` in the order in which people read it."""
    what, _, where = problem.partition(" - at ")
    where = where.strip("`")
    if "unknown field" in what:
        name = what.split("`")[1]
        known = _FIELDS.get(where or "$", ())
        if raw.get("op") == "unsubscribe":
            known = _Unsubscribe.__struct_fields__
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; the fields are {', '.join(known)}"
        return f"{name[:40]!r} is not a field{' of logs' if where == '$.logs' else ''}{hint}"
    field = where.removeprefix("$").removeprefix(".") or "the message"
    return f"{field}: {what[0].lower()}{what[1:].replace('`', '')}"
