"""`GET /api/v1/logs`: past lines, newest first, in pages that meet without a seam."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from fleetglass_web.api import answers, parameters
from fleetglass_web.api.problems import Problem
from fleetglass_web.live import context
from fleetglass_web.live import messages as m
from fleetglass_web.live.render import gap_object, iso
from fleetglass_web.live.severity import SEVERITIES
from fleetglass_web.live.subscription import ask_logs
from fleetglass_web.query import cursor, timerange
from fleetglass_web.view import FleetView, Line, LogQuery

LIMIT = 1_000
LIMIT_MAX = 10_000
# A host's corrected clock may be a little ahead of ours: "until now" includes what it says now.
AHEAD_MS = 60_000

_KNOWN = (
    "filter", "path", "match", "exclude", "from", "to", "limit", "cursor", "severity", "around", "before", "after",
)  # fmt: skip
_CONTEXT = 10


async def get_logs(request: Request) -> Response:
    """One page; `next` is the cursor of the one behind it."""
    view: FleetView = request.app.state.view
    parameters.only(request, _KNOWN)
    if parameters.text(request, "around"):
        return await _get_around(request, view)

    def text(name: str) -> str | None:
        return parameters.text(request, name)

    with parameters.bad_request():
        question = ask_logs(text("filter"), text("path"), text("match"), text("exclude"))
        hosts = {host.host: host for host in parameters.matching_hosts(view, text("filter"))}
        now_ms = view.now_ms()
        from_ms = timerange.parse_time(text("from") or "0", now_ms, "from")
        to_ms = timerange.parse_time(text("to") or str(int(now_ms) + AHEAD_MS), now_ms, "to")
        if from_ms >= to_ms:
            raise Problem(400, f"from {iso(from_ms)} is not before to {iso(to_ms)}; exchange them")
        said = text("cursor")
        query = LogQuery(
            hosts=tuple(hosts),
            path=None if question.path == "*" else question.path,
            match=question.match,
            exclude=question.exclude,
            from_ms=from_ms,
            to_ms=to_ms,
            limit=parameters.whole(request, "limit", LIMIT, 1, LIMIT_MAX),
            cursor=cursor.from_text(said) if said else None,
            severities=_severities(text("severity")),
        )
        page = await view.logs(query)
    names = {number: host.name for number, host in hosts.items()}
    lines = [_line(names, line) for line in page.lines]
    gaps = [gap_object(m.GapMark(0, hosts[gap.host].name if gap.host in hosts else "", gap)) for gap in page.gaps]
    body = {
        "lines": lines,
        "next": cursor.to_text(page.next) if page.next is not None else None,
        "searched_to_ms": page.searched_to_ms,
        "gaps": gaps,
    }
    return await answers.mapped(request, body)


async def _get_around(request: Request, view: FleetView) -> Response:
    """The lines around one line of a stream: `around=host,stream,time_ms,offset`, `before`, `after`."""
    parameters.only(request, ("around", "before", "after"))
    try:
        anchor = context.parse_anchor(parameters.text(request, "around") or "")
    except ValueError as error:
        raise Problem(400, str(error)) from None
    before = parameters.whole(request, "before", _CONTEXT, 0, context.LINES_MAX)
    after = parameters.whole(request, "after", _CONTEXT, 0, context.LINES_MAX)
    with parameters.bad_request():
        found = await context.around(view, anchor, before, after)
    if found is None:
        raise Problem(404, "this line is not kept, or not any more; ask 'logs' for those that are")
    names = {host.host: host.name for host in view.hosts()}
    body = {
        "lines": [_line(names, line) for line in found.lines],
        "place": found.place,
        "next": None,
        "searched_to_ms": found.lines[-1].time_ms,
        "gaps": [],
    }
    return await answers.mapped(request, body)


def _line(names: Mapping[int, str], line: Line) -> dict[str, object]:
    return {
        "host": line.host,
        "name": names.get(line.host, ""),
        "stream": line.stream,
        "path": line.path,
        "time_ms": line.time_ms,
        "raw_ms": line.raw_ms,
        "offset": line.offset,
        "text": line.data.decode("utf-8", "replace"),
    }


def _severities(said: str | None) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in said.split(",")) if said else ()
    for name in names:
        if name not in SEVERITIES:
            raise Problem(400, f"severity {name[:40]!r} is not known; known are {', '.join(SEVERITIES)}")
    return names
