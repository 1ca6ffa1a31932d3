"""Netdata's and Glances' pages by the probe that measures ours: first picture, main thread, longest task, JavaScript.

`make bench ARGS=dashboard_peers`, or `python -m bench.dashboard_peers SECONDS` within tests/. Both show one host, this
one; beside them stands our page of one host, in a fleet of 40. Netdata comes from Debian's packages, Glances from PyPI
(Debian's has no built page): as root, or with a network, the bench installs them, else it says what is missing.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.dashboard import PAGES, any_host, demo, ready
from bench.probe import Figures, probe
from harness.chromium import chromium
from harness.ports import free_port
from harness.waiting import until
from playwright.sync_api import Browser

SECONDS = 15.0
PACKAGES = Path(__file__).parents[2] / "deploy" / "dev" / "debian-packages.sh"
# Beside the environment, as a reference only.
LIBRARY = Path("var/bench-glances").resolve()

NETDATA = """
[global]
    run as user = root
[directories]
    cache = {folder}/cache
    lib = {folder}/lib
    log = {folder}/log
    config = {folder}/etc
[registry]
    enabled = no
[web]
    bind to = 127.0.0.1:{port}
"""


@contextmanager
def serving(command: list[str], port: int, **environment: str) -> Iterator[str]:
    """A program that serves a page; its address."""
    quiet = subprocess.DEVNULL
    running = subprocess.Popen(command, stdout=quiet, stderr=quiet, env={**os.environ, **environment})
    url = f"http://127.0.0.1:{port}/"
    try:
        until(lambda: subprocess.run(["curl", "-sf", "-o", os.devnull, url], check=False).returncode == 0, url, 60)
        yield url
    finally:
        running.terminate()
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            running.kill()


def netdata(browser: Browser, seconds: float) -> Figures | None:
    """Debian's Netdata with its own settings, on a free port."""
    if not shutil.which("netdata"):
        subprocess.run(["bash", str(PACKAGES), "--wanted", "netdata:netdata"], check=False)
    if not shutil.which("netdata"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        for name in ("cache", "lib", "log", "etc"):
            (Path(folder) / name).mkdir()
        settings = Path(folder) / "netdata.conf"
        settings.write_text(NETDATA.format(folder=folder, port=port))
        with serving(["netdata", "-D", "-c", str(settings)], port, DO_NOT_TRACK="1") as url:
            return probe(browser, url, ready("canvas"), seconds)


def glances(browser: Browser, seconds: float) -> Figures | None:
    """Glances with its web page."""
    if not (LIBRARY / "glances").exists():
        command = [sys.executable, "-m", "uv", "pip", "install", "-q", "--target", str(LIBRARY), "glances[web]"]
        subprocess.run(command, check=False)
    if not (LIBRARY / "glances").exists():
        return None
    port = free_port()
    command = [sys.executable, "-m", "glances", "-w", "-B", "127.0.0.1", "-p", str(port), "--disable-check-update"]
    with serving(command, port, PYTHONPATH=str(LIBRARY)) as url:
        return probe(browser, url, f"{ready('#cpu')}?.innerText.includes('%')", seconds)


def ours(browser: Browser, seconds: float) -> Figures | None:
    """A host's page."""
    path, selector = PAGES["host"]
    with demo(40, 0.2, 10) as url:
        return probe(browser, url + path.format(host=any_host(url)), ready(selector), seconds)


PEERS: dict[str, tuple[Callable[[Browser, float], Figures | None], str]] = {
    "fleetglass, a host": (ours, ""),
    "Netdata": (netdata, "apt-get install netdata"),
    "Glances": (glances, "PyPI: glances[web]"),
}


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    for name, (measure, package) in PEERS.items():
        with chromium() as browser:
            found = measure(browser, seconds)
        if found is None:
            print(f"  {name}: not installed, no reference ({package})", flush=True)
            continue
        print(
            f"  {name:18} first picture {found.first_s:5.2f} s, main thread {found.main_pct:5.1f} %, of it CPU "
            f"{found.cpu_pct:5.1f} %, longest task {found.longest_ms:4.0f} ms, heap {found.heap_before / 1e6:.1f} -> "
            f"{found.heap_after / 1e6:.1f} MB, JavaScript {found.script_bytes / 1_000:.0f} kB as it travels",
            flush=True,
        )


if __name__ == "__main__":
    main()
