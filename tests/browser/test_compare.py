"""One figure over all hosts on the screen: rank, lines, band, focus, threshold."""

import re
import time

import pytest
from harness.waiting import until
from playwright.sync_api import expect

SECONDS = 60
# Name -> what the host's busiest disk does, all the time; one host peaks once.
LEVELS = {f"db-{number:02d}": 5.0 * number for number in range(1, 11)}
PEAK = ("db-03", 96.5)


def sample(agent, util: float, time_ms: int) -> None:
    agent.sample({"cpu.idle_pct": 100 - util, "disk.util_pct[sda]": util, "disk.util_pct[sdb]": 0.5}, time_ms)


@pytest.fixture
def fleet(start_fake, hub):
    agents = {name: start_fake(name, labels={"role": "db"}) for name in LEVELS}
    start_ms = (int(time.time()) - SECONDS) * 1_000
    for second in range(SECONDS):
        for name, agent in agents.items():
            util = PEAK[1] if (name == PEAK[0] and second == 30) else LEVELS[name]
            sample(agent, util, start_ms + second * 1_000)
    for name in agents:
        hub.until_live(name)
    return agents


def canvas(page):
    return page.get_by_test_id("compare-plot").locator("canvas[data-step]")


def rows(page) -> dict[str, dict]:
    found = canvas(page).evaluate("(node) => node.values?.() ?? []")
    return {row["host"]: row for row in found}


def ranked(page) -> list[str]:
    return (
        page.get_by_test_id("rank").locator("[data-host]").evaluate_all("(all) => all.map((row) => row.dataset.host)")
    )


def open_compare(open_page, hub, query: str = ""):
    page = open_page(f"{hub.url}/compare{query}")
    until(
        lambda: (found := rows(page)) and len(found) == len(LEVELS) and all(row["max"] for row in found.values()),
        "all hosts are compared",
    )
    return page


def test_the_rank_names_its_hosts_whole(start_fake, hub, open_page):
    names = [f"storage-node-{number:02d}.fra1" for number in range(1, 4)]
    now_ms = int(time.time()) * 1_000
    for name in names:
        sample(start_fake(name), 50.0, now_ms)
    page = open_page(f"{hub.url}/compare")
    links = page.get_by_test_id("rank").locator("[data-host] a")
    expect(links).to_have_count(len(names))
    cut = links.evaluate_all(
        "(all) => all.map((link) => link.parentElement).filter((cell) => cell.scrollWidth > cell.clientWidth).length"
    )
    assert cut == 0


def test_hosts_are_ranked_by_their_worst_moment_and_the_numbers_are_those_that_were_sent(fleet, hub, open_page):
    page = open_compare(open_page, hub)
    by_level = sorted(LEVELS, key=lambda name: -LEVELS[name])
    by_peak = [PEAK[0], *(name for name in by_level if name != PEAK[0])]
    until(lambda: ranked(page) == by_peak, "the host that peaked stands first")
    found = rows(page)
    for name, level in LEVELS.items():
        assert found[name]["max"] == pytest.approx(PEAK[1] if name == PEAK[0] else level)
    first = page.get_by_test_id("rank").locator("[data-host]").first
    expect(first.locator("[data-column=max]")).to_have_text("96.5")
    # A figure that is bad has its mark, not only its colour.
    expect(first.locator("[data-column=max] .warn, [data-column=max] .bad")).to_have_count(1)

    page.get_by_test_id("rank").get_by_role("button", name="avg").click()
    page.wait_for_url("**sort=-avg")
    until(lambda: ranked(page) == by_level, "the ranking is by average now")


def test_the_line_under_the_pointer_names_its_host_and_a_click_puts_it_in_focus(fleet, hub, open_page):
    page = open_compare(open_page, hub)
    node = canvas(page)
    box = node.bounding_box()
    level = LEVELS["db-08"]
    x, y = box["width"] * 0.95, box["height"] * (1 - level / 100)
    probed = node.evaluate("(node, [x, y]) => node.probe(x, y)", [x, y])
    assert probed["host"] == "db-08"
    assert probed["value"] == pytest.approx(level)
    page.mouse.move(box["x"] + x, box["y"] + y)
    expect(page.get_by_test_id("tip")).to_contain_text("db-08")
    expect(page.get_by_test_id("rank").locator("[data-host='db-08']")).to_have_class(re.compile("hov"))
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.wait_for_url("**focus=db-08")
    page.get_by_test_id("rank").locator("[data-host='db-02']").click(modifiers=["Shift"], position={"x": 200, "y": 8})
    page.wait_for_url("**focus=db-08&focus=db-02")
    page.reload()
    expect(page.get_by_test_id("rank").locator(".sel")).to_have_count(2)
    page.keyboard.press("Escape")
    page.wait_for_url(lambda url: "focus" not in url)


def test_a_drag_zooms_and_the_past_answers_from_history(fleet, hub, open_page):
    page = open_compare(open_page, hub)
    box = canvas(page).bounding_box()
    y = box["y"] + box["height"] * 0.4
    page.mouse.move(box["x"] + box["width"] * 0.84, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.95, y, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("from=.*to="))
    until(
        lambda: (
            25
            <= (int(canvas(page).get_attribute("data-to")) - int(canvas(page).get_attribute("data-from"))) / 1_000
            <= 40
            and rows(page)["db-10"]["avg"] == pytest.approx(LEVELS["db-10"])
        ),
        "the plot shows the half minute that was dragged over",
    )
    page.go_back()
    page.wait_for_url(lambda url: "from=" not in url)


def test_the_threshold_moves_by_keys_and_says_what_it_stands_at(fleet, hub, open_page):
    page = open_compare(open_page, hub)
    threshold = page.get_by_role("slider", name="Threshold")
    expect(threshold).to_have_attribute("aria-valuetext", "80.0 %")
    threshold.focus()
    page.keyboard.press("ArrowDown")
    expect(threshold).to_have_attribute("aria-valuetext", "79.0 %")
    page.keyboard.press("Shift+ArrowDown")
    expect(threshold).to_have_attribute("aria-valuetext", "69.0 %")


def test_another_metric_is_in_the_link_and_the_values_are_there_as_a_table(fleet, hub, open_page):
    page = open_compare(open_page, hub)
    page.get_by_test_id("compare-metric").click()
    page.get_by_role("menuitemradio", name="CPU busy %").click()
    page.wait_for_url("**metric=cpu")
    until(lambda: rows(page)["db-10"]["max"] == pytest.approx(LEVELS["db-10"]), "the plot shows the processor")
    page.keyboard.press("v")
    table = page.get_by_test_id("values")
    expect(table.locator("tbody tr")).to_have_count(len(LEVELS))
    expect(table.locator("tbody tr").first.locator("td").first).to_have_text(PEAK[0])


def test_a_host_that_is_lost_says_so_in_the_ranking(fleet, hub, open_page):
    page = open_compare(open_page, hub)
    fleet["db-10"].disconnect()
    expect(page.get_by_test_id("rank").locator("[data-host='db-10'] [data-column=now]")).to_have_text(
        "lost", timeout=20_000
    )
