"""The web application: the HTTP contract as one table, in its order.

`create_app(view, settings)` needs a `FleetView` and knows nothing of where it runs. `uvicorn_config` serves it with the
protocol that writes one frame to many; on any other ASGI server the same app works, only dearer.
"""

import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from fleetglass_web.api import aggregate, enrolments, health, hosts, logs, metrics, openapi, openmetrics, problems
from fleetglass_web.auth import login
from fleetglass_web.auth.guard import Guard
from fleetglass_web.auth.origin import OriginPolicy
from fleetglass_web.live.exchange import Exchange
from fleetglass_web.live.subscription import MESSAGE_BYTES_MAX
from fleetglass_web.settings import WebSettings
from fleetglass_web.static_files import StaticFiles
from fleetglass_web.transports import poll, session, stream, websocket
from fleetglass_web.transports.broadcast import BroadcastProtocol, write_all
from fleetglass_web.transports.deflate import COMPRESS
from fleetglass_web.transports.http import ENDING, StreamingHttpProtocol
from fleetglass_web.transports.places import Places
from fleetglass_web.transports.pulse import Pulse
from fleetglass_web.view import FleetView

log = logging.getLogger(__name__)


async def get_dashboard(request: Request) -> Response:
    """Everything that is no route: the dashboard's files and pages."""
    files: StaticFiles = request.app.state.files
    return files.get(request)


ROUTES = (
    Route("/api/v1/hosts", hosts.get_hosts, methods=["GET"]),
    Route("/api/v1/metrics", metrics.get_metrics, methods=["GET"]),
    Route("/api/v1/aggregate", aggregate.get_aggregate, methods=["GET"]),
    Route("/api/v1/logs", logs.get_logs, methods=["GET"]),
    Route("/api/v1/stream/logs", stream.get_stream_logs, methods=["GET"]),
    Route("/api/v1/stream/metrics", stream.get_stream_metrics, methods=["GET"]),
    Route("/api/v1/poll", poll.get_poll, methods=["GET"]),
    WebSocketRoute("/api/v1/live", websocket.live),
    Route("/api/v1/live", websocket.needs_upgrade, methods=["GET"]),
    Route("/api/v1/openapi.json", openapi.get_openapi, methods=["GET"]),
    Route("/api/v1/stream/live", session.get_stream_live, methods=["GET"]),
    Route("/api/v1/live/poll", session.get_live_poll, methods=["GET"]),
    Route("/api/v1/live/say", session.post_live_say, methods=["POST"]),
    Route("/api/v1/enrolments", enrolments.get_or_post_enrolments, methods=["GET", "POST"]),
    Route("/api/v1/enrolments/{id}", enrolments.delete_enrolment, methods=["DELETE"]),
    Route("/api/v1/hosts/{host:path}", enrolments.delete_host, methods=["DELETE"]),
    Route("/api/v1/session", login.get_session, methods=["GET"]),
    Route("/api/v1/login", login.post_login, methods=["POST"]),
    Route("/api/v1/logout", login.post_logout, methods=["POST"]),
    Route("/metrics", openmetrics.get_openmetrics, methods=["GET"]),
    Route("/healthz", health.get_healthz, methods=["GET"]),
    Route("/readyz", health.get_readyz, methods=["GET"]),
    Route("/{path:path}", get_dashboard, methods=["GET"]),
    WebSocketRoute("/{path:path}", websocket.elsewhere),
)


def create_app(view: FleetView, settings: WebSettings | None = None) -> Starlette:
    """The application over a fleet."""
    settings = settings or WebSettings()

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:  # any: state of several kinds
        pulse: Pulse = app.state.pulse
        pulse.start()
        try:
            yield {ENDING: pulse.end, COMPRESS: settings.compress}
        finally:
            pulse.stop()

    app = Starlette(
        routes=list(ROUTES),
        lifespan=lifespan,
        middleware=[Middleware(Guard, policy=OriginPolicy(settings.hosts, settings.origins), login=settings.login)],
        exception_handlers={
            problems.Problem: problems.on_problem,
            HTTPException: problems.on_http_exception,
        },
    )
    app.state.view = view
    app.state.settings = settings
    app.state.pulse = Pulse(view, Exchange(view, write_all))
    app.state.polls = poll.Polls(app.state.pulse)
    app.state.live_sessions = session.LiveSessions(app.state.pulse)
    app.state.places = Places(settings.connections_max, settings.connections_per_address_max)
    app.state.files = StaticFiles(settings.static)
    return app


def uvicorn_config(app: Starlette, **changes: Any) -> uvicorn.Config:  # any: uvicorn's own keywords
    """How to serve the app. `changes` are uvicorn's keywords: host, port, fd, ssl_certfile, root_path ..."""
    keywords: dict[str, Any] = {
        "http": StreamingHttpProtocol,
        "ws": BroadcastProtocol,
        "ws_max_size": 2 * MESSAGE_BYTES_MAX,
        # Uvicorn's ping costs 120 us a client; `Exchange` pings those who would hear nothing else.
        "ws_ping_interval": None,
        "ws_per_message_deflate": False,
        "lifespan": "on",
        "log_config": None,
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": 3,
        "h11_max_incomplete_event_size": 64 << 10,
        **changes,
    }
    return uvicorn.Config(app, **keywords)
