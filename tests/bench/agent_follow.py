"""One followed file: write() to leaving the agent, lines a second to the hub's commit, CPU seconds a million lines.

References in the same run: `tail -F FILE | cat` on the same lines, and rsyslog (imfile to imtcp to a file) where it is
installed. Latency is taken at a ROUTER in this process, so it holds the encryption and the loopback, too.
"""

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench.cpu import cpu_s, tree
from harness.processes import BIN, Agent, Hub, Process
from harness.toyhub import ToyHub
from harness.waiting import until

LINE = b"2026-11-25T03:00:00.000Z web-1 app[4711]: " + b"x" * 77 + b"\n"  # 120 bytes
STREAM_LINES_PER_S = 200_000
STREAM_LINES = 1_000_000
BACKLOG_LINES = 2_000_000
PIECES_PER_S = 1_000
RATES = ((10, 5), (1_000, 5))  # lines/s, seconds

RSYSLOG = r"""
module(load="imfile")
module(load="imtcp")
global(workDirectory="{folder}")
input(type="imfile" file="{folder}/app.log" tag="app" ruleset="send")
input(type="imtcp" port="{port}" address="127.0.0.1" ruleset="keep")
template(name="raw" type="string" string="%msg%\n")
ruleset(name="send") {{ action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp") }}
ruleset(name="keep") {{ action(type="omfile" file="{folder}/received" template="raw") }}
"""


def main() -> None:
    _latency()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:
        _through_the_agent(Path(name) / "agent")
        _through_tail(Path(name) / "tail")
        if program := shutil.which("rsyslogd"):
            _through_rsyslog(program, Path(name) / "rsyslog")
        else:
            print("reference rsyslog: not installed")


def _latency() -> None:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        log = folder / "app.log"
        log.touch()
        hub = ToyHub(folder / "run").start()
        stack.callback(hub.stop)
        agent = Process(
            [str(BIN / "fleetglass-agent"), "run", "--hub", hub.endpoint, "--state", str(folder / "state"),
             "--tail", str(log)],
            hub.environment,
        )  # fmt: skip
        stack.callback(agent.kill)
        hub.until(lambda hub: len(hub.samples) >= 2, "two samples")
        with log.open("ab", buffering=0) as file:
            for rate, seconds in RATES:
                delays = _delays(hub, file.write, rate, seconds)
                p50, p99 = statistics.median(delays), statistics.quantiles(delays, n=100)[98]
                print(f"agent, write() to hub's socket at {rate} lines/s: p50 {p50:.2f} ms, p99 {p99:.2f} ms")


def _delays(hub: ToyHub, write: Callable[[bytes], int], rate: int, seconds: int) -> list[float]:
    """ms from each line's write to the arrival of the batch that holds it."""
    begin, end = sum(hub.line_arrival_lines), rate * seconds
    written = []
    began = time.monotonic_ns()
    for number in range(end):
        due_ns = began + number * 1_000_000_000 // rate
        while (left_ns := due_ns - time.monotonic_ns()) > 0:
            time.sleep(left_ns / 1e9)
        written.append(time.monotonic_ns())
        write(LINE)
    hub.until(lambda hub: sum(hub.line_arrival_lines) - begin >= end, "every line")
    arrived: list[int] = []
    for when, lines in zip(hub.line_arrival_ns, hub.line_arrival_lines, strict=True):
        arrived += [when] * lines
    return [(there - here) / 1e6 for here, there in zip(written, arrived[begin:], strict=True)]


def _through_the_agent(folder: Path) -> None:
    folder.mkdir()
    log = folder / "app.log"
    log.touch()
    hub = Hub(folder / "hub").start()
    agent = Agent(hub, folder, "bench", "--tail", str(log)).start()
    try:
        hub.until_live("bench")
        assert hub.process is not None
        assert agent.process is not None
        pids = {"agent": [agent.process.pid], "hub": [hub.process.pid]}

        def committed() -> int:
            lines = hub.get("/api/v1/logs", filter="bench", limit="1")["lines"]
            return lines[0]["offset"] + len(LINE) if lines else 0

        _measure("agent to the hub's log, live", log, committed, pids, STREAM_LINES, STREAM_LINES_PER_S)
        _measure("agent to the hub's log, backlog", log, committed, pids, BACKLOG_LINES, None)
    finally:
        agent.kill()
        hub.kill()


def _through_tail(folder: Path) -> None:
    folder.mkdir()
    log, received = folder / "app.log", folder / "received"
    log.touch()
    with received.open("wb") as sink:
        shell = subprocess.Popen(["sh", "-c", 'tail -F "$0" | cat', str(log)], stdout=sink, stderr=subprocess.DEVNULL)
        until(lambda: len(tree(shell.pid)) == 3, "tail and cat run")
        pids = {"tail and cat": tree(shell.pid)}
        try:
            size = lambda: received.stat().st_size  # noqa: E731 - one look
            _measure("reference tail -F | cat, live", log, size, pids, STREAM_LINES, STREAM_LINES_PER_S)
        finally:
            for pid in reversed(pids["tail and cat"]):
                subprocess.run(["kill", str(pid)], check=False)
            shell.wait()


def _through_rsyslog(program: str, folder: Path) -> None:
    folder.mkdir()
    log, received = folder / "app.log", folder / "received"
    log.touch()
    settings = folder / "rsyslog.conf"
    from harness.ports import free_port

    settings.write_text(RSYSLOG.format(folder=folder, port=free_port()))
    child = subprocess.Popen([program, "-n", "-f", str(settings), "-i", str(folder / "pid")], stderr=subprocess.DEVNULL)
    try:
        time.sleep(2)
        # A message is stored with the blank that follows its tag.
        size = lambda: received.stat().st_size * len(LINE) // (len(LINE) + 1) if received.exists() else 0  # noqa: E731
        _measure("reference rsyslog, live", log, size, {"both ends": [child.pid]}, STREAM_LINES, STREAM_LINES_PER_S)
    finally:
        child.terminate()
        child.wait()


def _measure(
    what: str, log: Path, arrived: Callable[[], int], pids: dict[str, list[int]], lines: int, per_s: int | None
) -> None:
    """Write lines at a rate (None: at once), wait until all have arrived, print rate and CPU."""
    goal = log.stat().st_size + lines * len(LINE)
    before = {name: sum(cpu_s(pid) for pid in group) for name, group in pids.items()}
    began = time.monotonic()
    _write(log, lines, per_s)
    until(lambda: arrived() >= goal, f"{what}: {lines} lines", 120)
    span_s = time.monotonic() - began
    used = {name: sum(cpu_s(pid) for pid in group) - before[name] for name, group in pids.items()}
    shares = ", ".join(f"{name} {1e6 * cpu / lines:.2f}" for name, cpu in used.items())
    print(f"{what}: {lines / span_s:,.0f} lines/s; CPU s a million lines: {shares}")


def _write(log: Path, lines: int, per_s: int | None) -> None:
    piece = (per_s or lines * PIECES_PER_S // 10) // PIECES_PER_S
    began = time.monotonic()
    with log.open("ab", buffering=0) as file:
        for done in range(0, lines, piece):
            file.write(LINE * min(piece, lines - done))
            if per_s and (left_s := began + done / per_s - time.monotonic()) > 0:
                time.sleep(left_s)


if __name__ == "__main__":
    main()
