"""What one page costs a browser: first picture, main thread, longest task, long frames, heap, JavaScript.

In: a browser, an address, and a JavaScript expression that is true once the page shows its first picture. Out:
`Figures`. Nothing here knows our pages, so that other dashboards are measured by the very same probe.
"""

import statistics
from typing import Any, NamedTuple

from playwright.sync_api import Browser, CDPSession, Page

OPENINGS = 3
SETTLE_S = 8.0
LONG_FRAME_MS = 50
VIEWPORT = {"width": 1440, "height": 900}

# From the first frame on it looks once a frame; the picture is there one frame after the expression came true.
_FIRST_PICTURE = """
window.firstPicture = new Promise((done) => { const look = () => {
  let ready = false;
  try { ready = !!(%s); } catch {}
  requestAnimationFrame(ready ? () => done(performance.now()) : look);
}; requestAnimationFrame(look); });
"""
_WATCH = """() => {
  window.tasks = []; window.longFrames = [];
  const watch = (type, into) => new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) into.push(duration);
  }).observe({ type });
  watch('longtask', window.tasks);
  watch('long-animation-frame', window.longFrames);
}"""
_INTERVALS = """(seconds) => new Promise((done) => {
  const found = []; let before = performance.now(); const end = before + seconds * 1000;
  const look = (now) => {
    found.push(now - before); before = now;
    now < end ? requestAnimationFrame(look) : done(found);
  };
  requestAnimationFrame(look);
})"""
_SCRIPTS = """() => performance.getEntriesByType('resource')
  .filter(({ name }) => /\\.m?js(\\?|$)/.test(name)).reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)"""


class Figures(NamedTuple):
    """`first_s`: median of some openings. `main_pct` is by the clock, so it counts what waits for a core as well."""

    first_s: float
    main_pct: float
    cpu_pct: float  # the same thread, by its CPU time: what is left of it on a busy machine
    longest_ms: float
    long_frames: tuple[float, ...]  # durations of frames of 50 ms and more
    heap_before: int
    heap_after: int
    script_bytes: int  # as they travel, compressed


def probe(browser: Browser, url: str, ready: str, seconds: float, openings: int = OPENINGS) -> Figures:
    """Open a page some times, watch the last one for so long, close it."""
    firsts = []
    for _ in range(openings - 1):
        page = opened(browser, url, ready)
        firsts.append(first_picture_s(page))
        page.context.close()
    page = opened(browser, url, ready)
    figures = watched(page, seconds)
    page.context.close()
    return figures._replace(first_s=statistics.median([*firsts, figures.first_s]))


def opened(browser: Browser, url: str, ready: str) -> Page:
    """The page with its first picture, in a context of its own: nothing is cached."""
    page = browser.new_context(viewport=VIEWPORT).new_page()
    page.add_init_script(_FIRST_PICTURE % ready)
    page.goto(url, wait_until="commit")
    first_picture_s(page)
    return page


def first_picture_s(page: Page) -> float:
    """From the start of the navigation to the frame with the first picture; waits for it."""
    milliseconds: float = page.evaluate("window.firstPicture")
    return milliseconds / 1_000


def watched(page: Page, seconds: float) -> Figures:
    """What an open page costs once it has settled."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.wait_for_timeout(SETTLE_S * 1_000)
    page.evaluate(_WATCH)
    session.send("HeapProfiler.collectGarbage")
    before = metrics(session)
    page.wait_for_timeout(seconds * 1_000)
    after = metrics(session)
    session.send("HeapProfiler.collectGarbage")
    heap_after = metrics(session)["JSHeapUsedSize"]
    passed_s = after["Timestamp"] - before["Timestamp"]
    return Figures(
        first_picture_s(page),
        (after["TaskDuration"] - before["TaskDuration"]) / passed_s * 100,
        (after["ThreadTime"] - before["ThreadTime"]) / passed_s * 100,
        page.evaluate("Math.max(0, ...window.tasks)"),
        tuple(page.evaluate("window.longFrames")),
        int(before["JSHeapUsedSize"]),
        int(heap_after),
        page.evaluate(_SCRIPTS),
    )


def frame_intervals_ms(page: Page, seconds: float) -> list[float]:
    """From frame to frame while one is asked for at every turn."""
    found: list[float] = page.evaluate(_INTERVALS, seconds)
    return found


def heap_bytes(page: Page) -> int:
    """What the page's JavaScript holds, once what it does not hold any more is collected."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("HeapProfiler.collectGarbage")
    held = metrics(session)["JSHeapUsedSize"]
    session.detach()
    return int(held)


def metrics(session: CDPSession) -> dict[str, float]:
    """Chromium's own counters, in seconds and bytes."""
    found: dict[str, Any] = session.send("Performance.getMetrics")
    return {one["name"]: one["value"] for one in found["metrics"]}
