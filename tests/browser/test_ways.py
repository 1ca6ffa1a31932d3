"""Other ways to the page: WebSockets blocked, a proxy with a prefix, a slow network."""

import asyncio
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from harness.ports import free_port
from harness.processes import Hub
from harness.proxies import INSTALLED, Change, nginx
from harness.standing_fleet import StandingFleet, cpu
from harness.waiting import until
from playwright.sync_api import Browser, expect


@pytest.fixture
def fleet(hub: Hub) -> Iterator[StandingFleet]:
    standing = StandingFleet(hub)
    standing.add("db-1", {"role": "db"}, cpu(40))
    standing.add("web-1", {"role": "web"}, cpu(70))
    standing.start()
    hub.until_live("db-1")
    hub.until_live("web-1")
    yield standing
    standing.end()


def row(page, name):
    return page.locator(f'[data-testid="row"][data-host="{name}"]')


def test_a_page_opens_one_socket_and_is_told_the_hosts_once(hub: Hub, fleet: StandingFleet, browser):
    page = browser.new_context().new_page()
    said: list[dict] = []
    heard: list[dict] = []

    def watch(socket) -> None:
        socket.on("framesent", lambda frame: said.append(msgspec.msgpack.decode(frame)))
        socket.on("framereceived", lambda frame: heard.append(msgspec.msgpack.decode(frame)))

    page.on("websocket", watch)
    page.goto(f"{hub.url}?hosts=role%3Ddb")
    expect(row(page, "db-1").locator('[data-field="cpu"]')).to_have_text(re.compile(r"\d"))
    assert said[0] == {"op": "subscribe", "id": 1, "hosts": "*", "series": []}
    assert all(one["numbers"] for one in said[1:] if one["op"] == "subscribe")
    told = [{host["name"] for host in one["upsert"]} for one in heard if one["op"] == "hosts" and "upsert" in one]
    assert told[0] == {"db-1", "web-1"}
    assert sum(one["op"] == "welcome" for one in heard) == 1
    assert [one for one in heard if one["op"] == "error"] == []
    # By number, and no more often than somebody changes.
    db = next(host["host"] for one in heard for host in one.get("upsert", ()) if host["name"] == "db-1")
    assert {tuple(one["numbers"]) for one in heard if one["op"] == "hosts" and "numbers" in one} == {(db,)}
    page.context.close()


BLOCKED = """
window.WebSocket = class extends EventTarget {
  readyState = 3;
  constructor() { super(); setTimeout(() => this.onclose?.(new Event("close"))); }
  send() {}
  close() {}
};
"""
SILENT_EVENTS = """
window.EventSource = class extends EventTarget {
  constructor() { super(); setTimeout(() => this.onerror?.(new Event("error"))); }
  close() {}
};
"""


@pytest.mark.parametrize(("way", "blocked"), [("events", BLOCKED), ("polling", BLOCKED + SILENT_EVENTS)])
def test_where_websockets_are_blocked_the_fleet_lives_on_by_http_and_the_page_says_so(
    hub: Hub, fleet: StandingFleet, browser: Browser, way: str, blocked: str
):
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(blocked)
    page.goto(hub.url)
    fresh = page.get_by_test_id("freshness")
    expect(fresh).to_have_attribute("data-way", way, timeout=15_000)
    expect(fresh).to_contain_text("Live")
    expect(fresh).to_contain_text(f"by {way}")
    expect(row(page, "web-1").locator('[data-field="cpu"]')).to_have_text("70.0")
    fleet.set("web-1", cpu(81))
    expect(row(page, "web-1").locator('[data-field="cpu"]')).to_have_text("81.0")
    page.get_by_test_id("filter").fill("role=db")
    expect(page.get_by_test_id("row")).to_have_count(1)
    page.get_by_role("link", name="Logs").click()
    expect(page.get_by_test_id("log-status")).to_contain_text("Showing all")
    fleet.write("db-1", "/var/log/app.log", b"the way of a line\n")
    expect(page.get_by_test_id("line").filter(has_text="the way of a line")).to_be_visible()
    context.close()


def blocking(text: str) -> str:
    """A proxy of somebody who has heard that WebSockets are dangerous."""
    return text.replace("proxy_pass", "if ($http_upgrade) { return 403; }\n        proxy_pass")


def hoarding(text: str) -> str:
    """One that also compresses what it passes on, whatever the hub asks, and so keeps small pieces to itself."""
    kept = (
        "proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; "
        "gzip on; gzip_proxied any; gzip_min_length 0; gzip_types text/event-stream;"
    )
    return blocking(text).replace("proxy_buffering off;", kept)


# Without nginx (apt-get install nginx-light) there is no case.
NGINX_WAYS = [("events", blocking), ("polling", hoarding)] if nginx in INSTALLED else []


