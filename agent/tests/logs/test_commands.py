"""Commands as streams: numbered, spooled, restarted, ended with the agent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fleetglass_agent.logs.numbering import Numbering
from fleetglass_agent.logs.spool import Spool
from fleetglass_proto.messages import BatchFlag, EventKind, LineBatch
from rig import Rig


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path, globs=())
    yield rig
    if rig.tailing is not None:
        rig.tailing.close()


def alive(pattern):
    """Processes whose command line holds a pattern."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if pattern in line and state != "Z":
                found.append(int(entry.name))
    return found


def until_gone(pattern):
    """A process that was killed is still listed for a moment."""
    deadline = time.monotonic() + 5
    while alive(pattern):
        assert time.monotonic() < deadline, f"{pattern} still runs"
        time.sleep(0.02)


def test_output_is_numbered_by_its_bytes_and_told_as_a_command(rig):
    rig.start(commands={"app": "echo one; echo two; sleep 60"})
    rig.wait_for(lambda: rig.lines == [b"one\n", b"two\n"])
    up = rig.of(EventKind.STREAM_UP)
    assert [event.fields for event in up] == [{"path": "app", "kind": "command"}]
    assert list(rig.hub.committed.values()) == [8]


def test_what_the_hub_did_not_get_waits_in_the_spool_over_a_kill(rig):
    rig.start(connect=False, commands={"app": "printf 'one\\ntwo\\n'; sleep 60"})
    rig.wait_for(lambda: rig.tailing.ready())
    rig.kill()
    rig.start(commands={"app": "echo three; sleep 60"})
    rig.wait_for(lambda: len(rig.lines) == 3)
    assert rig.lines == [b"one\n", b"two\n", b"three\n"]
    late = {m.data: bool(m.flags & BatchFlag.LATE) for m in rig.messages if isinstance(m, LineBatch)}
    assert late == {b"one\ntwo\n": True, b"three\n": False}


def test_what_the_hub_has_is_not_sent_again_after_a_restart(rig):
    rig.start(commands={"app": "echo one; sleep 60"})
    rig.wait_for(lambda: rig.lines == [b"one\n"])
    rig.stop()
    rig.start(commands={"app": "echo two; sleep 60"})
    rig.wait_for(lambda: len(rig.lines) == 2)
    assert rig.lines == [b"one\n", b"two\n"]
    assert list(rig.hub.committed.values()) == [8]


def test_an_end_and_standard_error_are_told_and_the_command_is_started_again_with_growing_pauses(rig):
    rig.start(commands={"app": "printf tail; echo broken >&2; exit 3"})
    rig.wait_for(lambda: len([text for text in rig.notices if "ended with exit status 3" in text]) == 2)
    told = [text for text in rig.notices if text.startswith("command app")]
    assert told[0] == "command app says on its standard error: broken"
    assert told[1].endswith("it is started again in 1 s")
    assert told[3].endswith("it is started again in 2 s")
    assert rig.lines == [b"tail\n", b"tail\n"]


def test_a_command_that_does_not_exist_is_said_in_the_shell_s_words(rig):
    rig.start(commands={"app": "no-such-command-anywhere"})
    rig.wait_for(lambda: any("exit status 127" in text for text in rig.notices))
    assert any("no-such-command-anywhere: not found" in text for text in rig.notices)


def test_much_standard_error_is_counted_and_not_repeated(rig):
    rig.start(commands={"app": "seq -f 'line %g' 0 49 >&2; sleep 60"})
    rig.wait_for(lambda: any("line 9" in text for text in rig.notices))
    rig.after(12_000)
    assert len([text for text in rig.notices if "standard error" in text]) == 11
    assert "command app: 40 more lines on its standard error" in rig.notices


def test_a_full_spool_makes_the_command_wait_and_loses_nothing(rig):
    command = "i=0; while [ $i -lt 40000 ]; do echo line $i; i=$((i+1)); done; sleep 60"
    rig.start(connect=False, commands={"app": command}, spool_bytes=64 << 10)
    rig.wait_for(lambda: "its spool is full" in rig.tailing.status().commands[0][1])
    stored = sum(file.stat().st_size for file in Path(rig.state, "spool").rglob("*.part"))
    assert stored <= 64 << 10
    rig.connect()
    rig.wait_for(lambda: len(rig.lines) == 40_000)
    assert rig.lines == [b"line %d\n" % number for number in range(40_000)]
    assert sum(file.stat().st_size for file in Path(rig.state, "spool").rglob("*.part")) <= 64 << 10


def test_without_a_state_folder_output_waits_in_memory_and_that_is_told(rig):
    rig.state = None
    rig.start(commands={"app": "echo one; sleep 60"})
    rig.wait_for(lambda: rig.lines == [b"one\n"])
    assert any("output of commands waits in memory" in text for text in rig.notices)


def test_a_line_without_end_is_shown_as_partial(rig):
    rig.start(commands={"app": "printf 'password: '; sleep 60"})
    rig.wait_for(lambda: rig.tailing.status().commands and not rig.tailing.ready() and rig.of(EventKind.FILE_UP))
    rig.after(6_000)
    assert list(rig.hub.partial.values()) == [b"password: "]


def test_a_line_without_end_never_fills_the_spool(rig):
    command = "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo after; sleep 60"
    rig.start(commands={"app": command}, spool_bytes=1 << 20)
    rig.wait_for(lambda: rig.lines[-1:] == [b"after\n"])
    lost = sum(end - start for _, start, end, why in rig.hub.gaps if why == "long-line")
    assert lost + sum(map(len, rig.lines)) == 3_000_001 + 6


