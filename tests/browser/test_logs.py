"""The lines of the fleet on the screen: order, holding, filters, gaps, context, links, samples."""

import json
import re
import time
import urllib.parse

import pytest
from harness.processes import Hub
from harness.waiting import until
from playwright.sync_api import expect

LOG = "/var/log/app.log"
HOUR_MS = 3_600_000


def lines(page):
    return page.get_by_test_id("log").get_by_test_id("line")


def texts(page) -> list[str]:
    return page.evaluate(
        "() => [...document.querySelectorAll('[data-testid=log] [data-testid=line]')]"
        ".filter((row) => !row.hidden).sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)"
        ".map((row) => row.querySelector('.ms').textContent)"
    )


@pytest.fixture
def agent(start_fake):
    return start_fake("web-1", labels={"role": "web"})


def write(agent, *texts: str, path: str = LOG) -> int:
    return agent.lines(path, "".join(f"{text}\n" for text in texts).encode())


def test_lines_of_all_hosts_stand_in_corrected_time_order_though_a_clock_is_an_hour_ahead(start_fake, hub, open_page):
    fast = start_fake("fast", clock_ahead_ms=HOUR_MS)
    right = start_fake("right")
    for agent in (fast, right):
        agent.sample({"cpu.user_pct": 1.0})
        hub.until_live(agent.name)
    page = open_page(f"{hub.url}/logs")
    for number, agent in enumerate([right, fast, right, fast]):
        write(agent, f"line {number} of {agent.name}")
        expect(lines(page)).to_have_count(number + 1)
        time.sleep(0.15)  # so far apart that the measured clock offset orders them
    assert texts(page) == ["line 0 of right", "line 1 of fast", "line 2 of right", "line 3 of fast"]
    shown = lines(page).nth(0).locator(".t").inner_text()[:5]
    assert {row[:5] for row in lines(page).locator(".t").all_inner_texts()} <= {
        shown,
        time.strftime("%H:%M", time.gmtime()),
    }
    # What the host itself said is a hover away: of what came live, and of what a search brings.
    for _ in range(2):
        of_fast = lines(page).filter(has_text="line 1 of fast").locator(".t")
        expect(of_fast).to_have_attribute("title", re.compile(r"by the host's own clock, (1 h 0 m|59 m 59 s) ahead"))
        expect(lines(page).nth(0).locator(".t")).to_have_attribute("title", re.compile(r"clock, (\d+ ms|the same)"))
        page.reload()
    page.goto(f"{hub.url}/host?host=fast")
    expect(page.get_by_test_id("second-time")).to_have_attribute("title", re.compile("ahead"))


def test_scrolling_up_holds_the_picture_counts_what_comes_and_end_goes_on(agent, hub, open_page):
    page = open_page(f"{hub.url}/logs")
    write(agent, *(f"line {number}" for number in range(200)))
    expect(page.get_by_test_id("log")).to_contain_text("line 199")
    page.get_by_test_id("log").hover()
    page.mouse.wheel(0, -800)
    expect(page.get_by_test_id("log-status")).to_contain_text("Holding at")
    before = texts(page)
    write(agent, *(f"later {number}" for number in range(14)))
    expect(page.get_by_test_id("new-lines")).to_contain_text("14 new lines")
    assert texts(page) == before
    page.keyboard.press("End")
    expect(page.get_by_test_id("log")).to_contain_text("later 13")
    expect(page.get_by_test_id("new-lines")).to_have_count(0)


def test_selected_text_does_not_move(agent, hub, open_page):
    page = open_page(f"{hub.url}/logs")
    write(agent, *(f"line {number}" for number in range(100)))
    row = page.get_by_test_id("log").get_by_text("line 95", exact=True)
    row.dblclick()
    top = row.bounding_box()["y"]
    write(agent, *(f"more {number}" for number in range(50)))
    expect(page.get_by_test_id("new-lines")).to_contain_text("50 new lines")
    assert row.bounding_box()["y"] == top


