"""The fleet on the screen: what people see, sort, filter and lose. Hosts say known numbers to a real hub."""

import re
import signal
from collections.abc import Iterator

import pytest
from harness.processes import Hub
from harness.standing_fleet import StandingFleet, cpu
from harness.waiting import until
from playwright.sync_api import Page, expect


def disk(name: str, util: float, await_ms: float, read: float, write: float) -> dict[str, float]:
    return {
        f"disk.util_pct[{name}]": util,
        f"disk.await_ms[{name}]": await_ms,
        f"disk.read_bytes_per_s[{name}]": read,
        f"disk.write_bytes_per_s[{name}]": write,
    }


@pytest.fixture
def fleet(hub: Hub) -> Iterator[StandingFleet]:
    """Four hosts in two roles and two places."""
    standing = StandingFleet(hub)
    standing.add(
        "db-1",
        {"role": "db", "dc": "fra1"},
        {**cpu(40, iowait=5), "memory.used_pct": 91.2, "load.1m": 3.5, **disk("sda", 99.5, 37.5, 1.2e6, 3.4e8)},
    )
    standing.add("db-2", {"role": "db", "dc": "ams2"}, {**cpu(20), **disk("sda", 10, 0.36, 0, 0)})
    standing.add("web-1", {"role": "web", "dc": "fra1"}, cpu(70))
    standing.add("web-10", {"role": "web", "dc": "ams2"}, cpu(10))
    standing.start()
    for name in ("db-1", "db-2", "web-1", "web-10"):
        hub.until_live(name)
    yield standing
    standing.end()


def names(page: Page) -> list[str]:
    """The hosts in view, from top to bottom."""
    found: list[str] = page.get_by_test_id("row").evaluate_all("rows => rows.map(row => row.dataset.host)")
    return found


def until_names(page: Page, wanted: list[str], within_s: float = 8.0) -> None:
    until(lambda: names(page) == wanted, f"the table shows {wanted}, last {names(page)}", within_s)


def row(page: Page, name: str):
    return page.locator(f'[data-testid="row"][data-host="{name}"]')


def test_a_row_shows_what_the_api_says(hub, fleet, open_page):
    page = open_page(f"{hub.url}/")
    values = hub.hosts("db-1")[0]["values"]
    first = row(page, "db-1")
    expect(first.locator('[data-field="cpu"]')).to_have_text(f"{100 - values['cpu.idle_pct']:.1f}")
    expect(first.locator('[data-field="memory"]')).to_have_text(f"{values['memory.used_pct']:.1f}")
    expect(first.locator('[data-field="load"]')).to_have_text("3.50")
    expect(first.locator('[data-field="util"]')).to_have_text("99.5")
    expect(first.locator('[data-field="await"]')).to_have_text("37.5")
    expect(first.locator('[data-field="read"]')).to_have_text("1.20MB/s")
    expect(first.locator('[data-field="write"]')).to_have_text("340MB/s")
    # Severity has a mark and a weight of its own: never colour alone.
    expect(first.locator('[data-field="util"] .bad')).to_be_visible()
    expect(first.locator('[data-field="await"] .warn')).to_be_visible()
    expect(first.locator('[data-field="memory"] .warn')).to_be_visible()
    # What a host does not measure is a dash, never 0.
    expect(row(page, "web-1").locator('[data-field="memory"]')).to_have_text("—")
    expect(row(page, "web-1").locator('[data-field="read"]')).to_have_text("—")


