"""The page of one host: strips over one time axis, the second as iostat prints it, lines in step."""

import math
import re
import time

import pytest
from fleetglass_proto import messages
from harness.waiting import until
from playwright.sync_api import expect

SECONDS = 200
# Seconds ago that were never sampled.
HOLE = range(60, 90)
LOG = "/var/log/app.log"


def user_at(second: int) -> float:
    """What the invented host did in a second of its past."""
    return 20.0 + 15.0 * math.sin(second / 9.0)


def row(user: float, **more: float) -> dict[str, float]:
    values = {
        "cpu.user_pct": user, "cpu.nice_pct": 0.0, "cpu.system_pct": 5.0, "cpu.iowait_pct": 2.5, "cpu.steal_pct": 0.0,
        "cpu.idle_pct": 92.5 - user, "load.1m": 1.25, "disk.util_pct[sda]": 12.5, "disk.reads_per_s[sda]": 30.0,
        "disk.read_bytes_per_s[sda]": 1_024_000.0, "disk.read_await_ms[sda]": 0.5, "disk.writes_per_s[sda]": 10.0,
        "disk.write_bytes_per_s[sda]": 512_000.0, "disk.write_await_ms[sda]": 1.5, "disk.queue_depth[sda]": 0.25,
        "iostat.age_ms": 0.0,
    }  # fmt: skip
    return values | more


class Host:
    """An invented host with a past, and a present that the test moves on."""

    def __init__(self, agent) -> None:
        self.agent = agent
        self.start_ms = (int(time.time()) - SECONDS) * 1_000
        self.sent: dict[int, float] = {}
        for second in range(SECONDS):
            if SECONDS - second not in HOLE:
                self.sample(self.start_ms + second * 1_000, user_at(second))

    def sample(self, time_ms: int | None = None, user: float = 33.25, **more: float) -> int:
        at = self.agent.sample(row(user, **more), time_ms)
        self.sent[at] = user
        return at


@pytest.fixture
def host(start_fake, hub):
    made = Host(start_fake("db-03", labels={"role": "db"}))
    hub.until_live("db-03")
    return made


def strip(page, name: str):
    return page.locator(f"[data-strip={name}] canvas")


def values(page, name: str) -> list[dict]:
    return strip(page, name).evaluate("(canvas) => canvas.values?.() ?? []")


def point(page, name: str, share: float) -> tuple[float, float]:
    """A place on the page: so far along a strip's time axis, at half its height."""
    box = strip(page, name).bounding_box()
    return box["x"] + box["width"] * share, box["y"] + box["height"] / 2


def test_the_cpu_strip_holds_its_past_at_once_and_a_hole_stays_a_hole(host, hub, open_page):
    page = open_page(f"{hub.url}/host?host=db-03")
    shown = until(lambda: (found := values(page, "cpu")) and len(found) > 100 and found, "the strip has its past")
    assert {round(one["time_ms"]) for one in shown} <= set(host.sent)
    for one in shown:
        assert one["cpu.user_pct"] == pytest.approx(host.sent[round(one["time_ms"])], rel=1e-6)

    canvas = strip(page, "cpu")
    view = canvas.evaluate("(canvas) => ({...canvas.dataset, width: canvas.clientWidth})")
    span = int(view["to"]) - int(view["from"])
    assert view["hosts"] == "db-03"
    middle_of_hole = host.start_ms + (SECONDS - 75) * 1_000
    in_hole = view["width"] * (middle_of_hole - int(view["from"])) / span
    assert canvas.evaluate("(canvas, x) => canvas.probe(x, 5)", in_hole)["value"] is None
    beside = view["width"] * (middle_of_hole - 30_000 - int(view["from"])) / span
    probed = canvas.evaluate("(canvas, x) => canvas.probe(x, canvas.clientHeight - 1)", beside)
    assert probed["series"] == "cpu.user_pct"
    assert probed["value"] == pytest.approx(host.sent[round(probed["time_ms"])], rel=1e-6)


def test_the_second_is_the_row_that_iostat_printed_not_the_kernels_rows_after_it(host, hub, open_page):
    page = open_page(f"{hub.url}/host?host=db-03")
    cpu = page.get_by_test_id("iostat-cpu")
    host.sample(user=41.17)
    expect(cpu.locator("[data-column='%user']")).to_have_text("41.17")
    at = host.sample(user=77.77, **{"iostat.age_ms": 300.0})
    until(lambda: any(round(one["time_ms"]) == at for one in values(page, "cpu")), "the kernel's row is drawn")
    expect(cpu.locator("[data-column='%user']")).to_have_text("41.17")
    expect(page.get_by_test_id("second")).to_contain_text("as iostat prints it")

    disk = page.get_by_test_id("second").get_by_test_id("iostat-disk").locator("[data-device=sda]")
    shown = {name: disk.locator(f"[data-column='{name}']").inner_text() for name in ("tps", "kB/s", "await", "%util")}
    assert shown == {"tps": "40.00", "kB/s": "1500.00", "await": "0.75", "%util": "12.50"}
    page.get_by_role("tab", name="iostat -x").click()
    long = page.get_by_test_id("iostat-long").locator("[data-device=sda]")
    expect(long.locator("[data-column='rkB/s']")).to_have_text("1000.00")
    expect(long.locator("[data-column='w_await']")).to_have_text("1.50")


