"""A hub, an agent, a log that is written and rotated, a screen; and somebody who kills them.

`Battle.round` plays one seeded round; `verdict` compares what was written with the hub's history and with the screen.
"""

import itertools
import random
import time
from pathlib import Path
from typing import Any, NamedTuple

from harness.numbered import DIGITS, NumberedLog
from harness.processes import Agent, Hub
from harness.screen import Screen
from harness.waiting import until

VICTIMS = ("hub", "agent", "both")


class Verdict(NamedTuple):
    """Counts of lines. `screen_lost` counts those that no gap speaks of, or that one speaks of without reason."""

    written: int
    kills: int
    lost: int
    twice: int
    disordered: int
    screen_lost: int
    screen_twice: int
    screen_disordered: int
    screen_gaps: int

    def faults(self) -> dict[str, int]:
        """What must not be, where it is."""
        harmless = ("written", "kills", "screen_gaps")
        return {name: count for name, count in self._asdict().items() if count and name not in harmless}


class Battle:
    """The four, in a folder. Use it as a context."""

    def __init__(self, folder: Path) -> None:
        (folder / "logs").mkdir()
        self.log = folder / "logs" / "app.log"
        self.log.touch()
        self.hub = Hub(folder / "hub").start()
        self.agent = Agent(self.hub, folder, "web-1", "--tail", str(self.log)).start()
        self.outputs: list[str] = []
        self.hub.until_live("web-1")
        until(lambda: self.hub.hosts("web-1")[0]["streams"], "the log is followed")
        self.screen = Screen(self.hub.live_url)
        assert self.screen.is_subscribed.wait(10), "the screen is subscribed"
        self.written = self.kills = 0

    def __enter__(self) -> "Battle":
        return self

    def __exit__(self, *_: object) -> None:
        self.screen.close()
        self.agent.kill()
        self.hub.kill()
        self._keep_output()

    def round(self, seed: int, seconds: float, lines_per_s: int, victims: tuple[str, ...] = VICTIMS) -> None:
        """Write for a while, and kill at random instants."""
        chance = random.Random(seed)
        writer = NumberedLog(self.log, lines_per_s, chance.uniform(0.5, 2.0), self.written)
        try:
            end_s = time.monotonic() + seconds
            while time.monotonic() < end_s:
                time.sleep(chance.uniform(0.0, 0.8))
                self._kill(chance.choice(victims), chance.choice([0.0, 0.0, chance.uniform(0.0, 1.0)]))
        finally:
            self.written = writer.stop()

    def _kill(self, victim: str, away_s: float) -> None:
        chosen: list[Hub | Agent] = [] if victim == "agent" else [self.hub]
        chosen += [] if victim == "hub" else [self.agent]
        for one in chosen:
            one.kill()
        self._keep_output(*chosen)
        time.sleep(away_s)
        for one in chosen:
            one.start()
        self.kills += len(chosen)

    def _keep_output(self, *ended: Any) -> None:
        for one in ended or (self.hub, self.agent):
            if one.process:
                self.outputs.append(one.process.output())

    def verdict(self, within_s: float = 30.0) -> Verdict:
        """Wait until the last line is in the history and on the screen, then count."""
        last = f"{self.written - 1:0{DIGITS}d}"
        until(
            lambda: last in str(self.hub.get("/api/v1/logs", filter="web-1", limit="1")),
            f"line {last} is in the history",
            within_s,
        )
        until(
            lambda: self.screen.numbers and self.screen.numbers[-1] == self.written - 1,
            f"line {last} is on the screen",
            within_s,
        )
        kept, seen = numbers_of(self.hub), list(self.screen.numbers)
        everything = set(range(self.written))
        missing = everything - set(seen)
        return Verdict(
            self.written,
            self.kills,
            len(everything - set(kept)),
            len(kept) - len(set(kept)),
            _falls(kept),
            _untold(len(missing), self.screen.gaps),
            len(seen) - len(set(seen)),
            _falls(seen),
            len(self.screen.gaps),
        )

    def tracebacks(self) -> list[str]:
        """Outputs that hold one."""
        running = [one.process.output() for one in (self.hub, self.agent) if one.process]
        return [text for text in (*self.outputs, *running) if "Traceback" in text]


def numbers_of(hub: Hub, name: str = "web-1") -> list[int]:
    """The numbers of all lines in the history, oldest first."""
    found: list[int] = []
    query = {"filter": name, "limit": "10000"}
    while True:
        page = hub.get("/api/v1/logs", **query)
        found += [int(line["text"][:DIGITS]) for line in page["lines"]]
        if not page["next"]:
            return found[::-1]
        query["cursor"] = page["next"]


def _untold(missing: int, gaps: list[dict[str, Any]]) -> int:
    """Missing lines beside those that gaps count; a gap of unknown size may hold any number."""
    counts = [gap["lines"] for gap in gaps]
    return 0 if None in counts else abs(missing - sum(counts))


def _falls(numbers: list[int]) -> int:
    """How often a number is below the one before it."""
    return sum(one > two for one, two in itertools.pairwise(numbers))
