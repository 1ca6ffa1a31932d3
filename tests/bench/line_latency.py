"""write() of a line to a WebSocket client, p50 and p99, while the hub commits to disk.

A real agent, a real hub, a client on the binary subprotocol, at 10, 1,000 and 10,000 lines a second. References on the
same lines in the same seconds: `tail -F` into a pipe (what the kernel and a C program take), and rsyslog's imfile to
omfile, itself read by `tail -F`, where it is installed. The machine's other work is in all of them alike.

`make bench ARGS=line_latency`, or `python -m bench.line_latency RATE...` within tests/. On a machine that is busy with
other work: `chrt -f 10 make bench ARGS=line_latency` (root), or the figures are those of the scheduler.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.arrivals import Reader, stamped
from bench.cpu import cpu_s, tree
from harness.processes import Agent, Hub
from harness.waiting import until

RATES = (10, 1_000, 10_000)
SECONDS = {10: 15.0}
OTHERWISE_S = 6.0
LINE_BYTES = 120
TARGET = "reach p50 2 ms, p99 8 ms"

RSYSLOG = r"""
module(load="imfile")
global(workDirectory="{folder}")
input(type="imfile" file="{log}" tag="app" ruleset="keep")
template(name="raw" type="string" string="%msg%\n")
ruleset(name="keep") {{ action(type="omfile" file="{folder}/received" template="raw") }}
"""


def main() -> None:
    rates = [int(word) for word in sys.argv[1:]] or list(RATES)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        log = folder / "app.log"
        log.touch()
        hub = Hub(folder / "hub").start()
        stack.callback(hub.kill)
        agent = Agent(hub, folder, "web-1", "--tail", str(log)).start()
        stack.callback(agent.kill)
        hub.until_live("web-1")
        until(lambda: hub.hosts("web-1")[0]["streams"], "the log is followed")
        logger = _rsyslog(folder, log, stack)
        for rate in rates:
            _measure(rate, log, hub, agent, logger)


def _measure(rate: int, log: Path, hub: Hub, agent: Agent, logger: Path | None) -> None:
    seconds = SECONDS.get(rate, OTHERWISE_S)
    assert hub.process
    assert agent.process
    pids = {"agent": tree(agent.process.pid), "hub": [hub.process.pid]}
    with ExitStack() as stack:
        readers = {"fleetglass": Reader("live", hub.live_url), "reference tail -F | reader": _tail(log, stack)}
        if logger:
            readers["reference rsyslog to a file, tail -F"] = _tail(logger, stack)
        for reader in readers.values():
            stack.callback(reader.kill)
        time.sleep(0.5)
        before = {name: sum(map(cpu_s, them)) for name, them in pids.items()}
        count = write(log, rate, seconds)
        time.sleep(0.5)
        cost = {name: (sum(map(cpu_s, them)) - before[name]) / (seconds + 0.5) for name, them in pids.items()}
        print(f"{rate} lines/s: agent {cost['agent']:.1%}, hub {cost['hub']:.1%} of a core")
        for name, reader in readers.items():
            delays = sorted(reader.delays_ms())
            reach = f" ({TARGET})" if name == "fleetglass" else ""
            print(f"  {name}: {_figures(delays)}, {len(delays)} of {count} lines{reach}")


def write(log: Path, rate: int, seconds: float) -> int:
    """Write lines one by one at an even rate; how many."""
    count = int(rate * seconds)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    began_s = time.monotonic()
    for number in range(count):
        if (rest_s := began_s + number / rate - time.monotonic()) > 0:
            time.sleep(rest_s)
        os.write(descriptor, stamped(LINE_BYTES))
    os.close(descriptor)
    return count


def _figures(delays: list[float]) -> str:
    if not delays:
        return "nothing came"
    shares = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)]
    return ", ".join(f"{name} {delays[int(share * (len(delays) - 1))]:.2f} ms" for name, share in shares)


def _tail(path: Path, stack: ExitStack) -> Reader:
    command = ["tail", "-n0", "-F", str(path)]
    tail = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    stack.callback(tail.wait)
    stack.callback(tail.kill)
    assert tail.stdout is not None
    return Reader("pipe", stdin=tail.stdout.fileno())


def _rsyslog(folder: Path, log: Path, stack: ExitStack) -> Path | None:
    program = shutil.which("rsyslogd")
    if program is None:
        print("reference rsyslog: not installed")
        return None
    own = folder / "rsyslog"
    own.mkdir()
    settings = own / "rsyslog.conf"
    settings.write_text(RSYSLOG.format(folder=own, log=log))
    child = subprocess.Popen([program, "-n", "-f", str(settings), "-i", str(own / "pid")])
    stack.callback(child.wait)
    stack.callback(child.kill)
    received = own / "received"

    def has_begun() -> bool:
        with log.open("ab") as file:  # its file is made by its first line
            file.write(b"a line to begin with\n")
        return received.exists()

    until(has_begun, "rsyslog keeps lines")
    return received


if __name__ == "__main__":
    main()
