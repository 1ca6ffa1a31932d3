"""Cursors that this hub did not give, or does not remember, on every carrier: a gap or a 400 in words, and it goes on.

Never silence, never a traceback, and what comes afterwards arrives.
"""

import asyncio
import itertools
import json
import logging

import httpx
import pytest
import websockets
from fleetglass_hub.fleet.cursor import Cursor, encode
from fleetglass_hub.history.recorder import HostRecord, Loaded
from fleetglass_web.app import create_app
from fleetglass_web.query import cursor as texts
from fleetglass_web.query.cursor import PollCursor
from fleetglass_web.serving import serving
from harness.rooms import HUB_ID, Rooms

LIFE = 50
NOW_MS = 1_700_000_000_000.0


def given(life=LIFE, seq=1, hub_id=HUB_ID):
    return encode(hub_id, Cursor(life, seq, NOW_MS))


# What a client may hold, and what it may be answered.
STRANGE = {
    "of another hub": (given(hub_id=bytes(16)), "retention"),
    "of a version to come": (b"\x09" + given()[1:], "retention"),
    "cut short": (given()[:-5], "retention"),
    "with something behind it": (given() + b"!", "retention"),
    "of one byte": (b"x", "retention"),
    "ahead of this hub": (given(seq=10**12), "retention"),
    "of a life that nobody remembers": (given(life=7), "agent-away"),
    "of a life to come": (given(life=LIFE + 1), "agent-away"),
    "beyond what is left of its life": (given(life=LIFE - 1, seq=4), "agent-away"),
    "from before what memory has": (given(life=LIFE - 1, seq=1), "slow-reader"),
}
# What no hub of ours can have given.
RUBBISH = ["*", "ä", "a b", "x" * 2_000, "YQ~", "YQ~1", "YQ~1.2.3"]


def hub():
    """A hub in its second life: its history knows one host and one stream, and lacks what is older than number 3."""
    record = HostRecord(0, bytes(16), "web-1", {}, {}, "", 1_000, "", 0.0, 0.0, False)
    rooms = Rooms(life=LIFE, loaded=Loaded(hosts=(record,), next_seq=4, lives={LIFE - 1: 3}))
    agent = rooms.agent(name="web-1", agent_id=bytes(16)).hello()
    rooms.ring.know(0, 0, "/var/log/app.log")
    agent.follow()
    return rooms, agent


def run(story):
    asyncio.run(asyncio.wait_for(story(), 20))


async def write(agent):
    """A line, again and again."""
    for number in itertools.count():
        await asyncio.sleep(0.02)
        agent.lines(number * 6, b"alive\n")


async def by_websocket(port, text):
    async with websockets.connect(f"ws://127.0.0.1:{port}/api/v1/live") as client:
        await client.send(json.dumps({"op": "subscribe", "id": 1, "logs": {}, "resume": text}))
        while True:
            said = json.loads(await client.recv())
            if said["op"] == "error":
                await client.send(json.dumps({"op": "subscribe", "id": 1, "logs": {}}))
                assert json.loads(await client.recv())["op"] == "subscribed", "the connection goes on"
                yield "refused", said["message"]
                return
            if said["op"] in ("gap", "lines"):
                yield said["op"], said.get("why")


async def by_stream(port, text, accept, headers=None, query=None):
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client,
        client.stream(
            "GET", "/api/v1/stream/logs", headers={"accept": accept, **(headers or {})}, params=query
        ) as answer,
    ):
        if answer.status_code != 200:
            assert answer.status_code == 400
            yield "refused", json.loads(await answer.aread())["detail"]
            return
        async for line in answer.aiter_lines():
            if "slow-reader" in line or "retention" in line or "agent-away" in line:
                yield "gap", next(why for why in ("slow-reader", "retention", "agent-away") if why in line)
            elif "alive" in line:
                yield "lines", None


def by_events(port, text):
    return by_stream(port, text, "text/event-stream", headers={"last-event-id": text.encode()})


def by_ndjson(port, text):
    return by_stream(port, text, "application/x-ndjson", query={"resume": text})


def by_text(port, text):
    return by_stream(port, text, "text/plain", query={"resume": text})


async def by_poll(port, text):
    place = f"boot.0.{text}"
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        while True:
            answer = await client.get("/api/v1/poll", params={"path": "*", "cursor": place, "wait": 2})
            if answer.status_code != 200:
                assert answer.status_code == 400
                yield "refused", answer.json()["detail"]
                return
            body = answer.json()
            for gap in body["gaps"]:
                yield "gap", gap["why"]
            if body["lines"]:
                yield "lines", None
            place = body["cursor"]


CARRIERS = [by_websocket, by_events, by_ndjson, by_text, by_poll]


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_cursor_that_means_nothing_here_is_a_gap_and_then_lines_arrive(carrier, caplog):
    async def story():
        rooms, agent = hub()
        async with serving(create_app(rooms.view)) as port:
            writing = asyncio.create_task(write(agent))
            for about, (data, why) in STRANGE.items():
                came = carrier(port, texts.to_text(data))
                first = await anext(came)
                assert first == ("gap", why), f"a cursor {about} is answered with {first}"
                while (await anext(came))[0] == "gap":
                    pass
                await came.aclose()
            writing.cancel()

    run(story)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("carrier", CARRIERS)
def test_what_is_no_cursor_at_all_is_refused_in_words(carrier, caplog):
    async def story():
        rooms, _agent = hub()
        async with serving(create_app(rooms.view)) as port:
            for text in RUBBISH:
                came = carrier(port, text)
                kind, says = await anext(came)
                assert kind == "refused", text
                assert "cursor" in says
                await came.aclose()

    run(story)
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_page_of_logs_with_a_strange_cursor_is_a_400():
    async def story():
        rooms, _agent = hub()
        async with (
            serving(create_app(rooms.view)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            for text in [*RUBBISH, *(texts.to_text(data) for data, _why in STRANGE.values())]:
                answer = await client.get("/api/v1/logs", params={"cursor": text})
                assert answer.status_code == 400, text
                assert "cursor" in answer.json()["detail"]

    run(story)


@pytest.mark.parametrize("text", ["boot", "boot.zz.YQ", "..", "boot.-1.*", texts.poll_to_text(PollCursor("b", 1, b""))])
def test_a_cursor_of_polling_that_is_none_is_refused_or_a_gap(text):
    async def story():
        rooms, _agent = hub()
        async with (
            serving(create_app(rooms.view)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            answer = await client.get("/api/v1/poll", params={"path": "*", "cursor": text, "wait": 0})
            assert (answer.status_code == 400 and "cursor" in answer.json()["detail"]) or answer.json()["gaps"]

    run(story)


def test_the_cursor_of_a_place_within_a_batch_that_never_was_is_a_gap():
    async def story():
        rooms, agent = hub()
        agent.lines(0, b"one\n")
        text = texts.within(texts.to_text(given(seq=3)), 999, 1)
        async with serving(create_app(rooms.view)) as port:
            assert (await anext(by_websocket(port, text)))[:2] == ("gap", "retention")

    run(story)
