"""Streams and polling over real sockets, as curl and browsers use them."""

import asyncio
import json
import time
from contextlib import asynccontextmanager

import httpx
import pytest
from fleetglass_web.app import create_app
from fleetglass_web.serving import serving
from fleetglass_web.testing import FakeFleet
from fleetglass_web.transports import poll
from fleetglass_web.view import Gap


def fleet() -> FakeFleet:
    made = FakeFleet(clock=lambda: time.time() * 1_000)
    made.add_host("web-1", role="web")
    made.add_host("db-1", role="db")
    return made


def run(story):
    asyncio.run(asyncio.wait_for(story(), 20))


@asynccontextmanager
async def client_of(view):
    async with (
        serving(create_app(view)) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5) as client,
    ):
        yield client


async def until_subscribed(view):
    while not view._watchers or not view._watchers[0].exchange.channels:
        await asyncio.sleep(0.005)


@asynccontextmanager
async def streamed(client, view, path, **headers):
    """The lines of an answer that never ends."""
    async with client.stream("GET", path, headers=headers) as answer:
        await until_subscribed(view)
        lines = answer.aiter_lines()

        async def next_line():
            return await asyncio.wait_for(anext(lines), 5)

        yield answer, next_line


def test_plain_text_is_the_lines_themselves_as_they_come():
    async def story():
        view = fleet()
        async with (
            client_of(view) as client,
            streamed(client, view, "/api/v1/stream/logs?filter=role=web&path=*.log&match=GET") as (answer, line),
        ):
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert answer.headers["x-accel-buffering"] == "no"
            view.lines(1, "/db.log", "GET of another host\n")
            view.lines(0, "/a.txt", "GET of another path\n", stream=2)
            view.lines(0, "/a.log", b"POST /\nGET /1 \xff\r\nGET /2\n")
            assert await line() == "GET /1 \ufffd"
            assert await line() == "GET /2"

    run(story)


def test_a_prefix_names_the_host_and_the_path_and_tail_begins_in_the_past():
    async def story():
        view = fleet()
        view.lines(0, "/a.log", "one\ntwo\nthree\n")
        path = "/api/v1/stream/logs?prefix=1&tail=2"
        async with client_of(view) as client, streamed(client, view, path) as (_, line):
            assert await line() == "web-1 /a.log: two"
            assert await line() == "web-1 /a.log: three"

    run(story)


def test_json_lines_are_those_of_the_log_search():
    async def story():
        view = fleet()
        async with (
            client_of(view) as client,
            streamed(client, view, "/api/v1/stream/logs", accept="application/x-ndjson") as (answer, line),
        ):
            assert answer.headers["content-type"] == "application/x-ndjson"
            view.lines(0, "/a.log", "one\ntwo\n")
            await line()
            live = json.loads(await line())
            assert live.pop("cursor")
            found = (await client.get("/api/v1/logs?limit=1")).json()["lines"][0]
            found.pop("raw_ms")
            assert live == found == {
                "host": 0, "name": "web-1", "stream": 1, "path": "/a.log", "offset": 4, "text": "two",
                "time_ms": live["time_ms"],
            }  # fmt: skip

    run(story)


async def event(line):
    fields = {}
    while text := await line():
        name, _, value = text.partition(": ")
        fields[name] = value
    return fields


def test_events_resume_behind_the_last_id_even_inside_a_frame():
    async def story():
        view = fleet()
        path = "/api/v1/stream/logs?match=o"
        async with client_of(view) as client:
            async with streamed(client, view, path, accept="text/event-stream") as (answer, line):
                assert answer.headers["content-type"].startswith("text/event-stream")
                view.lines(0, "/a.log", "zero\nnix\none\ntwo\n")
                await event(line)
                second = await event(line)
                assert json.loads(second["data"])["text"] == "one"
            view.lines(0, "/a.log", "four\n")
            headers = {"accept": "text/event-stream", "last-event-id": second["id"]}
            async with streamed(client, view, path, **headers) as (_, line):
                texts = [json.loads((await event(line))["data"])["text"] for _ in range(2)]
                view.lines(0, "/a.log", "tomorrow\n")
                texts.append(json.loads((await event(line))["data"])["text"])
                assert texts == ["two", "four", "tomorrow"]

    run(story)


