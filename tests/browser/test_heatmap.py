"""The heatmap in the hand: hosts and time chosen at once, rows too low for a name, holes, values as a table."""

import csv
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from harness.processes import Hub
from harness.standing_fleet import StandingFleet, cpu
from harness.waiting import until
from playwright.sync_api import Page, expect

CANVAS = '[data-testid="fleet-heatmap"] > canvas'
# Rows begin below what all hosts do together; a row is 14 px, a gap between groups 8.
TOP, ROW, GAP = 74, 14, 8


@pytest.fixture
def fleet(hub: Hub) -> Iterator[StandingFleet]:
    """Four of two roles."""
    standing = StandingFleet(hub)
    for name, role, busy in (("db-1", "db", 40), ("db-2", "db", 20), ("web-1", "web", 70), ("web-2", "web", 10)):
        standing.add(name, {"role": role}, cpu(busy))
    standing.start()
    for name in ("db-1", "db-2", "web-1", "web-2"):
        hub.until_live(name)
    yield standing
    standing.end()


def heatmap(hub: Hub, open_page, query: str = "", **options: object) -> tuple[Page, dict[str, float]]:
    page = open_page(f"{hub.url}/?view=heatmap{query}", **options)
    page.wait_for_selector(f"{CANVAS}[data-drawn]")
    known = "c => c.values().filter(one => one.value !== null).map(one => one.host)"
    until(lambda: "db-2" in page.locator(CANVAS).evaluate(known), "the heatmap has values")
    box = page.locator(CANVAS).bounding_box()
    assert box is not None
    return page, {**box, "right": box["x"] + box["width"]}


def hosts_in_url(page: Page) -> list[str]:
    return parse_qs(urlsplit(page.url).query).get("hosts", [])


def test_a_drag_with_shift_chooses_hosts_and_time(hub, fleet, open_page):
    page, box = heatmap(hub, open_page, "&group=role")
    page.keyboard.down("Shift")
    # From db-2 to web-1, over half a minute: neither role as a whole.
    page.mouse.move(box["right"] - 260, box["y"] + TOP + ROW * 1.5)
    page.mouse.down()
    page.mouse.move(box["right"] - 140, box["y"] + TOP + ROW * 2.5 + GAP, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page).to_have_url(re.compile("from=.*to="))
    assert hosts_in_url(page) == ["db-2 | web-1"]
    expect(page.get_by_test_id("filter-count")).to_have_text("2 of 4")
    expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "history")
    page.go_back()
    expect(page.get_by_test_id("filter-count")).to_have_text("4 hosts")


def test_a_drag_with_shift_straight_down_chooses_a_whole_group_by_its_label_and_stays_live(hub, fleet, open_page):
    page, box = heatmap(hub, open_page, "&group=role")
    page.keyboard.down("Shift")
    page.mouse.move(box["right"] - 200, box["y"] + TOP + 2)
    page.mouse.down()
    page.mouse.move(box["right"] - 200, box["y"] + TOP + ROW * 2 - 2, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page.get_by_test_id("filter-count")).to_have_text("2 of 4")
    assert hosts_in_url(page) == ["role=db"]
    expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "live")


def test_rows_too_low_for_a_name_have_a_loupe_that_can_be_read(hub, fleet, open_page):
    for number in range(40):
        fleet.add(f"web-1{number:02}", {"role": "web"}, cpu(30 + number))
    hub.until_live("web-139")
    page, box = heatmap(hub, open_page, viewport={"width": 1440, "height": 620})
    until(lambda: page.locator(CANVAS).get_attribute("data-hosts") == "44", "all hosts are in the picture")
    page.mouse.move(box["right"] - 100, box["y"] + TOP + 60)
    loupe = page.get_by_test_id("loupe")
    expect(loupe).to_be_visible()
    expect(loupe).to_contain_text("9 of 44")
    shown = loupe.locator("canvas").evaluate("c => c.values()")
    assert len(shown) == 9 * 26
    seen = page.locator(CANVAS).evaluate("(c, [x, y]) => c.probe(x, y)", [box["width"] - 100, TOP + 60])
    assert seen["host"] in {one["host"] for one in shown}


def test_what_was_never_known_is_hatched_and_not_quiet(hub, fleet, open_page):
    page, _ = heatmap(hub, open_page)
    pixels = """(c, [x, y]) => {
        const ratio = devicePixelRatio;
        const data = c.getContext("2d").getImageData(x * ratio, y * ratio, 40, 10).data;
        return new Set(Array.from({length: 400}, (_, i) => data.slice(4 * i, 4 * i + 4).join())).size;
    }"""
    # Five minutes ago nobody had joined: lines on the page's ground, not one flat colour.
    assert page.locator(CANVAS).evaluate(pixels, [200, TOP + 2]) == 2
    seen = page.locator(CANVAS).evaluate("(c, [x, y]) => c.probe(x, y)", [200, TOP + 6])
    assert seen["host"] == "db-1"
    assert seen["value"] is None


@pytest.mark.parametrize("view", ["heatmap", "grid", "table"])
def test_v_shows_every_view_as_a_table_to_take_along(hub, fleet, open_page, view: str):
    page = open_page(f"{hub.url}/?view={view}")
    # The newest figures have arrived when the summary has them.
    expect(page.get_by_test_id("summary")).to_contain_text("35.0")
    page.keyboard.press("v")
    table = page.get_by_test_id("values")
    expect(table.locator("tbody tr")).to_have_count(4)
    with page.expect_download() as download:
        table.get_by_role("button", name="Download").click()
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert {row["host"] for row in rows} == {"db-1", "db-2", "web-1", "web-2"}
    web = next(row for row in rows if row["host"] == "web-1")
    assert "70" in {f"{float(value):.0f}" for value in web.values() if re.fullmatch(r"[\d.]+", value)}
    page.keyboard.press("Escape")
    expect(table).to_have_count(0)
