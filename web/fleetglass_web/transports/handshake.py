"""The answer to a handshake that is none: a problem in the hub's words, where the WebSocket library has plain text.

In: the library's status and sentence. Out: its own kind of response, for `ServerProtocol.reject`.
"""

from email.utils import formatdate
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.http11 import Response

from fleetglass_web.api.problems import Problem

_SAID_BY_LIBRARY = "Failed to open a WebSocket connection: "
_ADVICE = (
    "send the opening handshake of RFC 6455, as every WebSocket client does; a proxy on the way may have changed it"
)
_TOO_LONG = {
    414: "the address of the handshake is too long: /api/v1/live takes no parameters, subscribe by messages",
    431: "the headers of the handshake are too many or too long; cookies of other services may be among them",
}


def refused(status: int, text: str) -> Response:
    """Stands in for `ServerProtocol.reject`."""
    said = " ".join(text.removeprefix(_SAID_BY_LIBRARY).split())[:200].rstrip(".") or "the handshake is refused"
    answer = Problem(int(status), f"{said}; {_TOO_LONG.get(int(status), _ADVICE)}").response()
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.raw_headers]
    headers = Headers([*pairs, ("Date", formatdate(usegmt=True)), ("Connection", "close")])
    return Response(int(status), HTTPStatus(status).phrase, headers, bytes(answer.body))