def test_a_stream_that_ends_before_its_first_line_has_said_where_to_resume(monkeypatch):
    monkeypatch.setattr("fleetglass_web.transports.stream.FIRST_BEAT_S", 0.05)

    async def story():
        view = fleet()
        async with client_of(view) as client:
            path = "/api/v1/stream/logs?filter=web-1"
            async with streamed(client, view, path, accept="text/event-stream") as (_, line):
                quiet = [await line() for _ in range(3)]
                assert (quiet[0][:4], quiet[1:]) == ("id: ", [": still here", ""])
            async with streamed(client, view, path, accept="application/x-ndjson") as (answer, _):
                begins = answer.headers["fleetglass-cursor"]
            view.lines(0, "/a.log", "nobody was there\n")
            headers = {"accept": "text/event-stream", "last-event-id": quiet[0][4:]}
            async with streamed(client, view, path, **headers) as (_, line):
                assert json.loads((await event(line))["data"])["text"] == "nobody was there"
            async with streamed(client, view, f"{path}&resume={begins}") as (_, line):
                assert await line() == "nobody was there"

    run(story)


def test_each_json_line_says_where_it_stands_so_that_a_break_inside_a_burst_repeats_nothing():
    async def story():
        view = fleet()
        async with client_of(view) as client:
            path = "/api/v1/stream/logs?filter=web-1"
            async with streamed(client, view, path, accept="application/x-ndjson") as (_, line):
                view.lines(0, "/a.log", "one\ntwo\nthree\n")
                await line()
                second = json.loads(await line())
            again = f"{path}&resume={second['cursor']}"
            async with streamed(client, view, again, accept="application/x-ndjson") as (_, line):
                assert json.loads(await line())["text"] == "three"

    run(story)


def test_a_gap_is_an_event_and_in_text_a_line_that_cannot_be_taken_for_one():
    async def story():
        view = fleet()
        async with client_of(view) as client:
            gap = Gap(0, 1, "/a.log", 0.0, 1_000.0, 12, None, "file-gone")
            async with streamed(client, view, "/api/v1/stream/logs", accept="text/event-stream") as (_, line):
                view.gap(gap)
                said = await event(line)
                assert said["event"] == "gap"
                assert json.loads(said["data"])["lines"] == 12
            async with streamed(client, view, "/api/v1/stream/logs") as (_, line):
                view.gap(gap)
                assert (await line()).startswith("--- fleetglass: 12 lines missing (file-gone), web-1 /a.log")

    run(story)


def test_samples_stream_as_text_and_as_json():
    async def story():
        view = fleet()
        view.sample(0, {"cpu.user_pct": 14.48, "load.1m": float("nan")}, 1_700_000_000_000)
        path = "/api/v1/stream/metrics?series=cpu.*,load.*&filter=web-1"
        async with client_of(view) as client:
            async with streamed(client, view, path) as (_, line):
                assert await line() == "2023-11-14T22:13:20.000Z web-1 cpu.user_pct=14.48 load.1m=NaN"
            async with streamed(client, view, path, accept="application/x-ndjson") as (_, line):
                assert json.loads(await line())["values"] == {"cpu.user_pct": 14.48, "load.1m": None}
                view.sample(0, {"cpu.user_pct": 15.0, "load.1m": 1.0})
                assert json.loads(await line())["values"] == {"cpu.user_pct": 15.0, "load.1m": 1.0}

    run(story)


def test_polls_meet_without_a_seam():
    async def story():
        view = fleet()
        async with client_of(view) as client:
            view.sample(0, {"cpu.user_pct": 1.0})
            view.lines(0, "/a.log", "before\n")
            first = (await client.get("/api/v1/poll")).json()
            assert [row["values"] for row in first["samples"]] == [{"cpu.user_pct": 1.0}]
            assert first["lines"] == []
            view.lines(0, "/a.log", "between\n")
            view.sample(0, {"cpu.user_pct": 2.0})
            second = (await client.get("/api/v1/poll", params={"cursor": first["cursor"]})).json()
            assert [line["text"] for line in second["lines"]] == ["between"]
            assert [row["values"]["cpu.user_pct"] for row in second["samples"]] == [2.0]
            waiting = asyncio.create_task(client.get("/api/v1/poll", params={"cursor": second["cursor"]}))
            while not view._watchers[0].listeners:
                await asyncio.sleep(0.005)
            view.lines(0, "/a.log", "while waiting\n")
            third = (await waiting).json()
            assert [line["text"] for line in third["lines"]] == ["while waiting"]
            quiet = {"cursor": third["cursor"], "wait": "0"}
            fourth = (await client.get("/api/v1/poll", params=quiet)).json()
            assert (fourth["lines"], fourth["samples"], fourth["gaps"]) == ([], [], [])

    run(story)


