"""The real Tailing on real files, with a toy hub and a clock that is turned by hand. No test sleeps: the kernel queues
what happened to a watched file before the call that did it returns.
"""

import os
import select
import time

from fleetglass_agent.logs.settings import TailSettings
from fleetglass_agent.logs.tailing import Tailing
from toyhub import ToyHub


class Rig:
    def __init__(self, folder, **settings):
        self.folder = folder
        self.state = str(folder / "state")
        self.logs = folder / "logs"
        self.logs.mkdir(exist_ok=True)
        settings.setdefault("globs", (str(self.logs / "*.log"),))
        self.settings = TailSettings(**settings)
        self.hub = ToyHub()
        self.now_ms = 1_000_000
        self.tailing = None
        self.options = {}
        self.messages = []
        self.is_connected = False

    # -- the agent and its hub

    def start(self, *, connect=True, **settings):
        self.settings = self.settings._replace(**settings)
        self.tailing = Tailing(self.settings, self.state, mono_ms=lambda: self.now_ms, **self.options)
        self.is_connected = False
        if connect:
            self.connect()
            self.pump()
        return self

    def connect(self):
        self.is_connected = True
        self.tailing.welcome(self.hub.session(), self.now_ms)

    def disconnect(self):
        self.is_connected = False

    def stop(self):
        self.tailing.close()

    def kill(self):
        """As kill -9: nothing is saved any more."""
        self.tailing._checkpoint = None
        self.tailing.close()

    # -- time

    def pump(self, budget=1 << 20, commit=True):
        """Do what the loop does until nothing is left to do now."""
        for _ in range(10_000):
            due_ms = self.tailing.next_tick_ms()
            if due_ms is not None and due_ms <= self.now_ms:
                self.tailing.tick(self.now_ms)
            ready = select.select(self.tailing.descriptors(), [], [], 0)[0]
            for descriptor in ready:
                self.tailing.receive(descriptor, self.now_ms)
            pulled = []
            if self.is_connected and self.tailing.ready():
                pulled = self.tailing.pull(budget, self.now_ms, self.now_ms)
                self.messages += pulled
                self.hub.take(pulled)
                if commit:
                    self.commit()
            if not ready and not pulled:
                return
        raise AssertionError("the loop never comes to rest")

    def commit(self):
        for one in self.hub.commit():
            self.tailing.committed(*one)

    def after(self, ms, step_ms=250):
        """Let time pass."""
        for _ in range(0, ms, step_ms):
            self.now_ms += step_ms
            self.pump()

    def wait_for(self, what, within_s=10):
        """Let real time pass, for what other processes do."""
        deadline = time.monotonic() + within_s
        while not what():
            assert time.monotonic() < deadline, (
                f"not within {within_s} s; lines {self.hub.lines}, notices {self.notices}"
            )
            select.select(self.tailing.descriptors(), [], [], 0.02)
            self.now_ms += 20
            self.pump()

    # -- the world

    def path(self, name="app.log"):
        return str(self.logs / name)

    def write(self, data, name="app.log"):
        with open(self.path(name), "ab") as file:
            file.write(data)

    def rename(self, old, new):
        os.rename(self.path(old), self.path(new))

    # -- what is known of it

    @property
    def lines(self):
        return self.hub.lines

    def of(self, kind):
        return [event for event in self.hub.events if event.kind == kind]

    @property
    def notices(self):
        return [event.fields["text"] for event in self.of("notice")]

    def open_paths(self):
        """What this process holds open below the log folder."""
        found = []
        for descriptor in os.listdir("/proc/self/fd"):
            try:
                target = os.readlink(f"/proc/self/fd/{descriptor}")
            except OSError:
                continue
            if target.startswith(str(self.logs)):
                found.append(target)
        return found
