"""What the dashboard costs a browser with 1,000 live hosts: first picture, main thread, longest task, heap, JavaScript.

`make bench ARGS=dashboard`, or `python -m bench.dashboard HOSTS SECONDS` within tests/ (600 seconds show a leak); at
last the logs of 40 hosts that write 5,000 lines/s, and how long a key waits meanwhile. The browser and the hub share
the machine here: on two cores the shares are larger than for a reader whose hub runs elsewhere.
"""

import gzip
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.chromium import chromium
from harness.ports import free_port
from harness.waiting import until
from playwright.sync_api import Browser, CDPSession, Page

ROOT = Path(__file__).parents[2]
HOSTS, SECONDS = 1_000, 15.0
SETTLE_S = 8.0
TARGET_FIRST_S, TARGET_MAIN_PCT, TARGET_JS_BYTES = 1.0, 20.0, 150_000
PAGES = {
    "fleet, table": ("/?group=role", "[data-testid=row]"),
    "fleet, heatmap": ("/?view=heatmap&group=role", "[data-testid=fleet-heatmap] canvas[data-drawn]"),
    "fleet, grid": ("/?view=grid", "[data-testid=fleet-grid] canvas[data-drawn]"),
    "hosts": ("/hosts", "[data-testid=row]"),
    "logs": ("/logs", "[data-testid=line]"),
    "compare": ("/compare", "canvas[data-drawn]"),
}


FLOOD = "logs, a flood"
FLOOD_HOSTS, FLOOD_RATE = 40, 18.0  # 5,000 lines a second and some more
KEYS = 20
REFERENCES = {"netdata": "Netdata's dashboard", "glances": "Glances' page"}


def metrics(session: CDPSession) -> dict[str, float]:
    found: dict[str, Any] = session.send("Performance.getMetrics")
    return {one["name"]: one["value"] for one in found["metrics"]}


def measure(browser: Browser, url: str, name: str, seconds: float) -> None:
    path, sign = PAGES["logs" if name == FLOOD else name]
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    scripts: dict[str, int] = {}
    page.on(
        "response",
        lambda answer: (
            scripts.__setitem__(answer.url, len(gzip.compress(answer.body(), 6)))
            if answer.request.resource_type == "script"
            else None
        ),
    )
    session = context.new_cdp_session(page)
    session.send("Performance.enable")
    began = time.monotonic()
    page.goto(url + path, wait_until="commit")
    page.wait_for_selector(sign, state="attached", timeout=60_000)
    first_s = time.monotonic() - began
    page.wait_for_timeout(SETTLE_S * 1_000)
    page.evaluate(
        """() => { window.tasks = []; new PerformanceObserver((list) => {
             for (const entry of list.getEntries()) window.tasks.push(entry.duration);
           }).observe({ entryTypes: ['longtask'] }); }"""
    )
    session.send("HeapProfiler.collectGarbage")
    before, began = metrics(session), time.monotonic()
    page.wait_for_timeout(seconds * 1_000)
    after, passed_s = metrics(session), time.monotonic() - began
    session.send("HeapProfiler.collectGarbage")
    heap = metrics(session)["JSHeapUsedSize"]
    longest: float = page.evaluate("Math.max(0, ...window.tasks)")
    main_pct = (after["TaskDuration"] - before["TaskDuration"]) / passed_s * 100
    print(
        f"  {name:15} first picture {first_s:5.2f} s (reach {TARGET_FIRST_S:g}), main thread {main_pct:5.1f} % "
        f"(reach {TARGET_MAIN_PCT:g}), longest task {longest:4.0f} ms, "
        f"heap {before['JSHeapUsedSize'] / 1e6:.1f} -> {heap / 1e6:.1f} MB, "
        f"JavaScript {sum(scripts.values()) / 1_000:.0f} kB compressed (reach {TARGET_JS_BYTES / 1_000:.0f})",
        flush=True,
    )
    if name == FLOOD:
        waits = [key_wait_ms(page) for _ in range(KEYS)]
        status = page.get_by_test_id("log-status").inner_text().splitlines()[0]
        print(
            f"  {'':15} a key waits p50 {statistics.median(waits):.0f}, at most {max(waits):.0f} ms; {status!r}",
            flush=True,
        )
    context.close()


def key_wait_ms(page: Page) -> float:
    """From a key to the page's next picture after it."""
    page.evaluate(
        """() => { window.waited = new Promise((done) => addEventListener('keydown', (event) =>
             requestAnimationFrame(() => setTimeout(() => done(performance.now() - event.timeStamp))),
             { once: true })); }"""
    )
    page.keyboard.press("Shift")
    waited: float = page.evaluate("window.waited")
    return waited


@contextmanager
def demo(hosts: int, rate: float, settle_s: float) -> Iterator[str]:
    """A demo fleet that has settled; its address."""
    http = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as data:
        running = subprocess.Popen(
            [sys.executable, "-m", "demo", "--hosts", str(hosts), "--http", http, "--data", data, "--rate", str(rate)],
            env={"PYTHONPATH": str(ROOT / "tests"), "PATH": "/usr/bin:/bin"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert running.stdout is not None
            until(lambda: "http://" in running.stdout.readline(), "the demo serves", 120)
            time.sleep(settle_s)
            yield f"http://{http}"
        finally:
            running.terminate()
            running.wait(20)


def main(hosts: int | None = None, seconds: float | None = None) -> None:
    hosts = hosts or (int(sys.argv[1]) if len(sys.argv) > 1 else HOSTS)
    seconds = seconds or (float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS)
    # Five minutes of the past make the first answer as large as it gets; a quarter of it shows the same.
    with demo(hosts, 0.2, 75) as url, chromium() as browser:
        print(f"{hosts:,} live hosts; {seconds:g} s a page")
        for name in PAGES:
            measure(browser, url, name, seconds)
    flood(seconds)


def flood(seconds: float) -> None:
    """The logs under more lines than anybody reads."""
    with demo(FLOOD_HOSTS, FLOOD_RATE, 5) as url, chromium() as browser:
        measure(browser, url, FLOOD, seconds)
    for command, what in REFERENCES.items():
        if not shutil.which(command):
            print(f"  {what}: not installed")


if __name__ == "__main__":
    main()