def test_the_group_ends_with_the_agent(rig):
    rig.start(commands={"app": "while :; do echo x; sleep 0.1; done | cat & sleep 4242"})
    rig.wait_for(lambda: rig.lines and alive(b"sleep\x004242"))
    started = time.monotonic()
    rig.stop()
    assert time.monotonic() - started < 1
    until_gone(b"sleep\x004242")


def test_a_command_that_ignores_the_signal_is_killed_within_a_second(rig):
    rig.start(commands={"app": "trap '' TERM; echo ready; sleep 4243; sleep 4243"})
    rig.wait_for(lambda: rig.lines)
    started = time.monotonic()
    rig.stop()
    assert time.monotonic() - started < 1
    until_gone(b"sleep\x004243")


def test_the_group_ends_when_the_agent_is_killed(tmp_path):
    program = (
        "import sys, time; sys.path.insert(0, sys.argv[2]); from rig import Rig; from pathlib import Path\n"
        "rig = Rig(Path(sys.argv[1]), globs=())\n"
        "rig.start(commands={'app': 'sleep 4244 | cat & sleep 0.1; echo up; wait'})\n"
        "rig.wait_for(lambda: rig.lines); print('up', flush=True); time.sleep(60)\n"
    )
    agent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), str(Path(__file__).parent)], stdout=subprocess.PIPE
    )
    with agent:
        assert agent.stdout.readline() == b"up\n"
        assert alive(b"sleep\x004244")
        agent.kill()
    until_gone(b"sleep\x004244")


def test_a_reload_ends_what_is_not_wanted_and_starts_what_is_new(rig):
    rig.start(commands={"old": "echo old; sleep 4245", "same": "echo same; sleep 60"})
    rig.wait_for(lambda: len(rig.lines) == 2)
    rig.tailing.reload(rig.settings._replace(commands={"new": "echo new; sleep 60", "same": "echo same; sleep 60"}))
    rig.wait_for(lambda: b"new\n" in rig.lines)
    until_gone(b"sleep\x004245")
    assert sorted(rig.lines) == [b"new\n", b"old\n", b"same\n"]


def test_a_stopped_reader_of_a_killed_process_group_is_not_waited_for(rig):
    rig.start(commands={"app": "echo one; kill -STOP $$"})
    rig.wait_for(lambda: rig.lines)
    started = time.monotonic()
    rig.stop()
    assert time.monotonic() - started < 1


# -- the spool


def make(folder, limit=64 << 10, memory=1_000):
    said = []
    return Spool(None if folder is None else str(folder), lambda: 7, limit, memory, said.append), said


@pytest.mark.parametrize("is_on_disk", [True, False])
def test_a_spool_gives_back_what_was_put_in_and_drops_what_is_committed(tmp_path, is_on_disk):
    spool, _ = make(tmp_path / "spool" if is_on_disk else None, memory=64 << 10)
    data = bytes(range(256)) * 64
    for at in range(0, len(data), 1_000):
        spool.append(data[at : at + 1_000])
    assert spool.read(100_000, 0) == data
    assert spool.read(10, 9_995) == data[9_995:10_005]
    spool.commit(16_000)
    assert spool.end == len(data)
    assert spool.read(100, 16_000) == data[16_000:16_100]
    assert spool.read(100, len(data)) == b""


def test_a_spool_that_is_opened_again_goes_on_where_it_was(tmp_path):
    spool, _ = make(tmp_path)
    spool.append(b"x" * 70_000)
    spool.append(b"y" * 70_000)
    spool.commit(70_000)
    spool.close()
    again, _ = make(tmp_path)
    assert (again.end, again.file) == (140_000, 7)
    assert again.start <= 70_000
    assert again.read(5, 70_000) == b"yyyyy"


def test_a_full_disk_turns_the_spool_into_bounded_memory_and_says_so(tmp_path, monkeypatch):
    spool, said = make(tmp_path)
    spool.append(b"on disk")

    def full(descriptor, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        spool.append(b" in memory")
        assert spool.room == 990
    assert spool.read(100, 0) == b"on disk in memory"
    assert len(said) == 1
    assert "no space left on device" in said[0]


def test_numbering_keeps_the_last_part_so_that_the_next_byte_has_its_number():
    numbering = Numbering(8 * (64 << 10))
    assert numbering.part_bytes == 64 << 10
    assert numbering.add(64 << 10) == 0
    assert numbering.add(10) == 64 << 10
    assert numbering.commit((64 << 10) + 10) == [0]
    assert (numbering.start, numbering.end) == (64 << 10, (64 << 10) + 10)


def test_signal_numbers_are_told(rig):
    rig.start(commands={"app": "echo $$; sleep 60"})
    rig.wait_for(lambda: rig.lines)
    os.kill(int(rig.lines[0]), signal.SIGKILL)
    rig.wait_for(lambda: any("ended" in text for text in rig.notices))
    assert any("exit status 137" in text for text in rig.notices)


def test_several_commands_that_ignore_the_signal_are_ended_together(rig):
    stubborn = "trap '' TERM; echo ready; sleep 4246; sleep 4246"
    rig.start(commands={str(number): stubborn for number in range(4)})
    rig.wait_for(lambda: len(rig.lines) == 4)
    started = time.monotonic()
    rig.stop()
    assert time.monotonic() - started < 1
    until_gone(b"sleep\x004246")


def test_last_words_at_the_end_of_the_agent_are_kept_for_the_next_start(rig):
    rig.start(commands={"app": "trap 'echo goodbye; exit' TERM; echo ready; while :; do sleep 0.01; done"})
    rig.wait_for(lambda: rig.lines == [b"ready\n"])
    rig.stop()
    rig.start(commands={"app": "sleep 60"})
    rig.wait_for(lambda: rig.lines == [b"ready\n", b"goodbye\n"])