def test_where_no_iostat_runs_the_page_says_that_these_are_the_kernels_counters(start_fake, hub, open_page):
    agent = start_fake("bare")
    agent.sample({"cpu.user_pct": 12.5, "cpu.idle_pct": 87.5})
    page = open_page(f"{hub.url}/host?host=bare")
    expect(page.get_by_test_id("second")).to_contain_text("no iostat here")
    expect(page.get_by_test_id("iostat-cpu").locator("[data-column='%user']")).to_have_text("12.50")
    expect(page.get_by_test_id("iostat-cpu").locator("[data-column='%nice']")).to_have_text("—")


def test_pointing_at_a_line_moves_the_crosshair_and_pointing_at_the_second_marks_its_lines(host, hub, open_page):
    page = open_page(f"{hub.url}/host?host=db-03")
    until(lambda: 0.1 < time.time() % 1 < 0.5, "a sample and a line fall into the same second")
    host.sample()
    host.agent.lines(LOG, b"ERROR canceling statement due to statement timeout\n")
    line = page.get_by_test_id("dock").get_by_test_id("line")
    expect(line).to_have_count(1)
    expect(line).to_have_attribute("data-level", "error")
    second = line.locator(".t").inner_text()[:8]
    for _ in range(3):
        host.sample()
    line.hover()
    expect(page.locator(".cross .at")).to_have_text(second)
    expect(page.get_by_test_id("dock")).to_contain_text("1 line in this second, marked")
    page.mouse.move(5, 5)
    expect(page.locator(".cross")).to_be_hidden()

    canvas = strip(page, "cpu")
    # With the first line come the series of lines, and the charts are made anew.
    box = until(lambda: "to" in canvas.evaluate("(canvas) => canvas.dataset") and canvas.bounding_box(), "it is drawn")
    view = canvas.evaluate("(canvas) => ({...canvas.dataset})")
    at_ms = next(
        one["time_ms"]
        for one in reversed(values(page, "cpu"))
        if time.strftime("%H:%M:%S", time.gmtime(one["time_ms"] / 1_000)) == second
    )
    share = (at_ms - int(view["from"])) / (int(view["to"]) - int(view["from"]))
    page.mouse.move(box["x"] + box["width"] * share, box["y"] + 10)
    expect(page.locator(".ll.sec")).to_have_count(1)


def test_a_click_pins_the_second_in_the_link_and_escape_frees_it(host, hub, open_page):
    page = open_page(f"{hub.url}/host?host=db-03")
    until(lambda: len(values(page, "cpu")) > 100, "the strip has its past")
    page.mouse.click(*point(page, "cpu", 0.9))
    page.wait_for_url(re.compile(r"at=\d{4}-"))
    pinned = page.get_by_test_id("second-time").inner_text()
    page.mouse.move(5, 5)
    expect(page.get_by_test_id("second-time")).to_have_text(pinned)
    page.reload()
    expect(page.get_by_test_id("second-time")).to_have_text(pinned)
    page.get_by_test_id("strips").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_test_id("second-time")).not_to_have_text(pinned)
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "at=" not in url)


def test_dragging_zooms_every_strip_and_back_returns(host, hub, open_page):
    page = open_page(f"{hub.url}/host?host=db-03")
    until(lambda: len(values(page, "cpu")) > 100, "the strip has its past")
    from_x, y = point(page, "cpu", 0.85)
    to_x, _ = point(page, "cpu", 0.95)
    page.mouse.move(from_x, y)
    page.mouse.down()
    page.mouse.move(to_x, y, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("from=.*to="))

    def spans() -> set[int]:
        found = page.locator("[data-strip] canvas[data-from]").evaluate_all(
            "(all) => all.map((canvas) => Math.round((canvas.dataset.to - canvas.dataset.from) / 1000))"
        )
        return set(found)

    until(lambda: len(spans()) == 1 and 25 <= next(iter(spans())) <= 35, "all strips show the same thirty seconds")
    page.go_back()
    page.wait_for_url(lambda url: "from=" not in url)
    until(lambda: spans() == {300}, "all strips show five minutes again")


