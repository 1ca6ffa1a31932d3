"""Adding and removing machines: what changes the fleet. A shell.

    GET    /api/v1/enrolments         lines that wait, were used, or have expired; never what is in them
    POST   /api/v1/enrolments         {"labels", "ttl", "tail"} -> the line, told this once
    DELETE /api/v1/enrolments/{id}    take an offer back
    DELETE /api/v1/hosts/{host}       forget a host that is lost or has left

`auth.managing` says who may.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fleetglass_web.api import parameters
from fleetglass_web.api.answers import json_answer
from fleetglass_web.api.body import read_json
from fleetglass_web.api.problems import Problem
from fleetglass_web.auth.managing import managing_problem
from fleetglass_web.query import enrolment as asked
from fleetglass_web.settings import WebSettings
from fleetglass_web.view import Enrolment, EnrolmentStateError, FleetView, Host, HostState

# 64 labels and 64 globs of the longest kind, in JSON.
BODY_BYTES_MAX = 512 << 10
_EXAMPLE = '{"labels": {"role": "db"}, "ttl": "1h", "tail": ["/var/log/*.log"]}'


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    labels: dict[str, str] = {}
    ttl: str = asked.TTL_DEFAULT
    tail: list[str] = []


def _refusal(request: Request) -> str | None:
    settings: WebSettings = request.app.state.settings
    return managing_problem(settings.login is not None, settings.is_exposed, request.headers)


def _require(request: Request) -> FleetView:
    if said := _refusal(request):
        raise Problem(403, said)
    view: FleetView = request.app.state.view
    return view


def _entry(one: Enrolment, names: dict[str, str], now_ms: float) -> dict[str, Any]:  # any: JSON
    used_by = None if one.agent_id is None else {"agent_id": one.agent_id, "name": names.get(one.agent_id)}
    return {
        "id": one.id,
        "labels": dict(one.labels),
        "state": "used" if one.used_ms is not None else "expired" if one.expires_ms <= now_ms else "open",
        "created_ms": one.created_ms,
        "expires_ms": one.expires_ms,
        "used_ms": one.used_ms,
        "used_by": used_by,
    }


async def get_or_post_enrolments(request: Request) -> Response:
    """One route, so that a wrong method is told both."""
    parameters.only(request, ())
    return await (_make(request) if request.method == "POST" else _list(request))


async def _list(request: Request) -> Response:
    """Who is waited for, and who came."""
    view: FleetView = request.app.state.view
    found = await view.enrolments()
    names = {host.agent_id: host.name for host in view.hosts()}
    now_ms = view.now_ms()
    listed = [_entry(one, names, now_ms) for one in found.enrolments]
    last = found.last_turned_away
    return json_answer(
        {
            "enrolments": listed,
            "time_ms": now_ms,
            "endpoint": found.endpoint,
            "note": found.note,
            "refused": _refusal(request),
            "turned_away": {"count": found.turned_away, "last": None if last is None else last._asdict()},
        }
    )


async def _make(request: Request) -> Response:
    view = _require(request)
    # A form of another site can send text; only a script that the browser let through can send this type.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, f"send JSON, with 'Content-Type: application/json': {_EXAMPLE}")
    body = await read_json(request, _Body, BODY_BYTES_MAX, _EXAMPLE)
    try:
        labels, ttl_ms = asked.check_labels(body.labels), asked.parse_ttl(body.ttl)
        new = await view.enrol(labels, ttl_ms, asked.check_tails(body.tail))
    except asked.EnrolmentError as error:
        raise Problem(400, str(error)) from None
    except EnrolmentStateError as error:
        raise Problem(409, str(error)) from None
    entry = _entry(new.enrolment, {}, view.now_ms())
    return json_answer({**entry, "join": new.join, "line": new.line, "install": new.install}, 201)


async def delete_enrolment(request: Request) -> Response:
    """Take an offer back."""
    view = _require(request)
    parameters.only(request, ())
    named = request.path_params["id"]
    try:
        await view.revoke(named)
    except LookupError:
        raise Problem(404, f"there is no enrolment {named[:40]!r}; GET /api/v1/enrolments lists them") from None
    except EnrolmentStateError as error:
        raise Problem(409, str(error)) from None
    return Response(status_code=204)


def _host_named(view: FleetView, named: str) -> Host:
    hosts = view.hosts()
    found = [host for host in hosts if host.agent_id == named] or [host for host in hosts if host.name == named]
    if not found:
        raise Problem(404, f"there is no host {named[:80]!r}; GET /api/v1/hosts lists them")
    if len(found) > 1:
        ids = ", ".join(host.agent_id for host in found[:8])
        raise Problem(409, f"{len(found)} hosts are called {named[:80]!r}; name one by its agent_id: {ids}")
    return found[0]


async def delete_host(request: Request) -> Response:
    """Forget a host with all that was kept of it."""
    view = _require(request)
    parameters.only(request, ())
    host = _host_named(view, request.path_params["host"])
    if host.state in (HostState.LIVE, HostState.LATE):
        raise Problem(
            409,
            f"{host.name or host.agent_id} is {host.state.value}: only a host that is lost or has left can be "
            f"forgotten here. Stop its agent first, or use 'fleetglass-hub forget' on the hub's machine",
        )
    await view.forget(host.host)
    return Response(status_code=204)