@pytest.mark.parametrize(("way", "change"), NGINX_WAYS)
def test_behind_an_nginx_that_blocks_upgrades_the_page_takes_the_next_way_and_says_so(
    hub: Hub, fleet: StandingFleet, open_page, tmp_path: Path, way: str, change: Change
):
    port = free_port()
    quiet = subprocess.DEVNULL
    proxy = subprocess.Popen(nginx(tmp_path, port, hub.http_port, change), stdout=quiet, stderr=quiet)
    try:
        until(lambda: socket.create_connection(("127.0.0.1", port)), "nginx listens")
        page = open_page(f"http://127.0.0.1:{port}/fleet/")
        fresh = page.get_by_test_id("freshness")
        expect(fresh).to_have_attribute("data-way", way, timeout=20_000)
        expect(fresh).to_contain_text(f"by {way}")
        expect(row(page, "web-1").locator('[data-field="cpu"]')).to_have_text("70.0")
        fleet.set("web-1", cpu(81))
        expect(row(page, "web-1").locator('[data-field="cpu"]')).to_have_text("81.0")
    finally:
        proxy.kill()
        proxy.wait()


class PrefixProxy:
    """A proxy that serves the hub below `/glass/` and takes the prefix away, as the usual `proxy_pass` does."""

    def __init__(self, hub: Hub, delay_s: float = 0.0) -> None:
        self.hub = hub
        self.delay_s = delay_s
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self._ready.wait(5)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", self.port))
        self._ready.set()
        self._loop.run_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            line, rest = head.split(b"\r\n", 1)
            if not line.split(b" ")[1].startswith(b"/glass/"):
                writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                return
            line = line.replace(b" /glass/", b" /", 1)
            if b"upgrade: websocket" not in rest.lower():
                # One request a connection, so that only the first line of each must be read.
                rest = re.sub(rb"(?i)connection: [^\r]*", b"Connection: close", rest)
            await asyncio.sleep(self.delay_s)
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.hub.http_port)
            up_writer.write(line + b"\r\n" + rest)
            await asyncio.gather(self._pump(reader, up_writer), self._pump(up_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        # Each piece is as late as the others: latency, not a narrow pipe.
        while data := await source.read(65_536):
            loop.call_later(self.delay_s, target.write, data)
        loop.call_later(self.delay_s, target.close)

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self._loop.stop()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        self._thread.join(5)
        self._loop.close()


def test_the_dashboard_works_below_a_path_prefix(hub: Hub, fleet: StandingFleet, open_page):
    proxy = PrefixProxy(hub)
    try:
        page = open_page(f"http://127.0.0.1:{proxy.port}/glass/")
        expect(page.get_by_test_id("row")).to_have_count(2)
        expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "live")
        page.get_by_role("link", name="Hosts").click()
        expect(page).to_have_url(f"http://127.0.0.1:{proxy.port}/glass/hosts")
        page.reload()
        expect(page.get_by_test_id("hosts-table")).to_be_visible()
        page.goto(f"http://127.0.0.1:{proxy.port}/glass/host/db-1")
        expect(page.get_by_test_id("host-head")).to_contain_text("db-1")
    finally:
        proxy.close()


def test_on_a_slow_network_the_page_says_how_far_it_is_behind(hub: Hub, fleet: StandingFleet, open_page):
    # Everything takes a second and a half, each way: the picture is that old, and must not be called live.
    proxy = PrefixProxy(hub, delay_s=1.5)
    try:
        page = open_page(f"http://127.0.0.1:{proxy.port}/glass/")
        expect(page.get_by_test_id("row")).to_have_count(2, timeout=40_000)
        expect(page.get_by_test_id("freshness")).to_contain_text(
            re.compile(r"(1\.[3-9]|2\.\d) s behind"), timeout=20_000
        )
    finally:
        proxy.close()


def test_on_a_narrow_line_that_is_cut_the_page_is_not_live_and_comes_back_by_itself(
    hub: Hub, fleet: StandingFleet, browser: Browser
):
    context = browser.new_context()
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"latency": 300, "downloadThroughput": 60_000, "uploadThroughput": 20_000}
    network.send("Network.emulateNetworkConditions", {"offline": False, **slow})
    fresh = page.get_by_test_id("freshness")
    page.goto(hub.url, wait_until="commit")
    expect(row(page, "db-1").locator('[data-field="cpu"]')).to_have_text("40.0", timeout=20_000)
    expect(fresh).to_have_attribute("data-state", "live")
    network.send("Network.emulateNetworkConditions", {"offline": True, **slow})
    expect(fresh).not_to_have_attribute("data-state", "live", timeout=15_000)
    network.send("Network.emulateNetworkConditions", {"offline": False, **slow})
    fleet.set("db-1", cpu(55))
    expect(row(page, "db-1").locator('[data-field="cpu"]')).to_have_text("55.0", timeout=20_000)
    expect(fresh).to_have_attribute("data-state", "live")
    context.close()
