"""Full disks: the hub's data, the agent's state. Said in words, shown as not ready, and no line is lost by it."""

import pytest
from harness.killing import numbers_of
from harness.numbered import DIGITS, NumberedLog
from harness.processes import Agent, Hub
from harness.smalldisk import SmallDisk
from harness.waiting import until


@pytest.fixture
def disk(tmp_path):
    with SmallDisk(tmp_path / "small") as disk:
        yield disk


def is_kept(hub, number):
    return f"{number:0{DIGITS}d}" in str(hub.get("/api/v1/logs", filter="web-1", limit="1"))


def test_a_hub_whose_disk_is_full_says_so_goes_on_showing_and_keeps_everything_once_there_is_room(tmp_path, disk):
    log = tmp_path / "app.log"
    log.touch()
    # The key is made in the data folder, so the hub gets its folder below the small disk.
    hub = Hub(disk.folder / "hub")
    hub.environment = {"FLEETGLASS_RUNTIME_DIR": str(tmp_path / "runtime")}
    hub.start()
    agent = Agent(hub, tmp_path, "web-1", "--tail", str(log)).start()
    try:
        hub.until_live("web-1")
        until(lambda: hub.hosts("web-1")[0]["streams"], "the log is followed")
        disk.fill(hub.process)
        writer = NumberedLog(log, 2_000)
        until(lambda: hub.request("/readyz")[0] == 503, "the hub is not ready", 10)
        body = hub.request("/readyz")[1].decode()
        assert "full" in body or "large" in body or "space" in body, body
        hub.until_live("web-1")
        assert hub.request("/healthz")[0] == 200
        disk.free(hub.process)
        until(lambda: hub.request("/readyz")[0] == 200, "the hub is ready again", 10)
        written = writer.stop()
        until(lambda: is_kept(hub, written - 1), "the last line is kept", 20)
        assert numbers_of(hub) == list(range(written))
        assert "Traceback" not in agent.process.output() + hub.process.output()
    finally:
        agent.kill()
        hub.kill()


def test_a_hub_killed_while_its_disk_is_full_has_every_line_after_its_restart(tmp_path, disk):
    log = tmp_path / "app.log"
    log.touch()
    hub = Hub(disk.folder / "hub")
    hub.environment = {"FLEETGLASS_RUNTIME_DIR": str(tmp_path / "runtime")}
    hub.start()
    agent = Agent(hub, tmp_path, "web-1", "--tail", str(log)).start()
    try:
        hub.until_live("web-1")
        until(lambda: hub.hosts("web-1")[0]["streams"], "the log is followed")
        writer = NumberedLog(log, 2_000)
        until(lambda: numbers_of(hub), "lines are kept")
        disk.fill(hub.process)
        until(lambda: hub.request("/readyz")[0] == 503, "the hub is not ready", 10)
        hub.kill()
        assert "Traceback" not in hub.process.output()
        disk.free(hub.process)
        hub.start()
        written = writer.stop()
        until(lambda: is_kept(hub, written - 1), "the last line is kept", 20)
        assert numbers_of(hub) == list(range(written))
    finally:
        agent.kill()
        hub.kill()


def test_an_agent_whose_state_folder_is_full_says_so_and_loses_nothing_even_when_it_is_killed(tmp_path, hub, disk):
    log = tmp_path / "app.log"
    log.touch()
    agent = Agent(hub, disk.folder, "web-1", "--tail", str(log)).start()
    try:
        hub.until_live("web-1")
        until(lambda: hub.hosts("web-1")[0]["streams"], "the log is followed")
        disk.fill(agent.process)
        writer = NumberedLog(log, 2_000, rotate_every_s=0.7)
        agent.process.says("cannot keep positions", within_s=10)
        until(lambda: numbers_of(hub), "lines are kept")
        agent.kill()
        agent.start()
        hub.until_live("web-1")
        written = writer.stop()
        until(lambda: is_kept(hub, written - 1), "the last line is kept", 20)
        assert numbers_of(hub) == list(range(written))
        assert "Traceback" not in agent.process.output()
    finally:
        agent.kill()
