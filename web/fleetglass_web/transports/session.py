"""The live protocol over plain HTTP: the words of `WS /api/v1/live` where something on the way blocks WebSockets.

    GET  /api/v1/stream/live              an event stream opens a session and carries what the hub says
    GET  /api/v1/live/poll                the same in answers: the first opens a session, each next one names it
    POST /api/v1/live/say?session=ID      what the client says, one JSON message a line

The same channels and subscribers as WebSocket, so the same bounds: what a client does not fetch is conflated or
becomes its gap. A stream's session ends with the stream; one that is polled ends 60 s after its last request. An answer
is kept until the next request proves that it arrived, so a request repeated on the way loses nothing.
"""

import asyncio
import contextlib
import logging
import secrets

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fleetglass_web.api import parameters
from fleetglass_web.api.problems import Problem
from fleetglass_web.live import encode
from fleetglass_web.live import messages as m
from fleetglass_web.live.subscriber import Subscriber
from fleetglass_web.live.subscription import MESSAGE_BYTES_MAX
from fleetglass_web.transports import body, directbody
from fleetglass_web.transports.places import Places
from fleetglass_web.transports.poll import GATHER_S, WAIT_MAX_S, WAIT_S
from fleetglass_web.transports.pulse import Pulse
from fleetglass_web.transports.stream import HEARTBEAT, HEARTBEAT_S, until_gone

log = logging.getLogger(__name__)

BARE = encode.BARE[encode.JSON]
EVENTS = "live-events"
# As for a WebSocket that is not read; polls wait 55 s at most.
IDLE_S = 60.0
# One answer of a poll; a single larger message still goes out whole.
ANSWER_BYTES = 512 << 10
# Twice the longest message, as for a WebSocket.
SAY_BYTES_MAX = 2 * MESSAGE_BYTES_MAX


class LiveSession:
    """One client: its subscriber, and the last answer of its polls."""

    def __init__(self, sessions: "LiveSessions", encoding: str, sink: body.Body) -> None:
        # Who knows the id may speak for this client: too long to guess.
        self.id = secrets.token_urlsafe(24)
        self.pulse = sessions.pulse
        self.sink = sink
        encoder = encode.ENCODERS[BARE] if encoding == BARE else _event
        self.subscriber: Subscriber = self.pulse.exchange.open(encoding, encoder, self.sink, self.pulse.view.now_ms())
        self.held = contextlib.ExitStack()  # a polled session keeps its place between requests
        self.number = 0
        self.answer = b""
        self.turn = 0
        self._sessions = sessions
        self._idle: asyncio.TimerHandle | None = None
        sessions.by_id[self.id] = self
        self.pulse.arm()

    def hear(self, line: bytes) -> None:
        """One message of the client."""
        self.pulse.exchange.receive(self.subscriber, line.decode("utf-8", "surrogateescape"), self.pulse.view.now_ms())
        self.pulse.arm()

    def rest(self) -> None:
        """Wait for the next request, for a while."""
        self.work()
        self._idle = asyncio.get_running_loop().call_later(IDLE_S, self.end)

    def work(self) -> None:
        """A request is served: nothing is idle."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def end(self) -> None:
        """Nobody listens any more."""
        self.work()
        if self._sessions.by_id.pop(self.id, None) is not None:
            self.pulse.exchange.close(self.subscriber)
            self.held.close()
            log.debug("a live session by HTTP is over, %d messages sent", self.subscriber.sent_frames)


class PolledSession(LiveSession):
    """One that is asked again and again."""

    def __init__(self, sessions: "LiveSessions") -> None:
        self.waiting = body.AsgiBody()
        super().__init__(sessions, BARE, self.waiting)

    def news(self) -> list[bytes]:
        """What the hub said since the last time, as much as one answer holds."""
        found: list[bytes] = []
        size = 0
        while size < ANSWER_BYTES:
            self.waiting.wake.clear()
            pieces = self.waiting.pieces()
            found += pieces
            size += sum(map(len, pieces))
            self.waiting.sent()
            self.subscriber.drained(self.pulse.view.now_ms())  # writes what waited, and wakes
            if not self.waiting.wake.is_set():
                break
        return found


class LiveSessions:
    """All of them."""

    def __init__(self, pulse: Pulse) -> None:
        self.pulse = pulse
        self.by_id: dict[str, LiveSession] = {}

    def find(self, said: str | None) -> LiveSession:
        """The session of a request.

        Raises:
            Problem: 404 when it is over.
        """
        session = self.by_id.get(said or "")
        if session is None:
            detail = "this session is over or never was; open another: GET /api/v1/stream/live or /api/v1/live/poll"
            raise Problem(404, detail)
        return session


def _event(message: m.Message) -> bytes:
    return b"data: " + encode.ENCODERS[BARE](message) + b"\n\n"


class EventsResponse(body.EndlessResponse):
    """An event stream that is a session."""

    def __init__(self, sessions: LiveSessions, places: Places, request: Request) -> None:
        super().__init__("text/event-stream; charset=utf-8")
        self._sessions = sessions
        self._places = places
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve until either side ends it."""
        with self._places.one(self._request):
            sink = directbody.of(scope)
            session = LiveSession(self._sessions, EVENTS, sink)
            gone = asyncio.create_task(until_gone(receive, sink))
            try:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                opening = b"event: session\ndata: " + msgspec.json.encode({"session": session.id}) + b"\n\n"
                await send({"type": "http.response.body", "body": opening, "more_body": True})
                sink.begin(session.subscriber, session.pulse.view.now_ms)
                await body.carry(sink, send, lambda: HEARTBEAT, HEARTBEAT_S)
                ending = b"event: end\ndata: " + msgspec.json.encode({"reason": sink.reason}) + b"\n\n"
                await body.finish(send, ending)
            finally:
                gone.cancel()
                sink.over()
                session.end()


