"""Adding and forgetting machines over HTTP: what is told, what is refused, and to whom."""

import asyncio

import httpx
import pytest
from fleetglass_web.app import create_app
from fleetglass_web.auth.login import Login
from fleetglass_web.auth.passwords import hash_password
from fleetglass_web.settings import WebSettings
from fleetglass_web.testing import FakeFleet
from fleetglass_web.view import HostState, TurnedAway

KEPT = hash_password("correct horse")
PLACE = "/api/v1/enrolments"


@pytest.fixture
def fleet():
    return FakeFleet()


def ask(fleet, *requests, **settings):
    """Send requests to one application; all answers. A request is (method, path) and httpx's options."""

    async def run():
        transport = httpx.ASGITransport(create_app(fleet, WebSettings(**settings)))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:7480") as client:
            return [await client.request(method, path, **options) for method, path, options in requests]

    return asyncio.run(run())


def one(fleet, method, path, settings=None, **options):
    return ask(fleet, (method, path, options), **(settings or {}))[0]


def make(fleet, **body):
    answer = one(fleet, "POST", PLACE, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def listed(fleet):
    return one(fleet, "GET", PLACE).json()


def test_a_line_is_told_once_and_the_list_never_holds_its_secret(fleet):
    made = make(fleet, labels={"role": "db"}, ttl="15m", tail=["/var/log/my app/*.log"])
    assert made["join"] in made["line"]
    assert made["line"].endswith("--tail '/var/log/my app/*.log'")
    assert made["join"] in made["install"]
    answer = one(fleet, "GET", PLACE)
    assert "secret" not in answer.text
    (entry,) = answer.json()["enrolments"]
    assert (entry["id"], entry["labels"], entry["state"]) == (made["id"], {"role": "db"}, "open")
    assert entry["expires_ms"] - entry["created_ms"] == 900_000
    assert answer.headers["cache-control"] == "no-store"


def test_without_a_body_s_fields_the_line_is_for_an_hour_and_without_labels(fleet):
    made = make(fleet)
    assert (made["labels"], made["expires_ms"] - made["created_ms"]) == ({}, 3_600_000)


def test_the_list_says_who_joined_and_what_has_expired(fleet):
    used, late = make(fleet, ttl="1m"), make(fleet, ttl="1m")
    waiting = make(fleet, ttl="1h")
    fleet.use_enrolment(used["id"], fleet.add_host("db-7"))
    fleet.clock_ms += 60_000
    found = {entry["id"]: entry for entry in listed(fleet)["enrolments"]}
    assert [entry["id"] for entry in listed(fleet)["enrolments"]] == [waiting["id"], late["id"], used["id"]]
    assert found[used["id"]]["state"] == "used"
    assert found[used["id"]]["used_by"] == {"agent_id": fleet.hosts()[0].agent_id, "name": "db-7"}
    assert found[late["id"]]["state"] == "expired"
    assert found[waiting["id"]]["used_by"] is None
    fleet.remove_host(0)
    assert {entry["id"]: entry for entry in listed(fleet)["enrolments"]}[used["id"]]["used_by"]["name"] is None


def test_the_list_says_where_agents_look_for_the_hub_and_what_may_be_wrong_with_it(fleet):
    fleet.endpoint_note = "this hub hears this machine only"
    found = listed(fleet)
    assert (found["endpoint"], found["note"]) == ("tcp://hub.example.org:7400", "this hub hears this machine only")
    assert found["refused"] is None


def test_the_list_says_who_was_not_let_in_and_why(fleet):
    assert listed(fleet)["turned_away"] == {"count": 0, "last": None}
    fleet.turned_away.append(TurnedAway(5.0, "10.0.0.7", "the token has expired"))
    last = {"time_ms": 5.0, "address": "10.0.0.7", "why": "the token has expired"}
    assert listed(fleet)["turned_away"] == {"count": 1, "last": last}


def test_a_line_is_revoked_but_not_once_it_was_used(fleet):
    first, second = make(fleet), make(fleet)
    assert one(fleet, "DELETE", f"{PLACE}/{first['id']}").status_code == 204
    assert [entry["id"] for entry in listed(fleet)["enrolments"]] == [second["id"]]
    fleet.use_enrolment(second["id"], fleet.add_host("db-7"))
    answer = one(fleet, "DELETE", f"{PLACE}/{second['id']}")
    assert (answer.status_code, "forget the host" in answer.json()["detail"]) == (409, True)
    answer = one(fleet, "DELETE", f"{PLACE}/nothing")
    assert answer.status_code == 404
    assert PLACE in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"labels": {"ro le": "db"}}, "KEY=VALUE"),
        ({"labels": {"role": ""}}, "KEY=VALUE"),
        ({"labels": {"role": 1}}, "Expected `str`"),
        ({"labels": {f"k{number}": "v" for number in range(65)}}, "at most 64"),
        ({"ttl": "31d"}, "between 1s and 30d"),
        ({"ttl": 3600}, "Expected `str`"),
        ({"tail": ["app.log"]}, "from the root"),
        ({"tail": "/x"}, "Expected `array`"),
        ({"lables": {}}, "lables"),
        ([], '{"labels"'),
    ],
)
def test_what_makes_no_sense_is_a_problem_that_says_what_to_change(fleet, body, says):
    answer = one(fleet, "POST", PLACE, json=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]
    assert listed(fleet)["enrolments"] == []


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"x" * (1 << 20)])
def test_a_body_that_is_none_is_refused_in_words(fleet, content):
    answer = one(fleet, "POST", PLACE, content=content, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 413)
    assert '{"labels"' in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_of_another_site_can_send_is_refused(fleet, kind):
    answer = one(fleet, "POST", PLACE, content=b"{}", headers={"content-type": kind})
    assert answer.status_code == 415
    assert "application/json" in answer.json()["detail"]