def test_match_and_not_choose_lines_stand_in_the_link_and_are_marked(agent, hub, open_page):
    page = open_page(f"{hub.url}/logs")
    write(agent, "order 1 timeout", "order 2 fine", "healthz timeout")
    expect(lines(page)).to_have_count(3)
    page.get_by_test_id("log-include").fill("(?i)TIMEOUT")
    expect(lines(page)).to_have_count(2)
    expect(lines(page).first.locator("mark")).to_have_text("timeout")
    page.get_by_test_id("log-exclude").fill("healthz")
    expect(lines(page)).to_have_count(1)
    write(agent, "order 3 TimeOut", "order 4 fine")
    expect(lines(page)).to_have_count(2)
    page.reload()
    expect(lines(page)).to_have_count(2)
    assert texts(page) == ["order 1 timeout", "order 3 TimeOut"]


def test_a_pattern_that_makes_no_sense_says_why_and_the_lines_stay(agent, hub, open_page):
    page = open_page(f"{hub.url}/logs")
    write(agent, "one line")
    expect(lines(page)).to_have_count(1)
    page.get_by_test_id("log-include").fill("(")
    expect(page.get_by_role("alert")).to_contain_text("missing )")
    expect(lines(page)).to_have_count(1)
    page.get_by_test_id("log-include").fill("(o)ne")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_levels_are_counted_as_the_api_counts_and_can_be_switched_off(agent, hub, open_page):
    written = ["ERROR a", "ERROR b", "WARN c", '{"level":"info","msg":"d"}', "DEBUG e", "nothing said", "FATAL f"]
    page = open_page(f"{hub.url}/logs")
    end = write(agent, *written)
    agent.until_committed(LOG, end)
    counts = {
        level: len(hub.get("/api/v1/logs", filter="*", severity=level)["lines"])
        for level in ("fatal", "error", "warn", "info", "debug", "other")
    }
    assert sum(counts.values()) == len(written)
    for level, count in counts.items():
        expect(page.locator(f"button[data-level={level}]")).to_contain_text(f"{count}")
    # What ends a program is not one more error: it has the mark and the colour that its lines have.
    fatal = page.locator("button[data-level=fatal] span")
    ink = "(node, name) => getComputedStyle(node)[name]"
    assert fatal.evaluate(ink, "color") == lines(page).filter(has_text="FATAL f").evaluate(ink, "borderLeftColor")
    assert fatal.evaluate(ink, "color") != page.locator("button[data-level=error] span").evaluate(ink, "color")
    page.locator("button[data-level=error]").click()
    expect(lines(page)).to_have_count(len(written) - counts["error"])
    page.wait_for_url("**levels=**")
    page.reload()
    expect(lines(page)).to_have_count(len(written) - counts["error"])
    assert "error" not in lines(page).evaluate_all("(rows) => rows.map((row) => row.dataset.level)")


def test_what_programs_print_is_shown_as_they_meant_it_and_never_as_markup(agent, hub, open_page):
    page = open_page(f"{hub.url}/logs")
    agent.lines(LOG, b"\x1b[1;31mred\x1b[0m plain <img src=x onerror=alert(1)> \xff\xfe end\n")
    line = lines(page)
    expect(line).to_have_count(1)
    expect(line.locator(".a-red")).to_have_text("red")
    assert line.locator(".ms").inner_text() == "red plain <img src=x onerror=alert(1)> \ufffd\ufffd end"
    assert page.locator("img").count() == 0


def test_json_opens_as_a_table_and_a_value_becomes_a_search(agent, hub, open_page):
    page = open_page(f"{hub.url}/logs")
    write(agent, json.dumps({"msg": "slow", "trace": "51ce7d02", "q": {"ms": 12}}), json.dumps({"trace": "other"}))
    expect(lines(page)).to_have_count(2)
    lines(page).first.locator(".ms").click(position={"x": 5, "y": 8})
    fields = page.locator("[data-detail=field]")
    expect(fields).to_have_count(3)
    expect(fields.nth(2)).to_contain_text("q.ms")
    fields.nth(1).hover()
    fields.nth(1).get_by_text("all lines with this value").click()
    expect(page.get_by_test_id("log-include")).to_have_value("51ce7d02")
    expect(lines(page)).to_have_count(1)


