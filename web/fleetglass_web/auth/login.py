"""Signing in: one password, a cookie for browsers, a bearer token for scripts. A shell.

    GET  /api/v1/session   {"login": "none" or "password", "signed_in": bool}
    POST /api/v1/login     {"password": "..."} -> {"token", "expires_ms"} and the cookie
    POST /api/v1/logout    forgets the cookie

The cookie is HttpOnly and SameSite=Strict; together with the check of `Origin` no other site can use it. A hub without
a `Login` (loopback, or `--auth none`) lets everybody in.
"""

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec
from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import Response

from fleetglass_web.api.answers import json_answer
from fleetglass_web.api.body import read_json
from fleetglass_web.api.problems import Problem
from fleetglass_web.auth.attempts import Attempts
from fleetglass_web.auth.passwords import is_right
from fleetglass_web.auth.sessions import LIFETIME_MS, Sessions

COOKIE = "fleetglass_session"
BODY_BYTES_MAX = 4_096

log = logging.getLogger(__name__)


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    password: str


class Login:
    """Who may see the fleet.

    Args:
        secret: signs tokens; kept by the hub, so that a restart signs nobody out.
        password_hash: asked at each check, so that `fleetglass-hub passwd` counts at once; "" lets nobody in.
    """

    def __init__(self, secret: bytes, password_hash: Callable[[], str]) -> None:
        self._secret = secret
        self._password_hash = password_hash
        self._attempts = Attempts()
        # Hashing is dear by design: one at a time, so that guessing cannot take the machine.
        self._hashing = asyncio.Lock()

    def is_signed_in(self, headers: Headers) -> bool:
        """Whether a request brings a valid token, as a cookie or as `Authorization: Bearer`."""
        kept = self._password_hash()
        if not kept:
            return False
        sessions = Sessions(self._secret, kept)
        kind, _, token = headers.get("authorization", "").partition(" ")
        tokens = [token.strip()] if kind.lower() == "bearer" else []
        if cookie := cookie_parser(headers.get("cookie", "")).get(COOKIE):
            tokens.append(cookie)
        return any(sessions.is_valid(token, time.time() * 1_000) for token in tokens)

    async def sign_in(self, address: str, password: str) -> tuple[str, int]:
        """A token for who knows the password, and when it expires.

        Raises:
            Problem: 401 for a wrong password, 429 after too many.
        """
        async with self._hashing:
            now_ms = time.time() * 1_000
            if wait_ms := self._attempts.wait_ms(address, now_ms):
                wait_s = int(wait_ms / 1_000) + 1
                said = f"too many wrong passwords from {address}; try again in {wait_s} s"
                raise Problem(429, said, {"retry-after": str(wait_s)})
            kept = self._password_hash()
            if not kept or not await asyncio.to_thread(is_right, kept, password):
                self._attempts.failed(address, now_ms)
                log.warning("a wrong password from %s", address)
                raise Problem(401, "this is not the password; it was set with 'fleetglass-hub passwd' on the hub")
            self._attempts.succeeded(address)
            return Sessions(self._secret, kept).issue(now_ms)


def problem_of(login: Login | None, path: str, headers: Headers) -> Problem | None:
    """What a request is answered instead, if it may not pass; `path` is without the prefix of a proxy."""
    is_open = not path.startswith("/api/") and path != "/metrics"
    if login is None or is_open or path in ("/api/v1/session", "/api/v1/login") or login.is_signed_in(headers):
        return None
    said = "sign in first: POST the password to /api/v1/login, then send its token as 'Authorization: Bearer TOKEN'"
    return Problem(401, said, {"www-authenticate": "Bearer"})


def _login(request: Request) -> Login | None:
    login: Login | None = request.app.state.settings.login
    return login


async def get_session(request: Request) -> Response:
    """Whether signing in is needed, and done."""
    login = _login(request)
    signed_in = login is None or login.is_signed_in(request.headers)
    return json_answer({"login": "none" if login is None else "password", "signed_in": signed_in})


async def post_login(request: Request) -> Response:
    """Exchange the password for a token."""
    login = _login(request)
    if login is None:
        raise Problem(404, "this hub asks for no login; go on without")
    password = (await read_json(request, _Body, BODY_BYTES_MAX, '{"password": "..."}')).password
    address = request.client.host if request.client else "unknown"
    token, expires_ms = await login.sign_in(address, password)
    answer = json_answer({"token": token, "expires_ms": expires_ms})
    answer.set_cookie(
        COOKIE,
        token,
        max_age=LIFETIME_MS // 1_000,
        path=request.scope.get("root_path", "") or "/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


async def post_logout(request: Request) -> Response:
    """Forget the cookie."""
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path=request.scope.get("root_path", "") or "/", httponly=True, samesite="strict")
    return answer
