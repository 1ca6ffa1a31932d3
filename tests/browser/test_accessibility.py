"""Every page in both themes without serious findings of axe-core."""

import pytest
from harness.axe import findings
from harness.standing_fleet import StandingFleet, cpu
from playwright.sync_api import expect

PAGES = {
    "fleet": "/?group=role",
    "heatmap": "/?view=heatmap",
    "grid": "/?view=grid",
    "hosts": "/hosts",
    "host": "/host?host=db-1",
    "logs": "/logs",
    "compare": "/compare",
}


@pytest.fixture
def fleet(hub):
    standing = StandingFleet(hub)
    standing.add("db-1", {"role": "db"}, {**cpu(40), "disk.util_pct[sda]": 99.0, "disk.await_ms[sda]": 30.0})
    standing.add("web-1", {"role": "web"}, cpu(10))
    standing.start()
    hub.until_live("db-1")
    hub.until_live("web-1")
    standing.write("db-1", "/var/log/app.log", b"2026-11-24 12:03:11 ERROR cannot reach db\n2026-11-24 INFO fine\n")
    yield standing
    standing.end()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_dialog_of_the_hosts_page_has_serious_findings(hub, fleet, start_agent, open_page, theme):
    agent = start_agent("gone-1")
    hub.until_live("gone-1")
    agent.stop()
    page = open_page(f"{hub.url}/hosts?theme={theme}")
    page.get_by_test_id("enrol-open").click()
    page.get_by_label("Labels").fill("role=db nonsense")
    expect(page.get_by_test_id("enrol-until")).to_be_visible()
    page.get_by_role("button", name="Make another line").click()
    page.get_by_test_id("enrol-earlier").locator("summary").click()
    found = findings(page, "enrol")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Forget gone-1").click()
    expect(page.get_by_test_id("forget-do")).to_be_visible()
    found += findings(page, "forget")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_first_run_has_no_serious_findings(hub, open_page, theme):
    page = open_page(f"{hub.url}/?theme={theme}")
    expect(page.get_by_test_id("enrol-until")).to_be_visible()
    found = findings(page, "first run")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_page_has_serious_findings(hub, fleet, open_page, theme):
    page = open_page(f"{hub.url}/?theme={theme}")
    found = []
    for name, path in PAGES.items():
        page.goto(f"{hub.url}{path}{'&' if '?' in path else '?'}theme={theme}")
        expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "live")
        page.wait_for_timeout(1_200)
        found += findings(page, name)
    assert not found, "\n".join(found)


def test_no_state_of_a_page_has_serious_findings(hub, fleet, open_page):
    page = open_page(f"{hub.url}/")
    found = []

    def look(name: str, testid: str) -> None:
        expect(page.get_by_test_id(testid)).to_be_visible()
        found.extend(findings(page, name))
        page.keyboard.press("Escape")

    expect(page.get_by_test_id("row")).to_have_count(2)
    page.keyboard.press("?")
    look("keys", "keys")
    page.keyboard.press("Control+k")
    look("palette", "palette")
    page.get_by_test_id("range-open").click()
    look("range", "range")
    page.keyboard.press("v")
    look("values", "values")
    page.get_by_test_id("filter").fill("role=")
    look("completion", "filter-suggest")
    page.get_by_test_id("filter").fill("role=db & dc=mars")
    look("no match", "empty-nomatch")
    page.goto(f"{hub.url}/logs")
    expect(page.get_by_test_id("line").filter(has_text="cannot reach db")).to_be_visible()
    page.keyboard.press("e")
    page.keyboard.press("c")
    look("context", "context")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Hosts, files, shapes").click()
    look("facets on a phone", "facets")
    assert not found, "\n".join(found)
