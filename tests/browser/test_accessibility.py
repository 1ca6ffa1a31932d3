"""Every page in both themes without serious findings of axe-core."""

from pathlib import Path

import pytest
from harness.standing_fleet import StandingFleet, cpu
from playwright.sync_api import expect

AXE = Path(__file__).parents[2] / "web/ui/node_modules/axe-core/axe.min.js"
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
def test_no_page_has_serious_findings(hub, fleet, open_page, theme):
    page = open_page(f"{hub.url}/?theme={theme}")
    found = []
    for name, path in PAGES.items():
        page.goto(f"{hub.url}{path}{'&' if '?' in path else '?'}theme={theme}")
        expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "live")
        page.wait_for_timeout(1_200)
        page.evaluate(AXE.read_text())
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [
            f"{name}: {one['id']} ({one['impact']}): {[node['html'][:160] for node in one['nodes'][:3]]}"
            for one in result["violations"]
            if one["impact"] in ("serious", "critical")
        ]
    assert not found, "\n".join(found)
