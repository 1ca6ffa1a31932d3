"""`GET /api/v1/logs?around=`, through the whole application."""

import asyncio

import httpx
import pytest
from fleetglass_web.app import create_app
from fleetglass_web.testing import FakeFleet
from fleetglass_web.view import PastError


def get(view, path):
    async def ask():
        transport = httpx.ASGITransport(create_app(view))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:7480") as client:
            return await client.get(path)

    return asyncio.run(ask())


def fleet():
    made = FakeFleet()
    made.add_host("web-1")
    made.lines(0, "/var/log/app.log", "one\ntwo\nthree\nfour\n")
    return made


def test_the_lines_around_a_line_are_given_by_what_an_answer_says_of_it():
    view = fleet()
    line = get(view, "/api/v1/logs?match=three").json()["lines"][0]
    place = ",".join(str(line[name]) for name in ("host", "stream", "time_ms", "offset"))
    body = get(view, f"/api/v1/logs?around={place}&before=1&after=5").json()
    assert [one["text"] for one in body["lines"]] == ["four", "three", "two"]
    assert body["place"] == 1


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("around=1,2", 400, "host,stream,time_ms,offset"),
        ("around=0,1,1700000000000,0&before=1001", 400, "before"),
        ("around=0,1,1700000000000,0&after=-1", 400, "after"),
        ("around=0,1,1700000000000,0&match=x", 400, "not known here"),
        ("around=0,1,1600000000000,0", 404, "not kept"),
    ],
)
def test_what_cannot_be_answered_says_why(query, status, word):
    answer = get(fleet(), f"/api/v1/logs?{query}")
    assert answer.status_code == status
    assert word in answer.json()["detail"]


def test_a_past_that_cannot_be_read_is_503_with_the_remedy():
    view = fleet()

    async def fail(query):
        raise PastError("history.sqlite is damaged; run doctor")

    view.logs = view.metrics = fail
    for path in ("/api/v1/logs", "/api/v1/metrics", "/api/v1/logs?around=0,1,1700000000000,0"):
        answer = get(view, path)
        assert (answer.status_code, answer.json()["detail"]) == (503, "history.sqlite is damaged; run doctor")
