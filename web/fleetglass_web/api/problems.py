"""Errors as `application/problem+json` (RFC 9457); `detail` says what to change.

Every error leaves the app in this shape, also those that the framework raises: an unknown path, a wrong method, a
failure of ours (which is logged with its cause, and tells the client no internals).
"""

import logging
from http import HTTPStatus

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

log = logging.getLogger(__name__)


class Problem(Exception):  # noqa: N818 - the RFC's word
    """An answer other than the one that was asked for."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}

    def response(self) -> Response:
        """The answer."""
        body = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        headers = {"cache-control": "no-store", **self.headers}
        return Response(msgspec.json.encode(body), self.status, headers, "application/problem+json")


async def on_problem(_request: Request, error: Exception) -> Response:
    """Our own."""
    assert isinstance(error, Problem)
    return error.response()


async def on_http_exception(request: Request, error: Exception) -> Response:
    """The framework's."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    path = request.url.path[:120]
    match error.status_code:
        case 404:
            detail = f"nothing is at {path!r}; the routes are listed in docs/api.md, the first is /api/v1/hosts"
        case 405:
            allowed = sorted((headers.get("Allow") or headers.get("allow") or "GET").split(", "))
            detail = f"{request.method} is not possible at {path!r}; use {' or '.join(allowed)}"
        case _:
            detail = str(error.detail)
    return Problem(error.status_code, detail, headers).response()


def on_failure(path: str, error: Exception) -> Response:
    """A fault of ours: once in the log, with its cause."""
    log.error("answering %s failed: a fault in fleetglass", path, exc_info=error)
    return Problem(
        500, "the hub failed to answer; its log has the cause. Nothing in the request must change"
    ).response()
