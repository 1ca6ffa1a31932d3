"""`GET /api/v1/openapi.json`: the HTTP contract for programs, as OpenAPI 3.1.

In: the tables below, one row a parameter and one entry a route. Out: the document. `tests/api/test_openapi.py` holds
it against the application: every route, every parameter, every answer.
"""

from typing import Any

from fleetglass_proto.limits import LABELS as LABELS_OF_HOST_MAX
from starlette.requests import Request
from starlette.responses import Response

from fleetglass_web.api import answers
from fleetglass_web.api.aggregate import LABELS_MAX, PERCENTILES, PERCENTILES_MAX
from fleetglass_web.api.logs import LIMIT, LIMIT_MAX
from fleetglass_web.live.severity import SEVERITIES
from fleetglass_web.live.subscription import TAIL_MAX
from fleetglass_web.query.enrolment import TAILS_MAX, TTL_DEFAULT
from fleetglass_web.query.hostfilter import LENGTH_MAX
from fleetglass_web.query.pattern import PATTERN_LENGTH_MAX
from fleetglass_web.transports.poll import WAIT_MAX_S, WAIT_S
from fleetglass_web.view import FleetView

Map = dict[str, Any]  # any: JSON

_TEXT: Map = {"type": "string"}
_NUMBER: Map = {"type": "number"}
_WHOLE: Map = {"type": "integer"}
_TRUTH: Map = {"type": "boolean"}
_MAYBE_NUMBER: Map = {"type": ["number", "null"]}


def _list(items: Map) -> Map:
    return {"type": "array", "items": items}


def _map(values: Map) -> Map:
    return {"type": "object", "additionalProperties": values}


def _object(**properties: Map) -> Map:
    """All properties are always there; a later version may have more."""
    return {"type": "object", "required": list(properties), "properties": properties}


def _between(low: int, high: int, default: int) -> Map:
    return {"type": "integer", "minimum": low, "maximum": high, "default": default}


_PATTERN: Map = {"type": "string", "maxLength": PATTERN_LENGTH_MAX}

# name -> schema, meaning
PARAMETERS: dict[str, tuple[Map, str]] = {
    "filter": (
        {"type": "string", "maxLength": LENGTH_MAX},
        "Hosts: names, `*` globs, `label=value`, parentheses, `!` before `&` before `|`",
    ),
    "series": (_TEXT, "Globs over series names, separated by commas"),
    "from": (_TEXT, "Epoch ms, ISO 8601, `now` or `-15m`"),
    "to": (_TEXT, "The same; not included"),
    "step": (_TEXT, "A span, as `10s`"),
    "by": (_TEXT, f"At most {LABELS_MAX} labels, separated by commas; `host` and `instance` too"),
    "percentiles": (
        {"type": "string", "default": PERCENTILES},
        f"At most {PERCENTILES_MAX} numbers from 0 to 100, separated by commas",
    ),
    "path": (_TEXT, "A glob; its `*` crosses `/`"),
    "match": (_PATTERN, "RE2, found anywhere in a line"),
    "exclude": (_PATTERN, "RE2; lines that have it are left out"),
    "severity": (_TEXT, f"Of {', '.join(SEVERITIES)}; separated by commas"),
    "limit": (_between(1, LIMIT_MAX, LIMIT), "Lines of a page"),
    "cursor": (_TEXT, "Where the last answer ended, as it was received"),
    "around": (_TEXT, "`host,stream,time_ms,offset` of a line: the lines before and after it"),
    "before": (_WHOLE, "Lines before the one of `around`"),
    "after": (_WHOLE, "Lines after it"),
    "tail": (_between(0, TAIL_MAX, 0), "Last lines to begin with"),
    "prefix": ({"enum": ["0", "1", "true", "false"]}, "1: `name path: ` stands before each line"),
    "resume": (_TEXT, "A cursor: go on right behind it"),
    "interval": (_TEXT, "A span: at most one row a host in it"),
    "history": (_TEXT, "A span: rows of the past to begin with"),
    "wait": (_between(0, WAIT_MAX_S, WAIT_S), "Seconds to wait for news"),
    "session": (_TEXT, "As the first answer named it; without it a session begins"),
    "since": (_WHOLE, "The `number` of the last answer that arrived"),
}

