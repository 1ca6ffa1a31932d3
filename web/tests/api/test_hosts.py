"""`GET /api/v1/hosts`, and what every answer has in common, through the whole application."""

import asyncio
import time

import httpx
import msgspec
import pytest
from fleetglass_web.app import create_app
from fleetglass_web.settings import WebSettings
from fleetglass_web.testing import FakeFleet


def fleet() -> FakeFleet:
    made = FakeFleet(clock=lambda: time.time() * 1_000)
    made.add_host("web-1", role="web")
    made.add_host("db-1", role="db", dc="fra1")
    made.sample(0, {"cpu.user_pct": 14.48, "load.1m": float("nan")})
    return made


def get(path, headers=None, settings=None, method="GET", view=None):
    async def ask():
        transport = httpx.ASGITransport(create_app(view or fleet(), settings))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:7480") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(ask())


def test_values_are_written_in_the_shortest_form_of_a_float32_and_unknown_ones_are_null():
    answer = get("/api/v1/hosts?filter=web-1")
    assert '"cpu.user_pct":14.48' in answer.text
    assert answer.json()["hosts"][0]["values"] == {"cpu.user_pct": 14.48, "load.1m": None}
    host = answer.json()["hosts"][0]
    assert (host["name"], host["state"], host["labels"]) == ("web-1", "live", {"role": "web"})
    assert 0 <= host["age_s"] < 5


def test_the_filter_chooses_hosts_and_without_one_all_are_listed():
    assert [host["name"] for host in get("/api/v1/hosts").json()["hosts"]] == ["web-1", "db-1"]
    names = [host["name"] for host in get("/api/v1/hosts?filter=!web-* %26 dc=fra*").json()["hosts"]]
    assert names == ["db-1"]


def test_message_pack_is_given_by_accept():
    answer = get("/api/v1/hosts", {"accept": "application/msgpack"})
    assert answer.headers["content-type"] == "application/msgpack"
    assert len(msgspec.msgpack.decode(answer.content)["hosts"]) == 2


@pytest.mark.parametrize(
    ("path", "method", "status", "says"),
    [
        ("/api/v1/hosts?filter=(web", "GET", 400, "'(' is never closed"),
        ("/api/v1/hosts?fliter=web", "GET", 400, "'fliter' is not known here"),
        ("/api/v1/hosts", "POST", 405, "use GET"),
        ("/api/v1/nothing", "GET", 404, "/api/v1/nothing"),
        ("/api/v2", "GET", 404, "/api/v2"),
    ],
)
def test_an_error_is_a_problem_that_says_what_to_change(path, method, status, says):
    answer = get(path, method=method)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert says in answer.json()["detail"]


def test_a_fault_of_ours_is_a_problem_too_and_is_logged_once(caplog):
    class Broken(FakeFleet):
        def hosts(self):
            raise RuntimeError("of ours")

    answer = get("/api/v1/hosts", view=Broken())
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "of ours" not in answer.text
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1


@pytest.mark.parametrize("host", ["localhost:7480", "127.0.0.1", "[::1]:7480", "LOCALHOST", "fleet.example.org"])
def test_a_name_of_ours_is_answered(host):
    settings = WebSettings(hosts=("fleet.example.org",))
    assert get("/api/v1/hosts", {"host": host}, settings).status_code == 200


@pytest.mark.parametrize("host", ["evil.example.org", "localhost.evil.org", "127.0.0.1.evil.org", "", "a b", "[::1"])
def test_a_foreign_name_is_refused_since_dns_can_be_rebound(host):
    answer = get("/api/v1/hosts", {"host": host})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "origin", ["http://evil.example.org", "null", "http://localhost:9999", "http://127.0.0.1:7480"]
)
def test_a_page_of_another_origin_is_refused(origin):
    assert get("/api/v1/hosts", {"origin": origin}).status_code == 403


def test_our_own_page_and_a_named_origin_are_answered():
    settings = WebSettings(origins=("https://tools.example.org",))
    assert get("/api/v1/hosts", {"origin": "http://localhost:7480"}).status_code == 200
    assert get("/api/v1/hosts", {"origin": "https://tools.example.org"}, settings).status_code == 200


def test_every_answer_has_the_content_security_policy():
    for path in ("/api/v1/hosts", "/api/v1/nothing", "/healthz", "/"):
        policy = get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "script-src 'self';" in policy


def test_health_is_told_to_whoever_knows_the_address():
    assert get("/healthz", {"host": "10.0.0.7:7480"}).status_code == 200

    class NotReady(FakeFleet):
        def health(self):
            return {"ready": False, "problem": "the disk of /var/lib/fleetglass is full"}

    answer = get("/readyz", view=NotReady())
    assert answer.status_code == 503
    assert "disk" in answer.json()["problem"]
