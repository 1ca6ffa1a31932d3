"""A WebSocket protocol with a way below ASGI: a ready-made frame, written by the kernel call itself.

ASGI's `websocket.send` costs a coroutine, a map, a new frame with its own copy of the payload and a transport's
buffer, for every client. A fleet's frame is the same for all, so this protocol offers itself as the ASGI extension
`fleetglass.sink`: while the transport's own buffer is empty, `write` is one `send(frame)` of the socket. What the
kernel does not take goes through the transport, and so does everything on TLS or where a socket has no descriptor.

    channel ──frame──► write_all ──► socket.send             buffer empty, plain socket
                                └──► transport.write(rest)   full; `resume_writing` says when it is empty again

Measured with `python -m tests.bench.fanout`: see docs/measurements.md.
"""

import asyncio
import logging
import socket
import struct
import sys
from asyncio import BaseTransport
from collections.abc import Callable
from itertools import repeat
from typing import Any, Protocol

from uvicorn.protocols.utils import ClientDisconnected
from websockets.exceptions import InvalidState
from websockets.extensions.permessage_deflate import PerMessageDeflate

from fleetglass_web.live.channel import Group, write_all_plain
from fleetglass_web.live.reading import Reading
from fleetglass_web.live.subscriber import Subscriber
from fleetglass_web.transports import deflate, kernelbuffer
from fleetglass_web.transports.manners import MannersProtocol

log = logging.getLogger(__name__)

EXTENSION = "fleetglass.sink"
_DEFLATE = (deflate.SharedDeflate(),)

_TCP_INFO = getattr(socket, "TCP_INFO", 0)
# struct tcp_info (linux/tcp.h): tcpi_bytes_acked, tcpi_bytes_sent and tcpi_snd_wnd, of Linux 5.4 and newer.
TCP_INFO = struct.Struct("=120xQ72xQ20xI")

# How long a close frame may wait behind unread data before the connection is cut.
CLOSE_WAIT_S = 5.0


class Listener(Protocol):
    """Who is told what a browser says."""

    def hear(self, data: str | bytes) -> None:
        """A whole message; text keeps bytes that are no UTF-8 (`surrogateescape`)."""

    def end(self) -> None:
        """The connection is gone; nothing more is called."""


class _Nobody(asyncio.Queue[Any]):  # any: ASGI events
    """Stands for the queue of an application that has returned."""

    def put_nowait(self, item: object) -> None:
        """Nobody reads it."""


_NOBODY = _Nobody()


