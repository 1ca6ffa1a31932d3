"""Every way in which lines reach a client, as one thing: an async generator of (text, where to go on behind it).

The seven differ in what they ask and how they are cut into messages; the demand is the same for all: a line comes at
once, and a client that comes back with the place gets the next one and nothing twice. Plain text shows no place.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import httpx
import websockets

Line = tuple[str, str | None]
Carrier = Callable[..., AsyncIterator[Line]]
Message = dict[str, Any]  # any: JSON

EVENTS = {"accept": "text/event-stream"}
SUBSCRIBE = {"op": "subscribe", "id": 1, "hosts": "*", "logs": {"path": "*"}}


def _lines(message: Message) -> Iterator[Line]:
    """Of one message of the live protocol."""
    if message["op"] == "lines":
        for batch in message["batches"]:
            for _offset, text in batch["lines"]:
                yield text, message["cursor"]


def _subscribe(place: str | None) -> str:
    return json.dumps({**SUBSCRIBE, **({"resume": place} if place else {})})


async def text(client: httpx.AsyncClient, base: str, _place: str | None = None) -> AsyncIterator[Line]:
    """`curl -N`."""
    async with client.stream("GET", f"{base}/api/v1/stream/logs") as answer:
        async for line in answer.aiter_lines():
            yield line, None


async def ndjson(client: httpx.AsyncClient, base: str, place: str | None = None) -> AsyncIterator[Line]:
    """One JSON object a line."""
    path = f"{base}/api/v1/stream/logs" + (f"?resume={place}" if place else "")
    async with client.stream("GET", path, headers={"accept": "application/x-ndjson"}) as answer:
        async for line in answer.aiter_lines():
            found = json.loads(line)
            yield found["text"], found.get("cursor")


async def _events(answer: httpx.Response) -> AsyncIterator[tuple[str, str | None, Message]]:
    name, place, data = "message", None, None
    async for line in answer.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "id":
            place = value
        elif field == "data":
            data = json.loads(value)
        elif not line and data is not None:
            yield name, place, data
            name, data = "message", None


async def events(client: httpx.AsyncClient, base: str, place: str | None = None) -> AsyncIterator[Line]:
    """What an `EventSource` gets; it sends the last id by itself."""
    headers = {**EVENTS, **({"last-event-id": place} if place else {})}
    async with client.stream("GET", f"{base}/api/v1/stream/logs", headers=headers) as answer:
        async for _name, at, data in _events(answer):
            yield data["text"], at


async def polls(client: httpx.AsyncClient, base: str, place: str | None = None) -> AsyncIterator[Line]:
    """Long polls without a session."""
    place = place or (await client.get(f"{base}/api/v1/poll?path=*")).json()["cursor"]
    while True:
        answer = (await client.get(f"{base}/api/v1/poll", params={"path": "*", "cursor": place})).json()
        place = answer["cursor"]
        for line in answer["lines"]:
            yield line["text"], place


async def session_events(client: httpx.AsyncClient, base: str, place: str | None = None) -> AsyncIterator[Line]:
    """The dashboard's first fall-back."""
    async with client.stream("GET", f"{base}/api/v1/stream/live") as answer:
        async for name, _at, data in _events(answer):
            if name == "session":
                said = await client.post(f"{base}/api/v1/live/say?session={data['session']}", content=_subscribe(place))
                assert said.status_code == 204
            else:
                for line in _lines(data):
                    yield line


async def session_polls(client: httpx.AsyncClient, base: str, place: str | None = None) -> AsyncIterator[Line]:
    """The dashboard's second fall-back."""
    answer = (await client.get(f"{base}/api/v1/live/poll")).json()
    session = answer["session"]
    await client.post(f"{base}/api/v1/live/say?session={session}", content=_subscribe(place))
    while True:
        asked = {"session": session, "since": answer["number"]}
        answer = (await client.get(f"{base}/api/v1/live/poll", params=asked)).json()
        for message in answer["messages"]:
            for line in _lines(message):
                yield line


async def socket(client: httpx.AsyncClient, base: str, place: str | None = None) -> AsyncIterator[Line]:
    """`WS /api/v1/live`."""
    url = str(client.base_url).replace("http", "ws", 1).rstrip("/")
    async with websockets.connect(f"{url}{base}/api/v1/live", subprotocols=["fleetglass.v1.json"]) as live:
        await live.send(_subscribe(place))
        async for message in live:
            for line in _lines(json.loads(message)):
                yield line


ALL: tuple[Carrier, ...] = (text, ndjson, events, polls, session_events, session_polls, socket)
PUSHED: tuple[Carrier, ...] = (text, ndjson, events, session_events, socket)  # what a proxy's idle time-out can cut
WITH_PLACE: tuple[Carrier, ...] = (ndjson, events, polls, session_events, session_polls, socket)


class Readers:
    """One client on each of some carriers."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        base: str,
        carriers: Iterable[Carrier],
        places: dict[Carrier, Any] | None = None,
    ) -> None:
        self.places: dict[Carrier, str | None] = dict(places or {})
        self._open = {carrier: carrier(client, base, self.places.get(carrier)) for carrier in carriers}
        # Each asks for its first line now, so that it is subscribed before one is written.
        self._next = {carrier: asyncio.ensure_future(anext(lines)) for carrier, lines in self._open.items()}

    async def until_listening(self, app: Any) -> None:  # any: a Starlette with its state
        """Everybody is subscribed, or waits in a poll, or has a line already."""
        exchange, listeners = app.state.pulse.exchange, app.state.pulse.listeners
        subscribed = len([carrier for carrier in self._open if carrier is not polls])
        while True:
            is_polling = polls not in self._next or self._next[polls].done() or listeners
            if is_polling and sum(bool(one.channels) for one in exchange.subscribers) == subscribed:
                return
            for reading in self._next.values():
                assert not reading.done() or reading.exception() is None, reading.exception()
            await asyncio.sleep(0.01)

    async def take(self, count: int = 1) -> dict[str, list[str]]:
        """The next lines of each: carrier name -> texts."""
        found = {}
        for carrier, lines in self._open.items():
            texts = []
            for _ in range(count):
                line, self.places[carrier] = await asyncio.wait_for(asyncio.shield(self._next[carrier]), 5)
                texts.append(line)
                self._next[carrier] = asyncio.ensure_future(anext(lines))
            found[carrier.__name__] = texts
        return found

    async def close(self) -> None:
        """Nobody reads any more."""
        for reading in self._next.values():
            reading.cancel()
        await asyncio.gather(*self._next.values(), return_exceptions=True)
