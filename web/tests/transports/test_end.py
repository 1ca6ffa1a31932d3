"""The server ends: what never ends must end too, at once and in order."""

import asyncio
import time

import httpx
import pytest
import websockets
from fleetglass_web.app import create_app
from fleetglass_web.serving import serving
from fleetglass_web.testing import FakeFleet


def test_streams_polls_and_sockets_end_with_the_server(caplog):
    async def story():
        view = FakeFleet(clock=lambda: time.time() * 1_000)
        view.add_host("web-1")
        app = create_app(view)
        async with serving(app) as port:
            client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10)
            cursor = (await client.get("/api/v1/poll?path=*")).json()["cursor"]
            waiting = asyncio.create_task(client.get("/api/v1/poll", params={"path": "*", "cursor": cursor}))
            socket = await websockets.connect(f"ws://127.0.0.1:{port}/api/v1/live")
            stream = asyncio.create_task(client.get("/api/v1/stream/logs"))
            while len(app.state.pulse.exchange.subscribers) < 2 or not app.state.pulse.listeners:
                await asyncio.sleep(0.005)
            view.lines(0, "/a.log", "the last line\n")
            started = time.monotonic()
        assert time.monotonic() - started < 2
        assert (await stream).text == "the last line\n"
        assert (await waiting).status_code == 200
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await asyncio.wait_for(_drain(socket), 5)
        assert closed.value.rcvd.code == 1012
        await client.aclose()

    asyncio.run(asyncio.wait_for(story(), 20))
    assert [record for record in caplog.records if record.levelname not in ("DEBUG", "INFO")] == []


async def _drain(socket):
    while True:
        await socket.recv()
