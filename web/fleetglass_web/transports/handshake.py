"""A WebSocket's opening handshake: whether bytes are one, and the answer to one that is none.

`is_plain` knows the handshake that every browser sends, so that it goes straight to the WebSocket library. What is in
any way unusual goes the long way, through the HTTP parser, which has the last word on it.

`refused` is a problem in the hub's words, where the library has plain text. In: the library's status and sentence. Out:
its own kind of response, for `ServerProtocol.reject`.
"""

import re
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

# The library's own bound for a line, here for all of them.
_PLAIN_BYTES_MAX = 8 << 10
_PLAIN = re.compile(rb"GET /[!-~]* HTTP/1\.1\r\n(?:[A-Za-z0-9-]+: [!-~](?:[ -~]*[!-~])?\r\n)+\r\n")
_UPGRADE = re.compile(rb"\nconnection: (?:keep-alive, )?upgrade\r\n")


def is_plain(data: bytes) -> bool:
    """Whether these first bytes of a connection begin with a whole, ordinary handshake."""
    end = data.find(b"\r\n\r\n", 0, _PLAIN_BYTES_MAX) + 4
    if end < 4 or not _PLAIN.fullmatch(data, 0, end):
        return False
    head = data[:end].lower()
    return (
        b"\nupgrade: websocket\r\n" in head
        and _UPGRADE.search(head) is not None
        and head.count(b"\nhost:") == 1
        and b"\ncontent-length:" not in head
        and b"\ntransfer-encoding:" not in head
    )


def refused(status: int, text: str) -> Response:
    """Stands in for `ServerProtocol.reject`."""
    said = " ".join(text.removeprefix(_SAID_BY_LIBRARY).split())[:200].rstrip(".") or "the handshake is refused"
    answer = Problem(int(status), f"{said}; {_TOO_LONG.get(int(status), _ADVICE)}").response()
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.raw_headers]
    headers = Headers([*pairs, ("Date", formatdate(usegmt=True)), ("Connection", "close")])
    return Response(int(status), HTTPStatus(status).phrase, headers, bytes(answer.body))
