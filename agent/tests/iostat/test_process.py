"""Real children: iostat itself, and shell scripts that behave as badly as one can."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from math import isnan
from pathlib import Path

import pytest
from fleetglass_agent.iostat import process
from fleetglass_agent.iostat.process import Iostat
from fleetglass_agent.metrics.settings import MetricsSettings
from fleetglass_agent.metrics.source import Off
from harness.waiting import until

HEAD = "Linux 6.1.0 (vm) \t11/24/26 \t_x86_64_\t(2 CPU)\n\n\n"
REPORT = """avg-cpu:  %user   %nice %system %iowait  %steal   %idle
           1.00    0.00    2.00    0.00    0.00   97.00

Device            r/s     w/s  %util
vda              1.00    2.00   {}

\n"""


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def pump(source: Iostat, until: Callable[[], bool], what: str, within_s: float = 10) -> None:
    """Do what the agent's loop does until something is true."""
    end = time.monotonic() + within_s
    while not until():
        assert time.monotonic() < end, f"no {what} within {within_s} s"
        at = source.next_tick_ms()
        wait_s = 0.5 if at is None else max(0, min(500, at - now_ms())) / 1_000
        for descriptor in select.select(list(source.descriptors()), [], [], wait_s)[0]:
            source.receive(descriptor, now_ms())
        at = source.next_tick_ms()
        if at is not None and now_ms() >= at:
            source.tick(now_ms())


def reading(source: Iostat, within_s: float = 10) -> dict[str, float]:
    """The next row that carries a report."""
    found: dict[str, float] = {}

    def take() -> bool:
        found.update(zip(source.series, source.read(now_ms()), strict=True))
        return found["iostat.age_ms"] == 0

    pump(source, take, "report", within_s)
    return found


@pytest.fixture
def scripted(tmp_path: Path):
    """Make a source out of a shell script that is called as iostat."""
    sources: list[Iostat] = []

    def make(script: str, interval_ms: int = 1_000) -> Iostat:
        path = tmp_path / "iostat"
        (tmp_path / "head").write_text(HEAD)
        for util in ("5.00", "7.00", "99.00"):  # `cat 5.00` prints a report with this %util
            (tmp_path / util).write_text(REPORT.format(util))
        path.write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
        path.chmod(0o755)
        sources.append(Iostat(str(path), interval_ms))
        return sources[-1]

    yield make
    for source in sources:
        source.close()


def children() -> set[str]:
    return set(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())


def test_the_real_iostat_reports_cpu_and_disks_and_never_what_is_since_boot() -> None:
    source = process.make(MetricsSettings())
    try:
        row = reading(source)
        assert 99 < sum(value for name, value in row.items() if name.startswith("cpu.")) < 101
        assert any(name.startswith("disk.util_pct[") for name in row)
        again = dict(zip(source.series, source.read(now_ms() + 5), strict=True))
        assert again["iostat.age_ms"] >= 5
        assert all(isnan(value) for name, value in again.items() if name != "iostat.age_ms")
    finally:
        source.close()
    assert not children()


def test_without_dash_y_the_report_since_boot_is_left_out(scripted) -> None:
    old = """case "$*" in *-y*) echo "Usage: iostat [ options ]" >&2; exit 1;; esac
        cat head 99.00; cat 7.00; sleep 60"""
    assert reading(scripted(old))["disk.util_pct[vda]"] == 7.0


def test_a_busybox_that_knows_no_flags_is_called_without_them(scripted) -> None:
    script = """[ "$*" = 1 ] || exit 1
        cat 99.00; cat 7.00; sleep 60"""
    assert reading(scripted(script))["disk.util_pct[vda]"] == 7.0


def test_a_stopped_iostat_is_replaced(
    scripted, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleetglass_agent.iostat.supervision.PATIENCE_INTERVALS", 0.8)
    script = """echo $$ > pid; cat head; while :; do cat 5.00; sleep 0.2; done"""
    source = scripted(script)
    reading(source)
    first = int(Path(source._program).with_name("pid").read_text())
    os.kill(first, signal.SIGSTOP)
    reading(source)  # what still lay in the pipe
    while True:
        row = reading(source)
        if int(Path(source._program).with_name("pid").read_text()) != first:
            break
    assert row["disk.util_pct[vda]"] == 5.0
    assert "iostat stopped reporting for 0.8 s; starting it anew" in capfd.readouterr().err
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ended is started again without much of a pause."""
    monkeypatch.setattr("fleetglass_agent.iostat.supervision.DELAY_FIRST_MS", 50)


@pytest.mark.usefixtures("soon")
def test_one_that_ends_is_started_again_and_said_once(scripted, capfd: pytest.CaptureFixture[str]) -> None:
    source = scripted("cat head 5.00; echo oh no >&2; exit 3")
    reading(source)
    reading(source)
    assert capfd.readouterr().err.count("iostat ended (exit code 3: oh no); starting it anew") == 1


@pytest.mark.usefixtures("soon")
def test_one_that_always_ends_is_off_with_its_own_words(scripted) -> None:
    source = scripted("echo 'iostat: cannot open /proc/diskstats' >&2; exit 2")
    with pytest.raises(Off, match="exit code 2: iostat: cannot open /proc/diskstats"):
        reading(source)


@pytest.mark.usefixtures("soon")
def test_one_that_prints_rubbish_only_is_off(scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleetglass_agent.iostat.supervision.START_MS", 0)
    monkeypatch.setattr("fleetglass_agent.iostat.supervision.PATIENCE_INTERVALS", 0.2)
    source = scripted("while :; do echo hello world; sleep 0.05; done")
    with pytest.raises(Off, match=r"no report within .* but 'hello world"):
        reading(source)


def test_a_missing_iostat_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"apt-get": "/usr/bin/apt-get"}
    monkeypatch.setattr(process, "_find", lambda program, *_: found.get(program))
    with pytest.raises(Off) as off:
        process.make(MetricsSettings())
    assert (off.value.why, off.value.remedy) == ("iostat is not installed", "apt-get install sysstat")


def test_ending_the_agent_ends_the_whole_group_even_if_it_is_stopped(scripted) -> None:
    source = scripted("sleep 60 & echo $! > pid; cat head 5.00; wait")
    reading(source)
    grandchild = int(Path(source._program).with_name("pid").read_text())
    os.kill(source._child, signal.SIGSTOP)
    source.close()
    assert not children()
    assert not Path(f"/proc/{grandchild}").exists() or "Z" in Path(f"/proc/{grandchild}/stat").read_text().split()[2]


def test_the_child_dies_with_the_agent_because_its_pipe_is_closed(scripted) -> None:
    source = scripted("while cat 5.00; do sleep 0.05; done")
    reading(source)
    child, source._child = source._child, 0  # an agent that was killed kills nobody
    source.close()
    end = time.monotonic() + 5
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        assert time.monotonic() < end, "the child outlived the agent"
        time.sleep(0.01)


def test_a_stopped_child_dies_with_an_agent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import time; from fleetglass_agent.iostat import process\n"
        "from fleetglass_agent.metrics.settings import MetricsSettings\n"
        "print(process.make(MetricsSettings())._child, flush=True); time.sleep(60)\n"
    )
    agent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    with agent:
        assert agent.stdout
        child = int(agent.stdout.readline())
        until(lambda: Path(f"/proc/{child}/comm").read_text() == "iostat\n", "setpriv has become iostat")
        os.kill(child, signal.SIGSTOP)
        agent.kill()
    until(
        lambda: not Path(f"/proc/{child}").exists() or "\nState:\tZ" in Path(f"/proc/{child}/status").read_text(),
        "it is dead",
    )