class BroadcastProtocol(MannersProtocol):
    """One WebSocket connection, and the `Sink` of its subscriber."""

    # The transport's descriptor in an object of the C class: `send` and `getsockopt` are called on it, and `_leave`
    # detaches it, so that it closes nothing. None: there is no way below the transport.
    direct: socket.SocketType | None = None
    _tells = sys.platform == "linux"  # the kernel tells its counters
    _asked: bytes | None = None  # a ping whose answer is missing
    _asks = 0
    _answers = False  # has answered a ping, ever
    _is_held = False
    _subscriber: Subscriber | None = None
    _listener: Listener | None = None
    _is_attached = False
    _now_ms: Callable[[], float]

    def connection_made(self, transport: BaseTransport) -> None:
        """Learn the descriptor; the connection came as HTTP, which bounded the kernel's buffer (`http`)."""
        super().connection_made(transport)
        # Above 0 bytes "paused", at 0 "resumed": the transport itself tells when the short way is open again.
        self.transport.set_write_buffer_limits(high=0)
        is_tls = transport.get_extra_info("ssl_object") is not None
        fd = -1 if is_tls else kernelbuffer.descriptor(transport)
        self._reading = Reading()
        if fd >= 0:
            self.direct = socket.SocketType(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, fd)

    def attach(self, subscriber: Subscriber, listener: Listener, now_ms: Callable[[], float]) -> None:
        """Serve without the application, which may return: what comes, and when the socket is full, free or gone."""
        self._subscriber = subscriber
        self._listener = listener
        self._now_ms = now_ms
        self._is_attached = True
        waiting, self.queue = self.queue, _NOBODY
        # Only an application that still runs needs these; of ten thousand browsers they take 50 MB.
        del self.scope, self.request, self.response
        while not waiting.empty():
            message = waiting.get_nowait()
            if message["type"] == "websocket.receive":  # it came with the handshake
                listener.hear(message.get("text") or message.get("bytes") or b"")
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()

    async def run_asgi(self) -> None:
        """As uvicorn does it, but a connection that was handed over lives on."""
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            log.debug("a browser went away while it was answered")
        except BaseException:
            log.exception("the application failed on a WebSocket")
            self._is_attached = False
        if not self._is_attached:
            self.send_500_response()  # unless it has answered
            if self.close_timer is None:
                self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The descriptor may be another client's from here on."""
        self._leave()
        super().connection_lost(exc)

    def _leave(self) -> None:
        if self.direct is not None:
            self.direct.detach()
            self.direct = None
        if self._subscriber is not None:
            self._subscriber.gone()
            self._subscriber = None
        if self._listener is not None:
            # Not at once: this may be in the middle of what the listener does.
            self.loop.call_soon(self._listener.end)
            self._listener = None

    # No frame may follow a close frame, whoever sends it and why.

    def handle_close(self, event: Any) -> None:  # any: websockets' Frame
        """The browser says goodbye."""
        self._leave()
        super().handle_close(event)

    def handle_parser_exception(self) -> None:
        """The browser sends what is no WebSocket."""
        self._leave()
        super().handle_parser_exception()

    def shutdown(self) -> None:
        """The server ends."""
        self._leave()
        super().shutdown()

    def handle_connect(self, event: Any) -> None:  # any: websockets' Request
        """Offer the extension to the application, and compression to a client for which it pays."""
        address = self.client[0] if self.client else None
        if deflate.pays(self.app_state.get(deflate.COMPRESS, "auto"), address, event.headers):
            self.conn.available_extensions = _DEFLATE
        super().handle_connect(event)
        scope = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][EXTENSION] = {"sink": self}
            # As ASGI wants them; the HTTP parser would have done it (`handshake.is_plain`).
            scope["headers"] = [(name.lower(), value) for name, value in scope["headers"]]

    def send_receive_event_to_app(self) -> None:
        """A whole message."""
        if not self._is_attached:
            super().send_receive_event_to_app()
            return
        data, self.frames = b"".join(self.frames), []
        if self._listener is not None:
            is_text = self.curr_msg_data_type == "text"
            self._listener.hear(data.decode("utf-8", "surrogateescape") if is_text else data)

    def data_received(self, data: bytes) -> None:
        """Whatever a browser says is a sign of life."""
        if self._subscriber is not None:
            self._subscriber.awaits_pong = False
        super().data_received(data)

    def pause_writing(self) -> None:
        """The transport's buffer holds something."""
        super().pause_writing()
        if self._subscriber is not None:
            self._subscriber.blocked()

    def resume_writing(self) -> None:
        """The transport's buffer is empty."""
        super().resume_writing()
        if self._subscriber is not None and not self._is_held:
            self._subscriber.drained(self._now_ms())

    def handle_pong(self, event: Any) -> None:  # any: websockets' Frame
        """The client has read everything up to our ping."""
        super().handle_pong(event)
        self._answers = True
        if self._asked is not None and bytes(event.data) == self._asked:
            self._asked = None
            if self._is_held:
                self._is_held = False
                if self._subscriber is not None and not self.transport.get_write_buffer_size():
                    self._subscriber.drained(self._now_ms())

    @property
    def is_compressed(self) -> bool:
        """Whether the client agreed to read compressed frames."""
        return any(isinstance(extension, PerMessageDeflate) for extension in self.conn.extensions)

    # -- Sink ---------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> bool:
        """Write a ready-made frame. True: the next may come at once."""
        transport = self.transport
        if transport.is_closing() or self.close_sent:
            return False
        rest: bytes | memoryview = data
        if self.direct is not None and not transport.get_write_buffer_size():
            try:
                written = self.direct.send(data)
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

    def take_rest(self, data: bytes, written: int) -> bool:
        """Go on with a frame of which the kernel took `written` bytes."""
        if not written:
            return self.write(data)
        self.transport.write(memoryview(data)[written:])
        return not self.transport.get_write_buffer_size()

    def ask(self) -> bool:
        """See `Sink`."""
        if self._asked is not None or self.transport.is_closing():
            return False
        self._asks += 1
        self._asked = struct.pack("!I", self._asks)
        self.conn.send_ping(self._asked)
        self.transport.write(b"".join(self.conn.data_to_send()))
        return True

    def look(self) -> bool:
        """See `Sink`."""
        if self.direct is None or self._asked is not None or not self._tells:
            return False
        try:
            info = self.direct.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, TCP_INFO.size)
            acked, sent, window = TCP_INFO.unpack(info)
        except (OSError, struct.error):  # a kernel that does not tell: nobody is asked
            self._tells = False
            return False
        return self._reading.has_stopped(acked, window, sent) and self.ask()

    def hold(self) -> bool:
        """See `Sink`."""
        # A script that knows no pings may still read: who has never answered one is left to the kernel's bounds.
        self._is_held = self._asked is not None and self._answers
        return self._is_held

    def ping(self) -> bool:
        """Send a ping; browsers answer it by themselves."""
        self.conn.send_ping(b"")
        self.transport.write(b"".join(self.conn.data_to_send()))
        return self._answers

    def waiting_bytes(self) -> int:
        """Bytes that the kernel did not take yet."""
        return self.transport.get_write_buffer_size()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame; cut the connection when it is not answered soon."""
        self._leave()
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


def write_all(group: Group, data: bytes) -> list[int]:
    """Write the same frame to many; the positions of those that take no more.

    The hot path of the hub: with 10,000 browsers it runs 10,000 times a second, and each kernel call leaves the cache
    cold. So nothing of a browser is touched but its socket, and the loop itself runs in C (`map`, `extend`): at 10,000
    `send` takes 5.5 us a browser and `os.write`, which goes through the file system's layer, 6.0 (a bare C
    loop 4.6; `make bench ARGS=fanout`). One submission for all through io_uring was measured too, and wins nothing. A
    group only holds sinks whose transports have nothing buffered and are not closing: `BroadcastProtocol` tells its
    subscriber, before anything else happens, when that ends.
    """
    if group.direct is None:
        direct = [sink.direct for sink in group.sinks if isinstance(sink, BroadcastProtocol) and sink.direct]
        group.direct = direct if len(direct) == len(group.sinks) else []
    if not group.direct:
        return write_all_plain(group, data)
    size = len(data)
    written: list[int] = []
    writes = map(socket.SocketType.send, group.direct, repeat(data))
    while True:
        try:
            written.extend(writes)
            break
        except OSError:  # full or gone: `take_rest` finds out which
            written.append(0)
    if written.count(size) == len(group.direct):
        return []
    return [
        at
        for at, sink in enumerate(group.sinks)
        if written[at] != size and isinstance(sink, BroadcastProtocol) and not sink.take_rest(data, written[at])
    ]
