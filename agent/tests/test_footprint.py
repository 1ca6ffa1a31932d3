"""What the agent loads and how much memory it takes: a library too many is noticed here, not on ten thousand hosts."""

import json
import subprocess
import sys
from pathlib import Path

from harness.processes import BIN, Process
from harness.toyhub import ToyHub

# asyncio costs 10 MB, msgspec 10, numpy 30; hashlib loads OpenSSL: 3.6. The others are what once crept in.
HEAVY = {
    "asyncio", "msgspec", "numpy", "psutil", "re2", "hashlib", "_hashlib", "ssl", "logging", "argparse", "subprocess",
    "dataclasses", "inspect", "ipaddress", "email", "urllib", "http", "uuid", "tempfile", "unittest",
    "importlib.metadata",
    "fleetglass_proto.typed",
}  # fmt: skip

RUN = """
import json, os, signal, sys
from fleetglass_agent import footprint
from fleetglass_agent.cli import main
footprint.release = lambda: os.kill(os.getpid(), signal.SIGTERM)  # called when everything ran once
code = main(sys.argv[1:])
print(json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""


def test_a_running_agent_has_loaded_nothing_heavy(tmp_path):
    hub = ToyHub(tmp_path / "run").start()
    log = tmp_path / "app.log"
    log.write_text("")
    command = [sys.executable, "-c", RUN, "run", "--hub", hub.endpoint, "--state", str(tmp_path / "state"),
               "--tail", str(log), "--interval", "0.1"]  # fmt: skip
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, env=hub.environment, check=False)
    finally:
        hub.stop()
    report = json.loads(ended.stdout)
    assert report["code"] == 0
    assert "zmq" in report["modules"]
    assert HEAVY.isdisjoint(report["modules"]), sorted(HEAVY & set(report["modules"]))


def test_all_its_processes_stay_below_19_mb_resident(tmp_path):
    hub = ToyHub(tmp_path / "run").start()
    logs = [tmp_path / "a.log", tmp_path / "b.log"]
    for log in logs:
        log.write_text("")
    agent = Process(
        [str(BIN / "fleetglass-agent"), "run", "--hub", hub.endpoint, "--state", str(tmp_path / "state"),
         "--tail", str(tmp_path / "*.log")],
        hub.environment,
    )  # fmt: skip
    try:
        hub.until(lambda hub: len(hub.samples) >= 7, "seven samples: the start is over")
        kilobytes = {pid: _resident_kb(pid) for pid in [agent.pid, *_children(agent.pid)]}
    finally:
        agent.kill()
        hub.stop()
    assert sum(kilobytes.values()) <= 19_000, kilobytes


def _resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
