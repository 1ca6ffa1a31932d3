"""The body of an answer that never ends, as a `Sink`: what both kinds have in common, and the one through ASGI.

    write ──► kept ──wake──► carry ── turn ──► send of ASGI        or below ASGI, at once: `directbody`

In: a subscriber's pieces. Out: pieces of the answer, and heartbeats where it has been silent.
"""

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Send

from fleetglass_web.live.subscriber import Subscriber
from fleetglass_web.transports.unasked import Unasked

log = logging.getLogger(__name__)


class EndlessResponse(Response):
    """The head of an answer that never ends: no length, and nothing on the way may keep it, gather it or change it."""

    def __init__(self, media_type: str) -> None:
        super().__init__(media_type=media_type)
        del self.headers["content-length"]
        self.headers["cache-control"] = "no-store, no-transform"
        self.headers["x-accel-buffering"] = "no"  # nginx


class Body(Unasked, ABC):
    """What both kinds have in common: heartbeats, and the end."""

    reason = ""
    is_closed = False
    _is_quiet = False
    _was_silent = True  # from its beginning
    _subscriber: Subscriber | None = None
    _now_ms: Callable[[], float]

    def __init__(self) -> None:
        self.wake = asyncio.Event()

    @abstractmethod
    def write(self, data: bytes) -> bool:
        """See `Sink`."""

    @abstractmethod
    def waiting_bytes(self) -> int:
        """See `Sink`."""

    def begin(self, subscriber: Subscriber, now_ms: Callable[[], float]) -> None:
        """The head is out; tell this subscriber when more can be written."""
        self._subscriber = subscriber
        self._now_ms = now_ms

    @abstractmethod
    async def turn(self, send: Send) -> None:
        """Awake: pass on what waits."""

    def beat(self, data: bytes, is_due: bool = False) -> None:
        """Break a silence; called twice in the longest that may be. `is_due`: at once, if nothing was said yet."""
        if (self._is_quiet or (is_due and self._was_silent)) and data:
            self.write(data)
        self._is_quiet = True

    def close(self, _code: int, reason: str) -> None:
        """See `Sink`."""
        log.debug("a stream is ended: %s", reason)
        self.reason = reason
        self.end()

    def end(self) -> None:
        """Nothing is written any more."""
        self.is_closed = True
        self.wake.set()

    def over(self) -> None:
        """The answer is over, in whatever way."""
        self.end()


class AsgiBody(Body):
    """What was written goes out in one piece, then more is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._sending: asyncio.Task[None] | None = None

    def write(self, data: bytes) -> bool:
        """See `Sink`. Never ready for the next: the sending task says when."""
        self._is_quiet = self._was_silent = False
        self._pieces.append(data)
        self._bytes += len(data)
        self.wake.set()
        return False

    def waiting_bytes(self) -> int:
        """See `Sink`."""
        return self._bytes

    def pieces(self) -> list[bytes]:
        """What waits, message by message; empties it."""
        taken, self._pieces = self._pieces, []
        return taken

    def sent(self) -> None:
        """What was taken has gone."""
        self._bytes = sum(map(len, self._pieces))

    async def turn(self, send: Send) -> None:
        """See `Body`."""
        if data := b"".join(self.pieces()):
            self._sending = asyncio.current_task()
            try:
                await send({"type": "http.response.body", "body": data, "more_body": True})
            finally:
                self._sending = None
        self.sent()
        if self._subscriber is not None:
            self._subscriber.drained(self._now_ms())

    def end(self) -> None:
        """See `Body`. A server that waits for a client that reads nothing would wait for ever."""
        super().end()
        if self._sending is not None:
            self._sending.cancel()


async def carry(
    body: Body, send: Send, heartbeat: Callable[[], bytes], heartbeat_s: float, first_s: float | None = None
) -> None:
    """Serve a body until either side ends it; after `first_s` of silence at the beginning it beats already."""
    wait_s = first_s or heartbeat_s / 2
    while not body.is_closed:
        try:
            async with asyncio.timeout(wait_s):
                await body.wake.wait()
        except TimeoutError:
            body.beat(heartbeat(), is_due=wait_s == first_s)
            wait_s = heartbeat_s / 2
            continue
        body.wake.clear()
        try:
            await body.turn(send)
        except asyncio.CancelledError:
            if not body.is_closed:
                raise


async def finish(send: Send, last: bytes = b"") -> None:
    """The end of the answer, for a client that still reads."""
    with contextlib.suppress(OSError):
        await send({"type": "http.response.body", "body": last, "more_body": False})
