"""`WS /api/v1/live`: client messages in, frames out, and an end that surprises nobody.

On our own server frames go below ASGI (`broadcast`), and so do messages: the application accepts, hands the connection
over to a `Conversation`, and returns. A task and its coroutines that wait for a message that rarely comes were a third
of a browser's memory. On any other ASGI server `AsgiSink` sends, and a task listens, the usual way.
"""

import asyncio
import contextlib
import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from fleetglass_web.api.problems import Problem
from fleetglass_web.live import encode
from fleetglass_web.live.subscriber import Subscriber
from fleetglass_web.transports.broadcast import EXTENSION, BroadcastProtocol
from fleetglass_web.transports.places import Places
from fleetglass_web.transports.pulse import Pulse
from fleetglass_web.transports.unasked import Unasked

log = logging.getLogger(__name__)

# Subprotocol -> encoding. A client that names none is a script: it gets JSON.
SUBPROTOCOLS = {"fleetglass.v1": encode.MSGPACK, "fleetglass.v1.json": encode.JSON}


class AsgiSink(Unasked):
    """A sink over `websocket.send`: one message under way at a time."""

    def __init__(self, websocket: WebSocket, is_text: bool) -> None:
        self._websocket = websocket
        self._is_text = is_text
        self._queue: asyncio.Queue[bytes | tuple[int, str]] = asyncio.Queue()
        self._waiting_bytes = 0

    def write(self, data: bytes) -> bool:
        """See `Sink`. Never ready for the next: the sending task says when."""
        self._queue.put_nowait(data)
        self._waiting_bytes += len(data)
        return False

    def waiting_bytes(self) -> int:
        """See `Sink`."""
        return self._waiting_bytes

    def close(self, code: int, reason: str) -> None:
        """See `Sink`."""
        self._queue.put_nowait((code, reason))

    async def run(self, subscriber: Subscriber, pulse: Pulse) -> None:
        """Send until the connection ends."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                item = await self._queue.get()
                if isinstance(item, tuple):
                    await self._websocket.close(*item)
                    return
                await (self._websocket.send_text(item.decode()) if self._is_text else self._websocket.send_bytes(item))
                self._waiting_bytes -= len(item)
                if self._queue.empty():
                    subscriber.drained(pulse.view.now_ms())


class Conversation:
    """One browser on our own server, from the handshake's answer on; called by its protocol."""

    __slots__ = ("_address", "_places", "_pulse", "_subscriber")

    def __init__(self, pulse: Pulse, places: Places, address: str, subscriber: Subscriber) -> None:
        self._pulse = pulse
        self._places = places
        self._address = address
        self._subscriber = subscriber

    def hear(self, data: str | bytes) -> None:
        """Act on a message."""
        self._pulse.exchange.receive(self._subscriber, data, self._pulse.view.now_ms())
        self._pulse.arm()

    def end(self) -> None:
        """The connection is gone."""
        self._pulse.exchange.close(self._subscriber)
        self._places.leave(self._address)
        log.debug("browser %s is gone, %d frames sent", self._address or "?", self._subscriber.sent_frames)


async def converse(websocket: WebSocket, direct: BroadcastProtocol, encoding: str, subprotocol: str | None) -> None:
    """Accept, and hand the connection over: whoever called may return."""
    state = websocket.app.state
    pulse: Pulse = state.pulse
    address = state.places.take(websocket)
    try:
        await websocket.accept(subprotocol)
    except BaseException:
        state.places.leave(address)
        raise
    if direct.is_compressed:
        encoding = encode.DEFLATED[encoding]
    subscriber = pulse.exchange.open(encoding, encode.ENCODERS[encoding], direct, pulse.view.now_ms())
    direct.attach(subscriber, Conversation(pulse, state.places, address, subscriber), pulse.view.now_ms)
    pulse.arm()


async def serve(websocket: WebSocket, pulse: Pulse, encoding: str) -> None:
    """Serve one accepted connection of another server until either side ends it."""
    sink = AsgiSink(websocket, is_text=encoding == encode.JSON)
    bare = encode.BARE[encoding]
    subscriber = pulse.exchange.open(bare, encode.ENCODERS[bare], sink, pulse.view.now_ms())
    sending = asyncio.create_task(sink.run(subscriber, pulse))
    try:
        await _listen(websocket, pulse, subscriber)
    finally:
        sending.cancel()
        pulse.exchange.close(subscriber)
        client = websocket.client
        log.debug("browser %s is gone, %d frames sent", client.host if client else "?", subscriber.sent_frames)


async def _listen(websocket: WebSocket, pulse: Pulse, subscriber: Subscriber) -> None:
    pulse.arm()
    while (message := await websocket.receive())["type"] != "websocket.disconnect":
        text = message.get("text")
        data = text if text is not None else message.get("bytes") or b""
        pulse.exchange.receive(subscriber, data, pulse.view.now_ms())
        pulse.arm()


async def live(websocket: WebSocket) -> None:
    """The route: agree on a subprotocol, then serve."""
    offered = websocket.scope.get("subprotocols") or []
    subprotocol = next((name for name in offered if name in SUBPROTOCOLS), None)
    if offered and subprotocol is None:
        detail = f"subprotocol {', '.join(offered)[:80]!r} is not spoken here; ask for {' or '.join(SUBPROTOCOLS)}"
        raise Problem(400, detail)
    encoding = SUBPROTOCOLS[subprotocol] if subprotocol else encode.JSON
    extension = websocket.scope.get("extensions", {}).get(EXTENSION)
    if extension is not None:
        await converse(websocket, extension["sink"], encoding, subprotocol)
        return
    places: Places = websocket.app.state.places
    with places.one(websocket):
        await websocket.accept(subprotocol)
        await serve(websocket, websocket.app.state.pulse, encoding)


async def needs_upgrade(_request: Request) -> Response:
    """The same address by plain HTTP: `curl`, or a proxy that does not pass the upgrade on."""
    detail = (
        f"this is a WebSocket: connect to ws:// or wss:// with the subprotocol {' or '.join(SUBPROTOCOLS)}. If you "
        "did, a proxy on the way dropped the Upgrade header. By plain HTTP: /api/v1/stream/logs, "
        "/api/v1/stream/metrics, /api/v1/poll, or the same messages at /api/v1/stream/live and /api/v1/live/poll"
    )
    raise Problem(426, detail, {"upgrade": "websocket", "connection": "upgrade"})


async def elsewhere(websocket: WebSocket) -> None:
    """A WebSocket at any other address."""
    raise Problem(404, f"no WebSocket is at {websocket.url.path[:120]!r}; the live protocol is at /api/v1/live")
