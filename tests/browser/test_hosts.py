"""The machines' page: who is there, whose clock is wrong, how to add and to forget."""

import re

import pytest
from harness.standing_fleet import StandingFleet, cpu
from playwright.sync_api import expect


@pytest.fixture
def fleet(hub):
    standing = StandingFleet(hub)
    standing.add("good", {"role": "web"}, {**cpu(10), "system.uptime_s": 3.6e6})
    standing.add("early", {"role": "db"}, cpu(20), clock_ahead_ms=3_600_000)
    standing.start()
    hub.until_live("good")
    hub.until_live("early")
    yield standing
    standing.end()


def row(page, name):
    return page.locator(f'[data-testid="row"][data-host="{name}"]')


def test_a_clock_that_is_wrong_by_an_hour_is_named_and_taken_out_of_the_times(hub, fleet, open_page):
    page = open_page(f"{hub.url}/hosts")
    expect(row(page, "early")).to_contain_text(re.compile(r"\+\s?3600 s|\+3,?600"))
    expect(row(page, "early").locator(".warn, .bad").first).to_be_visible()
    # Trouble stands first.
    expect(page.get_by_test_id("row").first).to_have_attribute("data-host", "early")
    expect(row(page, "good")).to_contain_text("41 d")
    page.goto(f"{hub.url}/")
    expect(row(page, "early")).to_have_attribute("data-state", "live")
    expect(row(page, "early")).to_contain_text(re.compile(r"live[0-3]\.\d s"))
    expect(page.get_by_test_id("freshness")).to_have_attribute("data-state", "live")


def test_adding_hosts_gives_the_command_and_shows_who_joins(hub, fleet, open_page):
    page = open_page(f"{hub.url}/hosts")
    expect(page.get_by_test_id("row")).to_have_count(2)
    page.keyboard.press("a")
    dialog = page.get_by_test_id("enrol")
    dialog.get_by_label("Labels").fill("role=db dc=fra1 nonsense")
    dialog.get_by_role("button", name="24 h").click()
    expect(page.get_by_test_id("enrol-cmd").locator("code")).to_have_text(
        "fleetglass-hub enroll --label role=db --label dc=fra1 --ttl 1d"
    )
    expect(dialog.get_by_role("alert")).to_contain_text("nonsense")
    fleet.add("new-1", {}, cpu(5))
    expect(dialog).to_contain_text("new-1")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(row(page, "new-1")).to_be_visible()


def test_a_lost_host_can_be_forgotten_and_the_dialog_says_what_is_deleted(hub, fleet, open_page):
    page = open_page(f"{hub.url}/hosts")
    fleet.silence("good")
    expect(row(page, "good")).to_have_attribute("data-state", "lost", timeout=20_000)
    row(page, "good").get_by_role("button", name="Forget good").click()
    expect(page.get_by_test_id("forget")).to_contain_text("its key, its metrics and all lines")
    expect(page.get_by_test_id("forget-cmd")).to_contain_text("fleetglass-hub forget good")


def test_presence_can_be_probed(hub, fleet, open_page):
    page = open_page(f"{hub.url}/hosts")
    canvas = page.get_by_test_id("presence")
    page.wait_for_selector('[data-testid="presence"][data-drawn]')
    page.wait_for_timeout(2_500)
    values = [one for one in canvas.evaluate("c => c.values()") if one["host"] == "good" and one["value"] is not None]
    assert values
    assert any(one["value"] == 1 for one in values)
