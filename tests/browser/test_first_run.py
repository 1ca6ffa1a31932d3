"""The first minute: no host yet, the first one, and what the page costs to load."""

import gzip

import pytest
from harness.waiting import until
from playwright.sync_api import expect

# The contract: JavaScript of the first page, compressed.
FIRST_PAGE_JS_BYTES = 150_000


def test_without_hosts_the_page_offers_the_line_and_turns_into_the_fleet_by_itself(hub, open_page, start_line):
    page = open_page(hub.url)
    empty = page.get_by_test_id("empty-first-run")
    expect(empty).to_contain_text("Add your first machine")
    expect(page.get_by_test_id("filter-count")).to_have_text("no hosts yet")
    expect(page.get_by_test_id("enrol-until")).to_contain_text("59 m")
    expect(empty).to_contain_text(f"agents will look for it at {hub.agents}")
    expect(empty).to_contain_text("This hub hears this machine only; start it with --agents")
    expect(empty).to_contain_text("none refused so far")
    start_line(page.get_by_test_id("enrol-cmd").locator("code").inner_text(), "first")
    expect(page.get_by_test_id("row")).to_have_attribute("data-host", "first", timeout=15_000)
    expect(empty).to_have_count(0)
    (used,) = hub.get("/api/v1/enrolments")["enrolments"]
    assert used["used_by"]["name"] == "first"


def test_the_first_line_may_have_labels_and_what_it_replaces_opens_nothing(hub, open_page):
    page = open_page(hub.url)
    expect(page.get_by_test_id("enrol-until")).to_be_visible()
    page.get_by_test_id("enrol-open").click()
    dialog = page.get_by_test_id("enrol")
    dialog.get_by_label("Labels").fill("role=db")
    expect(dialog.get_by_test_id("enrol-until")).to_be_visible()
    until(
        lambda: [one["labels"] for one in hub.get("/api/v1/enrolments")["enrolments"]] == [{"role": "db"}], "one line"
    )
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_test_id("enrol-open")).to_be_focused()
    expect(page.get_by_test_id("enrol-cmd")).to_contain_text("fleetglass-agent run --join fg1.")


def test_where_nobody_may_change_the_fleet_the_page_gives_the_command_and_the_reason(hub, open_page):
    hub.stop()
    hub.arguments = ("--auth", "none")
    hub.listen_on = "0.0.0.0"
    hub.start()
    page = open_page(hub.url)
    expect(page.get_by_test_id("enrol-cmd").locator("code")).to_have_text("fleetglass-hub enroll")
    expect(page.get_by_test_id("empty-first-run")).to_contain_text("set one with 'fleetglass-hub passwd'")
    assert hub.get("/api/v1/enrolments")["enrolments"] == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_on_a_phone_nothing_of_the_first_page_is_cut_off(hub, open_page, theme):
    page = open_page(hub.url, viewport={"width": 390, "height": 844}, color_scheme=theme)
    expect(page.get_by_test_id("enrol-until")).to_be_visible()
    box = page.get_by_test_id("enrol-cmd").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


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
