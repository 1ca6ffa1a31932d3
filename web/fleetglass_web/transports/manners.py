"""Uvicorn's WebSocket protocol, for strangers: bounded in what a client can make the hub do, and its last words arrive.

    a handshake that is none          a problem in words (`handshake`)
    text that is not UTF-8            passed on, for an `error`: RFC 6455 would close, our contract goes on
    frames faster than FRAMES_PER_S   closed: each costs the event loop some 15 us, whatever it holds
    pings, and nobody reads pongs     closed before the answers fill the memory
    one message in endless fragments  closed
    what is no WebSocket              closed with the library's reason

A socket that is closed while bytes of its client are unread is reset, and the close frame is lost with it: so what
still comes is read and dropped for a while. `broadcast` adds the way below ASGI.
"""

from asyncio import BaseTransport
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from fleetglass_web.transports import handshake
from fleetglass_web.transports.http import LINGER_S

# Messages may come 50 times a second (`exchange`), pongs as often as the hub pings: ten times that is no browser.
FRAMES_PER_S = 1_000
# The library reads all of what it is given: in slices a flood is noticed within a slice (170 empty frames).
SLICE_BYTES = 1 << 10
FRAGMENTS_MAX = 1_000
PONG_BYTES_MAX = 64 << 10

CLOSE_POLICY = 1008
_TOO_EARLY = "bytes that are no frame came before the handshake was answered"


class MannersProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection."""

    _is_over = False  # the close frame is out, for a fault of the client's
    _second = 0
    _frames = 0  # in that second

    def connection_made(self, transport: BaseTransport) -> None:
        """Refuse in words."""
        super().connection_made(transport)
        self.conn.reject = handshake.refused  # type: ignore[method-assign]  # uvicorn makes it, of the library's class

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        for at in range(0, len(data), SLICE_BYTES):
            if self._is_over:
                return
            super().data_received(data[at : at + SLICE_BYTES] if len(data) > SLICE_BYTES else data)
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            # A handshake that the library could not read: its answer lies there, and uvicorn leaves it.
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def handle_events(self) -> None:
        """Frames that have come; the handshake is one of them."""
        second = int(self.loop.time())
        if second != self._second:
            self._second, self._frames = second, 0
        self._frames += len(self.conn.events)
        if self._frames > FRAMES_PER_S:
            self.fail(CLOSE_POLICY, f"more than {FRAMES_PER_S:,} frames in a second; subscribe once and listen")
            return
        super().handle_events()

    def fail(self, code: int, reason: str) -> None:
        """End the connection for a fault of the client's."""
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        """Say why it ends, and read on for a while, so that the client reads it."""
        if self._is_over:
            return
        self._is_over = True
        sent = self.conn.close_sent
        code, reason = (sent.code, sent.reason) if sent else (1006, "")
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.handshake_complete:
            self.transport.write(b"".join(self.conn.data_to_send()))
        else:
            # It came with the handshake, whose answer is not out; what the application answers now goes nowhere.
            self.handshake_complete = self.disconnected = True
            self.transport.write(handshake.refused(400, reason or _TOO_EARLY).serialize())
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        self.close_timer = self.loop.call_later(LINGER_S, self.transport.abort)

    def handle_ping(self) -> None:
        """Answer, unless the answers are not read."""
        if self.transport.get_write_buffer_size() > PONG_BYTES_MAX:
            self.fail(CLOSE_POLICY, "your pings are answered, but the answers are not read")
        else:
            super().handle_ping()

    def handle_cont(self, event: Any) -> None:  # any: websockets' Frame
        """A fragment of a message, however short."""
        if len(self.frames) >= FRAGMENTS_MAX:
            self.fail(CLOSE_POLICY, f"a message in more than {FRAGMENTS_MAX:,} fragments; send it whole")
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Pass a whole message on; text keeps the bytes that are no UTF-8, so that they can be named."""
        data, self.frames = b"".join(self.frames), []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "text":
            self.queue.put_nowait({"type": "websocket.receive", "text": data.decode("utf-8", "surrogateescape")})
        else:
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    async def send(self, message: Any) -> None:  # any: an ASGI event
        """As uvicorn sends; a refusal with an answer of its own is a handshake that is over, and no error."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True
