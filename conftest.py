"""Fixtures for all rooms: real hubs and agents in folders of their own, ended with the test."""

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fleetglass_proto import localkey
from harness.fake_agent import FakeAgent
from harness.iostat import KeptIostat
from harness.processes import BIN, Agent, Hub, Process


@pytest.fixture
def start_hub(tmp_path: Path) -> Iterator[Callable[..., Hub]]:
    """Start hubs: `start_hub("--auth", "none")`."""
    started: list[Hub] = []

    def start(*arguments: str) -> Hub:
        hub = Hub(tmp_path / f"hub-{len(started)}", *arguments)
        started.append(hub)
        return hub.start()

    yield start
    for hub in started:
        hub.kill()


@pytest.fixture
def hub(start_hub: Callable[..., Hub]) -> Hub:
    """One hub with default settings."""
    return start_hub()


@pytest.fixture
def start_agent(tmp_path: Path, hub: Hub) -> Iterator[Callable[..., Agent]]:
    """Start agents of `hub`: `start_agent("web-1", "--tail", "/var/log/*.log")`."""
    started: list[Agent] = []

    def start(name: str, *arguments: str) -> Agent:
        agent = Agent(hub, tmp_path, name, *arguments)
        started.append(agent)
        return agent.start()

    yield start
    for agent in started:
        agent.kill()


@pytest.fixture
def start_line(tmp_path: Path) -> Iterator[Callable[[str, str], Process]]:
    """Type a line that joins an agent, as on the machine to add: `start_line(line, "db-7")`."""
    started: list[Process] = []

    def start(line: str, name: str) -> Process:
        words = shlex.split(line)
        command = [str(BIN / words[0]), *words[1:], "--name", name, "--state", str(tmp_path / f"state-{name}")]
        # Its hub's key is in the line: the file that local agents read is out of its sight.
        process = Process(command, {"FLEETGLASS_RUNTIME_DIR": str(tmp_path / "nothing")})
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def kept_iostat(tmp_path: Path) -> KeptIostat:
    return KeptIostat(tmp_path)


@pytest.fixture
def start_fake(hub: Hub) -> Iterator[Callable[..., FakeAgent]]:
    """Agents that the test speaks for, already welcomed: `start_fake("web-1", labels={"role": "web"})`."""
    started: list[FakeAgent] = []

    def start(name: str, **options: object) -> FakeAgent:
        key = localkey.read(hub.agents_port, hub.environment)
        agent = FakeAgent(hub.agents, key, name=name, **options)  # type: ignore[arg-type]  # the test's own words
        started.append(agent)
        agent.join()
        return agent

    yield start
    for agent in started:
        agent.close()
