"""The OpenAPI document and the application say the same: every route, every parameter, every answer."""

import asyncio
import time
import urllib.parse

import httpx
import jsonschema
import msgspec
import pytest
from fleetglass_web.api import openapi
from fleetglass_web.app import ROUTES, create_app
from fleetglass_web.query import cursor
from fleetglass_web.serving import serving
from fleetglass_web.testing import FakeFleet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route

DOCUMENT = openapi.document("test")
GETS = [path for path, entry in openapi.PATHS.items() if "get" in entry]
ENDLESS = [path for path in GETS if "/stream/" in path]
ANSWERED = [path for path in GETS if path not in ENDLESS]


def names_of(path):
    return [one["$ref"].rpartition("/")[2] for one in openapi.PATHS[path]["get"]["parameters"]]


class Asked:
    """One application for all questions: hypothesis asks some hundred."""

    def __init__(self):
        self.fleet = FakeFleet(clock=lambda: time.time() * 1_000)
        host = self.fleet.add_host("web-1", role="web")
        self.fleet.sample(host, {"cpu.user_pct": 14.48, "load.1m": float("nan")}, time.time() * 1_000 - 5_000)
        self.fleet.lines(host, "/var/log/app.log", "an error\nand \xff more\n")
        self.runner = asyncio.Runner()
        transport = httpx.ASGITransport(create_app(self.fleet))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://localhost:7480")

    def get(self, path, query, headers=None):
        words = urllib.parse.urlencode(query, errors="surrogatepass")
        return self.runner.run(self.client.get(f"{path}?{words}", headers=headers))


@pytest.fixture(scope="module")
def asked():
    made = Asked()
    yield made
    made.runner.close()


def check(path, answer):
    """An answer is what the document says of its status."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    assert answer.status_code < 500 or path == "/readyz", answer.text
    if answer.status_code == 200:
        content = openapi.PATHS[path]["get"]["responses"]["200"]["content"]
        assert kind in content
        if schema := content[kind].get("schema"):
            jsonschema.validate(answer.json(), schema)
    else:
        assert kind == "application/problem+json"
        jsonschema.validate(answer.json(), openapi.PROBLEM)
        assert answer.json()["status"] == answer.status_code
        assert answer.json()["detail"]


def test_every_route_is_in_the_document_and_nothing_else():
    routes = {route.path.replace(":path}", "}") for route in ROUTES if isinstance(route, Route)}
    routes.remove("/{path}")  # the dashboard's files
    assert set(openapi.PATHS) == routes


def test_the_document_is_served(asked):
    answer = asked.get("/api/v1/openapi.json", {})
    assert answer.json()["openapi"] == "3.1.0"
    assert answer.json()["paths"].keys() == openapi.PATHS.keys()
    assert asked.get("/api/v1/openapi.json", {}, {"if-none-match": answer.headers["etag"]}).status_code == 304


def test_every_reference_leads_somewhere():
    text = msgspec.json.encode(DOCUMENT).decode()
    for part in text.split('"$ref":"#/')[1:]:
        place = DOCUMENT
        for word in part.partition('"')[0].split("/"):
            place = place[word]
    jsonschema.Draft202012Validator.check_schema(openapi.PROBLEM)


@pytest.mark.parametrize("path", [path for path in GETS if names_of(path)])
def test_a_parameter_that_is_not_in_the_document_is_refused_and_each_that_is_is_known(asked, path):
    refused = asked.get(path, {"no-such": "1"})
    check(path, refused)
    assert refused.status_code == 400
    known = refused.json()["detail"].partition("known are ")[2].split(", ")
    assert set(names_of(path)) - {"around", "before", "after"} == set(known) - {"around", "before", "after"}


# What people and scanners send, and what reaches the edges.
VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        (
            "*", "web-1", "(", "!", "role=web", "a" * 20_000, "(" * 1_000 + "a" + ")" * 1_000, "!" * 1_000 + "a",
            "-15m", "now", "0", "-1", "1e999", "nan", "99999999999999999999", "2026-11-24T12:00:00Z", "9999-12-31",
            "-9999w", "10s", "0s", "100ms", "1d", "cpu.*", "[", "cpu.user_pct,,", "(a+)+$", "(?i)error", "error",
            "(a{1000}){1000}", "\\1", "x" * 5_000, "1", "10000", "AAAA", "~", "a.b.c", "0,1,2,3", "\x00", "\ud800", "%",
        )
    ),
)  # fmt: skip


@pytest.mark.parametrize("path", [path for path in ANSWERED if names_of(path)])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_asked_is_answered_as_the_document_says(asked, path, data):
    chosen = data.draw(st.lists(st.sampled_from(names_of(path)), unique=True, max_size=4))
    query = {name: data.draw(VALUES) for name in chosen}
    if path.endswith("/poll"):
        query["wait"] = "0"
    check(path, asked.get(path, query))


@pytest.mark.parametrize("path", ENDLESS)
@pytest.mark.parametrize("name", ["filter", "match", "tail", "resume", "interval", "history", "prefix"])
def test_a_stream_that_makes_no_sense_is_a_problem_and_does_not_begin(asked, path, name):
    wrong = {"resume": "!", "match": "(", "filter": "(", "prefix": "maybe"}
    answer = asked.get(path, {name: wrong.get(name, "-1")})
    check(path, answer)
    assert answer.status_code == 400


def test_a_page_behind_a_cursor_of_another_hub_is_a_problem(asked):
    answer = asked.get("/api/v1/logs", {"cursor": cursor.to_text(FakeFleet(hub_id="another").cursor())})
    check("/api/v1/logs", answer)
    assert answer.status_code == 400
    assert "not one of this hub" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/v1/session", "/api/v1/enrolments"])
def test_short_answers_are_what_the_document_says(asked, path):
    check(path, asked.get(path, {}))


async def ask_directly(app, path, query):
    """Past the client, which refuses to send what a stranger would."""
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "root_path": "",
             "query_string": query, "headers": [(b"host", b"localhost")], "server": ("localhost", 7480),
             "client": ("127.0.0.1", 1), "scheme": "http", "http_version": "1.1"}  # fmt: skip
    said = []

    async def send(message):
        said.append(message)

    async def receive():
        return {"type": "http.disconnect"}

    await app(scope, receive, send)
    return said[0]["status"], msgspec.json.decode(b"".join(message.get("body", b"") for message in said[1:]))


@pytest.mark.parametrize(
    "name", ["match", "exclude", "filter", "path", "cursor", "from", "limit", "severity", "around"]
)
def test_ten_megabytes_of_a_parameter_are_refused_at_once(asked, name):
    app = create_app(asked.fleet)
    began = time.monotonic()
    status, problem = asked.runner.run(ask_directly(app, "/api/v1/logs", f"{name}={'a' * 10_000_000}".encode()))
    assert time.monotonic() - began < 2
    assert status == 400
    assert len(problem["detail"]) < 1_000


@pytest.mark.parametrize(
    "raw", [b"GET /api/v1/logs?match=" + b"a" * 10_000_000, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"NONSENSE"]
)
def test_what_is_no_request_is_answered_with_a_problem_that_arrives(raw):
    async def story():
        async with serving(create_app(FakeFleet())) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(raw + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            problem = msgspec.json.decode(await reader.read())
            writer.close()
        return head, problem

    head, problem = asyncio.run(asyncio.wait_for(story(), 10))
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in head
    jsonschema.validate(problem, openapi.PROBLEM)
