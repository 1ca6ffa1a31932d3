"""Uvicorn's WebSocket protocol with a way below ASGI: a ready-made frame, written by the kernel call itself.

ASGI's `websocket.send` costs a coroutine, a map, a new frame with its own copy of the payload and a transport's
buffer, for every client. A fleet's frame is the same for all, so this protocol offers itself as the ASGI extension
`fleetglass.sink`: while the transport's own buffer is empty, `write` is one `os.write(fd, frame)`. What the kernel
does not take goes through the transport, and so does everything on TLS or where a socket has no descriptor.

    channel ──frame──► write_all ──► os.write(fd)            buffer empty, plain socket
                                └──► transport.write(rest)   full; `resume_writing` says when it is empty again

Measured with `python -m tests.bench.fanout`: see docs/measurements.md.
"""

import logging
import os
from asyncio import BaseTransport
from collections.abc import Callable, Sequence
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from fleetglass_web.live.subscriber import Sink
from fleetglass_web.transports import kernelbuffer

log = logging.getLogger(__name__)

EXTENSION = "fleetglass.sink"

# How long a close frame may wait behind unread data before the connection is cut.
CLOSE_WAIT_S = 5.0


class BroadcastProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection, and the `Sink` of its subscriber."""

    fd = -1  # -1: no way below the transport
    on_drained: Callable[[], None] | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Learn the descriptor; the connection came as HTTP, which bounded the kernel's buffer (`http`)."""
        super().connection_made(transport)
        # Above 0 bytes "paused", at 0 "resumed": the transport itself tells when the short way is open again.
        self.transport.set_write_buffer_limits(high=0)
        is_tls = transport.get_extra_info("ssl_object") is not None
        self.fd = -1 if is_tls else kernelbuffer.descriptor(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The descriptor may be another client's from here on."""
        self.fd = -1
        self.on_drained = None
        super().connection_lost(exc)

    def handle_connect(self, event: Any) -> None:  # any: websockets' Request
        """Offer the extension to the application."""
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][EXTENSION] = {"sink": self}

    def resume_writing(self) -> None:
        """The transport's buffer is empty."""
        super().resume_writing()
        if self.on_drained is not None:
            self.on_drained()

    # -- Sink ---------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> bool:
        """Write a ready-made frame. True: the next may come at once."""
        transport = self.transport
        if transport.is_closing() or self.close_sent:
            return False
        rest: bytes | memoryview = data
        if self.fd >= 0 and not transport.get_write_buffer_size():
            try:
                written = os.write(self.fd, data)
            except BlockingIOError:
                written = 0
            except OSError as error:
                log.debug("a browser went away while it was written to: %s", error)
                transport.abort()
                return False
            if written == len(data):
                return True
            rest = memoryview(data)[written:]
        transport.write(rest)
        return not transport.get_write_buffer_size()

    def waiting_bytes(self) -> int:
        """Bytes that the kernel did not take yet."""
        return self.transport.get_write_buffer_size()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame; cut the connection when it is not answered soon."""
        if self.close_sent or self.transport.is_closing():
            return
        try:
            # A close frame holds 123 bytes of reason (RFC 6455, section 5.5).
            self.conn.send_close(code, reason.encode()[:120].decode("utf-8", "ignore"))
        except InvalidState:
            self.transport.abort()
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CLOSE_WAIT_S, self.transport.abort)


def write_all(sinks: Sequence[Sink], data: bytes) -> list[int]:
    """Write the same frame to many; the positions of those that take no more.

    The hot path of the hub: with 10,000 browsers it runs 10,000 times a second. The first half of `write` stands here
    once more, which saves a call a browser.
    """
    size, os_write = len(data), os.write
    full = []
    for at, sink in enumerate(sinks):
        if isinstance(sink, BroadcastProtocol):
            transport = sink.transport
            if sink.fd >= 0 and not transport.get_write_buffer_size() and not transport.is_closing():
                try:
                    written = os_write(sink.fd, data)
                except OSError:
                    written = 0  # full or gone: `write` finds out which
                if written == size:
                    continue
                if written:
                    transport.write(memoryview(data)[written:])
                    # The kernel may have taken the rest since: then nobody will call `resume_writing`.
                    if transport.get_write_buffer_size():
                        full.append(at)
                    continue
        if not sink.write(data):
            full.append(at)
    return full
