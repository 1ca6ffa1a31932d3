"""The body of an answer that never ends, below ASGI on our own server.

Through ASGI a line costs an event, a wake-up of the answer's task, a piece of the HTTP library and a transport's
buffer: 29 us a client. On our own server (`http.StreamingHttpProtocol`) the head goes out the usual way, and from
`begin` on each piece is one `send()` while the transport's buffer is empty, in a chunk of HTTP (RFC 9112, section 7.1):
what `broadcast` does for frames. The server's HTTP library knows nothing of them, and writes the end.

    write ──early──► kept        the head is not out yet
          └────────► send()      nothing waits; what the kernel does not take goes through the transport, whose
                                 `resume_writing` says when it is empty again
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.types import Scope, Send

from fleetglass_web.live.subscriber import Subscriber
from fleetglass_web.transports import kernelbuffer
from fleetglass_web.transports.body import AsgiBody, Body

if TYPE_CHECKING:
    from fleetglass_web.transports.http import StreamingHttpProtocol

log = logging.getLogger(__name__)

# How long the end of a stream may wait behind unread data before the connection is cut.
CUT_S = 5.0

# The key of the scope's extensions that holds the connection.
EXTENSION = "fleetglass.body"


class DirectBody(Body):
    """One `send()` a piece."""

    def __init__(self, protocol: "StreamingHttpProtocol", is_chunked: bool) -> None:
        super().__init__()
        self._protocol = protocol
        self._transport = protocol.transport
        self._is_chunked = is_chunked
        self._early: list[bytes] | None = []
        self._direct: socket.SocketType | None = None
        self._cutting: asyncio.TimerHandle | None = None
        protocol.body = self
        is_tls = self._transport.get_extra_info("ssl_object") is not None
        fd = -1 if is_tls else kernelbuffer.descriptor(self._transport)
        if fd >= 0:
            # As in `broadcast`: an object of the C class, that never closes the descriptor (`end`).
            self._direct = socket.SocketType(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, fd)

    def begin(self, subscriber: Subscriber, now_ms: Callable[[], float]) -> None:
        """See `Body`."""
        super().begin(subscriber, now_ms)
        early, self._early = b"".join(self._early or ()), None
        # Above 0 bytes "paused", at 0 "resumed": the transport itself tells when the short way is open again.
        self._transport.set_write_buffer_limits(high=0)
        if not early or self.write(early):
            subscriber.drained(now_ms())

    def write(self, data: bytes) -> bool:
        """See `Sink`."""
        if self._early is not None:
            self._early.append(data)
            return False
        transport = self._transport
        if self.is_closed or transport.is_closing():
            return False
        self._is_quiet = self._was_silent = False
        rest: bytes | memoryview = b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data
        if self._direct is not None and not transport.get_write_buffer_size():
            try:
                written = self._direct.send(rest)
            except BlockingIOError:
                written = 0
            except OSError as error:
                log.debug("a reader went away while it was written to: %s", error)
                transport.abort()
                return False
            if written == len(rest):
                return True
            rest = memoryview(rest)[written:]
        transport.write(rest)
        return not transport.get_write_buffer_size()

    def waiting_bytes(self) -> int:
        """See `Sink`."""
        return self._transport.get_write_buffer_size()

    async def turn(self, _send: Send) -> None:
        """See `Body`. Nothing waits here."""

    def beat(self, data: bytes, is_due: bool = False) -> None:
        """See `Body`. Where something waits, the reader is at fault and not the silence."""
        if self._early is None and not self.waiting_bytes():
            super().beat(data, is_due)

    def paused(self) -> None:
        """The transport's buffer holds something."""
        if self._subscriber is not None:
            self._subscriber.blocked()

    def resumed(self) -> None:
        """The transport's buffer is empty."""
        if self._subscriber is not None:
            self._subscriber.drained(self._now_ms())

    def close(self, code: int, reason: str) -> None:
        """See `Sink`. The end waits for a reader that has stopped, and not for long."""
        if self.waiting_bytes() and self._cutting is None:
            self._cutting = asyncio.get_running_loop().call_later(CUT_S, self._transport.abort)
        super().close(code, reason)

    def over(self) -> None:
        """See `Body`."""
        if self._cutting is not None:
            self._cutting.cancel()
            self._cutting = None
        super().over()

    def end(self) -> None:
        """See `Body`. The descriptor is left: it may be another client's soon, or another answer's."""
        if self._direct is not None:
            self._direct.detach()
            self._direct = None
        if self._protocol.body is self:
            self._protocol.body = None
        super().end()

    def gone(self) -> None:
        """The connection is lost."""
        if self._subscriber is not None:
            self._subscriber.gone()
        self.end()


def of(scope: Scope) -> Body:
    """The body of an answer."""
    protocol: StreamingHttpProtocol | None = scope.get("extensions", {}).get(EXTENSION)
    return AsgiBody() if protocol is None else DirectBody(protocol, scope["http_version"] == "1.1")
