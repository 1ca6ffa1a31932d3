"""`make screenshots`: photographs of the running product, with the demo fleet, for README and docs.

Every page in both themes and two widths goes to docs/pictures/. The hosts are the demo's and say so in their names.
"""

import argparse
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from harness.chromium import chromium
from harness.ports import free_port
from harness.processes import BIN, Hub
from harness.waiting import until
from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
SIZES = {"": (1440, 900), "-phone": (390, 844)}
# The pictures show five minutes: so long, that none of it lies before the first sample.
WARM_UP_S = 310

PAGES = {
    "fleet": "/?group=role",
    "fleet-heatmap": "/?view=heatmap&group=role",
    "fleet-grid": "/?view=grid",
    "host": "/host?host={host}",
    "logs": "/logs",
    "compare": "/compare?metric=cpu",
    "hosts": "/hosts",
    "hosts-enrol": "/hosts",
}
# Pages that are what they are only after something is opened, by its test name.
OPENED = {"hosts-enrol": "enrol-open"}
SEARCHED = """() => !document.querySelector('[data-testid="log-status"]').textContent.includes("searching")"""
# Hubs of their own: one without hosts, one that asks who is there.
FIRST_RUN, SIGN_IN = "fleet-first-run", "sign-in"
README = ("fleet", "host")


def photograph(page: Page, url: str, name: str, file: str, settle_s: float) -> None:
    page.goto(url)
    page.wait_for_selector('[data-testid="signin"]' if name == SIGN_IN else '[data-testid="freshness"]')
    if name in OPENED:
        page.get_by_test_id(OPENED[name]).click()
    page.wait_for_timeout(settle_s * 1_000)
    if name == "logs":
        # Searched back over the whole window: the histogram holds no time that nobody looked at.
        page.wait_for_function(SEARCHED, timeout=60_000)
    page.screenshot(path=str(PICTURES / f"{file}.png"))
    print(f"  docs/pictures/{file}.png", flush=True)


def other_hubs(folder: Path) -> dict[str, Hub]:
    """The pages that no hub with hosts shows."""
    command = [str(BIN / "fleetglass-hub"), "passwd", "--data", str(folder / SIGN_IN / "data")]
    subprocess.run(command, input="only for the picture\n", text=True, check=True, capture_output=True)
    return {FIRST_RUN: Hub(folder / FIRST_RUN).start(), SIGN_IN: Hub(folder / SIGN_IN, "--auth", "always").start()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    parser.add_argument("--hosts", type=int, default=40)
    parser.add_argument("--warm-up", type=float, default=WARM_UP_S, help="seconds of activity before the first picture")
    parser.add_argument("--only", default="", help="pages to photograph, with commas")
    chosen = parser.parse_args()
    PICTURES.mkdir(parents=True, exist_ok=True)
    http = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as data:
        demo = subprocess.Popen(
            [sys.executable, "-m", "demo", "--hosts", str(chosen.hosts), "--http", http, "--data", data],
            env={"PYTHONPATH": str(ROOT / "tests"), "PATH": "/usr/bin:/bin"},
            cwd=ROOT,
        )
        others: dict[str, Hub] = {}
        try:
            others = other_hubs(Path(data))
            url = f"http://{http}"
            until(lambda: urllib.request.urlopen(f"{url}/healthz").status == 200, "the demo's hub serves", 30)
            time.sleep(chosen.warm_up)
            with chromium() as browser:
                for theme in ("dark", "light"):
                    for suffix, (width, height) in SIZES.items():
                        context = browser.new_context(
                            viewport={"width": width, "height": height}, color_scheme=theme, has_touch=bool(suffix)
                        )
                        page = context.new_page()
                        targets = {name: url + path.format(host="demo-db-02") for name, path in PAGES.items()}
                        targets |= {name: f"{hub.url}/" for name, hub in others.items()}
                        for name, target in targets.items():
                            if not chosen.only or name in chosen.only.split(","):
                                photograph(page, target, name, f"{name}{suffix}-{theme}", settle_s=3)
                        context.close()
        finally:
            for hub in others.values():
                hub.kill()
            demo.terminate()
            demo.wait(10)
    return 0


if __name__ == "__main__":
    sys.exit(main())
