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