_HOST = _object(
    host=_WHOLE,
    agent_id={"type": "string", "format": "uuid"},
    name=_TEXT,
    labels=_map(_TEXT),
    state={"enum": ["live", "late", "lost", "left"]},
    age_s=_NUMBER,
    last_ms=_NUMBER,
    time_ms=_MAYBE_NUMBER,
    interval_ms=_WHOLE,
    platform=_map({"type": ["string", "number"]}),
    agent_version=_TEXT,
    address=_TEXT,
    clock_offset_ms=_NUMBER,
    streams=_WHOLE,
    lag_ms=_NUMBER,
    problems=_list(_TEXT),
    values=_map(_MAYBE_NUMBER),
)
_ENROLMENT_FIELDS: Map = {
    "id": _TEXT, "labels": _map(_TEXT), "state": {"enum": ["open", "used", "expired"]}, "created_ms": _MAYBE_NUMBER,
    "expires_ms": _NUMBER, "used_ms": _MAYBE_NUMBER,
    "used_by": {"type": ["object", "null"], "properties": {"agent_id": _TEXT, "name": {"type": ["string", "null"]}}},
}  # fmt: skip
_NEW_ENROLMENT = _object(**_ENROLMENT_FIELDS, join=_TEXT, line=_TEXT, install=_TEXT)
_ENROLMENTS = _object(
    enrolments=_list(_object(**_ENROLMENT_FIELDS)),
    time_ms=_NUMBER,
    endpoint=_TEXT,
    note=_TEXT,
    refused={"type": ["string", "null"]},
    turned_away=_object(
        count=_WHOLE,
        last={"type": ["object", "null"], "properties": {"time_ms": _NUMBER, "address": _TEXT, "why": _TEXT}},
    ),
)
_NEW_ENROLMENT_BODY: Map = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "labels": {**_map({"type": "string", "minLength": 1}), "maxProperties": LABELS_OF_HOST_MAX},
        "ttl": {"type": "string", "default": TTL_DEFAULT},
        "tail": {**_list({"type": "string", "pattern": "^/"}), "maxItems": TAILS_MAX},
    },
}
_NUMBERS, _MAYBE_NUMBERS = _list(_NUMBER), _list(_MAYBE_NUMBER)
_SERIES = _object(
    host=_WHOLE, name=_TEXT, series=_TEXT, time_ms=_NUMBERS, min=_MAYBE_NUMBERS, avg=_MAYBE_NUMBERS, max=_MAYBE_NUMBERS
)
_ONE_OR_LIST: Map = {"anyOf": [_MAYBE_NUMBER, _MAYBE_NUMBERS]}
_GROUP = _object(
    by=_map({"type": ["string", "integer", "null"]}),
    series=_TEXT,
    **dict.fromkeys(("count", "sum", "min", "avg", "max"), _ONE_OR_LIST),
    percentiles=_map(_ONE_OR_LIST),
)
_LINE_FIELDS: Map = {
    "host": _WHOLE, "name": _TEXT, "stream": _WHOLE, "path": _TEXT, "time_ms": _NUMBER, "offset": _WHOLE, "text": _TEXT
}  # fmt: skip
_LINE = _object(**_LINE_FIELDS, raw_ms=_NUMBER)
_FOLLOWED = _object(**_LINE_FIELDS)
_GAP: Map = {"type": "object", "required": ["why"], "properties": {"why": _TEXT}}
PROBLEM = _object(type=_TEXT, title=_TEXT, status=_WHOLE, detail=_TEXT)

_ASK, _STREAM = ("application/json", "application/msgpack"), ("text/plain", "text/event-stream", "application/x-ndjson")
_WORDS = ("text/plain", "application/openmetrics-text")
_LOGS = "filter path match exclude"


def _get(summary: str, names: str, kinds: tuple[str, ...], schema: Map | None) -> Map:
    content: Map = {kind: {"schema": schema} if schema and "json" in kind else {} for kind in kinds}
    return {
        "get": {
            "summary": summary,
            "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in names.split()],
            "responses": {
                "200": {"description": "As asked", "content": content},
                "304": {"description": "Nothing has changed since the ETag in If-None-Match"},
                "default": {"$ref": "#/components/responses/Problem"},
            },
        }
    }


_STATUS: Map = {"type": "object", "required": ["status"], "properties": {"status": _TEXT}}


def _readiness() -> Map:
    found = _get("Whether the hub can do its work", "", ("application/json",), _STATUS)
    found["get"]["responses"]["503"] = {
        "description": "It cannot; `problem` says why and what to do",
        "content": {"application/json": {"schema": _object(status=_TEXT, problem=_TEXT)}},
    }
    return found


def _live_paths() -> Map:
    """The live protocol by plain HTTP; its messages are described in docs/api.md."""
    done = {"204": {"description": "Heard"}, "default": {"$ref": "#/components/responses/Problem"}}
    body = {"required": True, "content": {"application/x-ndjson": {}}}
    named = [{"$ref": "#/components/parameters/session"}]
    answer = _object(session=_TEXT, number=_WHOLE, messages=_list({"type": "object"}))
    problem = {"$ref": "#/components/responses/Problem"}
    upgrade = {"101": {"description": "It is a WebSocket from here on"}, "426": problem, "default": problem}
    return {
        "/api/v1/live": {"get": {"summary": "The live protocol", "parameters": [], "responses": upgrade}},
        "/api/v1/stream/live": _get("What the live protocol says, as events", "", ("text/event-stream",), None),
        "/api/v1/live/poll": _get("The same, in answers", "session since wait", ("application/json",), answer),
        "/api/v1/live/say": {
            "post": {"summary": "Say it something", "parameters": named, "requestBody": body, "responses": done}
        },
    }


