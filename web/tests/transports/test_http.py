"""Bytes behind a request that make no sense: answered once, whenever they come, and never a traceback."""

import asyncio
import time

import pytest
from fleetglass_web.app import create_app
from fleetglass_web.serving import serving
from fleetglass_web.testing import FakeFleet

HEAD = "GET /api/v1/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("path", ["hosts", "nothing", "stream/logs", "poll?wait=5"])
@pytest.mark.parametrize("first", ["at once", "after the answer began"])
def test_a_body_that_is_no_body_ends_the_connection_and_nothing_else(path, first, caplog):
    async def story():
        view = FakeFleet(clock=lambda: time.time() * 1_000)
        view.add_host("web-1")
        async with serving(create_app(view)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = HEAD.format(path=path, port=port).encode()
            if first == "at once":
                writer.write(head + b"zzz\r\n\r\n")
            else:
                writer.write(head)
                if "poll" not in path:
                    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 ")
                writer.write(b"zzz\r\n\r\n")
            await reader.read()
            writer.close()

    asyncio.run(asyncio.wait_for(story(), 20))
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"NONSENSE\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
)
def test_what_strangers_send_does_not_fill_the_log(sent, caplog):
    async def story():
        async with serving(create_app(FakeFleet())) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 ")
            writer.close()

    asyncio.run(asyncio.wait_for(story(), 20))
    assert [record.getMessage() for record in caplog.records if record.levelname not in ("DEBUG", "INFO")] == []
