"""A hub that asks for a password, as a person meets it."""

import subprocess

import pytest
from harness.axe import findings
from harness.processes import BIN
from playwright.sync_api import expect


@pytest.fixture
def guarded(start_hub, tmp_path):
    command = [str(BIN / "fleetglass-hub"), "passwd", "--data", str(tmp_path / "hub-0" / "data")]
    subprocess.run(command, input="correct horse\n", text=True, check=True, capture_output=True)
    return start_hub("--auth", "always")


def test_a_browser_signs_in_once_and_then_sees_the_fleet(guarded, open_page):
    page = open_page(f"{guarded.url}/")
    form = page.get_by_test_id("signin")
    expect(form).to_be_visible()
    expect(page.get_by_test_id("lens")).to_have_count(0)
    form.get_by_label("Password").fill("wrong password")
    form.get_by_role("button", name="Sign in").click()
    expect(form.get_by_role("alert")).to_contain_text("this is not the password")
    form.get_by_label("Password").fill("correct horse")
    form.get_by_label("Password").press("Enter")
    expect(page.get_by_test_id("freshness")).to_contain_text("Live", timeout=15_000)
    page.reload()
    expect(page.get_by_test_id("freshness")).to_contain_text("Live", timeout=15_000)
    expect(page.get_by_test_id("signin")).to_have_count(0)


def test_a_new_password_brings_a_watching_browser_back_to_signing_in(guarded, open_page):
    page = open_page(f"{guarded.url}/")
    page.get_by_test_id("signin").get_by_label("Password").fill("correct horse")
    page.get_by_test_id("signin").get_by_role("button").click()
    expect(page.get_by_test_id("freshness")).to_contain_text("Live", timeout=15_000)
    command = [str(BIN / "fleetglass-hub"), "passwd", "--data", str(guarded.folder / "data")]
    subprocess.run(command, input="another password\n", text=True, check=True, capture_output=True)
    page.reload()
    expect(page.get_by_test_id("signin")).to_be_visible()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_signing_in_has_no_serious_findings_also_after_a_wrong_password(guarded, open_page, theme):
    page = open_page(f"{guarded.url}/?theme={theme}")
    page.get_by_label("Password").fill("wrong password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("this is not the password")
    expect(page.get_by_label("Password")).to_be_focused()
    assert findings(page, "sign in") == []
