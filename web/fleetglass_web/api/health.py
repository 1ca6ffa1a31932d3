"""`/healthz`: the process answers. `/readyz`: the hub can do its work, or why not."""

from starlette.requests import Request
from starlette.responses import Response

from fleetglass_web.api.answers import json_answer
from fleetglass_web.view import FleetView


async def get_healthz(_request: Request) -> Response:
    """Always 200 while the event loop turns."""
    return json_answer({"status": "ok"})


async def get_readyz(request: Request) -> Response:
    """200 or 503, with the hub's own sentence about what is wrong."""
    view: FleetView = request.app.state.view
    health = view.health()
    if health.get("ready", True):
        return json_answer({"status": "ready", "hub": view.hub_id, "version": view.version})
    return json_answer(
        {"status": "not ready", "problem": str(health.get("problem", "unknown; see the hub's log"))}, 503
    )
