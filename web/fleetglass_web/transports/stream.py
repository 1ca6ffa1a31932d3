"""`GET /api/v1/stream/...`: an answer that never ends, as plain text, JSON lines or server-sent events.

The same channels and subscribers as WebSocket: what one client's socket does not take becomes its gap, and nobody
else's. The client's going away is one debug line.
"""

import asyncio
import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fleetglass_web.api import parameters
from fleetglass_web.api.problems import Problem
from fleetglass_web.live import render
from fleetglass_web.live.subscriber import Subscriber
from fleetglass_web.live.subscription import (
    HISTORY_MAX_S,
    TAIL_MAX,
    LogsQuestion,
    MetricsQuestion,
    Subscribe,
    ask_logs,
    canonical_hosts,
    checked_interval,
)
from fleetglass_web.query import cursor, series, timerange
from fleetglass_web.query.cursor import Position
from fleetglass_web.transports import body, directbody
from fleetglass_web.transports.places import Places
from fleetglass_web.transports.pulse import Pulse

log = logging.getLogger(__name__)

# On a stream that has been quiet: proxies cut what is silent for a minute (nginx, proxy_read_timeout).
HEARTBEAT_S = 15.0
# The first comes soon: until then a browser that is cut off before its first line knows no place to resume from.
FIRST_BEAT_S = 1.0
# For clients that read headers: where lines begin.
CURSOR_HEADER = "fleetglass-cursor"
HEARTBEAT = b": still here\n\n"
# A comment of an event stream; before a JSON object a space means nothing. Plain text has nothing that means nothing.
HEARTBEATS = {render.EVENTS: HEARTBEAT, render.NDJSON: b" "}

MEDIA_TYPES = {
    render.TEXT: "text/plain; charset=utf-8",
    render.PREFIXED: "text/plain; charset=utf-8",
    render.NDJSON: "application/x-ndjson",
    render.EVENTS: "text/event-stream; charset=utf-8",
}


class StreamResponse(body.EndlessResponse):
    """An answer whose body is a subscription."""

    def __init__(self, pulse: Pulse, places: Places, encoding: str, request: Request, subscribe: Subscribe) -> None:
        super().__init__(MEDIA_TYPES[encoding])
        self._pulse = pulse
        self._places = places
        self._encoding = encoding
        self._request = request
        self._subscribe = subscribe
        self._has_lines = isinstance(subscribe.question, LogsQuestion)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve until either side ends it."""
        with self._places.one(self._request):
            pulse = self._pulse
            exchange, now_ms = pulse.exchange, pulse.view.now_ms
            sink = directbody.of(scope)
            subscriber = exchange.open(self._encoding, render.RENDERERS[self._encoding], sink, now_ms())
            gone = asyncio.create_task(until_gone(receive, sink))
            try:
                if self._has_lines:
                    begins = self._subscribe.resume or Position(pulse.view.cursor())
                    self.headers[CURSOR_HEADER] = cursor.position_text(begins)
                exchange.act(subscriber, self._subscribe)
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                await send({"type": "http.response.body", "body": b"", "more_body": True})
                sink.begin(subscriber, now_ms)
                pulse.arm()
                await body.carry(sink, send, lambda: self._heartbeat(subscriber), HEARTBEAT_S, FIRST_BEAT_S)
                await body.finish(send)
            finally:
                gone.cancel()
                sink.over()
                exchange.close(subscriber)
                log.debug("a reader of %s is gone, %d pieces sent", scope["path"], subscriber.sent_frames)

    def _heartbeat(self, subscriber: Subscriber) -> bytes:
        """A sign of life. On an event stream of lines with the place that was reached: whoever is cut off in the quiet
        before a line resumes from there."""
        if self._encoding == render.EVENTS and self._has_lines and not subscriber.is_behind():
            return f"id: {cursor.to_text(self._pulse.view.cursor())}\n".encode() + HEARTBEAT
        return HEARTBEATS.get(self._encoding, b"")


async def until_gone(receive: Receive, sink: body.Body) -> None:
    """Ends a body whose client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
    sink.end()


def _encoding(request: Request) -> str:
    accept = request.headers.get("accept", "").lower()
    if "text/event-stream" in accept:
        return render.EVENTS
    if "application/x-ndjson" in accept or "application/ndjson" in accept:
        return render.NDJSON
    return render.PREFIXED if parameters.truth(request, "prefix") else render.TEXT


def _response(request: Request, subscribe: Subscribe) -> Response:
    state = request.app.state
    if not request.method == "GET":
        raise Problem(405, "a stream has no end to look ahead to; use GET", {"allow": "GET"})
    return StreamResponse(state.pulse, state.places, _encoding(request), request, subscribe)


async def get_stream_logs(request: Request) -> Response:
    """Lines as they come."""
    known = ("filter", "path", "match", "exclude", "tail", "prefix", "resume")
    parameters.only(request, known)
    text = parameters.text
    with parameters.bad_request():
        question = ask_logs(
            text(request, "filter"), text(request, "path"), text(request, "match"), text(request, "exclude")
        )
        tail = parameters.whole(request, "tail", 0, 0, TAIL_MAX)
        # A browser that reconnects an event stream sends the id of the last event it saw.
        resume = request.headers.get("last-event-id") or text(request, "resume")
        position = cursor.position(resume) if resume else None
        return _response(request, Subscribe(0, question, tail=tail, resume=position))


async def get_stream_metrics(request: Request) -> Response:
    """Samples as they come."""
    parameters.only(request, ("filter", "series", "interval", "history", "prefix"))
    with parameters.bad_request():
        hosts = canonical_hosts(parameters.text(request, "filter"))
        patterns = series.parse_list(parameters.text(request, "series") or "*")
        said = parameters.text(request, "interval")
        interval_ms = checked_interval(timerange.parse_span(said, "interval") if said else None)
        said = parameters.text(request, "history")
        history_s = timerange.parse_span(said, "history") / 1_000 if said else 0.0
        if history_s > HISTORY_MAX_S:
            raise Problem(400, f"history {said!r}: at most {HISTORY_MAX_S}s; older points: /api/v1/metrics")
        return _response(request, Subscribe(0, MetricsQuestion(hosts, patterns, interval_ms), history_s=history_s))
