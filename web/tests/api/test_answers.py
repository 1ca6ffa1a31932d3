"""Answers in pieces, compressed, and not sent again to who has them."""

import asyncio
import gzip
import json

import httpx
import msgspec
import pytest
from fleetglass_web.api import answers
from fleetglass_web.app import create_app
from fleetglass_web.testing import FakeFleet


@pytest.fixture
def fleet():
    made = FakeFleet()
    for number in range(30):
        made.sample(made.add_host(f"web-{number}", role="web"), {"cpu.user_pct": number / 2, "load.1m": float("nan")})
    return made


def get(fleet, path, **headers):
    async def ask():
        transport = httpx.ASGITransport(create_app(fleet))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:7480") as client:
            named = {
                name.replace("_", "-"): value for name, value in {"accept_encoding": "identity", **headers}.items()
            }
            return await client.get(path, headers=named)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "path", ["/api/v1/hosts", "/api/v1/metrics?from=0&to=4000000000000&step=1000d", "/api/v1/aggregate?by=host"]
)
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("accept", ["application/json", "application/msgpack"])
def test_an_answer_in_many_pieces_is_the_answer_in_one(fleet, path, accept, encoding, monkeypatch):
    whole = get(fleet, path, accept=accept, accept_encoding=encoding)
    monkeypatch.setattr(answers, "PIECE_BYTES", 100)
    pieces = get(fleet, path, accept=accept, accept_encoding=encoding)
    assert (whole.status_code, pieces.status_code) == (200, 200)
    assert ("content-length" in whole.headers, "content-length" in pieces.headers) == (True, False)
    assert whole.headers.get("content-encoding", "identity") == encoding
    read = json.loads if accept.endswith("json") else msgspec.msgpack.decode
    assert read(pieces.content) == read(whole.content)
    assert len(pieces.content) > 500


def test_an_answer_that_has_not_changed_is_not_sent_again(fleet):
    path = "/api/v1/metrics?from=0&to=1&step=1s"
    first = get(fleet, path)
    assert get(fleet, path, if_none_match=f'"other", {first.headers["etag"]}').status_code == 304
    assert get(fleet, path, if_none_match='"other"').status_code == 200
    again = get(fleet, path, if_none_match=first.headers["etag"])
    assert (again.content, again.headers["etag"]) == (b"", first.headers["etag"])


def test_a_small_answer_and_one_for_who_takes_no_gzip_are_not_compressed(fleet):
    assert "content-encoding" not in get(fleet, "/api/v1/hosts?filter=none", accept_encoding="gzip").headers
    assert "content-encoding" not in get(fleet, "/api/v1/hosts", accept_encoding="gzip;q=0").headers
    assert "accept-encoding" in get(fleet, "/api/v1/hosts").headers["vary"]


def test_what_is_unknown_is_null_in_both_encodings(fleet):
    packed = msgspec.msgpack.decode(get(fleet, "/api/v1/hosts", accept="application/msgpack").content)
    assert packed["hosts"][1]["values"] == {"cpu.user_pct": 0.5, "load.1m": None}


def test_gzip_is_read_by_others(fleet):
    assert gzip.decompress(answers._gzipped(b"x" * 5_000)) == b"x" * 5_000