def test_lines_and_errors_a_second_stand_in_the_row_the_group_and_the_summary(hub, fleet, open_page):
    page = open_page(f"{hub.url}/")
    until_names(page, ["web-1", "db-1", "db-2", "web-10"])
    heads = page.get_by_role("columnheader")
    expect(heads.get_by_text("Lines/s")).to_have_count(0)  # nobody follows a log
    summary = page.get_by_test_id("summary")
    expect(summary.get_by_text("Log lines").locator("..")).to_contain_text("—")
    fleet.set("db-1", {"log.lines_per_s": 120.0, "log.errors_per_s": 30.0})
    fleet.set("db-2", {"log.lines_per_s": 40.0, "log.errors_per_s": 0.0})
    expect(heads.get_by_text("Lines/s")).to_be_visible()
    expect(row(page, "db-1").locator('[data-field="lines"]')).to_have_text("120")
    expect(row(page, "db-1").locator('[data-field="errors"]')).to_contain_text("25.0")
    expect(row(page, "db-1").locator('[data-field="errors"] .bad')).to_be_visible()
    expect(row(page, "db-2").locator('[data-field="errors"]')).to_have_text("0")
    expect(row(page, "web-1").locator('[data-field="lines"]')).to_have_text("—")
    expect(summary.get_by_text("Log lines").locator("..")).to_contain_text("160/s")
    expect(summary.get_by_text("Errors").locator("..")).to_contain_text("30/s")
    page.goto(f"{hub.url}/?group=role&sort=-errors")
    db = page.locator('[data-testid="group"][data-group="db"]')
    expect(db).to_contain_text("160")
    expect(db).to_contain_text("18.8")
    expect(page.locator('[data-testid="group"]').first).to_have_attribute("data-group", "db")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(row(page, "db-1")).to_contain_text("120 lines/s · 30 err")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{hub.url}/?view=heatmap&metric=lines")
    page.wait_for_selector('[data-testid="fleet-heatmap"] > canvas[data-drawn]')
    canvas = page.locator('[data-testid="fleet-heatmap"] > canvas')
    until(
        lambda: {one["value"] for one in canvas.evaluate("c => c.values()") if one["host"] == "db-1"} >= {120.0},
        "the heatmap shows the lines of db-1",
    )


def test_the_busiest_stands_first_and_a_click_on_a_head_sorts(hub, fleet, open_page):
    page = open_page(f"{hub.url}/")
    until_names(page, ["web-1", "db-1", "db-2", "web-10"])
    page.get_by_role("columnheader").get_by_text("Host", exact=True).click()
    page.mouse.move(2, 2)
    until_names(page, ["db-1", "db-2", "web-1", "web-10"])
    assert "sort=host" in page.url
    expect(page.locator('[role="columnheader"][aria-sort="ascending"]')).to_contain_text("Host")
    fleet.set("web-10", cpu(99))
    page.get_by_role("columnheader").get_by_text("CPU", exact=True).click()
    page.mouse.move(2, 2)
    until_names(page, ["web-10", "web-1", "db-1", "db-2"])


def test_the_order_holds_while_someone_points_at_it_and_values_go_on(hub, fleet, open_page):
    page = open_page(f"{hub.url}/")
    until_names(page, ["web-1", "db-1", "db-2", "web-10"])
    row(page, "db-2").hover()
    fleet.set("db-2", cpu(95))
    expect(row(page, "db-2").locator('[data-field="cpu"]')).to_have_text("95.0")
    expect(page.get_by_test_id("order-held")).to_contain_text("order held, 1 would move")
    assert names(page) == ["web-1", "db-1", "db-2", "web-10"]
    page.get_by_test_id("order-held").click()
    until_names(page, ["db-2", "web-1", "db-1", "web-10"])


def test_groups_keep_their_row_with_counts_averages_and_the_worst_by_name(hub, fleet, open_page):
    page = open_page(f"{hub.url}/?group=role")
    groups = page.get_by_test_id("group")
    expect(groups).to_have_count(2)
    db = page.locator('[data-testid="group"][data-group="db"]')
    expect(db).to_contain_text("avg30.0")
    expect(db).to_contain_text("maxdb-1")
    expect(db).to_contain_text("99.5")
    until_names(page, ["web-1", "web-10", "db-1", "db-2"])
    db.click()
    until_names(page, ["web-1", "web-10"])
    expect(db.get_by_role("button")).to_have_attribute("aria-expanded", "false")
    expect(db).to_contain_text("avg30.0")