def test_a_lost_host_is_grey_with_its_age_and_comes_back_by_itself(host, hub, open_page):
    page = open_page(f"{hub.url}/host?host=db-03")
    host.sample(user=41.17)
    expect(page.get_by_test_id("state")).to_contain_text("live")
    host.agent.disconnect()
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "lost", timeout=20_000)
    expect(page.get_by_test_id("banner").first).to_contain_text("No data since")
    # The last values stay, and are called the last.
    expect(page.get_by_test_id("second")).to_contain_text("the last second received")
    expect(page.get_by_test_id("iostat-cpu").locator("[data-column='%user']")).to_have_text("41.17")
    host.agent.connect()
    host.agent.join()
    host.sample(user=9.09)
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "live", timeout=20_000)
    expect(page.get_by_test_id("iostat-cpu").locator("[data-column='%user']")).to_have_text("9.09")


def test_watching_raises_the_host_to_ten_hertz_and_leaving_lets_it_down(host, hub, open_page):
    page = open_page(f"{hub.url}/host?host=db-03")
    expect(page.get_by_test_id("host-head")).to_contain_text("10 Hz while watched")
    until(lambda: host.agent.next(messages.Interest).interval_ms == 100, "the agent is asked for ten samples a second")
    page.get_by_test_id("host-head").get_by_role("button", name="10 Hz while watched").click()
    until(lambda: host.agent.next(messages.Interest, 10).interval_ms != 100, "the agent is let down by hand")
    page.get_by_test_id("host-head").get_by_role("button", name="1 Hz").click()
    until(lambda: host.agent.next(messages.Interest, 10).interval_ms == 100, "the agent is asked again")
    page.goto(f"{hub.url}/hosts")
    until(lambda: host.agent.next(messages.Interest, 10).interval_ms != 100, "the agent is let down again")


def test_the_values_are_there_as_a_table_and_as_csv(host, hub, open_page):
    page = open_page(f"{hub.url}/host?host=db-03")
    until(lambda: len(values(page, "cpu")) > 100, "the strip has its past")
    page.keyboard.press("v")
    table = page.get_by_test_id("values")
    expect(table.locator("th").nth(1)).to_have_text("cpu.user_pct")
    expect(table.locator("tbody tr")).to_have_count(len(values(page, "cpu")))
    with page.expect_download() as download:
        table.get_by_role("button", name="Download").click()
    head = download.value.path().read_text().splitlines()[0]
    assert head.startswith("time_ms,cpu.user_pct,")
    page.keyboard.press("v")
    expect(table).to_have_count(0)


def test_a_host_that_nobody_knows_is_said_so(host, hub, open_page):
    page = open_page(f"{hub.url}/host?host=nobody")
    expect(page.get_by_test_id("empty-nomatch")).to_contain_text("No host is called nobody")


def test_pause_stops_the_picture_not_the_data(host, hub, open_page):
    page = open_page(f"{hub.url}/host?host=db-03")
    until(lambda: len(values(page, "cpu")) > 100, "the strip has its past")
    page.get_by_test_id("play-pause").click()
    expect(page.get_by_test_id("freshness")).to_contain_text("Paused")
    stands = strip(page, "cpu").get_attribute("data-to")
    at = host.sample(user=41.17)
    host.agent.lines(LOG, b"written during the pause\n")
    expect(page.get_by_test_id("new-lines")).to_contain_text("1 new line")
    assert strip(page, "cpu").get_attribute("data-to") == stands
    page.get_by_test_id("play-pause").click()
    expect(page.get_by_test_id("dock")).to_contain_text("written during the pause")
    until(lambda: any(round(one["time_ms"]) == at for one in values(page, "cpu")), "the sample of the pause is drawn")


def test_a_hub_that_restarts_takes_the_page_along(host, hub, open_page):
    page = open_page(f"{hub.url}/host?host=db-03")
    host.sample(user=41.17)
    expect(page.get_by_test_id("iostat-cpu").locator("[data-column='%user']")).to_have_text("41.17")
    hub.kill()
    expect(page.get_by_test_id("freshness")).not_to_contain_text("Live", timeout=10_000)
    expect(page.get_by_test_id("host-head")).to_contain_text("db-03")
    hub.start()
    host.agent.connect()
    host.agent.join()
    expect(page.get_by_test_id("freshness")).to_contain_text(re.compile("Live|behind"), timeout=30_000)
    host.sample(user=9.09)
    expect(page.get_by_test_id("iostat-cpu").locator("[data-column='%user']")).to_have_text("9.09", timeout=15_000)
    expect(page.get_by_test_id("state")).to_have_attribute("data-state", "live")
