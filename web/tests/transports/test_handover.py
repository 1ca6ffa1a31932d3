"""A connection that the application handed over to its protocol: no task waits for it, and its end is noticed."""

import asyncio
import base64
import json
import os
import time

import websockets
from fleetglass_web.app import create_app
from fleetglass_web.serving import serving
from fleetglass_web.settings import WebSettings
from fleetglass_web.testing import FakeFleet

ASK = '{"op":"subscribe","id":1,"hosts":"*","series":["*"]}'


def fleet() -> FakeFleet:
    made = FakeFleet(clock=lambda: time.time() * 1_000)
    made.add_host("web-1")
    made.sample(0, {"cpu.user_pct": 1.0})
    return made


def run(story):
    asyncio.run(asyncio.wait_for(story(), 20))


async def until(is_so):
    while not is_so():
        await asyncio.sleep(0.002)


def test_no_task_waits_for_a_browser_that_says_nothing():
    async def story():
        async with serving(create_app(fleet())) as port:
            before = len(asyncio.all_tasks())
            # Without `async with`: the client's own tasks are counted with it.
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(handshake(port))
            assert (await _reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
            assert b"welcome" in await _reader.read(200)
            assert len(asyncio.all_tasks()) == before
            writer.close()

    run(story)


def test_a_place_is_free_again_however_a_browser_goes():
    async def story():
        app = create_app(fleet(), WebSettings(connections_max=1))
        async with serving(app) as port:
            url = f"ws://127.0.0.1:{port}/api/v1/live"
            for abort in (False, True, False):
                client = await websockets.connect(url)
                await client.send(ASK)
                await client.recv()
                assert app.state.places.taken == 1
                if abort:
                    client.transport.abort()
                else:
                    await client.close()
                await until(lambda: not app.state.places.taken)
                assert not app.state.pulse.exchange.subscribers
                assert not app.state.pulse.exchange.channels

    run(story)


def test_a_message_that_comes_with_the_handshake_is_heard():
    async def story():
        async with serving(create_app(fleet())) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(handshake(port) + masked(ASK.encode()))
            await reader.readuntil(b'"op":"subscribed"')
            writer.close()

    run(story)


def test_a_client_closed_by_the_hub_in_the_middle_of_its_messages_leaves_nothing_behind():
    async def story():
        app = create_app(fleet())
        async with serving(app) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            asks = [json.dumps({**json.loads(ASK), "id": number}) for number in range(60)]
            writer.write(handshake(port) + b"".join(masked(one.encode()) for one in asks))
            await reader.readuntil(b"messages in a second")
            writer.close()
            await until(lambda: not app.state.places.taken)
            assert not app.state.pulse.exchange.subscribers
            assert not app.state.pulse.exchange.channels

    run(story)


def handshake(port: int) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def masked(payload: bytes) -> bytes:
    """A client's text frame of up to 125 bytes (RFC 6455, section 5.2)."""
    return bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload
