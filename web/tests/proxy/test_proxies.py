"""The documented proxies, with the real programs of Debian: everything live passes them at once.

A proxy that is not installed has no case here; `apt-get install nginx-light caddy haproxy` brings all three.
"""

import asyncio
import json
import re
import shutil
import socket
import time
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import websockets
from fleetglass_web.app import create_app
from fleetglass_web.serving import serving
from fleetglass_web.settings import WebSettings
from fleetglass_web.testing import FakeFleet

EVENTS = {"accept": "text/event-stream"}
EXAMPLES = Path(__file__).parents[3] / "deploy" / "proxy"


def nginx(folder, port, hub):
    text = (EXAMPLES / "nginx.conf").read_text()
    text = re.sub(r"listen 443 ssl;", f"listen 127.0.0.1:{port};", text)
    text = re.sub(r".*ssl_certificate.*\n", "", text).replace("127.0.0.1:7480", f"127.0.0.1:{hub}")
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    path.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {temporary}\n{text}\n}}\n"
    )
    return ["nginx", "-c", str(path), "-e", f"{folder}/error.log"]


def caddy(folder, port, hub):
    text = (EXAMPLES / "Caddyfile").read_text().replace("127.0.0.1:7480", f"127.0.0.1:{hub}")
    text = text.replace("fleet.example.org {", f"http://127.0.0.1:{port} {{", 1)
    path = folder / "Caddyfile"
    path.write_text("{\n\tadmin off\n\tstorage file_system " + str(folder) + "\n}\n" + text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(path)]


def haproxy(folder, port, hub):
    text = (EXAMPLES / "haproxy.cfg").read_text().replace("127.0.0.1:7480", f"127.0.0.1:{hub}")
    path = folder / "haproxy.cfg"
    path.write_text(re.sub(r"bind .*", f"bind 127.0.0.1:{port}", text))
    return ["haproxy", "-f", str(path)]


INSTALLED = [proxy for proxy in (nginx, caddy, haproxy) if shutil.which(proxy.__name__)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@asynccontextmanager
async def behind(proxy, folder):
    """A fleet, and the port of the proxy before its hub."""
    view = FakeFleet(clock=lambda: time.time() * 1_000)
    view.add_host("web-1")
    static = folder / "static"
    static.mkdir()
    (static / "index.html").write_text("<!doctype html><html><head></head><body>fleetglass</body></html>")
    async with serving(create_app(view, WebSettings(static=static))) as hub:
        port = free_port()
        program = await asyncio.create_subprocess_exec(
            *proxy(folder, port, hub), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
                while True:
                    try:
                        await client.get("/healthz")
                        break
                    except httpx.TransportError:
                        assert program.returncode is None, "the proxy ended: its example is not valid"
                        await asyncio.sleep(0.05)
                yield view, client, port
        finally:
            program.kill()  # Caddy waits for connections that the client keeps
            await program.wait()


async def until_subscribed(view, count):
    while len(view._watchers[0].exchange.channels) < count:
        await asyncio.sleep(0.005)


async def first_lines(client, path, headers, count):
    """The first lines of an answer that never ends."""
    async with client.stream("GET", path, headers=headers) as answer:
        lines = answer.aiter_lines()
        return [await anext(lines) for _ in range(count)]


@pytest.mark.parametrize("prefix", ["", "/fleet"])
@pytest.mark.parametrize("proxy", INSTALLED, ids=lambda proxy: proxy.__name__)
def test_everything_live_passes_at_once(proxy, prefix, tmp_path):
    async def story():
        async with behind(proxy, tmp_path) as (view, client, port):
            assert len((await client.get(f"{prefix}/api/v1/hosts")).json()["hosts"]) == 1
            assert "fleetglass" in (await client.get(f"{prefix}/host/web-1")).text
            url = f"ws://127.0.0.1:{port}{prefix}/api/v1/live"
            origin = f"http://127.0.0.1:{port}"
            texts = asyncio.create_task(first_lines(client, f"{prefix}/api/v1/stream/logs", {}, 1))
            events = asyncio.create_task(first_lines(client, f"{prefix}/api/v1/stream/logs?match=o", EVENTS, 2))
            async with websockets.connect(url, subprotocols=["fleetglass.v1.json"], origin=origin) as live:
                await live.send('{"op":"subscribe","id":1,"logs":{"match":"."}}')
                await until_subscribed(view, 3)
                cursor = (await client.get(f"{prefix}/api/v1/poll?path=*")).json()["cursor"]
                asked = {"cursor": cursor, "path": "*"}
                polling = asyncio.create_task(client.get(f"{prefix}/api/v1/poll", params=asked))
                while not view._watchers[0].listeners:
                    await asyncio.sleep(0.005)
                view.lines(0, "/a.log", "one\n")
                while (message := json.loads(await live.recv()))["op"] != "lines":
                    pass
                assert message["batches"][0]["lines"] == [[0, "one"]]
                assert await texts == ["one"]
                assert json.loads((await events)[1].removeprefix("data: "))["text"] == "one"
                assert [line["text"] for line in (await polling).json()["lines"]] == ["one"]
            with pytest.raises(websockets.InvalidStatus):
                await websockets.connect(url, origin="http://evil.example.org")

    asyncio.run(asyncio.wait_for(story(), 40))
