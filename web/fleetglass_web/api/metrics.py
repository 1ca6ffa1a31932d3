"""`GET /api/v1/metrics`: values over a span of time, in steps with their least, mean and greatest."""

from starlette.requests import Request
from starlette.responses import Response

from fleetglass_web.api import answers, parameters
from fleetglass_web.api.problems import Problem
from fleetglass_web.query import series, timerange
from fleetglass_web.view import FleetView, MetricQuery, MetricSeries

DEFAULT_SPAN_MS = 15 * 60_000
# As many points as a wide screen has columns, twice over, and what Prometheus allows.
POINTS_MAX = 11_000
POINTS_WANTED = 600
# Of all series together: 120 MB while they are read, and as much again in JSON.
ANSWER_POINTS_MAX = 10_000_000
# Whole steps that people read: a second, ten, a minute ...
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400)


def default_step_ms(span_ms: float) -> int:
    """The shortest of the usual steps that gives at most `POINTS_WANTED` points."""
    for step_s in _STEPS_S:
        if span_ms / (step_s * 1_000) <= POINTS_WANTED:
            return step_s * 1_000
    return int(span_ms / POINTS_WANTED / 86_400_000 + 1) * 86_400_000


async def get_metrics(request: Request) -> Response:
    """One entry a host and series; a point's time is the start of its step."""
    view: FleetView = request.app.state.view
    parameters.only(request, ("filter", "series", "from", "to", "step"))

    def text(name: str) -> str | None:
        return parameters.text(request, name)

    with parameters.bad_request():
        chosen = parameters.matching_hosts(view, text("filter"))
        patterns = series.parse_list(text("series") or "*")
        from_ms, to_ms = timerange.parse_range(text("from"), text("to"), view.now_ms(), DEFAULT_SPAN_MS)
        said = text("step")
        step_ms = timerange.parse_step(said, from_ms, to_ms, POINTS_MAX) if said else default_step_ms(to_ms - from_ms)
        points = parameters.width(view, chosen, patterns) * int((to_ms - from_ms) / step_ms + 1)
        if points > ANSWER_POINTS_MAX:
            raise Problem(
                400,
                f"this is up to {points:,} points; at most {ANSWER_POINTS_MAX:,}. Name fewer series or hosts, make the "
                f"step longer or the range shorter, or ask /api/v1/aggregate",
            )
        hosts = {host.host: host.name for host in chosen}
        found = await view.metrics(MetricQuery(tuple(hosts), patterns, from_ms, to_ms, step_ms))
    entries = (_one(hosts.get(one.host, ""), one) for one in found)
    return await answers.listed(request, {"step_ms": step_ms}, "series", entries, len(found))


def _one(name: str, found: MetricSeries) -> dict[str, object]:
    return {
        "host": found.host,
        "name": name,
        "series": found.series,
        "time_ms": found.time_ms.tolist(),
        "min": answers.known(found.min),
        "avg": answers.known(found.avg),
        "max": answers.known(found.max),
    }
