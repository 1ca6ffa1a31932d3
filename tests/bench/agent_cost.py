"""What an agent costs: CPU share and resident memory of all its processes at 1 Hz with two quiet logs, bytes a frame.

References, where Debian's packages are installed: collectd with the same inputs at 1 Hz, in the same seconds, and then
netdata as it comes. `make bench ARGS=agent_cost`, or `python -m bench.agent_cost SECONDS` within tests/.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench.cpu import cpu_s, resident_bytes, tree
from fleetglass_agent.uplink import batch
from fleetglass_proto.messages import Sample
from harness.processes import BIN, Hub, Process
from harness.toyhub import ToyHub

SECONDS = 60
# Start, first reports, and the release of what only the start needed.
SETTLE_S = 8
TARGET_CPU_PCT, TARGET_RESIDENT_MB, TARGET_FRAME_BYTES = 0.15, 19, 220

COLLECTD = """
Interval 1
BaseDir "{folder}"
PIDFile "{folder}/pid"
LoadPlugin cpu
LoadPlugin disk
LoadPlugin memory
LoadPlugin interface
LoadPlugin load
LoadPlugin network
<Plugin network>
  Server "127.0.0.1" "25826"
</Plugin>
"""


def main(seconds: float | None = None) -> None:
    if seconds is None:
        seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    row = Sample(1, 1_700_000_000_000, array("f", range(40)).tobytes())
    (frame,) = batch.messages(1_700_000_000_000, [row], [])
    print(f"agent frame of 40 series: {len(frame)} bytes of payload (reach {TARGET_FRAME_BYTES})")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        programs: dict[str, list[int]] = {"agent": _agent(folder, stack)}
        if program := shutil.which("collectd"):
            programs["collectd"] = [_collectd(program, folder, stack)]
        else:
            print("reference collectd: not installed")
        time.sleep(SETTLE_S)
        _watch(programs, seconds)
    # By itself: its plug-ins take some per cent of a core, and would push the others out of the caches.
    with ExitStack() as stack:
        if program := shutil.which("netdata"):
            root = _netdata(program, stack)
            time.sleep(SETTLE_S)
            _watch({"netdata": [root]}, seconds / 3)
        else:
            print("reference netdata: not installed")


def _watch(programs: dict[str, list[int]], seconds: float) -> None:
    """Print CPU and memory of each program's processes over the same span."""
    processes = {name: [pid for root in roots for pid in tree(root)] for name, roots in programs.items()}
    before = {pid: cpu_s(pid) for pids in processes.values() for pid in pids}
    began = time.monotonic()
    time.sleep(seconds)
    span_s = time.monotonic() - began
    for name, pids in processes.items():
        cpu_pct = {pid: 100 * (cpu_s(pid) - before[pid]) / span_s for pid in pids}
        resident = {pid: resident_bytes(pid) / 1e6 for pid in pids}
        names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids}
        parts = ", ".join(f"{names[pid]} {cpu_pct[pid]:.3f} % {resident[pid]:.1f} MB" for pid in pids)
        reach = f" (reach {TARGET_CPU_PCT} % and {TARGET_RESIDENT_MB} MB)" if name == "agent" else ""
        what = "agent" if name == "agent" else f"reference {name}"
        print(
            f"{what}: {sum(cpu_pct.values()):.3f} % of a core over {span_s:.0f} s, "
            f"{sum(resident.values()):.1f} MB ({parts}){reach}"
        )


def _agent(folder: Path, stack: ExitStack) -> list[int]:
    """An agent with two quiet logs, and the hub that it sends to."""
    for name in ("a.log", "b.log"):
        (folder / name).write_text("quiet\n")
    endpoint, environment, what = _hub(folder, stack)
    process = Process(
        [str(BIN / "fleetglass-agent"), "run", "--hub", endpoint, "--state", str(folder / "state"),
         "--tail", str(folder / "*.log")],
        environment,
    )  # fmt: skip
    stack.callback(process.kill)
    process.says("connected to the hub")
    print(f"agent: 1 Hz, two quiet logs, to {what}")
    return [process.pid]


def _hub(folder: Path, stack: ExitStack) -> tuple[str, dict[str, str], str]:
    hub = Hub(folder / "hub")
    stack.callback(hub.kill)
    try:
        hub.start()
        return hub.agents, hub.environment, "a real hub"
    except AssertionError:
        toy = ToyHub(folder / "toy").start()
        stack.callback(toy.stop)
        return toy.endpoint, toy.environment, "the tests' hub, since fleetglass-hub did not start"


def _collectd(program: str, folder: Path, stack: ExitStack) -> int:
    settings = folder / "collectd.conf"
    settings.write_text(COLLECTD.format(folder=folder))
    return _background([program, "-f", "-C", str(settings)], stack)


def _netdata(program: str, stack: ExitStack) -> int:
    return _background([program, "-D", "-W", "set", "web", "mode", "none"], stack)


def _background(command: list[str], stack: ExitStack) -> int:
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end: Callable[[], object] = child.terminate
    stack.callback(child.wait)
    stack.callback(end)
    return child.pid


if __name__ == "__main__":
    main()
