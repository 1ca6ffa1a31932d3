"""The network between agent and hub cut and stalled, and the hub stopped (SIGSTOP), while a log is written."""

import signal
import time
from pathlib import Path

import pytest
from fleetglass_proto import localkey
from harness.killing import numbers_of
from harness.numbered import DIGITS, NumberedLog
from harness.processes import Agent
from harness.proxy import Proxy
from harness.waiting import until


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "logs" / "app.log"
    path.parent.mkdir()
    path.touch()
    return path


@pytest.fixture
def proxy(hub):
    with Proxy(hub.agents_port) as proxy:
        # To the agent the proxy's port is the hub's: it finds the key there.
        localkey.write(proxy.port, localkey.read(hub.agents_port, hub.environment), hub.environment)
        yield proxy


@pytest.fixture
def agent(hub, proxy, tmp_path, log):
    agent = Agent(hub, tmp_path, "web-1", "--tail", str(log))
    agent.endpoint = f"tcp://127.0.0.1:{proxy.port}"
    agent.start()
    hub.until_live("web-1")
    until(lambda: hub.hosts("web-1")[0]["streams"], "the log is followed")
    yield agent
    agent.kill()


def all_lines(hub, written, within_s=30.0):
    last = f"{written - 1:0{DIGITS}d}"
    until(lambda: last in str(hub.get("/api/v1/logs", filter="web-1", limit="1")), f"line {last} is kept", within_s)
    return numbers_of(hub)


def test_a_network_that_is_cut_again_and_again_costs_no_line_and_doubles_none(hub, proxy, agent, log):
    writer = NumberedLog(log, 5_000)
    for away_s in (0.0, 0.2, 1.0, 0.0):
        time.sleep(0.4)
        proxy.cut()
        time.sleep(away_s)
        proxy.mend()
    written = writer.stop()
    assert all_lines(hub, written) == list(range(written))
    assert "Traceback" not in agent.process.output() + hub.process.output()


def test_a_network_that_swallows_everything_makes_the_host_late_and_costs_no_line(hub, proxy, agent, log):
    writer = NumberedLog(log, 2_000)
    time.sleep(0.5)
    proxy.stall()
    until(lambda: hub.hosts("web-1")[0]["state"] == "late", "web-1 is late", 8)
    assert hub.hosts("web-1")[0]["age_s"] >= 2.5
    proxy.mend()
    hub.until_live("web-1")
    written = writer.stop()
    assert all_lines(hub, written) == list(range(written))


def test_a_hub_that_stands_still_for_seconds_goes_on_where_it_stood(hub, agent, log):
    writer = NumberedLog(log, 5_000)
    time.sleep(0.5)
    hub.process.signal(signal.SIGSTOP)
    time.sleep(3)
    hub.process.signal(signal.SIGCONT)
    hub.until_live("web-1")
    written = writer.stop()
    assert all_lines(hub, written) == list(range(written))
    assert "Traceback" not in agent.process.output() + hub.process.output()
