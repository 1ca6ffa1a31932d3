"""Uvicorn's HTTP protocol with four habits more: the kernel's buffer is bounded, a stream ends with its server, a
request must be whole in time, and what is no request is answered with a problem that arrives.

An answer that never ends would hold a stopping server until its patience is over, and be cut then. Here the protocol
tells the application (`state["ending"]`), which ends its streams properly.

A socket that is closed while bytes of its client are unread is reset, and the answer is lost with it: what follows a
refused request is read and dropped for a while. An answer that is under way when such bytes come ends with them;
uvicorn would let the application go on, and fail with a traceback.
"""

import logging
from asyncio import TimerHandle, Transport
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from fleetglass_web.api.problems import Problem
from fleetglass_web.transports import handshake, kernelbuffer
from fleetglass_web.transports.directbody import EXTENSION, DirectBody

# Uvicorn warns of what strangers send, a line each: whoever scans this port would fill the hub's log.
_OWN_FAULTS = logging.getLogger(f"{__name__}.uvicorn")
_OWN_FAULTS.setLevel(logging.ERROR)

# The key of the lifespan state that holds the call.
ENDING = "ending"
# A client that sent too much has read its answer by then, or does not want it.
LINGER_S = 1.0
# Whoever opens connections and never finishes a request would take all of the hub's open files.
REQUEST_S = 20.0
_TOO_SLOW = Problem(408, f"a request must be whole within {REQUEST_S:.0f} s; send it again, in one piece")
_NO_REQUEST = Problem(
    400,
    "this is no HTTP request, or its line and headers are more than 64 KiB together; shorten the filter or the pattern",
)


class StreamingHttpProtocol(H11Protocol):
    """One HTTP connection."""

    body: DirectBody | None = None  # of the answer that never ends

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        """Bound the kernel's buffer."""
        super().connection_made(transport)
        kernelbuffer.bound(transport)
        self.logger = _OWN_FAULTS
        self._is_refused = False
        self._is_upgraded = False
        self._is_silent = True  # nothing has come: browsers open connections that they may need
        self._deadline: TimerHandle | None = self.loop.call_later(REQUEST_S, self._too_slow)

    def pause_writing(self) -> None:
        """The transport's buffer holds something."""
        super().pause_writing()
        if self.body is not None:
            self.body.paused()

    def resume_writing(self) -> None:
        """The transport's buffer is empty."""
        super().resume_writing()
        if self.body is not None:
            self.body.resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for."""
        self._let_be()
        if self.body is not None:
            self.body.gone()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        if self._is_refused:
            return
        if self._is_silent and handshake.is_plain(data):
            self._upgrade(data)
            return
        self._is_silent = False
        super().data_received(data)
        if self.scope is not None and self.scope["type"] == "http":
            # The task that answers has not run yet.
            self.scope["extensions"] = {EXTENSION: self}  # type: ignore[dict-item]  # our own
        if self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete:
            self._let_be()
        elif self._deadline is None and not self._is_upgraded:
            self._deadline = self.loop.call_later(REQUEST_S, self._too_slow)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From here on `exchange` says who has been silent for too long."""
        self._is_upgraded = True
        self._let_be()
        super().handle_websocket_upgrade(event)

    def _upgrade(self, data: bytes) -> None:
        """The short way for most: 10,000 browsers come back at once after a restart, and h11 reads in Python."""
        self._is_upgraded = True
        self._let_be()
        self.connections.discard(self)
        protocol = self.ws_protocol_class(self.config, self.server_state, self.app_state)  # type: ignore[misc, call-arg]
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        protocol.data_received(data)

    def _let_be(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        is_answered = self.cycle is not None and self.cycle.response_complete
        if self._is_silent or (is_answered and self.cycle.more_body):
            self.transport.close()
        elif self.cycle is None or is_answered or not self.cycle.response_started:
            self._refuse(_TOO_SLOW)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words say less
        """Answer what is no request, unless it comes in the middle of an answer: there it would be a part of that."""
        self._refuse(_NO_REQUEST)

    def _refuse(self, problem: Problem) -> None:
        self._is_refused = True
        self._let_be()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
                return
        response = problem.response()
        status = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\nconnection: close\r\n".encode()
        head = b"".join(b"%s: %s\r\n" % pair for pair in response.raw_headers)
        self.transport.write(status + head + b"\r\n" + response.body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)

    def shutdown(self) -> None:
        """The server ends."""
        super().shutdown()
        ending = self.app_state.get(ENDING)
        if ending is not None:
            ending()