def test_the_filter_applies_while_it_is_typed_and_lives_in_the_url(hub, fleet, open_page):
    page = open_page(f"{hub.url}/")
    expect(page.get_by_test_id("filter-count")).to_have_text("4 hosts")
    page.keyboard.press("/")
    page.keyboard.type("role=db & dc=")
    # The unfinished part is ignored.
    until_names(page, ["db-1", "db-2"])
    expect(page.get_by_test_id("filter-count")).to_have_text("2 of 4")
    # What exists is offered, with its count.
    options = page.get_by_test_id("filter-suggest").get_by_role("option")
    expect(options.first).to_contain_text("dc=ams2")
    expect(options.first).to_contain_text("1 host")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    until_names(page, ["db-2"])
    expect(page).to_have_url(re.compile(r"hosts=role=db\+%26\+dc=ams2"))
    page.reload()
    until_names(page, ["db-2"])
    expect(page.get_by_test_id("filter")).to_have_value("role=db & dc=ams2")


def test_a_filter_that_cannot_be_read_says_why_and_keeps_the_last_good_result(hub, fleet, open_page):
    page = open_page(f"{hub.url}/?hosts=role=db")
    until_names(page, ["db-1", "db-2"])
    page.get_by_test_id("filter").click()
    page.get_by_test_id("filter").fill("role=db ) web-1")
    expect(page.get_by_test_id("filter-suggest").get_by_role("alert")).to_contain_text(re.compile(r"\)"))
    expect(page.get_by_test_id("filter")).to_have_attribute("aria-invalid", "true")
    assert names(page) == ["db-1", "db-2"]


def test_a_filter_that_matches_nothing_shows_each_part_and_one_that_works(hub, fleet, open_page):
    page = open_page(f"{hub.url}/?hosts=web-*+%26+role=db")
    empty = page.get_by_test_id("empty-nomatch")
    expect(empty).to_contain_text("No host matches")
    expect(empty).to_contain_text("web-1, web-10")
    expect(empty).to_contain_text("db-1, db-2")
    empty.get_by_role("button", name="(4 hosts)").click()
    expect(page.get_by_test_id("row")).to_have_count(4)
    page.go_back()
    expect(empty).to_be_visible()


def test_a_lost_host_is_grey_with_its_age_and_sinks(hub, fleet, open_page):
    page = open_page(f"{hub.url}/")
    until_names(page, ["web-1", "db-1", "db-2", "web-10"])
    fleet.silence("web-1")
    expect(row(page, "web-1")).to_have_attribute("data-state", "late", timeout=10_000)
    expect(row(page, "web-1")).to_contain_text(re.compile(r"late \d"))
    expect(row(page, "web-1")).to_have_attribute("data-state", "lost", timeout=15_000)
    until_names(page, ["db-1", "db-2", "web-10", "web-1"])
    expect(page.get_by_test_id("summary")).to_contain_text("1 lost")
    before = row(page, "web-1").inner_text()
    until(lambda: row(page, "web-1").inner_text() != before, "its age counts on")
    # Its last values stay, and count in no average.
    expect(row(page, "web-1").locator('[data-field="cpu"]')).to_have_text("70.0")
    expect(page.get_by_test_id("summary")).to_contain_text("23.3")
    fleet.speak_again("web-1")
    expect(row(page, "web-1")).to_have_attribute("data-state", "live", timeout=10_000)


