"""Lines through kill -9 of agent and hub in turn, while their file is rotated: every line once, in order."""

import os
import shutil
import time
from pathlib import Path

import pytest
from harness.processes import Agent, Hub
from harness.waiting import until

# Lines a second, for so long; one of the two is killed each second.
RATE = 20_000
SECONDS = 5


class Log:
    """A writer that numbers its lines, and its logrotate."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "app.log"
        self.count = 0
        self.file = self.path.open("ab", buffering=0)

    def write_up_to(self, number: int) -> None:
        lines = [b"%09d %s\n" % (one, b"x" * 100) for one in range(self.count, min(number, self.count + 2_000))]
        self.file.write(b"".join(lines))
        self.count += len(lines)

    def rotate(self, how: str) -> None:
        for number in range(20, 0, -1):
            old = self.path.with_name(f"app.log.{number}")
            if old.exists():
                old.rename(self.path.with_name(f"app.log.{number + 1}"))
        first = self.path.with_name("app.log.1")
        if how == "copytruncate":
            shutil.copy(self.path, first)
            os.truncate(self.path, 0)
            return
        self.path.rename(first)
        self.file.close()
        self.file = self.path.open("ab", buffering=0)


def lines_of(hub: Hub) -> list[int]:
    """The numbers of all lines in the history, oldest first."""
    found: list[int] = []
    query = {"filter": "web-1", "limit": "10000"}
    while True:
        page = hub.get("/api/v1/logs", **query)
        found += [int(line["text"][:9]) for line in page["lines"]]
        if not page["next"]:
            return found[::-1]
        query["cursor"] = page["next"]


@pytest.mark.parametrize("how", ["rename", "copytruncate"])
def test_agent_and_hub_killed_in_turn_while_the_log_is_rotated_lose_and_double_nothing(tmp_path, how):
    (tmp_path / "logs").mkdir()
    log = Log(tmp_path / "logs")
    hub = Hub(tmp_path / "hub", "--auth", "none").start()
    agent = Agent(hub, tmp_path, "web-1", "--tail", str(tmp_path / "logs" / "*.log")).start()
    try:
        hub.until_live("web-1")
        started = time.monotonic()
        kills = rotations = 0
        while (elapsed := time.monotonic() - started) < SECONDS:
            log.write_up_to(int(elapsed * RATE))
            if elapsed > kills + 0.7:
                victim = hub if kills % 2 else agent
                victim.kill()
                victim.start()
                kills += 1
            if elapsed > rotations * 1.2 + 0.9:
                log.rotate(how)
                rotations += 1
            time.sleep(0.002)
        log.write_up_to(log.count + 1)
        last = log.count - 1
        until(
            lambda: f"{last:09d}" in str(hub.get("/api/v1/logs", filter="web-1", limit="1")),
            "the last line is there",
            30,
        )
        got = lines_of(hub)
        assert kills >= 4
        assert rotations >= 3
        assert len(set(got)) == len(got)
        assert set(range(log.count)) - set(got) == set()
        assert got == sorted(got)
    finally:
        agent.kill()
        hub.kill()
        log.file.close()
