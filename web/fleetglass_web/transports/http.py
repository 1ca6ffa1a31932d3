"""Uvicorn's HTTP protocol with three habits more: the kernel's buffer is bounded, a stream ends with its server, and
what is no request is answered with a problem that arrives.

An answer that never ends would hold a stopping server until its patience is over, and be cut then. Here the protocol
tells the application (`state["ending"]`), which ends its streams properly.

A socket that is closed while bytes of its client are unread is reset, and the answer is lost with it: what follows a
refused request is read and dropped for a while. An answer that is under way when such bytes come ends with them;
uvicorn would let the application go on, and fail with a traceback.
"""

from asyncio import Transport

from uvicorn.protocols.http.h11_impl import H11Protocol

from fleetglass_web.api.problems import Problem
from fleetglass_web.transports import kernelbuffer

# The key of the lifespan state that holds the call.
ENDING = "ending"
# A client that sent too much has read its answer by then, or does not want it.
LINGER_S = 1.0
_SAID = Problem(
    400,
    "this is no HTTP request, or its line and headers are more than 64 KiB together; shorten the filter or the pattern",
)


class StreamingHttpProtocol(H11Protocol):
    """One HTTP connection."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        """Bound the kernel's buffer."""
        super().connection_made(transport)
        kernelbuffer.bound(transport)
        self._is_refused = False

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        if not self._is_refused:
            super().data_received(data)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words say less
        """Answer what is no request, unless it comes in the middle of an answer: there it would be a part of that."""
        self._is_refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        response = _SAID.response()
        head = b"".join(b"%s: %s\r\n" % pair for pair in response.raw_headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n" + head + b"\r\n" + response.body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)

    def shutdown(self) -> None:
        """The server ends."""
        super().shutdown()
        ending = self.app_state.get(ENDING)
        if ending is not None:
            ending()