def test_a_stack_trace_is_one_line_until_it_is_opened(agent, hub, open_page):
    page = open_page(f"{hub.url}/logs")
    trace = ["Traceback (most recent call last):", '  File "a.py", line 1, in f', "    g()", "ValueError: no"]
    write(agent, "INFO up", *trace, "INFO on")
    expect(lines(page)).to_have_count(3)
    folded = lines(page).nth(1)
    expect(folded).to_contain_text("ValueError: no")
    folded.get_by_text("▸ 3 lines").click()
    expect(page.locator("[data-detail=frame]")).to_have_count(3)
    expect(page.locator("[data-detail=frame]").last).to_contain_text("ValueError: no")


def test_a_range_that_is_missing_is_a_row_with_its_reason_and_size(agent, hub, open_page):
    page = open_page(f"{hub.url}/logs")
    end = write(agent, "before")
    expect(lines(page)).to_have_count(1)
    stream, file = agent.follow(LOG)
    agent.send(agent.gap(stream, file, end, end + 4_096, "truncated"))
    agent.send_batch(agent.batch(LOG, end + 4_096, b"after\n"))
    expect(lines(page)).to_have_count(2)
    gap = page.get_by_test_id("log").get_by_test_id("gap")
    expect(gap).to_contain_text("the file was cut")
    expect(gap).to_contain_text("4.00 KiB")
    tops = [row.bounding_box()["y"] for row in (lines(page).first, gap, lines(page).last)]
    assert tops == sorted(tops)


def test_context_shows_every_line_around_one_and_a_link_leads_there(agent, hub, open_page):
    end = write(
        agent,
        *(f"quiet {number}" for number in range(30)),
        "ERROR the one",
        *(f"still {number}" for number in range(30)),
    )
    agent.until_committed(LOG, end)
    page = open_page(f"{hub.url}/logs?match=ERROR", permissions=["clipboard-read", "clipboard-write"])
    expect(lines(page)).to_have_count(1)
    lines(page).first.hover()
    page.get_by_text("copy link").click()
    link = page.evaluate("navigator.clipboard.readText()")
    page.get_by_text("context ±20").click()
    expect(page.get_by_test_id("context")).to_contain_text("Around one line")
    expect(page.locator(".ll.cur")).to_contain_text("ERROR the one")
    expect(page.locator(".ll.dim").first).to_be_visible()
    page.get_by_test_id("log").press("Escape")
    expect(page.get_by_test_id("context")).to_have_count(0)

    query = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)
    offset = len("".join(f"quiet {number}\n" for number in range(30)))
    assert query["line"] == [f"web-1:{offset}:{LOG}"]
    colleague = open_page(link)
    expect(colleague.locator(".ll.cur")).to_have_attribute("data-offset", str(offset))
    expect(colleague.locator(".ll.cur")).to_be_in_viewport()


def test_a_download_holds_what_is_filtered_and_nothing_else(agent, hub, open_page):
    end = write(agent, *(f"{'ERROR' if number % 10 == 0 else 'INFO'} number {number}" for number in range(1_000)))
    agent.until_committed(LOG, end)
    page = open_page(f"{hub.url}/logs?match=ERROR")
    expect(page.locator("button[data-level=error]")).to_contain_text("100")
    page.get_by_role("button", name=re.compile("Download")).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON lines").click()
    rows = [json.loads(row) for row in download.value.path().read_text().splitlines()]
    assert [row["text"] for row in rows] == [f"ERROR number {number}" for number in range(0, 1_000, 10)]


