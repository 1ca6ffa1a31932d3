"""What the dashboard costs a browser with 1,000 live hosts: first picture, main thread, longest task, heap, JavaScript.

`make bench ARGS=dashboard`, or `python -m bench.dashboard HOSTS SECONDS` within tests/. The browser and the hub share
the machine here: on two cores the shares are larger than for a reader whose hub runs elsewhere.
"""

import gzip
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from harness.chromium import chromium
from harness.ports import free_port
from harness.waiting import until
from playwright.sync_api import Browser, CDPSession

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


def metrics(session: CDPSession) -> dict[str, float]:
    found: dict[str, Any] = session.send("Performance.getMetrics")
    return {one["name"]: one["value"] for one in found["metrics"]}


def measure(browser: Browser, url: str, name: str, seconds: float) -> None:
    path, sign = PAGES[name]
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
    context.close()


def main(hosts: int | None = None, seconds: float | None = None) -> None:
    hosts = hosts or (int(sys.argv[1]) if len(sys.argv) > 1 else HOSTS)
    seconds = seconds or (float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS)
    http = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as data:
        demo = subprocess.Popen(
            [sys.executable, "-m", "demo", "--hosts", str(hosts), "--http", http, "--data", data, "--rate", "0.2"],
            env={"PYTHONPATH": str(ROOT / "tests"), "PATH": "/usr/bin:/bin"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert demo.stdout is not None
            until(lambda: "http://" in demo.stdout.readline(), "the demo serves", 120)
            # Five minutes of the past make the first answer as large as it gets; a quarter of it shows the same.
            time.sleep(75)
            print(f"{hosts:,} live hosts; {seconds:g} s a page")
            with chromium() as browser:
                for name in PAGES:
                    measure(browser, f"http://{http}", name, seconds)
        finally:
            demo.terminate()
            demo.wait(20)


if __name__ == "__main__":
    main()
