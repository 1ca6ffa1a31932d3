"""The fake fleet keeps the promises of a fleet view, so what passes over it means something."""

import pytest
from fleetglass_web.testing import FakeFleet
from fleetglass_web.viewchecks import FleetViewChecks


class FakeStage:
    def __init__(self):
        self.view = FakeFleet()

    def join(self, name, labels):
        return self.view.add_host(name, **labels)

    def join_with(self, new, name):
        number = self.view.add_host(name)
        self.view.use_enrolment(new.enrolment.id, number)
        return number

    def sample(self, host, values):
        self.view.sample(host, values)

    def lines(self, host, path, data):
        self.view.lines(host, path, data)

    def wait(self, ms):
        self.view.clock_ms += ms


class TestFakeFleet(FleetViewChecks):
    @pytest.fixture
    def stage(self):
        return FakeStage()