def _session_paths() -> Map:
    session = _get("Whether a password is asked for", "", ("application/json",), _object(login=_TEXT, signed_in=_TRUTH))
    problem = {"default": {"$ref": "#/components/responses/Problem"}}
    body = {"required": True, "content": {"application/json": {"schema": _object(password=_TEXT)}}}
    token = {"200": {"description": "Signed in", "content": {"application/json": {"schema": {"type": "object"}}}}}
    done = {"200": {"description": "Signed out"}, "204": {"description": "Signed out"}}
    return {
        "/api/v1/session": session,
        "/api/v1/login": {"post": {"summary": "Sign in", "requestBody": body, "responses": {**token, **problem}}},
        "/api/v1/logout": {"post": {"summary": "Sign out", "responses": {**done, **problem}}},
    }


def _changing_paths() -> Map:
    """What changes the fleet; docs/secure.md says who may."""
    problem = {"default": {"$ref": "#/components/responses/Problem"}}
    json_of = "application/json"
    made = {"201": {"description": "The line, told this once", "content": {json_of: {"schema": _NEW_ENROLMENT}}}}
    body = {"required": True, "content": {json_of: {"schema": _NEW_ENROLMENT_BODY}}}

    def delete(summary: str, name: str) -> Map:
        place: Map = {"name": name, "in": "path", "required": True, "schema": _TEXT}
        done = {"204": {"description": "Done"}}
        return {"delete": {"summary": summary, "parameters": [place], "responses": {**done, **problem}}}

    return {
        "/api/v1/enrolments": {
            **_get("Lines that were made to join agents", "", (json_of,), _ENROLMENTS),
            "post": {"summary": "Make a line", "requestBody": body, "responses": {**made, **problem}},
        },
        "/api/v1/enrolments/{id}": delete("Take an offer back", "id"),
        "/api/v1/hosts/{host}": delete("Forget a host that is lost or has left, by name or agent_id", "host"),
    }


PATHS: Map = {
    "/api/v1/hosts": _get("Hosts with their newest values", "filter", _ASK, _object(hosts=_list(_HOST))),
    "/api/v1/metrics": _get(
        "Values in steps", "filter series from to step", _ASK, _object(step_ms=_WHOLE, series=_list(_SERIES))
    ),
    "/api/v1/aggregate": _get(
        "Figures of many hosts",
        "filter series by percentiles from to step",
        _ASK,
        _object(hosts=_WHOLE, groups=_list(_GROUP)),
    ),
    "/api/v1/logs": _get(
        "Lines, newest first",
        f"{_LOGS} severity from to limit cursor around before after",
        _ASK,
        _object(lines=_list(_LINE), next={"type": ["string", "null"]}, searched_to_ms=_NUMBER, gaps=_list(_GAP)),
    ),
    "/api/v1/stream/logs": _get("Lines as they come", f"{_LOGS} tail prefix resume", _STREAM, None),
    "/api/v1/stream/metrics": _get("Samples as they come", "filter series interval history prefix", _STREAM, None),
    "/api/v1/poll": _get(
        "What is new since a cursor",
        f"{_LOGS} series cursor wait tail",
        ("application/json",),
        _object(samples=_list({"type": "object"}), lines=_list(_FOLLOWED), gaps=_list(_GAP), cursor=_TEXT),
    ),
    **_live_paths(),
    "/api/v1/openapi.json": _get("This document", "", ("application/json",), {"type": "object"}),
    **_changing_paths(),
    **_session_paths(),
    "/metrics": _get("The hub's health and the fleet's newest values", "filter", _WORDS, None),
    "/healthz": _get("Whether the hub answers", "", ("application/json",), _STATUS),
    "/readyz": _readiness(),
}


def document(version: str) -> Map:
    """The whole contract."""
    parameters = {
        name: {"name": name, "in": "query", "required": False, "description": text, "schema": schema}
        for name, (schema, text) in PARAMETERS.items()
    }
    problem = {
        "description": "What is wrong, and what to change",
        "content": {"application/problem+json": {"schema": PROBLEM}},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fleetglass hub",
            "version": version,
            "description": "The WebSocket /api/v1/live is described in docs/api.md.",
        },
        "paths": PATHS,
        "components": {
            "parameters": parameters,
            "responses": {"Problem": problem},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


async def get_openapi(request: Request) -> Response:
    """The document."""
    view: FleetView = request.app.state.view
    return await answers.mapped(request, document(view.version))
