"""What holds on every page: room at any width and zoom, targets large enough, time and pages by keys."""

from collections.abc import Iterator

import pytest
from harness.processes import Hub
from harness.standing_fleet import StandingFleet, cpu
from playwright.sync_api import Page, expect

PAGES = {
    "fleet": "/?group=role",
    "heatmap": "/?view=heatmap",
    "grid": "/?view=grid",
    "host": "/host?host=db-1",
    "logs": "/logs",
    "compare": "/compare",
    "hosts": "/hosts",
}
# What must be there, with room to be read, before a page can be judged.
CONTENT = {
    "fleet": '[data-testid="fleet-table"]',
    "heatmap": '[data-testid="fleet-heatmap"]',
    "grid": '[data-testid="fleet-grid"]',
    "host": '[data-testid="strips"]',
    "logs": '[data-testid="log"]',
    "compare": '[data-testid="compare-plot"]',
    "hosts": '[data-testid="hosts-table"]',
}


@pytest.fixture
def fleet(hub: Hub) -> Iterator[StandingFleet]:
    standing = StandingFleet(hub)
    disk = {"disk.util_pct[sda]": 99.0, "disk.await_ms[sda]": 30.0, "disk.read_bytes_per_s[sda]": 1e6}
    standing.add("db-1", {"role": "db", "dc": "fra1"}, {**cpu(40), **disk})
    standing.add("web-1", {"role": "web", "dc": "ams2"}, cpu(70))
    standing.start()
    hub.until_live("db-1")
    hub.until_live("web-1")
    standing.write("db-1", "/var/log/app.log", b"2026-11-24 12:03:11 ERROR cannot reach db\nfine\n")
    yield standing
    standing.end()


SMALL = """least => [...document.querySelectorAll("button, a, input, [role=slider]")]
    .map(node => [node, node.getBoundingClientRect()])
    .filter(([node, box]) => box.width > 0 && (box.width < least - 0.5 || box.height < least - 0.5))
    .map(([node, box]) => `${node.textContent.trim() || node.ariaLabel} ${box.width} x ${box.height}`)"""


# 1440 x 900 at 200 % is 720 x 450: not a phone, and low. The two others are a phone's and a tablet's widest.
LITTLE_ROOM = [(720, 450), (719, 900), (1179, 700)]


def test_targets_are_large_enough_to_click_and_little_room_costs_nothing(hub, fleet, open_page):
    page = open_page(hub.url)
    found = []
    for name, path in PAGES.items():
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(hub.url + path)
        content = page.locator(CONTENT[name])
        expect(content).to_be_visible()
        expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "live")
        found += [f"{name}: {one}" for one in page.evaluate(SMALL, 24)]
        for width, height in LITTLE_ROOM:
            page.set_viewport_size({"width": width, "height": height})
            expect(content).to_be_visible()
            box = content.bounding_box()
            if box is None or box["height"] < 100 or box["width"] < 300:
                found.append(f"{name} at {width} x {height} has {box}")
            if (wide := page.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
                found.append(f"{name} at {width} x {height} is {wide} px too wide")
    assert not found, "\n".join(found)


def test_targets_are_large_enough_to_touch(hub, fleet, open_page):
    page = open_page(hub.url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    found = []
    for name, path in PAGES.items():
        page.goto(hub.url + path)
        expect(page.locator(CONTENT[name])).to_be_visible()
        expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "live")
        found += [f"{name}: {one}" for one in page.evaluate(SMALL, 36)]
    assert not found, "\n".join(found)


def test_a_narrower_window_leaves_out_whole_columns_in_the_order_that_is_promised(hub, fleet, open_page):
    fleet.set("db-1", {**cpu(40), "load.1m": 1.0, "disk.read_bytes_per_s[sda]": 1e6, "net.rx_bytes_per_s[eth0]": 1e6})
    page = open_page(hub.url)
    table = page.get_by_test_id("fleet-table")
    expect(table.get_by_role("columnheader", name="Host")).to_be_visible()
    all_heads = ("Labels", "Net in", "Disk read", "Load")
    # Each width is the last at which the first so many of them are gone.
    for gone, widths in enumerate([(1400,), (1399, 1310), (1309, 1130), (1129, 954), (953, 720)]):
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            for at, head in enumerate(all_heads):
                expect(table.get_by_role("columnheader", name=head)).to_have_count(0 if at < gone else 1)


def test_a_range_is_typed_shown_with_enter_and_left_again_by_its_key(hub, fleet, open_page):
    page = open_page(f"{hub.url}/")
    expect(page.get_by_test_id("row")).to_have_count(2)
    page.get_by_test_id("range-open").click()
    page.locator("#range-from").fill("now-2m")
    page.locator("#range-to").fill("now-1m")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "history")
    # Enter closed it for good, and the keys belong to the page again.
    expect(page.get_by_test_id("range")).to_have_count(0)
    expect(page.get_by_test_id("range-open")).to_be_focused()
    page.keyboard.press("2")
    expect(page.get_by_test_id("fleet-heatmap")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "live")
    expect(page.get_by_test_id("fleet-heatmap")).to_be_visible()


def test_zooming_out_of_a_link_that_came_zoomed_leads_to_live_and_not_out_of_the_page(hub, fleet, open_page):
    page = open_page(f"{hub.url}/?from=2026-01-01T10:00:00Z&to=2026-01-01T11:00:00Z")
    expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "history")
    page.keyboard.press("Control+z")
    expect(page).to_have_url(f"{hub.url}/")
    expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "live")


def test_the_order_of_keys_leads_to_every_page(hub, fleet, open_page):
    page: Page = open_page(f"{hub.url}/")
    expect(page.get_by_test_id("row")).to_have_count(2)
    for key, name in (("l", "logs"), ("c", "compare"), ("h", "hosts"), ("f", "fleet")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.locator(CONTENT[name])).to_be_visible()


UNASKED = """() => [...document.querySelectorAll("canvas")]
    .filter(canvas => canvas.clientWidth > 0 && !canvas.ariaHidden)
    .flatMap(canvas => {
        const name = canvas.getAttribute("aria-label") ?? "a canvas without a name";
        const missing = ["from", "to", "step", "hosts", "drawn", "newest"].filter(fact => !(fact in canvas.dataset));
        const answers = ["probe", "values"].filter(answer => typeof canvas[answer] !== "function");
        const isNamed = canvas.role === "img" && /last 5 m|over 5 m|steps of|of the last/.test(name);
        const isEmpty = answers.length === 0 && canvas.values().length === 0;
        return [...missing, ...answers, ...(isNamed ? [] : ["role or time"]), ...(isEmpty ? ["values"] : [])]
            .map(one => `${name} lacks ${one}`);
    })"""


def test_every_picture_names_itself_and_can_be_asked(hub, fleet, open_page):
    page = open_page(hub.url)
    found = []
    for name, path in PAGES.items():
        page.goto(hub.url + path)
        expect(page.locator(CONTENT[name])).to_be_visible()
        if name != "logs":
            expect(page.get_by_test_id("freshness")).to_contain_text(" ms")
        page.wait_for_function("[...document.querySelectorAll('canvas[role=img]')].every(one => one.dataset.drawn)")
        found += [f"{name}: {one}" for one in page.evaluate(UNASKED)]
    assert not found, "\n".join(found)
