"""The hub's own view keeps the promises of a fleet view, like every other."""

import struct

import pytest
from fleetglass_proto import join
from fleetglass_web.viewchecks import FleetViewChecks
from harness.rooms import Rooms


class RoomsStage:
    """Agents that are fed without sockets."""

    def __init__(self):
        self.rooms = Rooms()
        self.view = self.rooms.view
        self._agents = {}
        self._schemas = {}
        self._ends = {}

    def join(self, name, labels):
        agent = self.rooms.agent(name=name)
        agent.hello(labels=dict(labels))
        self._agents[agent.host] = agent
        return agent.host

    def join_with(self, new, name):
        token = join.decode(new.join).token
        agent = self.rooms.agent(name=name, address="10.0.0.7").hello(labels={}, token=token)
        self._agents[agent.host] = agent
        return agent.host

    def sample(self, host, values):
        names = tuple(values)
        if self._schemas.get(host) != names:
            self._schemas[host] = names
            self._agents[host].schema(1, *names)
        self._agents[host].sample(1, struct.pack(f"<{len(values)}f", *values.values()))

    def lines(self, host, path, data):
        if (host, path) not in self._ends:
            self._ends[host, path] = 0
            self._agents[host].follow(path, stream=0, file=7)
        self._agents[host].lines(self._ends[host, path], data)
        self._ends[host, path] += len(data)

    def wait(self, ms):
        self.rooms.wait(ms)


class TestLocalView(FleetViewChecks):
    @pytest.fixture
    def stage(self):
        return RoomsStage()
