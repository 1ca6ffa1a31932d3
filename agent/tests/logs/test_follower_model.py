"""Random lives of a log: every line once and in order, or a word about the bytes that are gone."""

from fleetglass_agent.logs.followed import Followed
from fleetglass_agent.logs.inotify import NoInotify
from fleetglass_agent.logs.seams import Turn
from fleetglass_agent.logs.settings import TailSettings
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from toyfs import ToyFiles
from toyhub import ToyHub

LOG = "/log/app.log"


def no_inotify():
    raise NoInotify("a toy has none")


class Life(RuleBasedStateMachine):
    """One log, one writer, a logrotate that keeps all it rotates, an agent and a hub that die and come back."""

    glob = "/log/app.log"

    def __init__(self):
        super().__init__()
        self.fs = ToyFiles()
        self.hub = ToyHub()
        self.saved = None
        self.agent = None
        self.handles_before = set()
        self.now_ms = 0
        self.number = 0
        self.wrote = []
        self.writer = None
        self.unfinished = b""
        self.is_connected = False
        self.log = []

    @initialize(is_empty=st.booleans())
    def begin(self, is_empty):
        self.writer = self.fs.create(LOG)
        if not is_empty:
            self.fs.append(self.writer, b"before the first start\n")
        self.start()

    # -- the agent

    def start(self):
        self.world_handles = set(self.fs.open_files)
        self.agent = Followed(
            TailSettings(globs=(self.glob,)),
            wall_ms=lambda: self.fs.now_ns // 1_000_000,
            new_number=self.new_number,
            make_inotify=no_inotify,
            files=self.fs,
        )
        self.agent.start(self.saved, self.now_ms)
        self.is_connected = False
        self.keep()

    def new_number(self):
        self.number += 1
        return self.number

    def keep(self):
        if self.agent.is_changed:
            self.agent.is_changed = False
            self.saved = self.agent.saved()

    @precondition(lambda self: self.agent is not None)
    @rule()
    def kill_the_agent(self):
        self.fs.close_all(set(self.fs.open_files) - self.world_handles)
        self.agent = None
        self.is_connected = False

    @precondition(lambda self: self.agent is not None)
    @rule()
    def stop_the_agent(self):
        self.saved = self.agent.saved()
        self.kill_the_agent()

    @precondition(lambda self: self.agent is None)
    @rule()
    def start_the_agent(self):
        self.start()

    @precondition(lambda self: self.agent is not None)
    @rule()
    def look(self):
        self.now_ms += 250
        self.fs.now_ns += 250_000_000
        self.agent.tick(self.now_ms)
        self.keep()

    @precondition(lambda self: self.agent is not None)
    @rule(seconds=st.integers(1, 12))
    def wait(self, seconds):
        for _ in range(seconds * 2):
            self.now_ms += 500
            self.fs.now_ns += 500_000_000
            self.agent.tick(self.now_ms)
            self.keep()

    # -- the hub

    @precondition(lambda self: self.agent is not None)
    @rule()
    def connect(self):
        known = {one.path: one for one in self.hub.session()}
        self.agent.welcome(known, self.now_ms)
        self.is_connected = True
        self.keep()

    @precondition(lambda self: self.is_connected)
    @rule(budget=st.sampled_from([40, 100, 1_000_000]), turns=st.integers(1, 4), commit=st.booleans())
    def pull(self, budget, turns, commit):
        for _ in range(turns):
            out = []
            self.agent.take_events(out)
            _, at = self.agent.turn(budget, self.now_ms, 0, out)
            self.hub.take(out)
            self.keep()
            if at is Turn.STARVED:
                break
        if commit:
            self.commit()

    def commit(self):
        for stream, file, offset in self.hub.commit():
            self.agent.committed(stream, file, offset)
        self.keep()

    # -- the world

    @rule(lines=st.integers(1, 3), width=st.sampled_from([1, 30, 400]))
    def write(self, lines, width):
        if self.writer is None:
            self.reopen()
        for _ in range(lines):
            line = b"%06d %s\n" % (len(self.wrote), b"x" * width)
            self.wrote.append(line)
            self.fs.append(self.writer, self.unfinished + line)
            self.unfinished = b""

    @rule()
    def reopen(self):
        if self.writer is None or self.fs.names.get(LOG) is not self.writer:
            self.writer = self.fs.create(LOG)
            stream = self.agent.streams.get(LOG) if self.agent is not None else None
            if self.agent is not None and not (stream and any(one.end is None for one in stream.follower.generations)):
                self.look()  # the kernel tells of a new file at once

    def shift(self):
        rotated = [int(name.removeprefix(LOG + ".")) for name in self.fs.names if name.startswith(LOG + ".")]
        for number in sorted(rotated, reverse=True):
            self.fs.rename(f"{LOG}.{number}", f"{LOG}.{number + 1}")

    @precondition(lambda self: LOG in self.fs.names)
    @rule(create=st.booleans(), is_told=st.booleans())
    def rotate(self, create, is_told):
        self.shift()
        self.fs.rename(LOG, f"{LOG}.1")
        if create:
            self.fs.create(LOG)
        if is_told:
            self.reopen()

    @precondition(lambda self: LOG in self.fs.names and self.fs.names[LOG] is self.writer and self.writer.data)
    @rule()
    def copytruncate(self):
        stream = self.agent.streams.get(LOG) if self.agent is not None else None
        last = stream.follower.current if stream is not None else None
        if self.agent is not None and (last is None or not last.size or last.inode != self.writer.number):
            self.look()  # the kernel tells of the first bytes at once; a file never seen with any has no copies
        self.shift()
        self.fs.copy(LOG, f"{LOG}.1")
        self.fs.truncate(LOG)

    # -- the demand

    def teardown(self):
        if self.agent is None:
            if self.writer is None and not self.fs.names:
                return
            self.start()
        self.reopen()
        self.write(1, 30)
        self.connect()
        for _ in range(60):
            self.now_ms += 500
            self.fs.now_ns += 500_000_000
            self.agent.tick(self.now_ms)
            while self.agent.is_ready:
                self.pull(1_000_000, 1, True)
        self.judge()

    def judge(self):
        got = [line for line in self.hub.lines if line != b"before the first start\n"]
        assert got == self.wrote, (got, self.wrote)