def test_a_hub_that_stops_answering_is_never_shown_as_live(hub, fleet, open_page):
    page = open_page(f"{hub.url}/")
    fresh = page.get_by_test_id("freshness")
    expect(fresh).to_have_attribute("data-state", "live")
    expect(fresh).to_contain_text(re.compile(r"Live\s*(< 1|\d+) ms"))
    hub.process.signal(signal.SIGSTOP)
    try:
        expect(fresh).to_have_attribute("data-state", "behind", timeout=6_000)
        expect(fresh).to_have_attribute("data-state", "unreachable", timeout=25_000)
        expect(page.get_by_test_id("banner")).to_contain_text("Hub unreachable since")
        expect(page.get_by_test_id("go-live")).to_have_attribute("aria-pressed", "false")
        expect(page.locator('[data-testid="row"][data-state="live"]')).to_have_count(0)
        # Content stays, and loses its colour.
        expect(page.get_by_test_id("row")).to_have_count(4)
        expect(page.get_by_test_id("fleet-table")).to_have_class(re.compile("stale"))
    finally:
        hub.process.signal(signal.SIGCONT)
    expect(fresh).to_have_attribute("data-state", "live", timeout=20_000)
    expect(page.get_by_test_id("banner")).to_have_count(0)


def probe(page: Page, selector: str, x: float, y: float):
    return page.locator(selector).evaluate("(canvas, at) => canvas.probe(at[0], at[1])", [x, y])


def test_the_sparklines_hold_the_numbers_that_were_sent(hub, fleet, open_page):
    page = open_page(f"{hub.url}/")
    until_names(page, ["web-1", "db-1", "db-2", "web-10"])
    until(
        lambda: [one for one in page.get_by_test_id("spark").evaluate("c => c.values()") if one["value"] is not None],
        "the sparklines have values",
    )
    found = page.get_by_test_id("spark").evaluate("c => c.values()")
    db = {
        (one["series"], round(one["value"], 1)) for one in found if one["host"] == "db-1" and one["value"] is not None
    }
    assert db == {("cpu.user_pct", 28.0), ("cpu.system_pct", 7.0), ("cpu.iowait_pct", 5.0), ("cpu.steal_pct", 0.0)}


def test_the_heatmap_can_be_probed_walked_and_opened_at_a_second(hub, fleet, open_page):
    page = open_page(f"{hub.url}/?view=heatmap")
    canvas = '[data-testid="fleet-heatmap"] > canvas'
    page.wait_for_selector(f"{canvas}[data-drawn]")
    values = until(
        lambda: [v for v in page.locator(canvas).evaluate("c => c.values()") if v["host"] == "db-1" and v["value"]],
        "the heatmap has values of db-1",
    )
    assert {round(one["value"]) for one in values} == {40}
    box = page.locator(canvas).bounding_box()
    # Rows stand by name: db-1 is the first, 14 px high below the strip of 74.
    page.mouse.move(box["x"] + box["width"] - 60, box["y"] + 80)
    expect(page.get_by_test_id("tip")).to_contain_text("db-1")
    seen = until(lambda: probe(page, canvas, box["width"] - 60, 80), "the pointed cell has a host")
    assert seen["host"] == "db-1"
    page.keyboard.press("ArrowDown")
    expect(page.get_by_test_id("tip")).to_contain_text("db-2")
    page.keyboard.press("v")
    table = page.get_by_test_id("values")
    expect(table.locator("tbody tr")).to_have_count(4)
    expect(table).to_contain_text("web-10")
    page.keyboard.press("v")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"host\?host=db-2.*at="))
    page.go_back()
    expect(page.get_by_test_id("fleet-heatmap")).to_be_visible()


def test_the_grid_shows_every_host_on_one_scale(hub, fleet, open_page):
    page = open_page(f"{hub.url}/")
    expect(page.get_by_test_id("fleet-table")).to_be_visible()  # before, nobody hears the key
    page.keyboard.press("3")
    expect(page.get_by_test_id("fleet-grid").get_by_role("listitem")).to_have_count(4)
    expect(page.get_by_test_id("fleet-grid")).to_contain_text("web-1")
    assert "view=grid" in page.url
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"host\?host=web-1"))


