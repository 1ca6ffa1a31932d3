"""Signing in, through the whole application."""

import asyncio
import time

import httpx
import pytest
from fleetglass_web.app import create_app
from fleetglass_web.auth.attempts import FAILURES_EACH, FAILURES_IN_ALL, Attempts
from fleetglass_web.auth.login import Login
from fleetglass_web.auth.passwords import PasswordError, hash_password, is_right
from fleetglass_web.auth.sessions import LIFETIME_MS, Sessions
from fleetglass_web.settings import WebSettings
from fleetglass_web.testing import FakeFleet

RIGHT = "correct horse"
KEPT = hash_password(RIGHT)


def ask(*requests, kept=None):
    """Send requests to one application with one client, so that cookies stay; the last answer."""
    hashes = kept or [KEPT]

    async def run():
        login = Login(b"s" * 32, lambda: hashes[0])
        app = create_app(FakeFleet(clock=lambda: time.time() * 1_000), WebSettings(login=login))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:7480") as client:
            answer = None
            for request in requests:
                if callable(request):
                    request(hashes, client, answer)
                else:
                    method, path, options = request
                    answer = await client.request(method, path, **options)
            return answer

    return asyncio.run(run())


def login(password):
    return ("POST", "/api/v1/login", {"json": {"password": password}})


def hosts(**headers):
    return ("GET", "/api/v1/hosts", {"headers": headers})


def test_without_signing_in_the_api_tells_how_and_nothing_else():
    answer = ask(hosts())
    assert answer.status_code == 401
    assert "POST the password to /api/v1/login" in answer.json()["detail"]
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/logs", "/api/v1/poll", "/api/v1/stream/logs", "/api/v1/nothing"])
def test_no_other_door_is_open(path):
    assert ask(("GET", path, {})).status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/v1/session"])
def test_health_and_the_session_may_be_asked_by_anybody(path):
    assert ask(("GET", path, {})).status_code == 200


def test_the_right_password_gives_a_cookie_that_no_script_and_no_other_site_can_use():
    answer = ask(login(RIGHT))
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert ask(login(RIGHT), hosts()).status_code == 200


def test_a_script_uses_the_token_of_the_answer():
    token = ask(login(RIGHT)).json()["token"]
    assert ask(hosts(authorization=f"Bearer {token}")).status_code == 200
    assert ask(hosts(authorization=f"Bearer {token}x")).status_code == 401


def test_a_wrong_password_is_refused_and_the_sixth_must_wait():
    assert ask(login("wrong password")).status_code == 401
    answer = ask(*[login("wrong password")] * FAILURES_EACH, login(RIGHT))
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 61


def test_a_new_password_signs_everybody_out():
    other = hash_password("another password")
    assert ask(login(RIGHT), lambda hashes, *_: hashes.__setitem__(0, other), hosts(), kept=[KEPT]).status_code == 401


def test_signing_out_forgets_the_cookie():
    assert ask(login(RIGHT), ("POST", "/api/v1/logout", {}), hosts()).status_code == 401


@pytest.mark.parametrize("body", [b"", b"{", b'{"password": 1}', b'{"pass": "x"}', b"\xff", b"x" * 5_000])
def test_a_body_that_is_none_is_refused_in_words(body):
    answer = ask(("POST", "/api/v1/login", {"content": body}))
    assert answer.status_code in (400, 413)
    assert "password" in answer.json()["detail"]


def test_a_token_expires_and_cannot_be_made_by_another_hub_or_prolonged():
    sessions = Sessions(b"a" * 32, KEPT)
    token, expires_ms = sessions.issue(1_000)
    assert expires_ms == 1_000 + LIFETIME_MS
    assert sessions.is_valid(token, expires_ms - 1)
    assert not sessions.is_valid(token, expires_ms)
    assert not Sessions(b"b" * 32, KEPT).is_valid(token, 2_000)
    assert not sessions.is_valid(token.replace(str(expires_ms), str(expires_ms + 1)), 2_000)
    for rubbish in ("", ".", "é", "1.2.3", "9" * 10_000):
        assert not sessions.is_valid(rubbish, 0)


def test_a_password_has_bounds_and_a_damaged_hash_lets_nobody_in():
    with pytest.raises(PasswordError, match="at least 8"):
        hash_password("short")
    with pytest.raises(PasswordError, match="at most 256"):
        hash_password("x" * 257)
    assert not is_right("rubbish", RIGHT)
    assert not is_right(KEPT, "x" * 100_000)


def test_guessing_from_many_addresses_is_slow_too():
    attempts = Attempts()
    for number in range(FAILURES_IN_ALL):
        attempts.failed(f"198.51.100.{number}", now_ms=1_000.0)
    assert attempts.wait_ms("203.0.113.1", now_ms=2_000.0) == 59_000.0
    assert attempts.wait_ms("203.0.113.1", now_ms=61_001.0) == 0
