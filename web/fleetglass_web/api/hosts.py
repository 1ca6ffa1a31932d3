"""`GET /api/v1/hosts`: who is in the fleet, how old its news are, and its newest values."""

from starlette.requests import Request
from starlette.responses import Response

from fleetglass_web.api import answers, parameters
from fleetglass_web.live.encode import host_map
from fleetglass_web.live.float32 import as_lists
from fleetglass_web.view import FleetView


def newest_values(view: FleetView) -> dict[int, tuple[float, dict[str, float | None]]]:
    """Host -> time of its newest row and its values, None where unknown."""
    found: dict[int, tuple[float, dict[str, float | None]]] = {}
    for block in view.arrived(-1)[1]:
        names = view.schema(block.schema)
        for host, time_ms, row in zip(
            block.hosts.tolist(), block.time_ms.tolist(), as_lists(block.values), strict=True
        ):
            values = {name: None if value != value else value for name, value in zip(names, row, strict=True)}
            found[host] = (time_ms, values)
    return found


async def get_hosts(request: Request) -> Response:
    """The table's first route."""
    view: FleetView = request.app.state.view
    parameters.only(request, ("filter",))
    with parameters.bad_request():
        hosts = parameters.matching_hosts(view, parameters.text(request, "filter"))
    now_ms = view.now_ms()
    newest = newest_values(view)
    listed = []
    for host in hosts:
        time_ms, values = newest.get(host.host, (None, {}))
        age_s = round(max(0.0, now_ms - host.last_ms) / 1_000, 3)
        listed.append({**host_map(host), "age_s": age_s, "time_ms": time_ms, "values": values})
    body = {"hosts": listed, "time_ms": now_ms}
    return answers.msgpack_answer(body) if answers.wants_msgpack(request) else answers.json_answer(body)
