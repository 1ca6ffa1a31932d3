"""The live protocol without WebSocket: an event stream or polls to listen, and a request to speak."""

import asyncio
import json
import time
from contextlib import asynccontextmanager

import httpx
from fleetglass_web.app import create_app
from fleetglass_web.serving import serving
from fleetglass_web.settings import WebSettings
from fleetglass_web.testing import FakeFleet
from fleetglass_web.transports import session as session_module

METRICS = {"op": "subscribe", "id": 1, "hosts": "*", "series": ["cpu.*"], "history_s": 0}
LOGS = {"op": "subscribe", "id": 2, "hosts": "*", "logs": {"path": "*"}}


def run(story):
    asyncio.run(asyncio.wait_for(story(), 20))


@asynccontextmanager
async def hub(**settings):
    view = FakeFleet(clock=lambda: time.time() * 1_000)
    view.add_host("web-1", role="web")
    app = create_app(view, WebSettings(**settings))
    async with (
        serving(app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5) as client,
    ):
        yield view, app, client


async def say(client, session, *messages):
    body = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in messages)
    return await client.post(f"/api/v1/live/say?session={session}", content=body)


class Events:
    def __init__(self, answer):
        self._lines = answer.aiter_lines()

    async def next(self):
        name, data = "message", None
        while line := await asyncio.wait_for(anext(self._lines), 5):
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = json.loads(value)
        return name, data

    async def until(self, op):
        while True:
            _, data = await self.next()
            if data["op"] == op:
                return data


@asynccontextmanager
async def events_of(client):
    async with client.stream("GET", "/api/v1/stream/live") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["x-accel-buffering"] == "no"
        events = Events(answer)
        name, opening = await events.next()
        assert name == "session"
        yield events, opening["session"]


class Polls:
    def __init__(self, client):
        self.client = client
        self.session, self.number = "", 0

    async def ask(self, wait=5):
        answer = await self.client.get(f"/api/v1/live/poll?session={self.session}&since={self.number}&wait={wait}")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        self.session, self.number = body["session"], body["number"]
        return body

    async def until(self, op):
        while True:
            for message in (await self.ask())["messages"]:
                if message["op"] == op:
                    return message


def test_an_event_stream_carries_what_a_socket_would():
    async def story():
        async with hub() as (view, _, client), events_of(client) as (events, session):
            assert (await events.next())[1]["op"] == "welcome"
            assert (await say(client, session, METRICS, LOGS)).status_code == 204
            assert (await events.until("subscribed"))["id"] == 1
            assert (await events.until("hosts"))["upsert"][0]["name"] == "web-1"
            view.sample(0, {"cpu.user_pct": 42.0})
            assert (await events.until("samples"))["blocks"][0]["values"] == [42.0]
            view.lines(0, "/a.log", "one\n")
            lines = await events.until("lines")
            assert lines["batches"][0]["lines"] == [[0, "one"]]
            assert lines["cursor"]
            await say(client, session, {"op": "unsubscribe", "id": 1}, "{rubbish")
            assert "not JSON" in (await events.until("error"))["message"]

    run(story)


def test_the_session_of_a_stream_ends_with_it():
    async def story():
        async with hub() as (_, app, client):
            async with events_of(client) as (_, session):
                await say(client, session, METRICS)
            while app.state.live_sessions.by_id:
                await asyncio.sleep(0.01)
            assert not app.state.pulse.exchange.subscribers
            assert app.state.places.taken == 0
            answer = await say(client, session, METRICS)
            assert answer.status_code == 404
            assert "open another" in answer.json()["detail"]

    run(story)


def test_polls_carry_the_same_and_repeat_an_answer_that_never_arrived():
    async def story():
        async with hub() as (view, _, client):
            polls = Polls(client)
            assert (await polls.ask())["messages"][0]["op"] == "welcome"
            await say(client, polls.session, LOGS)
            await polls.until("hosts")
            view.lines(0, "/a.log", "one\ntwo\n")
            before = polls.number
            first = await polls.ask()
            polls.number = before
            assert await polls.ask() == first
            assert [line for _, line in first["messages"][0]["batches"][0]["lines"]] == ["one", "two"]
            view.lines(0, "/a.log", "three\n")
            assert (await polls.until("lines"))["batches"][0]["lines"] == [[8, "three"]]
            assert (await polls.ask(wait=0))["messages"] == []

    run(story)


def test_who_polls_late_gets_a_gap_and_not_all_that_was():
    async def story():
        async with hub() as (view, _, client):
            polls = Polls(client)
            await polls.ask()
            await say(client, polls.session, LOGS)
            await polls.until("hosts")
            view.forget_after = 10
            for at in range(400):
                view.lines(0, "/a.log", f"{at} {'x' * 4_000}\n")
            got = [message for _ in range(8) for message in (await polls.ask(wait=0))["messages"]]
            lines = sum(len(batch["lines"]) for one in got if one["op"] == "lines" for batch in one["batches"])
            missed = sum(one["lines"] for one in got if one["op"] == "gap")
            assert lines + missed == 400

    run(story)


def test_a_session_that_nobody_polls_ends_and_gives_its_place_back(monkeypatch):
    async def story():
        monkeypatch.setattr(session_module, "IDLE_S", 0.05)
        async with hub(connections_per_address_max=1) as (_, app, client):
            polls = Polls(client)
            await polls.ask()
            assert app.state.places.taken == 1
            assert (await client.get("/api/v1/live/poll")).status_code == 429
            while app.state.live_sessions.by_id:
                await asyncio.sleep(0.01)
            assert app.state.places.taken == 0
            assert not app.state.pulse.exchange.subscribers
            gone = await client.get(f"/api/v1/live/poll?session={polls.session}&since=1")
            assert gone.status_code == 404

    run(story)


def test_a_client_that_sends_rubbish_without_end_is_told_why_it_is_closed():
    async def story():
        async with hub() as (_, _, client):
            polls = Polls(client)
            await polls.ask()
            await say(client, polls.session, *["rubbish"] * 30)
            body = await polls.ask()
            while "ended" not in body:
                body = await polls.ask()
            assert "in a row were errors" in body["ended"]
            assert (await client.get(f"/api/v1/live/poll?session={polls.session}")).status_code == 404

    run(story)


def test_a_strange_origin_an_unknown_session_and_a_flood_of_bytes_are_refused():
    async def story():
        async with hub() as (_, _, client), events_of(client) as (_, session):
            for path in ("/api/v1/stream/live", "/api/v1/live/poll"):
                assert (await client.get(path, headers={"origin": "http://evil.example"})).status_code == 403
            assert (await client.get(f"/api/v1/live/poll?session={session}")).status_code == 400
            assert (await client.get("/api/v1/live/poll?session=guess")).status_code == 404
            assert (await client.get("/api/v1/live/poll?since=7")).status_code == 400
            assert (await say(client, "guess", METRICS)).status_code == 404
            assert (await say(client, session, "x" * 200_000)).status_code == 413

    run(story)
