"""Compressed frames: once for all who agreed, plain for the others, never on loopback unless told."""

import asyncio
import json
import time

import pytest
import websockets
from fleetglass_web.app import create_app
from fleetglass_web.live import encode
from fleetglass_web.live import messages as m
from fleetglass_web.serving import serving
from fleetglass_web.settings import WebSettings
from fleetglass_web.testing import FakeFleet
from fleetglass_web.transports.deflate import pays
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate

LINES = "".join(f"GET /items/{number} 200\n" for number in range(400))


def fleet():
    made = FakeFleet(clock=lambda: time.time() * 1_000)
    made.add_host("web-1", role="web")
    return made


async def lines_of(client):
    while True:
        message = json.loads(await asyncio.wait_for(client.recv(), 5))
        if message["op"] == "lines":
            return [text for batch in message["batches"] for _offset, text in batch["lines"]]


def agreed(client):
    return [one for one in client.protocol.extensions if isinstance(one, PerMessageDeflate)]


def opened(port, **how):
    return websockets.connect(f"ws://127.0.0.1:{port}/api/v1/live", subprotocols=["fleetglass.v1.json"], **how)


def test_a_frame_is_compressed_once_and_the_same_bytes_go_to_all_who_agreed(monkeypatch):
    made = []
    deflated = encode.deflated_frame
    monkeypatch.setattr(encode, "deflated_frame", lambda *about: made.append(deflated(*about)) or made[-1])

    async def story():
        view = fleet()
        async with (
            serving(create_app(view, WebSettings(compress="always"))) as port,
            opened(port) as one,
            opened(port) as two,
            opened(port, compression=None) as plain,
        ):
            clients = (one, two, plain)
            assert [len(agreed(client)) for client in clients] == [1, 1, 0]
            assert all(agreed(client)[0].remote_no_context_takeover for client in (one, two))
            for client in clients:
                # The client's own messages may be compressed, too.
                await client.send(json.dumps({"op": "subscribe", "id": 1, "hosts": "*", "logs": {"path": "*"}}))
                while json.loads(await client.recv())["op"] != "hosts":
                    pass
            for _ in range(2):
                made.clear()
                view.lines(0, "/a.log", LINES)
                assert [await lines_of(client) for client in clients] == [LINES.split("\n")[:-1]] * 3
                assert len(made) == 1
                assert made[0][0] == 0xC1
                assert len(made[0]) < len(LINES) / 2

    asyncio.run(asyncio.wait_for(story(), 20))


def test_a_client_that_wants_a_small_window_reads_plain_frames():
    async def story():
        view = fleet()
        offers = [ClientPerMessageDeflateFactory(server_max_window_bits=10)]
        async with (
            serving(create_app(view, WebSettings(compress="always"))) as port,
            opened(port, compression=None, extensions=offers) as client,
        ):
            assert agreed(client) == []
            assert json.loads(await client.recv())["op"] == "welcome"

    asyncio.run(asyncio.wait_for(story(), 20))


@pytest.mark.parametrize(("headers", "compressions"), [({}, 0), ({"X-Forwarded-For": "192.0.2.7"}, 1)])
def test_on_loopback_only_what_a_proxy_passes_on_is_compressed(headers, compressions):
    async def story():
        async with serving(create_app(fleet())) as port, opened(port, additional_headers=headers) as client:
            assert len(agreed(client)) == compressions

    asyncio.run(asyncio.wait_for(story(), 20))


@pytest.mark.parametrize(
    ("setting", "address", "is_offered"),
    [
        ("auto", "127.0.0.1", False),
        ("auto", "::1", False),
        ("auto", "::ffff:127.0.0.1", False),
        ("auto", None, False),
        ("auto", "192.0.2.7", True),
        ("auto", "2001:db8::7", True),
        ("always", "127.0.0.1", True),
        ("never", "192.0.2.7", False),
    ],
)
def test_compression_is_offered_beyond_loopback(setting, address, is_offered):
    assert pays(setting, address, {}) is is_offered


def test_a_short_frame_is_left_as_it_is():
    about = m.Error(1, "x" * 500)
    assert encode.ENCODERS["json-deflated"](about) == encode.ENCODERS["json"](about)
