"""Query parameters to values; whatever is wrong with one becomes a 400 that names it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from starlette.requests import HTTPConnection

from fleetglass_web.api.problems import Problem
from fleetglass_web.live.subscription import ClientError
from fleetglass_web.query import hostfilter, series
from fleetglass_web.query.cursor import CursorTextError
from fleetglass_web.query.hostfilter import FilterError
from fleetglass_web.query.pattern import PatternError
from fleetglass_web.query.series import SeriesError
from fleetglass_web.query.timerange import TimeError
from fleetglass_web.view import CursorError, FleetView, Host, PastError


@contextmanager
def bad_request() -> Iterator[None]:
    """Turn what users type wrongly into a 400."""
    try:
        yield
    except (FilterError, PatternError, SeriesError, TimeError, CursorTextError, CursorError, ClientError) as error:
        raise Problem(400, str(error)) from None
    except PastError as error:
        raise Problem(503, str(error)) from error


def only(request: HTTPConnection, known: Iterable[str]) -> None:
    """Refuse parameters that mean nothing: a misspelt one would silently ask another question."""
    names = set(known) | {"token"}
    for name in request.query_params:
        if name not in names:
            raise Problem(400, f"parameter {name[:40]!r} is not known here; known are {', '.join(sorted(set(known)))}")
        if len(request.query_params.getlist(name)) > 1:
            raise Problem(400, f"parameter {name!r} is given more than once; give it once")


def text(request: HTTPConnection, name: str) -> str | None:
    """A parameter; an empty one counts as not given."""
    return request.query_params.get(name) or None


def whole(request: HTTPConnection, name: str, default: int, low: int, high: int) -> int:
    """A whole number within bounds."""
    said = text(request, name)
    if said is None:
        return default
    if not (said.isascii() and said.isdigit() and len(said) < 16) or not low <= int(said) <= high:
        raise Problem(400, f"{name} {said[:40]!r}: a whole number from {low:,} to {high:,}")
    return int(said)


def truth(request: HTTPConnection, name: str) -> bool:
    """1 or 0."""
    said = text(request, name)
    if said not in (None, "0", "1", "true", "false"):
        raise Problem(400, f"{name} {said[:40]!r}: 1 or 0" if said else name)
    return said in ("1", "true")


def matching_hosts(view: FleetView, filter_text: str | None) -> list[Host]:
    """The hosts that a filter matches; without one, all."""
    if not filter_text or not filter_text.strip():
        return list(view.hosts())
    matches = hostfilter.parse(filter_text).matches
    return [host for host in view.hosts() if matches(host.name, host.labels)]


def width(view: FleetView, hosts: Iterable[Host], patterns: tuple[str, ...]) -> int:
    """How many series the hosts measure now that the patterns choose: what a question about them is going to cost."""
    hosts_of: dict[int, int] = {}
    for host in hosts:
        if host.schema is not None:
            hosts_of[host.schema] = hosts_of.get(host.schema, 0) + 1
    return sum(count * len(series.select(patterns, view.schema(schema))) for schema, count in hosts_of.items())