async def get_stream_live(request: Request) -> Response:
    """Open a session that is an event stream."""
    parameters.only(request, ())
    if request.method != "GET":
        raise Problem(405, "a stream has no end to look ahead to; use GET", {"allow": "GET"})
    return EventsResponse(request.app.state.live_sessions, request.app.state.places, request)


async def get_live_poll(request: Request) -> Response:
    """Open a session, or answer what it has to say since answer `since`."""
    sessions: LiveSessions = request.app.state.live_sessions
    parameters.only(request, ("session", "since", "wait"))
    wait_s = parameters.whole(request, "wait", WAIT_S, 0, WAIT_MAX_S)
    since = parameters.whole(request, "since", 0, 0, 1 << 40)
    said = parameters.text(request, "session")
    if said is None:
        held = contextlib.ExitStack()
        held.enter_context(request.app.state.places.one(request))
        session: LiveSession = PolledSession(sessions)
        session.held = held
    else:
        session = sessions.find(said)
    if not isinstance(session, PolledSession):
        raise Problem(400, "this session is an event stream; read it there, or open another without 'session'")
    if session.number and since == session.number - 1:
        session.rest()
        return _answer(session.answer)  # that answer never arrived
    if since != session.number:
        raise Problem(400, f"since: {since} is not the last answer, {session.number}; open another session")
    return await _polled(session, request, wait_s)


async def _polled(session: PolledSession, request: Request, wait_s: float) -> Response:
    session.work()
    session.turn += 1
    turn = session.turn
    gone = asyncio.create_task(_gone(request))
    waiting = asyncio.create_task(session.sink.wake.wait())
    try:
        await asyncio.wait((gone, waiting), timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        if gone.done() or turn != session.turn:
            # Nothing is taken: the next request of this session gets it.
            raise Problem(409, "another request of this session came after this one; ask one at a time")
        await asyncio.sleep(GATHER_S)
        found = session.news()
    finally:
        gone.cancel()
        waiting.cancel()
        session.rest()
    session.number += 1
    head = {"session": session.id, "number": session.number}
    if session.sink.is_closed:
        head["ended"] = session.sink.reason
        session.end()
    session.answer = msgspec.json.encode({**head, "messages": [msgspec.Raw(piece) for piece in found]})
    return _answer(session.answer)


def _answer(body: bytes) -> Response:
    return Response(body, media_type="application/json", headers={"cache-control": "no-store"})


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def post_live_say(request: Request) -> Response:
    """Take messages of a client; what is wrong with one is answered where the session is read."""
    parameters.only(request, ("session",))
    sessions: LiveSessions = request.app.state.live_sessions
    session = sessions.find(parameters.text(request, "session"))
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > SAY_BYTES_MAX:
            raise Problem(413, f"the body is longer than {SAY_BYTES_MAX:,} bytes; send it in several requests")
    for line in body.splitlines():
        if line.strip():
            session.hear(line)
    return Response(status_code=204)