def test_a_flood_is_shown_as_a_sample_that_says_so_and_its_counts_are_exact(agent, hub, open_page):
    page = open_page(f"{hub.url}/logs")
    expect(page.get_by_test_id("log-status")).to_contain_text("Showing all")
    status = page.get_by_test_id("log-status")
    sent = 0
    for _ in range(8):
        if status.get_attribute("data-one-in") != "1":
            break
        write(agent, *(f"INFO flood {sent + number}" for number in range(9_000)))
        write(agent, *(f"ERROR flood {sent + number}" for number in range(9_000)))
        sent += 9_000
        page.wait_for_timeout(250)
    expect(status).to_contain_text("Sampled 1 in")
    expect(status).to_contain_text("Counts and histogram are exact")
    total = f"{sent:,}"
    expect(page.locator("button[data-level=error]")).to_contain_text(total, timeout=10_000)
    expect(page.locator("button[data-level=info]")).to_contain_text(total)
    expect(page.get_by_test_id("gap").first).to_contain_text("left out")
    expect(status).to_contain_text("Showing all", timeout=15_000)


def test_a_hub_that_restarts_leaves_no_line_out_and_shows_none_twice(start_agent, hub: Hub, tmp_path, open_page):
    log = tmp_path / "app.log"
    log.write_text("")
    start_agent("web-1", "--tail", str(log))
    hub.until_live("web-1")
    page = open_page(f"{hub.url}/logs")

    def append(first: int, last: int) -> None:
        with log.open("a") as file:
            file.writelines(f"line {number}\n" for number in range(first, last))

    append(0, 10)
    expect(lines(page)).to_have_count(10)
    hub.kill()
    expect(page.get_by_test_id("log-status")).to_contain_text("Not live")
    append(10, 20)
    hub.start()
    expect(page.get_by_test_id("log")).to_contain_text("line 19", timeout=30_000)
    append(20, 25)
    expect(page.get_by_test_id("log")).to_contain_text("line 24")
    assert texts(page) == [f"line {number}" for number in range(25)]


def test_facets_narrow_to_a_host_or_leave_it_out(start_fake, hub, open_page):
    for name in ("web-1", "web-2"):
        write(start_fake(name), f"hello from {name}")
    page = open_page(f"{hub.url}/logs")
    expect(lines(page)).to_have_count(2)
    host = page.get_by_test_id("facets").locator("li", has_text="web-2")
    host.hover()
    host.get_by_role("button", name="not web-2").click()
    expect(lines(page)).to_have_count(1)
    expect(lines(page)).to_have_attribute("data-host", "web-1")
    expect(page.get_by_test_id("filter")).to_have_value("!web-2")


def test_a_file_that_is_left_out_stands_in_the_link_and_back_brings_it_again(agent, hub, open_page):
    page = open_page(f"{hub.url}/logs")
    write(agent, "wanted", path="/var/log/app.log")
    write(agent, "noise", path="/var/log/noise, loud.log")
    expect(lines(page)).to_have_count(2)
    file = page.get_by_test_id("facets").locator("li", has_text="noise, loud.log")
    file.hover()
    file.get_by_role("button", name="not /var/log/noise, loud.log").click()
    expect(lines(page)).to_have_count(1)
    page.reload()
    expect(lines(page)).to_have_text([re.compile("wanted")])
    page.go_back()
    expect(lines(page)).to_have_count(2)
    page.go_forward()
    expect(lines(page)).to_have_count(1)
    page.get_by_role("button", name="not /var/log/noise, loud.log ×").click()
    expect(lines(page)).to_have_count(2)
    assert "notpath" not in page.url


def test_the_histogram_counts_what_the_lines_say_and_a_drag_zooms(agent, hub, open_page):
    page = open_page(f"{hub.url}/logs")
    write(agent, *["ERROR a"] * 3, *["INFO b"] * 4)
    expect(lines(page)).to_have_count(7)
    canvas = page.get_by_test_id("histogram").locator("canvas")

    def sums() -> dict[str, int]:
        bins = canvas.evaluate("(canvas) => canvas.values?.() ?? []")
        return {key: sum(one[key] or 0 for one in bins) for key in ("error", "other")}

    until(lambda: sums() == {"error": 3, "other": 4}, "the histogram holds what was written")
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.99, box["y"] + 20, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("from=.*to="))
    expect(page.get_by_test_id("log-status")).to_contain_text("History")
