"""What real files cannot be made to do at will: an inode that is used again, an overlay, a server that fails."""

import errno

import pytest
from fleetglass_agent.logs.followed import Followed
from fleetglass_agent.logs.inotify import NoInotify
from fleetglass_agent.logs.settings import TailSettings
from toyfs import Inode, ToyFiles
from toyhub import ToyHub

LOG = "/log/app.log"


class Rig:
    def __init__(self):
        self.fs, self.hub, self.now_ms, self.number, self.agent = ToyFiles(), ToyHub(), 0, 0, None

    def start(self, saved=None):
        def none():
            raise NoInotify("a toy has none")

        self.agent = Followed(
            TailSettings(globs=("/log/*.log",)),
            wall_ms=lambda: self.fs.now_ns // 1_000_000,
            new_number=self.new_number,
            make_inotify=none,
            files=self.fs,
        )
        self.agent.start(saved, self.now_ms)
        self.agent.welcome({one.path: one for one in self.hub.session()}, self.now_ms)
        self.after(0)

    def new_number(self):
        self.number += 1
        return self.number

    def after(self, ms):
        for _ in range(0, ms + 1, 250):
            self.now_ms += 250
            self.fs.now_ns += 250_000_000
            self.agent.tick(self.now_ms)
            while self.agent.is_ready:
                out = []
                self.agent.take_events(out)
                self.agent.turn(1 << 20, self.now_ms, 0, out)
                self.hub.take(out)
            for one in self.hub.commit():
                self.agent.committed(*one)


@pytest.fixture
def rig():
    return Rig()


def test_an_inode_used_again_while_the_agent_was_down_is_another_file(rig):
    rig.fs.append(rig.fs.create(LOG), b"old\n")
    rig.start()
    number = rig.fs.names[LOG].number
    saved = rig.agent.saved()
    rig.fs.close_all(set(rig.fs.open_files))
    rig.fs.unlink(LOG)
    rig.fs.append(rig.fs.create(LOG), b"new and longer than the old one was\n")
    assert rig.fs.names[LOG].number == number
    rig.start(saved)
    assert rig.hub.lines == [b"new and longer than the old one was\n"]


def test_a_file_of_a_lower_layer_that_is_copied_up_by_its_first_write_is_followed_on(rig):
    rig.fs.append(rig.fs.create(LOG), b"old\n")
    rig.start()
    lower = rig.fs.names[LOG]
    upper = Inode(lower.number, rig.fs.now_ns)
    upper.links = 1
    upper.data += lower.data
    rig.fs.names[LOG] = upper
    rig.fs.append(upper, b"new\n")
    rig.after(2_000)
    assert rig.hub.lines == [b"new\n"]


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
def test_a_file_that_fails_to_be_read_is_told_once_and_followed_on_when_it_can_be(rig, code, monkeypatch):
    rig.fs.append(rig.fs.create(LOG), b"old\n")
    rig.start()
    rig.fs.append(rig.fs.names[LOG], b"one\n")
    rig.after(0)

    def fails(handle, *_):
        raise OSError(code, "Stale file handle" if code == errno.ESTALE else "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(rig.fs, "read", fails)
        patch.setattr(rig.fs, "look_open", fails)
        rig.fs.append(rig.fs.names[LOG], b"two\n")
        rig.after(5_000)
    rig.after(5_000)
    rig.fs.append(rig.fs.names[LOG], b"three\n")
    rig.after(5_000)
    assert rig.hub.lines == [b"one\n", b"two\n", b"three\n"]
    notices = [event for event in rig.hub.events if event.kind == "notice" and "cannot read" in event.fields["text"]]
    assert len(notices) == 1


def test_thousands_of_names_are_met_over_many_turns_and_a_death_between_them_starts_none_from_its_begin(rig):
    paths = [f"/log/{number:05}.log" for number in range(2_250)]
    for path in paths:
        rig.fs.append(rig.fs.create(path), b"old\n")
    looked = []
    look = rig.fs.look
    rig.fs.look = lambda path: looked.append(path) or look(path)
    rig.start()  # one turn
    assert 2_000 <= len({*looked} - rig.agent._unmet.keys()) < len(paths)
    assert rig.agent.next_tick_ms() <= rig.now_ms
    saved = rig.agent.saved()
    rig.fs.close_all(set(rig.fs.open_files))
    rig.start(saved)
    for _ in range(10):
        rig.after(0)
    assert {*looked} == {*paths}
    assert rig.agent.next_tick_ms() > rig.now_ms
    rig.fs.append(rig.fs.names[paths[-1]], b"new\n")
    rig.after(2_000)
    assert rig.hub.lines == [b"new\n"]