class LifeWithWideGlob(Life):
    """The same with a glob that matches the rotated files, too: a line may come under its file's new name."""

    glob = "/log/app.log*"

    def judge(self):
        got = [line for line in self.hub.lines if line != b"before the first start\n"]
        assert sorted(got) == self.wrote, (got, self.wrote)
        for path, lines in self.hub.by_path.items():
            numbered = [line for line in lines if line != b"before the first start\n"]
            assert numbered == sorted(numbered), (path, numbered)


class LifeWithLoss(Life):
    """The same where files are deleted and cut: what could not be had may be missing, and nothing else is."""

    def __init__(self):
        super().__init__()
        self.destroyed = set()
        self.orphans = []

    @rule()
    def reopen(self):
        before = self.writer
        super().reopen()
        if self.agent is not None and self.writer is not before:
            # What is deleted before anybody saw it leaves nothing to find: here, as with inotify, it is seen in time.
            self.now_ms += 1_000
            self.agent.tick(self.now_ms)
            self.keep()

    def destroy(self, data):
        self.destroyed |= set(bytes(data).splitlines(keepends=True))

    def unlink(self, path):
        inode = self.fs.names[path]
        held = {handle for handle, one in self.fs.open_files.items() if one is inode} - self.world_handles
        self.fs.unlink(path)
        if inode.links == 0:
            if held and self.agent is not None:
                self.orphans.append(inode)
            else:
                self.destroy(inode.data)
            if inode is self.writer:
                self.writer = None

    @precondition(lambda self: LOG in self.fs.names)
    @rule()
    def delete(self):
        self.unlink(LOG)

    @precondition(lambda self: any(name != LOG for name in self.fs.names))
    @rule()
    def delete_the_oldest(self):
        self.unlink(max(self.fs.names, key=lambda name: int("0" + name.removeprefix(LOG).lstrip("."))))

    @precondition(lambda self: LOG in self.fs.names)
    @rule()
    def truncate(self):
        self.destroy(self.fs.names[LOG].data)
        self.fs.truncate(LOG)

    def kill_the_agent_now(self):
        for inode in self.orphans:
            self.destroy(inode.data)
        self.orphans = []

    @precondition(lambda self: self.agent is not None)
    @rule()
    def kill_the_agent(self):
        self.kill_the_agent_now()
        super().kill_the_agent()

    def judge(self):
        got = [line for line in self.hub.lines if line != b"before the first start\n"]
        assert len(set(got)) == len(got), got
        missing = set(self.wrote) - set(got)
        assert missing <= self.destroyed, (missing - self.destroyed, got)
        # Not the order of files: an empty file whose inode was used again cannot be told from its successor.


common = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
TestLife = Life.TestCase
TestLife.settings = common
TestLifeWithWideGlob = LifeWithWideGlob.TestCase
TestLifeWithWideGlob.settings = common
TestLifeWithLoss = LifeWithLoss.TestCase
TestLifeWithLoss.settings = common
