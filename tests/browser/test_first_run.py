"""The first minute: no host yet, the first one, and what the page costs to load."""

import gzip

from harness.standing_fleet import StandingFleet, cpu
from playwright.sync_api import expect

# The contract: JavaScript of the first page, compressed.
FIRST_PAGE_JS_BYTES = 150_000


def test_without_hosts_the_page_says_what_to_type_and_turns_into_the_fleet_by_itself(hub, open_page):
    page = open_page(hub.url)
    empty = page.get_by_test_id("empty-first-run")
    expect(empty).to_contain_text("Add your first machine")
    expect(page.get_by_test_id("enrol-cmd")).to_contain_text("fleetglass-hub enroll")
    expect(page.get_by_test_id("filter-count")).to_have_text("no hosts yet")
    fleet = StandingFleet(hub)
    fleet.add("first", {}, cpu(12))
    fleet.start()
    try:
        expect(page.get_by_test_id("row")).to_have_attribute("data-host", "first")
        expect(empty).to_have_count(0)
    finally:
        fleet.end()


def test_the_first_page_loads_little_and_from_the_hub_alone(hub, open_page):
    page = open_page(hub.url)
    expect(page.get_by_test_id("empty-first-run")).to_be_visible()
    loaded: dict[str, int] = {}
    page.on(
        "response",
        lambda answer: (
            loaded.__setitem__(answer.url, len(gzip.compress(answer.body(), 6)))
            if answer.request.resource_type == "script"
            else None
        ),
    )
    page.reload()
    expect(page.get_by_test_id("empty-first-run")).to_be_visible()
    page.wait_for_load_state("networkidle")
    print(f"\nfirst page: {sum(loaded.values()):,} bytes of JavaScript, compressed, in {len(loaded)} files")
    assert all(url.startswith(hub.url) for url in loaded)
    assert 0 < sum(loaded.values()) <= FIRST_PAGE_JS_BYTES
