"""The first door: refuses foreign hosts and origins, adds the headers of every answer, catches our own faults."""

import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleetglass_web.api.problems import Problem, on_failure
from fleetglass_web.auth.login import Login, problem_of
from fleetglass_web.auth.origin import OriginPolicy

log = logging.getLogger(__name__)

# What a page of ours may load: its own files. Svelte's and uPlot's styles set style attributes and one sheet by
# script; a style element with a fixed hash would break with each build, so styles may be inline, scripts may not.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

SECURITY_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, policy: OriginPolicy, login: Login | None = None) -> None:
        self.app = app
        self.policy = policy
        self.login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        problem = self._problem(scope, headers)

        is_started = False

        async def with_headers(message: Message) -> None:
            nonlocal is_started
            is_started = True
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                own = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    own.setdefault(name, value)
            await send(message)

        if problem is None:
            try:
                await self.app(scope, receive, with_headers)
            except ClientDisconnect:
                log.debug("who asked for %s went away before the question was whole", scope["path"])
            except Exception as error:  # a fault of ours is one answer and one log entry, here
                if is_started or scope["type"] == "websocket":
                    raise
                await on_failure(scope["path"], error)(scope, receive, with_headers)
        elif scope["type"] == "http":
            await problem.response()(scope, receive, with_headers)
        else:
            await refuse(problem, scope, receive, with_headers)

    def _problem(self, scope: Scope, headers: Headers) -> Problem | None:
        # Health is asked by machines that know an address and no name; it tells nothing.
        if scope["type"] == "http" and scope["path"].endswith(("/healthz", "/readyz")):
            return None
        if said := self.policy.host_problem(headers.get("host")):
            return Problem(421, said)
        if said := self.policy.origin_problem(headers.get("origin"), headers.get("host")):
            return Problem(403, said)
        return problem_of(self.login, scope["path"].removeprefix(scope.get("root_path", "")), headers)


async def refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a WebSocket's handshake with a problem instead of a connection."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": problem.detail[:120]})
        return
    response = problem.response()
    await send({"type": "websocket.http.response.start", "status": problem.status, "headers": response.raw_headers})
    await send({"type": "websocket.http.response.body", "body": response.body})
