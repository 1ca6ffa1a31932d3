"""Hosts that say the same each second until they are told otherwise, so that a page's numbers can be known before.

fleet = StandingFleet(hub)
fleet.add("db-1", {"role": "db"}, cpu(busy=40))
fleet.start()
fleet.set("db-1", **cpu(busy=90))
fleet.silence("db-1")                     # no word any more: late, then lost
fleet.end()
"""

import threading
import time
from collections.abc import Mapping

from fleetglass_proto import localkey
from harness.fake_agent import FakeAgent
from harness.processes import Hub

INTERVAL_S = 1.0


def cpu(busy: float, iowait: float = 0.0) -> dict[str, float]:
    """A processor this busy, a fifth of it in the kernel."""
    system = (busy - iowait) / 5
    return {
        "cpu.user_pct": busy - iowait - system,
        "cpu.nice_pct": 0.0,
        "cpu.system_pct": system,
        "cpu.iowait_pct": iowait,
        "cpu.steal_pct": 0.0,
        "cpu.idle_pct": 100.0 - busy,
    }


class StandingFleet:
    """Agents of one hub, spoken for by a thread of their own (a ZeroMQ socket belongs to one thread)."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self._wanted: dict[str, tuple[Mapping[str, str], float]] = {}
        self._values: dict[str, dict[str, float]] = {}
        self._silent: set[str] = set()
        self._lines: list[tuple[str, str, bytes]] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._speak, daemon=True)
        self._agents: dict[str, FakeAgent] = {}

    def add(
        self, name: str, labels: Mapping[str, str], values: Mapping[str, float], clock_ahead_ms: float = 0.0
    ) -> None:
        """A host more; it joins within a second."""
        with self._lock:
            self._values[name] = dict(values)
            self._wanted[name] = labels, clock_ahead_ms

    def set(self, name: str, values: Mapping[str, float]) -> None:
        """From the next second on it measures these as well."""
        with self._lock:
            self._values[name].update(values)

    def silence(self, name: str) -> None:
        """It stops speaking, without a goodbye."""
        with self._lock:
            self._silent.add(name)

    def speak_again(self, name: str) -> None:
        with self._lock:
            self._silent.discard(name)

    def write(self, name: str, path: str, data: bytes) -> None:
        """Bytes at the end of a followed file."""
        with self._lock:
            self._lines.append((name, path, data))

    def start(self) -> "StandingFleet":
        self._thread.start()
        return self

    def end(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def _speak(self) -> None:
        key = localkey.read(self.hub.agents_port, self.hub.environment)
        assert key is not None
        try:
            while not self._ended.is_set():
                started = time.monotonic()
                self._once(key)
                self._ended.wait(max(0.0, started + INTERVAL_S - time.monotonic()))
        finally:
            for agent in self._agents.values():
                agent.close()

    def _once(self, key: bytes) -> None:
        with self._lock:
            wanted, values = dict(self._wanted), {name: dict(all_) for name, all_ in self._values.items()}
            silent, lines, self._lines = set(self._silent), self._lines, []
        for name, (labels, ahead) in wanted.items():
            if name not in self._agents:
                agent = FakeAgent(self.hub.agents, key, name=name, labels=labels, clock_ahead_ms=ahead)
                agent.join()
                self._agents[name] = agent
            if name not in silent:
                self._agents[name].sample(values[name])
        for name, path, data in lines:
            self._agents[name].lines(path, data)
