"""A host whose clock is set while its agent runs: what it says of now stays at now."""

import sys
import time
from pathlib import Path

from harness.processes import Hub, Process
from harness.waiting import until

# The agent with a wall clock that is ahead by the seconds that stand in a file.
AGENT = """
import sys, time
real_ns = time.time_ns
time.time_ns = lambda: real_ns() + int(float(open(sys.argv[1]).read() or 0) * 1e9)
from fleetglass_agent.cli import main
sys.exit(main(sys.argv[2:]))
"""


def test_after_each_step_of_a_hosts_clock_its_samples_and_lines_are_of_now(tmp_path: Path) -> None:
    ahead, log = tmp_path / "ahead", tmp_path / "app.log"
    ahead.write_text("0")
    log.write_text("")
    hub = Hub(tmp_path / "hub").start()
    agent = Process(
        [sys.executable, "-c", AGENT, str(ahead), "run", "--hub", hub.agents, "--name", "web-1", "--state",
         str(tmp_path / "state"), "--tail", str(log), "--interval", "0.2"],
        hub.environment,
    )  # fmt: skip
    try:
        hub.until_live("web-1")
        for number, step_s in enumerate((3_600, -3_600, 0)):
            spare = tmp_path / "spare"
            spare.write_text(str(step_s))
            spare.rename(ahead)
            until(lambda step_s=step_s: abs(_offset_s(hub) - step_s) < 1, f"the offset is {step_s} s")
            at_ms = time.time() * 1_000
            with log.open("a") as file:
                file.write(f"line {number}\n")
            until(lambda at_ms=at_ms: _newest_sample_ms(hub) >= at_ms - 1_500, "a sample of now")
            line = until(lambda number=number: _lines(hub, f"line {number}"), "the line")[0]
            assert abs(line["time_ms"] - at_ms) < 5_000, (step_s, line, at_ms)
        assert agent.says("was set back by 7200")
        texts = [line["text"] for line in _lines(hub, "line")]
        assert texts == ["line 2", "line 1", "line 0"]
    finally:
        agent.kill()
        hub.kill()


def _offset_s(hub: Hub) -> float:
    return float(hub.hosts("web-1")[0]["clock_offset_ms"]) / 1_000


def _lines(hub: Hub, match: str) -> list[dict]:
    return hub.get("/api/v1/logs", filter="web-1", match=match)["lines"]


def _newest_sample_ms(hub: Hub) -> float:
    found = hub.get("/api/v1/metrics", filter="web-1", series="load.1m", **{"from": "-60s", "step": "1s"})["series"]
    times = [at for one in found for at, value in zip(one["time_ms"], one["avg"], strict=True) if value is not None]
    return max(times, default=0)
