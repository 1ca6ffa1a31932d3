"""What the dashboard costs a browser with 1,000 live hosts: first picture, main thread, longest task, heap, JavaScript.

`make bench ARGS=dashboard`, or `python -m bench.dashboard HOSTS SECONDS PART...` within tests/. The parts are the
pages; `frames`, how even those of the heatmap come; `flood`, the logs of 40 hosts that write 5,000 lines/s, with how
long a key waits meanwhile; and, only if it is asked for, `heap`, all pages side by side (600 seconds show a leak). More
than 2,000 hosts are a fleet in memory (`dashboard_fleet`): the pages of the fleet only. The browser and the hub share
the machine here: on two cores the shares are larger than for a reader whose hub runs elsewhere.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.probe import LONG_FRAME_MS, Figures, frame_intervals_ms, heap_bytes, opened, probe, watched
from harness.chromium import chromium
from harness.ports import free_port
from harness.waiting import until
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
HOSTS, SECONDS = 1_000, 15.0
FRAMES_S = 60.0
TARGET_FIRST_S, TARGET_MAIN_PCT, TARGET_JS_BYTES = 1.0, 20.0, 150_000
# `{host}`: any of the fleet. The host's page samples ten times a second and has the lines of its host beside.
PAGES = {
    "table": ("/?group=role", "[data-testid=row]"),
    "heatmap": ("/?view=heatmap&group=role", "[data-testid=fleet-heatmap] canvas[data-drawn]"),
    "grid": ("/?view=grid", "[data-testid=fleet-grid] canvas[data-drawn]"),
    "host": ("/host/{host}", "[data-testid=strips] canvas[data-drawn]"),
    "hosts": ("/hosts", "[data-testid=row]"),
    "logs": ("/logs", "[data-testid=line]"),
    "compare": ("/compare", "canvas[data-drawn]"),
}
FLEET = ("table", "heatmap", "grid", "hosts")
FRAMES, FLOOD, HEAP = "frames", "flood", "heap"
HEAP_LOOKS = 10
# Above it the demo's one process cannot speak for every host each second.
DEMO_HOSTS_MAX = 2_000
FLOOD_HOSTS, FLOOD_RATE = 40, 18.0  # 5,000 lines a second and some more
KEYS = 20


def ready(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)})"


def printed(name: str, found: Figures) -> str:
    return (
        f"  {name:8} first picture {found.first_s:5.2f} s (reach {TARGET_FIRST_S:g}), "
        f"main thread {found.main_pct:5.1f} %, of it CPU {found.cpu_pct:5.1f} % (reach {TARGET_MAIN_PCT:g}), "
        f"longest task {found.longest_ms:4.0f} ms, frames over {LONG_FRAME_MS} ms {len(found.long_frames)} "
        f"(longest {max(found.long_frames, default=0):.0f}), "
        f"heap {found.heap_before / 1e6:.1f} -> {found.heap_after / 1e6:.1f} MB, "
        f"JavaScript {found.script_bytes / 1_000:.0f} kB compressed (reach {TARGET_JS_BYTES / 1_000:.0f})"
    )


def frames(browser: Browser, url: str) -> None:
    """How even the frames of the heatmap come over a minute."""
    page = opened(browser, address(url, "heatmap"), ready(PAGES["heatmap"][1]))
    page.wait_for_timeout(8_000)
    intervals = frame_intervals_ms(page, FRAMES_S)
    p99 = statistics.quantiles(intervals, n=100)[98]
    over = sum(interval > LONG_FRAME_MS for interval in intervals)
    print(
        f"  {'frames':8} heatmap, {len(intervals)} frames in {FRAMES_S:g} s: p50 {statistics.median(intervals):.1f}, "
        f"p99 {p99:.1f}, longest {max(intervals):.1f} ms; over {LONG_FRAME_MS} ms: {over} (reach 0)",
        flush=True,
    )
    page.context.close()


def heap(browser: Browser, url: str, seconds: float) -> None:
    """What the pages hold, side by side, after collecting what nobody holds: ten looks in equal steps."""
    pages = {name: opened(browser, address(url, name), ready(PAGES[name][1])) for name in PAGES}
    time.sleep(30)
    held: dict[str, list[int]] = {name: [heap_bytes(page)] for name, page in pages.items()}
    for _ in range(HEAP_LOOKS):
        time.sleep(seconds / HEAP_LOOKS)
        for name, page in pages.items():
            held[name].append(heap_bytes(page))
    for name, sizes in held.items():
        looks = " ".join(f"{size / 1e6:.1f}" for size in sizes)
        print(f"  {name:8} heap over {seconds:g} s, MB: {looks} (reach: flat)", flush=True)
        pages[name].context.close()


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
    with tempfile.TemporaryDirectory() as data:
        command = [
            "demo", "--hosts", str(hosts), "--http", f"127.0.0.1:{free_port()}", "--data", data, "--rate", str(rate)
        ]  # fmt: skip
        if hosts > DEMO_HOSTS_MAX:
            command, settle_s = ["bench.dashboard_fleet", str(hosts)], 1
        running = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={"PYTHONPATH": str(ROOT / "tests"), "PATH": "/usr/bin:/bin"},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert running.stdout is not None
            said = until(lambda: re.search(r"http://[\d.:]+", running.stdout.readline()), "the fleet serves", 120)
            time.sleep(settle_s)
            yield said.group()
        finally:
            running.terminate()
            running.wait(20)


def address(url: str, name: str) -> str:
    path = PAGES[name][0]
    return url + path.format(host=any_host(url) if "{host}" in path else "")


def any_host(url: str) -> str:
    with urllib.request.urlopen(f"{url}/api/v1/hosts") as answer:
        names = sorted(host["name"] for host in json.load(answer)["hosts"] if host["state"] == "live")
    return str(names[len(names) // 2])


def main(hosts: int | None = None, seconds: float | None = None) -> None:
    hosts = hosts or (int(sys.argv[1]) if len(sys.argv) > 1 else HOSTS)
    seconds = seconds or (float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS)
    chosen = sys.argv[3:] or ([*PAGES, FRAMES, FLOOD] if hosts <= DEMO_HOSTS_MAX else [*FLEET, FRAMES])
    if pages := [name for name in chosen if name != FLOOD]:
        # Five minutes of the past make the first answer as large as it gets; a quarter of it shows the same.
        with demo(hosts, 0.2, 75) as url, chromium() as browser:
            print(f"{hosts:,} live hosts; {seconds:g} s a page")
            for name in pages:
                if name == FRAMES:
                    frames(browser, url)
                elif name == HEAP:
                    heap(browser, url, seconds)
                else:
                    found = probe(browser, address(url, name), ready(PAGES[name][1]), seconds)
                    print(printed(name, found), flush=True)
    if FLOOD in chosen:
        flood(seconds)
    print("  Netdata's and Glances' pages by the same probe: make bench ARGS=dashboard_peers")


def flood(seconds: float) -> None:
    """The logs under more lines than anybody reads."""
    path, selector = PAGES["logs"]
    with demo(FLOOD_HOSTS, FLOOD_RATE, 5) as url, chromium() as browser:
        page = opened(browser, url + path, ready(selector))
        print(printed(FLOOD, watched(page, seconds)), flush=True)
        waits = [key_wait_ms(page) for _ in range(KEYS)]
        status = page.get_by_test_id("log-status").inner_text().splitlines()[0]
        print(f"  {'':8} a key waits p50 {statistics.median(waits):.0f}, at most {max(waits):.0f} ms; {status!r}")


if __name__ == "__main__":
    main()