CHANGES = [("POST", PLACE), ("DELETE", f"{PLACE}/0000000000000000"), ("DELETE", "/api/v1/hosts/web-1")]


def change(fleet, method, path, settings=None, headers=None):
    fleet.add_host("web-1", HostState.LOST)
    options = {"json": {}} if method == "POST" else {}
    answer = one(fleet, method, path, settings, headers=headers or {}, **options)
    changed = len(listed(fleet)["enrolments"]) != 0 or not fleet.hosts()
    return answer, changed


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example.org"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_page_of_another_site_changes_nothing(fleet, method, path, headers):
    answer, changed = change(fleet, method, path, headers=headers)
    assert (answer.status_code, changed) == (403, False)


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_a_hub_that_listens_beyond_its_machine_without_a_password_lets_nobody_change_it(fleet, method, path):
    answer, changed = change(fleet, method, path, {"is_exposed": True})
    assert (answer.status_code, changed) == (403, False)
    assert "fleetglass-hub passwd" in answer.json()["detail"]
    assert one(fleet, "GET", PLACE, {"is_exposed": True}).json()["refused"] == answer.json()["detail"]


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "fleet.example.org"},
        {"x-forwarded-for": "203.0.113.9"},
        {"forwarded": "for=203.0.113.9"},
        {"via": "1.1 p"},
    ],
)
def test_who_comes_through_a_proxy_to_a_hub_without_a_password_changes_nothing(fleet, method, path, headers):
    answer, changed = change(fleet, method, path, {"hosts": ("fleet.example.org",)}, headers)
    assert (answer.status_code, changed) == (403, False)
    assert "--auth always" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_where_there_is_a_login_only_who_has_signed_in_changes_anything(fleet, method, path):
    fleet.clock_ms = 1_700_000_000_000.0
    fleet.add_host("web-1", HostState.LOST)
    login = Login(b"s" * 32, lambda: KEPT)
    options = {"json": {}} if method == "POST" else {}
    signing = ("POST", "/api/v1/login", {"json": {"password": "correct horse"}})
    refused, _, done = ask(
        fleet, (method, path, options), signing, (method, path, options), login=login, is_exposed=True
    )
    assert refused.status_code == 401
    assert done.status_code == (404 if path.startswith(f"{PLACE}/") else 201 if method == "POST" else 204)


def test_a_method_that_does_not_exist_is_told_which_do(fleet):
    answer = one(fleet, "PUT", PLACE)
    assert answer.status_code == 405
    assert "GET or HEAD or POST" in answer.json()["detail"]


def test_a_host_that_is_lost_or_left_is_forgotten_by_its_name_or_id(fleet):
    fleet.add_host("web-1", HostState.LOST)
    fleet.add_host("rack 3/db-1", HostState.LEFT)
    fleet.add_host("web-3", HostState.LEFT)
    assert one(fleet, "DELETE", "/api/v1/hosts/web-1").status_code == 204
    assert one(fleet, "DELETE", "/api/v1/hosts/rack%203%2Fdb-1").status_code == 204
    assert one(fleet, "DELETE", f"/api/v1/hosts/{fleet.hosts()[0].agent_id}").status_code == 204
    assert fleet.hosts() == []


@pytest.mark.parametrize("state", [HostState.LIVE, HostState.LATE])
def test_a_host_that_sends_is_not_forgotten(fleet, state):
    fleet.add_host("web-1", state)
    answer = one(fleet, "DELETE", "/api/v1/hosts/web-1")
    assert answer.status_code == 409
    assert "Stop its agent first" in answer.json()["detail"]
    assert len(fleet.hosts()) == 1


def test_a_host_that_is_unknown_or_ambiguous_is_not_forgotten(fleet):
    fleet.add_host("web-1", HostState.LOST)
    fleet.add_host("web-1", HostState.LOST)
    answer = one(fleet, "DELETE", "/api/v1/hosts/web-2")
    assert (answer.status_code, "'web-2'" in answer.json()["detail"]) == (404, True)
    answer = one(fleet, "DELETE", "/api/v1/hosts/web-1")
    assert answer.status_code == 409
    assert all(host.agent_id in answer.json()["detail"] for host in fleet.hosts())
    assert one(fleet, "DELETE", "/api/v1/hosts/").status_code == 404
    assert len(fleet.hosts()) == 2


def test_an_id_wins_over_a_name_that_looks_like_it(fleet):
    fleet.add_host("web-1", HostState.LOST)
    fleet.add_host(fleet.hosts()[0].agent_id, HostState.LOST)
    assert one(fleet, "DELETE", f"/api/v1/hosts/{fleet.hosts()[0].agent_id}").status_code == 204
    assert [host.host for host in fleet.hosts()] == [1]
