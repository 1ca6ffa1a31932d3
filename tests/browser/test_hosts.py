"""The machines' page: who is there, whose clock is wrong, how to add and to forget."""

import re
import subprocess

import pytest
from harness.processes import BIN
from harness.standing_fleet import StandingFleet, cpu
from playwright.sync_api import expect

# A real agent starts, on a machine that may be busy.
JOIN_MS = 15_000


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


def offered(page):
    """The line in the dialog, once it is good."""
    expect(page.get_by_test_id("enrol-until")).to_contain_text("left")
    return page.get_by_test_id("enrol-cmd").locator("code").inner_text()


def test_the_dialog_makes_a_line_and_shows_who_joined_with_it(hub, open_page, start_line, tmp_path):
    page = open_page(f"{hub.url}/hosts")
    expect(page.get_by_test_id("enrol-open")).to_be_visible()  # before, nobody hears the key
    page.keyboard.press("a")
    dialog = page.get_by_test_id("enrol")
    expect(dialog).to_be_visible()
    first = offered(page)
    dialog.get_by_label("Labels").fill("role=db dc=fra1 nonsense")
    expect(dialog.get_by_role("alert")).to_contain_text("nonsense is left out")
    dialog.get_by_label("Follow").fill(f"{tmp_path}/*.log")
    dialog.get_by_role("button", name="24 h").click()
    expect(page.get_by_test_id("enrol-cmd")).to_contain_text(f"--tail '{tmp_path}/*.log'")
    expect(page.get_by_test_id("enrol-until")).to_contain_text("23 h 59 m")
    line = offered(page)
    # The line that nobody has copied was taken back when another one took its place.
    assert first.split()[3] != line.split()[3]
    (waiting,) = hub.get("/api/v1/enrolments")["enrolments"]
    assert (waiting["state"], waiting["labels"]) == ("open", {"role": "db", "dc": "fra1"})
    joined = page.get_by_test_id("enrol-joined")
    expect(joined).to_contain_text("Waiting for an agent")
    start_line(line, "db-7")
    expect(joined).to_contain_text("db-7", timeout=JOIN_MS)
    expect(joined).to_contain_text("first frame")
    expect(page.get_by_test_id("enrol-until")).to_contain_text("was used")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(row(page, "db-7")).to_contain_text("role=db")


def test_a_service_is_installed_by_the_same_word(hub, open_page):
    page = open_page(f"{hub.url}/hosts")
    page.get_by_test_id("enrol-open").click()
    word = offered(page).split()[3]
    page.get_by_test_id("enrol").get_by_role("button", name="Service").click()
    assert offered(page) == f"sudo sh deploy/install.sh --join {word}"


def test_a_line_that_was_copied_stays_and_can_be_revoked(hub, open_page, start_line):
    page = open_page(f"{hub.url}/hosts", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_test_id("enrol-open").click()
    line = offered(page)
    copy = page.get_by_test_id("enrol").get_by_role("button", name="Copy", exact=True)
    copy.click()
    expect(page.get_by_test_id("enrol-cmd").get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == line
    page.get_by_role("button", name="Make another line").click()
    expect(page.get_by_test_id("enrol-earlier")).to_contain_text("1, 1 wait")
    page.get_by_test_id("enrol-earlier").locator("summary").click()
    page.get_by_role("button", name="Revoke the line for a host without labels").click()
    expect(page.get_by_test_id("enrol-earlier")).to_have_count(0)
    start_line(line, "late").says("revoked")
    expect(page.get_by_test_id("enrol").get_by_test_id("enrol-turned")).to_contain_text("127.0.0.1 was not let in")
    expect(page.get_by_test_id("enrol").get_by_test_id("enrol-turned")).to_contain_text(
        "the token was revoked on the hub"
    )
    page.get_by_role("button", name="Revoke this line").click()
    expect(page.get_by_test_id("enrol-until")).to_contain_text("was revoked")
    expect(copy).to_be_disabled()
    assert hub.get("/api/v1/enrolments")["enrolments"] == []
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("enrol-open")).to_be_focused()


def test_a_line_of_the_command_is_listed_with_who_joined(hub, open_page, start_line):
    page = open_page(f"{hub.url}/hosts")
    page.get_by_test_id("enrol-open").click()
    offered(page)
    command = [str(BIN / "fleetglass-hub"), "enroll", "--label", "by=command", "--data", str(hub.folder / "data")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    earlier = page.get_by_test_id("enrol-earlier")
    expect(earlier).to_contain_text("1, 1 wait")
    start_line(printed, "db-8")
    earlier.locator("summary").click()
    expect(earlier).to_contain_text("db-8 joined", timeout=JOIN_MS)
    expect(page.get_by_test_id("enrol")).to_contain_text("Others that came meanwhile")


def test_a_host_that_left_is_forgotten_after_one_question_and_is_gone_from_every_page(
    hub, start_agent, open_page, tmp_path
):
    (tmp_path / "app.log").write_text("")
    agent = start_agent("db-9", "--tail", str(tmp_path / "app.log"))
    hub.until_live("db-9")
    (tmp_path / "app.log").write_text("a line to forget\n")
    page, other = open_page(f"{hub.url}/hosts"), open_page(f"{hub.url}/")
    logs, host = open_page(f"{hub.url}/logs"), open_page(f"{hub.url}/host?host=db-9")
    expect(row(other, "db-9")).to_be_visible()
    expect(logs.get_by_test_id("line")).to_contain_text("a line to forget")
    expect(host.get_by_test_id("host-head")).to_contain_text("db-9")
    expect(page.get_by_role("button", name="Forget db-9")).to_have_count(0)
    agent.stop()
    expect(row(page, "db-9")).to_have_attribute("data-state", "left", timeout=JOIN_MS)
    ask = row(page, "db-9").get_by_role("button", name="Forget db-9")
    ask.click()
    dialog = page.get_by_test_id("forget")
    expect(dialog).to_contain_text("its key")
    expect(dialog).to_contain_text("its metrics since")
    expect(dialog).to_contain_text("all lines")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(ask).to_be_focused()
    assert len(hub.hosts()) == 1
    ask.click()
    page.get_by_test_id("forget-do").click()
    expect(dialog).to_have_count(0)
    expect(row(page, "db-9")).to_have_count(0)
    expect(row(other, "db-9")).to_have_count(0)
    expect(logs.get_by_test_id("line")).to_have_count(0)
    expect(host.get_by_test_id("host-head")).to_have_count(0)
    assert hub.hosts() == []


def test_presence_can_be_probed(hub, fleet, open_page):
    page = open_page(f"{hub.url}/hosts")
    canvas = page.get_by_test_id("presence")
    page.wait_for_selector('[data-testid="presence"][data-drawn]')
    page.wait_for_timeout(2_500)
    values = [one for one in canvas.evaluate("c => c.values()") if one["host"] == "good" and one["value"] is not None]
    assert values
    assert any(one["value"] == 1 for one in values)