def test_pause_stops_the_picture_and_says_since_when(hub, fleet, open_page):
    page = open_page(f"{hub.url}/?view=heatmap")
    canvas = page.locator('[data-testid="fleet-heatmap"] > canvas')
    page.wait_for_selector('[data-testid="fleet-heatmap"] > canvas[data-to]')
    page.keyboard.press("Space")
    fresh = page.get_by_test_id("freshness")
    expect(fresh).to_contain_text(re.compile(r"Paused\s*\d+\.\d s ago"))
    page.wait_for_timeout(300)
    held = canvas.get_attribute("data-to")
    expect(fresh).to_contain_text(re.compile(r"[2-9]\.\d s ago"), timeout=6_000)
    assert canvas.get_attribute("data-to") == held
    page.keyboard.press("Space")
    until(lambda: int(canvas.get_attribute("data-to")) >= int(held) + 2_000, "the picture jumps to now")


def test_keys_walk_the_table_and_open_the_host(hub, fleet, open_page):
    page = open_page(f"{hub.url}/")
    until_names(page, ["web-1", "db-1", "db-2", "web-10"])
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(row(page, "db-1")).to_have_class(re.compile("sel"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"host\?host=db-1"))


def test_the_palette_jumps_and_gives_the_focus_back(hub, fleet, open_page):
    page = open_page(f"{hub.url}/")
    until_names(page, ["web-1", "db-1", "db-2", "web-10"])
    page.keyboard.press("Control+k")
    expect(page.get_by_test_id("palette")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("palette")).to_have_count(0)
    page.get_by_test_id("palette-open").click()
    page.keyboard.type("db2")
    expect(page.get_by_test_id("palette").get_by_role("option").first).to_contain_text("db-2")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"host\?host=db-2"))
    page.keyboard.press("?")
    expect(page.get_by_test_id("keys")).to_contain_text("Keyboard shortcuts")


def test_a_range_of_the_past_is_shown_as_history_and_end_returns_to_live(hub, fleet, open_page):
    page = open_page(f"{hub.url}/")
    until_names(page, ["web-1", "db-1", "db-2", "web-10"])
    page.get_by_test_id("range-open").click()
    page.get_by_label("From").fill("now-20s")
    page.get_by_role("button", name="Show").click()
    fresh = page.get_by_test_id("freshness")
    expect(fresh).to_contain_text("History")
    expect(fresh).to_contain_text("step 1 s")
    expect(page).to_have_url(re.compile("from=.*to="))
    expect(row(page, "web-1").locator('[data-field="cpu"]')).to_have_text("70.0")
    fleet.set("web-1", cpu(33))
    page.wait_for_timeout(1_500)
    expect(row(page, "web-1").locator('[data-field="cpu"]')).to_have_text("70.0")
    page.keyboard.press("End")
    expect(fresh).to_have_attribute("data-state", "live")
    expect(row(page, "web-1").locator('[data-field="cpu"]')).to_have_text("33.0")
    page.go_back()
    expect(fresh).to_have_attribute("data-state", "history")


def test_the_theme_follows_the_system_is_kept_and_can_be_forced(hub, fleet, open_page):
    page = open_page(f"{hub.url}/", color_scheme="light")
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "light"
    page.keyboard.press("t")
    assert page.evaluate(theme) == "dark"
    page.reload()
    assert page.evaluate(theme) == "dark"
    page.goto(f"{hub.url}/?theme=light")
    assert page.evaluate(theme) == "light"


def test_a_phone_has_the_hosts_in_two_lines_and_the_pages_below(hub, fleet, open_page):
    page = open_page(f"{hub.url}/", viewport={"width": 390, "height": 844})
    until_names(page, ["web-1", "db-1", "db-2", "web-10"])
    assert row(page, "db-1").bounding_box()["height"] == 56
    expect(row(page, "db-1")).to_contain_text("37.5 ms")
    expect(page.get_by_test_id("freshness")).to_contain_text("Live")
    page.locator(".bnav").get_by_text("Hosts").click()
    expect(page.get_by_test_id("hosts-table")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
