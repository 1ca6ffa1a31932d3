"""The documented proxies, with the real programs of Debian: every carrier passes them at once, stays open, comes back.

A proxy that is not installed has no case here; `apt-get install nginx-light caddy haproxy` brings all three.
"""

import asyncio
import re
import time
from contextlib import asynccontextmanager

import httpx
import pytest
import websockets
from fleetglass_web.app import create_app
from fleetglass_web.live import exchange
from fleetglass_web.serving import serving
from fleetglass_web.settings import WebSettings
from fleetglass_web.testing import FakeFleet
from fleetglass_web.transports import session, stream
from harness import carriers
from harness.ports import free_port
from harness.proxies import INSTALLED, caddy

each_proxy = pytest.mark.parametrize("proxy", INSTALLED, ids=lambda proxy: proxy.__name__)


class Behind:
    """A hub, and the proxy before it."""

    def __init__(self, view, app, hub, command, port):
        self.view, self.app, self.port = view, app, port
        self._hub, self._command, self._program = hub, command, None
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10)

    async def start(self):
        quiet = asyncio.subprocess.DEVNULL
        self._program = await asyncio.create_subprocess_exec(*self._command, stdout=quiet, stderr=quiet)
        while True:
            try:
                await self.client.get("/healthz")
                return
            except httpx.TransportError:
                assert self._program.returncode is None, "the proxy ended: its example is not valid"
                await asyncio.sleep(0.05)

    async def kill(self):
        self._program.kill()  # Caddy waits for connections that the client keeps
        await self._program.wait()


@asynccontextmanager
async def behind(proxy, folder, **changes):
    view = FakeFleet(clock=lambda: time.time() * 1_000)
    view.add_host("web-1")
    static = folder / "static"
    static.mkdir()
    (static / "index.html").write_text("<!doctype html><html><head></head><body>fleetglass</body></html>")
    app = create_app(view, WebSettings(static=static))
    async with serving(app) as hub:
        port = free_port()
        made = Behind(view, app, hub, proxy(folder, port, hub, **changes), port)
        await made.start()
        try:
            yield made
        finally:
            await made.client.aclose()
            await made.kill()


def run(story):
    asyncio.run(asyncio.wait_for(story(), 40))


@pytest.mark.parametrize("prefix", ["", "/fleet"])
@each_proxy
def test_everything_live_passes_at_once(proxy, prefix, tmp_path):
    async def story():
        async with behind(proxy, tmp_path) as the:
            assert len((await the.client.get(f"{prefix}/api/v1/hosts")).json()["hosts"]) == 1
            assert "fleetglass" in (await the.client.get(f"{prefix}/host/web-1")).text
            readers = carriers.Readers(the.client, prefix, carriers.ALL)
            await readers.until_listening(the.app)
            # One line, and nothing behind it that would push it out of a buffer.
            the.view.lines(0, "/a.log", "one\n")
            assert await readers.take() == {carrier.__name__: ["one"] for carrier in carriers.ALL}
            await readers.close()
            url = f"ws://127.0.0.1:{the.port}{prefix}/api/v1/live"
            async with websockets.connect(url, origin=f"http://127.0.0.1:{the.port}"):
                pass
            with pytest.raises(websockets.InvalidStatus):
                await websockets.connect(url, origin="http://evil.example.org")

    run(story)


def impatient(text):
    """An example whose idle time-outs are three seconds; plain text cannot break a silence, and is not asked."""
    text = re.sub(r"proxy_read_timeout 1h", "proxy_read_timeout 3s", text)
    return re.sub(r"timeout (client|server|tunnel) 1h", r"timeout \1 3s", text)


@pytest.mark.parametrize("proxy", [one for one in INSTALLED if one is not caddy], ids=lambda proxy: proxy.__name__)
def test_a_heartbeat_keeps_each_carrier_open_beyond_the_proxys_idle_time_out(proxy, tmp_path, monkeypatch):
    """Caddy has no such time-out."""
    for module in (stream, session):
        monkeypatch.setattr(module, "HEARTBEAT_S", 0.3)
    monkeypatch.setattr(exchange, "PING_MS", 300)
    monkeypatch.setattr(exchange, "CHECK_MS", 100)
    quiet = [carrier for carrier in carriers.PUSHED if carrier is not carriers.text]

    async def story():
        async with behind(proxy, tmp_path, change=impatient) as the:
            readers = carriers.Readers(the.client, "", quiet)
            await readers.until_listening(the.app)
            await asyncio.sleep(3.5)  # longer than the proxy's patience
            the.view.lines(0, "/a.log", "one\n")
            assert await readers.take() == {carrier.__name__: ["one"] for carrier in quiet}
            await readers.close()

    run(story)


@each_proxy
def test_after_a_restart_of_the_proxy_each_carrier_goes_on_behind_its_place(proxy, tmp_path):
    async def story():
        async with behind(proxy, tmp_path) as the:
            readers = carriers.Readers(the.client, "/fleet", carriers.WITH_PLACE)
            await readers.until_listening(the.app)
            the.view.lines(0, "/a.log", "one\n")
            assert await readers.take() == {carrier.__name__: ["one"] for carrier in carriers.WITH_PLACE}
            await the.kill()
            await readers.close()
            the.view.lines(0, "/a.log", "two\n")
            while any(subscriber.channels for subscriber in the.app.state.pulse.exchange.subscribers):
                for lost in list(the.app.state.live_sessions.by_id.values()):
                    lost.end()  # a polled session waits a minute for its client
                await asyncio.sleep(0.01)
            await the.start()
            readers = carriers.Readers(the.client, "/fleet", carriers.WITH_PLACE, readers.places)
            await readers.until_listening(the.app)
            the.view.lines(0, "/a.log", "three\n")
            assert await readers.take(2) == {carrier.__name__: ["two", "three"] for carrier in carriers.WITH_PLACE}
            await readers.close()

    run(story)