def test_a_poll_with_a_cursor_of_another_hub_gets_a_gap_and_goes_on():
    async def story():
        other = fleet()
        other.hub_id = "another"
        async with client_of(other) as client:
            cursor = (await client.get("/api/v1/poll?path=*")).json()["cursor"]
        async with client_of(fleet()) as client:
            answer = (await client.get("/api/v1/poll", params={"path": "*", "cursor": cursor})).json()
            assert [gap["why"] for gap in answer["gaps"]] == ["retention"]
            answer = await client.get("/api/v1/poll", params={"path": "*", "cursor": answer["cursor"], "wait": 0})
            assert answer.json()["gaps"] == []

    run(story)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/api/v1/stream/logs?match=(", "missing )"),
        ("/api/v1/stream/logs?tail=many", "whole number"),
        ("/api/v1/stream/logs?filter=)", "closes nothing"),
        ("/api/v1/stream/logs?prefix=yes", "1 or 0"),
        ("/api/v1/stream/logs?resume=*", "not a cursor"),
        ("/api/v1/stream/metrics?interval=1", "as in 10s"),
        ("/api/v1/stream/metrics?interval=1ms", "outside 100"),
        ("/api/v1/poll?cursor=x", "not a cursor"),
        ("/api/v1/poll?wait=1000", "0 to 55"),
        ("/api/v1/logs?limit=0", "1 to 10,000"),
        ("/api/v1/logs?from=tomorrow", "epoch milliseconds"),
        ("/api/v1/logs?cursor=*", "not a cursor"),
        ("/api/v1/logs?severity=bad", "fatal, error"),
        ("/api/v1/metrics?step=0s", "shortest is 100ms"),
        ("/api/v1/metrics?from=-1m&to=-2m", "exchange"),
        ("/api/v1/metrics?from=-400d&step=1s", "points"),
    ],
)
def test_what_cannot_be_read_is_a_400_that_says_what_to_change(path, says):
    async def story():
        async with client_of(fleet()) as client:
            answer = await client.get(path)
            assert answer.status_code == 400
            assert answer.headers["content-type"] == "application/problem+json"
            assert says in answer.json()["detail"]

    run(story)


def test_pages_of_logs_meet_and_metrics_are_steps():
    async def story():
        view = fleet()
        for number in range(25):
            view.lines(0, "/a.log", f"{number}\n")
            view.sample(0, {"cpu.user_pct": float(number)}, 1_700_000_000_000 + number * 1_000)
        async with client_of(view) as client:
            texts, cursor = [], None
            while True:
                page = (
                    await client.get("/api/v1/logs", params={"limit": 10, **({"cursor": cursor} if cursor else {})})
                ).json()
                texts += [line["text"] for line in page["lines"]]
                cursor = page["next"]
                if cursor is None:
                    break
            assert texts == [str(number) for number in range(24, -1, -1)]
            asked = "/api/v1/metrics?series=cpu.*&from=1700000000000&to=1700000025000&step=10s"
            found = (await client.get(asked)).json()
            assert found["step_ms"] == 10_000
            assert found["series"][0] == {
                "host": 0, "name": "web-1", "series": "cpu.user_pct",
                "time_ms": [1_700_000_000_000, 1_700_000_010_000, 1_700_000_020_000],
                "min": [0, 10, 20], "avg": [4.5, 14.5, 22], "max": [9, 19, 24],
            }  # fmt: skip
            assert "fleetglass_cpu_user_pct{" in (await client.get("/metrics")).text

    run(story)


def test_a_reader_that_goes_away_leaves_nothing_behind(caplog):
    async def story():
        view = fleet()
        async with client_of(view) as client:
            async with streamed(client, view, "/api/v1/stream/logs"):
                pass
            exchange = view._watchers[0].exchange
            while exchange.subscribers:
                await asyncio.sleep(0.005)
            view.lines(0, "/a.log", "one\n")
            assert exchange.channels == {}

    run(story)
    assert [record for record in caplog.records if record.levelname not in ("DEBUG", "INFO")] == []


def test_polls_that_wait_for_the_same_news_are_answered_from_one_search(monkeypatch):
    searches = []
    search = poll._news
    monkeypatch.setattr(poll, "_news", lambda *about: searches.append(about) or search(*about))

    async def story():
        view = fleet()
        async with client_of(view) as client:
            cursor = (await client.get("/api/v1/poll?path=*")).json()["cursor"]
            asked = {"path": "*", "cursor": cursor}
            waiting = [asyncio.create_task(client.get("/api/v1/poll", params=asked)) for _ in range(8)]
            other = asyncio.create_task(client.get("/api/v1/poll", params={**asked, "match": "two"}))
            while len(view._watchers[0].listeners) < 9:
                await asyncio.sleep(0.005)
            searches.clear()
            view.lines(0, "/a.log", "one\n")
            answers = [(await one).json() for one in waiting]
            assert [[line["text"] for line in answer["lines"]] for answer in answers] == [["one"]] * 8
            assert len(searches) == 2  # and the other question's, which found nothing
            view.lines(0, "/a.log", "two\n")
            assert [line["text"] for line in (await other).json()["lines"]] == ["two"]
            late = (await client.get("/api/v1/poll", params=asked)).json()
            assert [line["text"] for line in late["lines"]] == ["one", "two"]

    run(story)
