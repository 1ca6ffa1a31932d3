"""The whole way to the screen: real iostat, real agent, real hub, real Chromium."""

import os
import re
import signal
import subprocess

from harness.live import LiveClient
from harness.waiting import until
from playwright.sync_api import expect

COLUMNS = ["%user", "%nice", "%system", "%iowait", "%steal", "%idle"]
SERIES = ["cpu.user_pct", "cpu.nice_pct", "cpu.system_pct", "cpu.iowait_pct", "cpu.steal_pct", "cpu.idle_pct"]


def shown_cpu(page) -> tuple[str, ...]:
    """The avg-cpu row of the page, read in one go so that it is of one second."""
    cells = page.evaluate(
        """() => [...document.querySelectorAll('[data-testid=iostat-cpu] td[data-column]')]
                 .map((cell) => [cell.dataset.column, cell.textContent.trim()])"""
    )
    values = dict(cells)
    return tuple(values.get(column, "") for column in COLUMNS)


def test_the_number_on_the_page_is_the_number_of_the_api_is_what_iostat_printed(
    hub, start_agent, kept_iostat, monkeypatch, open_page
):
    monkeypatch.setenv("PATH", kept_iostat.environment(os.environ["PATH"])["PATH"])
    start_agent("web-1")
    hub.until_live("web-1")
    page = open_page(f"{hub.url}/host?host=web-1")
    expect(page.get_by_test_id("second")).to_contain_text("as iostat prints it")

    on_page: list[tuple[str, ...]] = []
    in_api: list[tuple[str, ...]] = []

    def three_seconds() -> bool:
        values = hub.hosts("web-1")[0]["values"]
        if values["iostat.age_ms"] == 0:
            in_api.append(tuple(f"{values[name]:.2f}" for name in SERIES))
        row = shown_cpu(page)
        if row[0] and row not in on_page:
            on_page.append(row)
        return len(on_page) >= 4

    until(three_seconds, "the page shows four seconds of iostat")
    printed = kept_iostat.cpu_rows()
    first = printed.index(on_page[0])
    assert printed[first : first + len(on_page)] == on_page
    assert set(in_api) & set(on_page)
    assert set(in_api) <= set(printed)


def test_a_line_appended_to_a_file_is_on_the_page(hub, start_agent, tmp_path, open_page):
    log = tmp_path / "app.log"
    log.write_text("")
    start_agent("web-1", "--tail", str(log))
    hub.until_live("web-1")
    page = open_page(f"{hub.url}/host?host=web-1")
    expect(page.get_by_test_id("freshness")).to_contain_text("Live")
    with log.open("a") as file:
        file.write("ERROR payment failed: card <b>4711</b>\n")
    # The line is text and never markup.
    expect(page.get_by_test_id("dock")).to_contain_text("payment failed: card <b>4711</b>")


def test_the_fleet_moves_each_second_and_its_filter_is_in_the_url(hub, start_agent, open_page):
    start_agent("web-1", "--label", "role=web")
    start_agent("db-1", "--label", "role=db")
    hub.until_live("web-1")
    hub.until_live("db-1")
    page = open_page(f"{hub.url}/")
    rows = page.get_by_test_id("fleet-table").get_by_test_id("row")
    expect(rows).to_have_count(2)
    page.get_by_test_id("filter").fill("role=db")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("db-1")
    page.wait_for_url("**/?hosts=role=db")
    page.reload()
    expect(page.get_by_test_id("fleet-table").get_by_test_id("row")).to_have_count(1)

    drawn = page.locator("canvas[data-newest]").first
    newest = float(drawn.get_attribute("data-newest") or 0)
    until(
        lambda: float(drawn.get_attribute("data-newest") or 0) >= newest + 2_000, "the picture moves on by two seconds"
    )


def test_a_second_browser_shares_the_first_ones_channels(hub, start_agent, open_page):
    start_agent("web-1")
    hub.until_live("web-1")

    def figure(name: str) -> int:
        status, body, _ = hub.request("/metrics")
        assert status == 200
        found = re.search(rf"^fleetglass_hub_{name} ([0-9.]+)".encode(), body, re.MULTILINE)
        assert found, body[:2_000]
        return int(float(found[1]))

    pages = [open_page(f"{hub.url}/") for _ in range(2)]
    for page in pages:
        expect(page.get_by_test_id("fleet-table").get_by_test_id("row")).to_have_count(1)
        expect(page.get_by_test_id("summary").get_by_text("Log lines")).to_be_visible()
    assert figure("subscribers") == 2
    shared = until(lambda: figure("channels"), "the browsers' channels")
    # If the second had channels of its own, they would go with it.
    pages[1].close()
    until(lambda: figure("subscribers") == 1, "the hub lets go of the second browser")
    assert figure("channels") == shared


def test_a_browser_killed_while_it_watches_harms_nobody(hub, start_agent):
    start_agent("web-1")
    hub.until_live("web-1")
    with LiveClient(hub.live_url) as stays:
        stays.send(op="subscribe", id=1, hosts="*", series=["cpu.*"], interval_ms=1000)
        stays.next("samples")
        doomed = subprocess.Popen(
            [
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                f"{hub.url}/",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            subscribers = rb"^fleetglass_hub_subscribers ([0-9.]+)"

            def watching() -> int:
                found = re.search(subscribers, hub.request("/metrics")[1], re.MULTILINE)
                return int(float(found[1])) if found else 0

            until(lambda: watching() >= 2, "the doomed browser watches")
        finally:
            os.killpg(doomed.pid, signal.SIGKILL)
            doomed.wait()
        until(lambda: watching() == 1, "the hub lets go of the killed browser")
        for _ in range(2):
            stays.next("samples")
    assert hub.process is not None
    assert not re.search(r"Traceback|ERROR|Exception", hub.process.output()), hub.process.output()


def test_a_hub_and_an_agent_killed_and_started_again_come_back_on_the_screen_by_themselves(hub, start_agent, open_page):
    agent = start_agent("web-1")
    hub.until_live("web-1")
    page = open_page(f"{hub.url}/")
    freshness = page.get_by_test_id("freshness")
    expect(freshness).to_contain_text("Live")

    hub.kill()
    expect(freshness).not_to_contain_text("Live", timeout=10_000)
    expect(freshness).to_contain_text(re.compile("Reconnecting|unreachable"))
    hub.start()
    expect(freshness).to_contain_text("Live", timeout=30_000)

    row = page.get_by_test_id("fleet-table").get_by_test_id("row")
    expect(row).to_have_attribute("data-state", "live", timeout=20_000)
    agent.kill()
    expect(row).to_have_attribute("data-state", re.compile("late|lost"), timeout=20_000)
    agent.start()
    expect(row).to_have_attribute("data-state", "live", timeout=20_000)
