"""`GET /api/v1/poll`: what is new since a cursor, for clients that can do nothing else.

Nothing is kept for a polling client between its requests: its cursor names a place in the arrival of lines and of
samples, and the view knows what came after it. So nothing is lost between two polls, whichever connection, and a
cursor from before what is kept gets a gap.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fleetglass_web.api import answers, parameters
from fleetglass_web.live import messages as m
from fleetglass_web.live import render
from fleetglass_web.live.lines import LinesChannel
from fleetglass_web.live.messages import Frame
from fleetglass_web.live.metrics import MetricsChannel
from fleetglass_web.live.subscription import (
    TAIL_MAX,
    LogsQuestion,
    MetricsQuestion,
    ask_logs,
    canonical_hosts,
)
from fleetglass_web.query import cursor, series
from fleetglass_web.query.cursor import PollCursor, Position
from fleetglass_web.transports.places import Places
from fleetglass_web.transports.pulse import Pulse

WAIT_S = 25
WAIT_MAX_S = 55  # proxies give up at 60
# News come in bursts: the rows of one second within some 20 ms. One answer takes them all.
GATHER_S = 0.03
# Answers of one moment that are kept for others; who catches up from a place of its own is alone there.
KNOWN_MAX = 32


class _Question(NamedTuple):
    lines: LogsQuestion | None
    samples: MetricsQuestion | None
    tail: int


@dataclass(slots=True)
class _News:
    samples: list[dict[str, Any]]  # any: the JSON of the API
    lines: list[dict[str, Any]]
    gaps: list[dict[str, Any]]
    cursor: PollCursor
    is_complete: bool
    encoded: bytes = b""

    def answer(self) -> Response:
        """The answer; encoded once for all who get it."""
        if not self.encoded:
            body = {"samples": self.samples, "lines": self.lines, "gaps": self.gaps}
            self.encoded = msgspec.json.encode({**body, "cursor": cursor.poll_to_text(self.cursor)})
        return Response(self.encoded, headers={"cache-control": "no-store"}, media_type=answers.JSON_TYPE)

    def is_empty(self) -> bool:
        return not (self.samples or self.lines or self.gaps)


class Polls:
    """What is new, looked up once for all who ask the same from the same place at the same moment.

    A thousand clients that wait for the next line wake together: each by itself would search the lines, and match its
    filter against every host.
    """

    def __init__(self, pulse: Pulse) -> None:
        self.pulse = pulse
        self._moment = -1
        self._known: dict[tuple[_Question, PollCursor | None], _News] = {}

    def news(self, question: _Question, since: PollCursor | None) -> _News:
        """What came after a cursor; without one: where the present is, and what the question begins with."""
        if self.pulse.moment != self._moment:
            self._moment = self.pulse.moment
            self._known.clear()
        found = self._known.get((question, since))
        if found is None:
            found = _news(self.pulse, question, since)
            if len(self._known) < KNOWN_MAX:
                self._known[question, since] = found
        return found


async def get_poll(request: Request) -> Response:
    """Answer at once if there is news, else when there is some, at last after `wait` seconds."""
    polls: Polls = request.app.state.polls
    pulse = polls.pulse
    places: Places = request.app.state.places
    parameters.only(request, ("filter", "path", "match", "exclude", "series", "cursor", "wait", "tail"))
    with parameters.bad_request():
        question = _question(request)
        wait_s = parameters.whole(request, "wait", WAIT_S, 0, WAIT_MAX_S)
        said = parameters.text(request, "cursor")
        since = cursor.poll_from_text(said) if said else None
    news = polls.news(question, since)
    if since is None or not news.is_empty() or not news.is_complete or not wait_s:
        return news.answer()
    arrived = asyncio.Event()
    with places.one(request):
        pulse.listeners.add(arrived.set)
        gone = asyncio.create_task(_until_gone(request, arrived))
        try:
            async with asyncio.timeout(wait_s):
                while news.is_empty() and news.is_complete and not gone.done() and not pulse.is_ending:
                    await arrived.wait()
                    await asyncio.sleep(GATHER_S)
                    arrived.clear()
                    news = polls.news(question, news.cursor)
        except TimeoutError:
            pass
        finally:
            gone.cancel()
            pulse.listeners.discard(arrived.set)
    return news.answer()


async def _until_gone(request: Request, arrived: asyncio.Event) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    arrived.set()


def _question(request: Request) -> _Question:
    def text(name: str) -> str | None:
        return parameters.text(request, name)

    names_lines = any(text(name) for name in ("path", "match", "exclude"))
    names_samples = bool(text("series"))
    lines = samples = None
    if names_lines or not names_samples:
        lines = ask_logs(text("filter"), text("path"), text("match"), text("exclude"))
    if names_samples or not names_lines:
        samples = MetricsQuestion(canonical_hosts(text("filter")), series.parse_list(text("series") or "*"), 1_000)
    return _Question(lines, samples, parameters.whole(request, "tail", 0, 0, TAIL_MAX))


def _news(pulse: Pulse, question: _Question, since: PollCursor | None) -> _News:
    view = pulse.view
    samples: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    gaps: list[dict[str, Any]] = []
    is_same_boot = since is not None and since.boot == pulse.boot
    mark = since.samples if since and is_same_boot else -1
    if question.samples is not None:
        mark, blocks = view.arrived(mark)
        reader = MetricsChannel(0, question.samples, view, mark=mark)
        own = reader.own(blocks, thin=False)
        reader.announce(own)
        samples = list(render.sample_objects(reader.samples(own)))
    at, is_complete = view.cursor(), True
    if question.lines is not None:
        channel = LinesChannel(0, question.lines, view)
        if since is None:
            frames: Sequence[Frame] = channel.tail(question.tail)
        else:
            frames, reached = channel.lines_after(Position(since.lines))
            at, is_complete = reached.cursor if reached else at, reached is None
        for frame in frames:
            if isinstance(frame.message, m.Lines):
                lines += [
                    render.line_object(batch, offset, line)
                    for batch in frame.message.batches
                    for offset, line in batch.lines
                ]
            elif isinstance(frame.message, m.GapMark):
                gaps.append(render.gap_object(frame.message))
    return _News(samples, lines, gaps, PollCursor(pulse.boot, max(mark, 0), at), is_complete)
