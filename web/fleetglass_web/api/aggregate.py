"""`GET /api/v1/aggregate`: figures of sets of hosts, of their newest values or in steps of the past.

`by` names labels whose values make the sets, or `host`, or `instance` (each disk by itself). A host without a label is
in the set of null. Newest values are those of hosts that are live or late: `silent` counts the others, so that nobody
takes a sum of half a fleet for the whole.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from fleetglass_web.api import answers, parameters
from fleetglass_web.api.metrics import DEFAULT_SPAN_MS, POINTS_MAX, default_step_ms
from fleetglass_web.api.problems import Problem
from fleetglass_web.query import series, timerange
from fleetglass_web.view import AggregateQuery, FleetView, GroupSeries, Host, HostState

PERCENTILES = "50,90,95,99"
PERCENTILES_MAX = 20
LABELS_MAX = 8
# Values in an answer, some 100 bytes each; and values that are read for it, some seconds of work.
ANSWER_MAX = 1_000_000
READ_MAX = 100_000_000
HOST, INSTANCE = "host", "instance"

KNOWN = ("filter", "series", "by", "percentiles", "from", "to", "step")


class _By(NamedTuple):
    labels: tuple[str, ...]
    by_host: bool
    by_instance: bool

    def of(self, host: Host) -> tuple[str | int | None, ...]:
        """Which set a host belongs to."""
        own = tuple(host.labels.get(label) for label in self.labels)
        return (*own, host.host) if self.by_host else own


async def get_aggregate(request: Request) -> Response:
    """One entry a set and series."""
    view: FleetView = request.app.state.view
    parameters.only(request, KNOWN)

    def text(name: str) -> str | None:
        return parameters.text(request, name)

    with parameters.bad_request():
        hosts = parameters.matching_hosts(view, text("filter"))
        patterns = series.parse_list(text("series") or "*")
        by = _by(text("by") or "")
        percentiles = _percentiles(text("percentiles") or PERCENTILES)
        now_ms = view.now_ms()
        span = None
        if text("from") or text("to") or text("step"):
            from_ms, to_ms = timerange.parse_range(text("from"), text("to"), now_ms, DEFAULT_SPAN_MS)
            said = text("step")
            step_ms = (
                timerange.parse_step(said, from_ms, to_ms, POINTS_MAX) if said else default_step_ms(to_ms - from_ms)
            )
            span = (from_ms, to_ms, step_ms)
        chosen = hosts if span else [host for host in hosts if host.state in (HostState.LIVE, HostState.LATE)]
        sets: dict[tuple[str | int | None, ...], int] = {}
        groups = [sets.setdefault(by.of(host), len(sets)) for host in chosen]
        _check_size(view, chosen, patterns, len(sets), by, span)
        query = AggregateQuery(tuple(host.host for host in chosen), groups, patterns, by.by_instance, percentiles, span)
        found = await view.aggregate(query)
    names = {host.host: host.name for host in chosen}
    head: dict[str, Any] = {"hosts": len(hosts)}
    if span is None:
        head |= {"silent": len(hosts) - len(chosen), "time_ms": now_ms}
    else:
        head |= {"from_ms": span[0], "to_ms": span[1], "step_ms": span[2]}
    keys = [_shown(by, key, names) for key in sets]
    return await answers.listed(request, head, "groups", _entries(found, keys, query), len(found))


def _by(text: str) -> _By:
    words = tuple(dict.fromkeys(word for part in text.split(",") if (word := part.strip())))
    if len(words) > LABELS_MAX:
        raise Problem(400, f"by: {len(words)} labels; at most {LABELS_MAX}")
    labels = tuple(word for word in words if word not in (HOST, INSTANCE))
    return _By(labels, HOST in words, INSTANCE in words)


def _percentiles(text: str) -> tuple[float, ...]:
    try:
        found = tuple(dict.fromkeys(float(part) for part in text.split(",") if part.strip()))
    except ValueError:
        found = (-1.0,)
    if not all(0 <= rank <= 100 for rank in found) or len(found) > PERCENTILES_MAX:
        raise Problem(
            400, f"percentiles {text[:60]!r}: at most {PERCENTILES_MAX} numbers from 0 to 100, as in {PERCENTILES}"
        )
    return found


def _check_size(
    view: FleetView,
    hosts: Sequence[Host],
    patterns: tuple[str, ...],
    sets: int,
    by: _By,
    span: tuple[float, float, int] | None,
) -> None:
    """Refuse what would take the hub minutes, with the way to make it smaller."""
    steps = 1 if span is None else int((span[1] - span[0]) / span[2]) + 1
    read = steps * parameters.width(view, hosts, patterns)
    schemas = {host.schema for host in hosts if host.schema is not None}
    names = {name for schema in schemas for name in _chosen(view.schema(schema), patterns)}
    if not by.by_instance:
        names = {name.partition("[")[0] for name in names}
    answer = steps * min(sets * len(names), read)
    if read > READ_MAX or answer > ANSWER_MAX:
        raise Problem(
            400,
            f"this reads {read:,} values and answers up to {answer:,} points; at most {READ_MAX:,} and {ANSWER_MAX:,}. "
            f"Name fewer series or hosts, make the step longer or the range shorter, or take away from 'by'",
        )


def _chosen(names: tuple[str, ...], patterns: tuple[str, ...]) -> list[str]:
    return [names[column] for column in series.select(patterns, names)]


def _shown(by: _By, key: tuple[str | int | None, ...], names: dict[int, str]) -> dict[str, str | int | None]:
    found: dict[str, str | int | None] = dict(zip(by.labels, key, strict=False))
    if by.by_host:
        number = key[-1]
        assert isinstance(number, int), "the last part of a host's set is its number"
        found |= {HOST: number, "name": names[number]}
    return found


def _entries(
    found: Sequence[GroupSeries], keys: Sequence[dict[str, str | int | None]], query: AggregateQuery
) -> Iterator[dict[str, Any]]:  # any: the maps of the answer
    ranks = [f"{rank:g}" for rank in query.percentiles]
    for one in found:
        columns: dict[str, Any] = {  # any: lists, or what they hold
            "count": one.count.tolist(),
            "sum": one.sum.tolist(),
            "min": answers.known(one.min),
            "avg": answers.known(one.avg),
            "max": answers.known(one.max),
        }
        shares = [answers.known(one.percentiles[:, at]) for at in range(len(ranks))]
        entry: dict[str, Any] = {"by": keys[one.group], "series": one.series}  # any: as above
        if query.span is None:
            entry |= {name: column[0] for name, column in columns.items()}
            entry["percentiles"] = {rank: column[0] for rank, column in zip(ranks, shares, strict=True)}
        else:
            entry |= {"time_ms": one.time_ms.tolist(), **columns}
            entry["percentiles"] = dict(zip(ranks, shares, strict=True))
        yield entry
