"""How an answer is written: JSON, or MessagePack where the client asks for it by `Accept`."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

MSGPACK_TYPES = ("application/msgpack", "application/x-msgpack", "application/vnd.msgpack")
HEADERS = {"cache-control": "no-store", "vary": "accept"}


def wants_msgpack(request: Request) -> bool:
    """Whether `Accept` names MessagePack (and does not weigh it with 0)."""
    for entry in request.headers.get("accept", "").split(","):
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        if kind in MSGPACK_TYPES and not any(part.replace(" ", "") in ("q=0", "q=0.0") for part in parameters):
            return True
    return False


def json_answer(body: Any, status: int = 200) -> Response:  # any: maps of several shapes
    """JSON; NaN is null."""
    return Response(msgspec.json.encode(body), status, HEADERS, "application/json")


def msgpack_answer(body: Any) -> Response:  # any: as above
    """MessagePack."""
    return Response(msgspec.msgpack.encode(body), 200, HEADERS, MSGPACK_TYPES[0])
