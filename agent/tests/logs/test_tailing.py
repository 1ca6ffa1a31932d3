"""Every row of what a log follower must survive, on real files with real watches."""

import gzip
import json
import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest
from fleetglass_agent.logs.inotify import Inotify, NoInotify
from fleetglass_proto.messages import BatchFlag, EventKind, LineBatch
from rig import Rig


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path)
    yield rig
    if rig.tailing is not None:
        rig.tailing.close()


# -- beginnings


def test_a_file_that_was_there_is_followed_from_its_end_and_a_new_one_from_its_start(rig):
    rig.write(b"old\n")
    rig.start()
    rig.write(b"new\n")
    rig.write(b"first\n", "b.log")
    rig.pump()
    assert rig.lines == [b"new\n", b"first\n"]


def test_from_start_reads_what_was_there(rig):
    rig.write(b"old\n")
    rig.start(from_start=True)
    assert rig.lines == [b"old\n"]


def late_and_not(rig):
    """Lines that waited for the session, and those that came in it."""
    batches = [message for message in rig.messages if isinstance(message, LineBatch)]
    late = [batch.data for batch in batches if batch.flags & BatchFlag.LATE]
    return b"".join(late), b"".join(batch.data for batch in batches if not batch.flags & BatchFlag.LATE)


def test_what_waited_in_the_files_for_the_session_is_marked_late(rig):
    rig.write(b"old\n")
    rig.start(from_start=True)
    rig.write(b"now\n")
    rig.pump()
    assert late_and_not(rig) == (b"old\n", b"now\n")


def test_after_an_outage_every_file_is_late_up_to_where_it_stood_then(rig):
    rig.start()
    rig.write(b"one\n")
    rig.pump()
    rig.disconnect()
    rig.write(b"two\n")
    rig.rename("app.log", "app.log.1")
    rig.write(b"three\n")
    rig.pump()
    rig.messages.clear()
    rig.connect()
    rig.pump()
    rig.write(b"four\n")
    rig.write(b"five\n", "b.log")
    rig.pump()
    assert late_and_not(rig) == (b"two\nthree\n", b"four\nfive\n")


def test_a_rotated_file_that_is_found_again_after_a_restart_is_late(rig):
    rig.write(b"one\n")
    rig.start(from_start=True)
    rig.stop()
    rig.write(b"two\n")
    rig.rename("app.log", "app.log.1")
    rig.write(b"three\n")
    rig.messages.clear()
    rig.start()
    assert late_and_not(rig) == (b"two\nthree\n", b"")


def test_reading_from_the_end_never_begins_within_a_line(rig):
    rig.write(b"old\nhal")
    rig.start()
    rig.write(b"f\nnew\n")
    rig.pump()
    assert rig.lines == [b"half\n", b"new\n"]


def test_lines_written_after_the_first_start_are_not_lost_by_a_kill_before_anything_was_read(rig):
    rig.write(b"old\n")
    rig.start(connect=False)
    rig.write(b"new\n")
    rig.kill()
    rig.write(b"newer\n")
    rig.start()
    assert rig.lines == [b"new\n", b"newer\n"]


def test_a_file_made_while_the_agent_was_down_is_read_whole(rig):
    rig.write(b"old\n")
    rig.start()
    rig.stop()
    rig.write(b"made meanwhile\n", "b.log")
    rig.start()
    assert rig.lines == [b"made meanwhile\n"]


def test_a_glob_that_is_new_takes_its_old_files_from_the_end(rig):
    rig.write(b"old\n")
    rig.start()
    rig.stop()
    rig.write(b"old, too\n", "b.txt")
    rig.start(globs=(*rig.settings.globs, str(rig.logs / "*.txt")))
    rig.write(b"new\n", "b.txt")
    rig.pump()
    assert rig.lines == [b"new\n"]


def test_folders_below_a_double_star_are_found_when_they_come(rig):
    rig.start(globs=(str(rig.logs / "**" / "*.log"),))
    os.makedirs(rig.logs / "a" / "b")
    rig.pump()
    rig.write(b"deep\n", "a/b/c.log")
    rig.write(b"top\n", "d.log")
    rig.after(1_050)
    assert sorted(rig.lines) == [b"deep\n", b"top\n"]


def test_a_folder_that_is_not_there_yet_is_looked_for_each_second(rig):
    rig.start(globs=(str(rig.logs / "later" / "*.log"),))
    os.mkdir(rig.logs / "later")
    rig.write(b"one\n", "later/a.log")
    rig.after(1_050)
    assert rig.lines == [b"one\n"]


def test_excluded_and_compressed_and_hidden_files_are_left_alone(rig):
    for name in ("app.log", "noisy.log", ".hidden.log", "app.log.1.gz"):
        rig.write(b"x\n", name)
    rig.start(globs=(str(rig.logs / "*"),), excludes=(str(rig.logs / "noisy*"),), from_start=True)
    assert [one.path for one in rig.tailing.status().files] == [rig.path()]


# -- rotation


def test_rename_and_create_keeps_the_old_file_to_its_end_and_for_late_writers(rig):
    rig.start()
    with open(rig.path(), "ab", buffering=0) as writer:
        writer.write(b"one\n")
        rig.pump()
        writer.write(b"two\n")
        rig.rename("app.log", "app.log.1")
        rig.write(b"new\n")
        rig.pump()
        writer.write(b"late\n")
        rig.after(3_000)
        writer.write(b"later\n")
        rig.after(6_000)
    assert rig.lines == [b"one\n", b"two\n", b"new\n", b"late\n", b"later\n"]
    assert [event.fields["why"] for event in rig.of(EventKind.FILE_END)] == ["rotated"]
    assert rig.open_paths() == [rig.path()]


def test_a_file_renamed_without_a_successor_is_followed_on(rig):
    rig.start()
    rig.write(b"one\n")
    rig.pump()
    rig.rename("app.log", "app.log.1")
    rig.after(20_000)
    rig.write(b"two\n", "app.log.1")
    rig.after(1_050)
    assert rig.lines == [b"one\n", b"two\n"]


def test_a_rotation_while_the_agent_is_down_is_finished_first(rig):
    rig.start()
    rig.write(b"one\n")
    rig.pump()
    rig.stop()
    rig.write(b"two\n")
    rig.rename("app.log", "app.log.1")
    rig.write(b"three\n")
    rig.start()
    assert rig.lines == [b"one\n", b"two\n", b"three\n"]


def test_two_rotations_while_the_agent_is_down_lose_nothing(rig):
    rig.start()
    rig.write(b"one\n")
    rig.pump()
    rig.kill()
    rig.write(b"two\n")
    rig.rename("app.log", "app.log.1")
    rig.write(b"three\n")
    rig.rename("app.log.1", "app.log.2")
    rig.rename("app.log", "app.log.1")
    rig.write(b"four\n")
    rig.start()
    assert rig.lines == [b"one\n", b"two\n", b"three\n", b"four\n"]


def test_a_rotated_file_that_was_compressed_meanwhile_is_a_gap_of_its_unread_bytes(rig):
    rig.start()
    rig.write(b"one\n")
    rig.pump()
    rig.stop()
    rig.write(b"lost line\n")
    with open(rig.path(), "rb") as plain, gzip.open(rig.path("app.log.1.gz"), "wb") as packed:
        packed.write(plain.read())
    os.unlink(rig.path())
    rig.write(b"new\n")
    rig.start()
    assert rig.lines == [b"one\n", b"new\n"]
    assert [(start, end, why) for _, start, end, why in rig.hub.gaps] == [(4, 14, "file-gone")]


def test_a_rotated_file_that_is_gone_is_a_gap_as_far_as_it_was_seen_and_a_word(rig):
    rig.start()
    rig.write(b"one\n")
    rig.pump()
    rig.disconnect()
    rig.write(b"seen, not sent\n")
    rig.after(1_050)
    rig.stop()
    os.unlink(rig.path())
    rig.write(b"new\n")
    rig.write(b"so that the inode is another one\n", "b.txt")
    rig.start()
    gone = [(start, end) for _, start, end, _ in rig.hub.gaps]
    assert gone == [(4, 19)]
    assert rig.lines == [b"one\n", b"new\n"]


def test_copytruncate_goes_on_from_the_start_and_loses_nothing_that_the_copy_has(rig):
    rig.start()
    rig.write(b"one\n")
    rig.pump()
    rig.write(b"written between the last read and the copy\n")
    shutil.copy(rig.path(), rig.path("app.log.1"))
    os.truncate(rig.path(), 0)
    rig.write(b"new\n")
    rig.after(1_050)
    assert rig.lines == [b"one\n", b"written between the last read and the copy\n", b"new\n"]
    assert [event.fields["lost_bytes"] for event in rig.of(EventKind.TRUNCATED)] == [0]


def test_a_glob_that_matches_the_copy_reads_nothing_twice(rig):
    rig.start(globs=(str(rig.logs / "*"),))
    for number in range(3):
        rig.write(b"line %d\n" % number)
        rig.pump()
        for old in (2, 1):
            if os.path.exists(rig.path(f"app.log.{old}")):
                rig.rename(f"app.log.{old}", f"app.log.{old + 1}")
        shutil.copy(rig.path(), rig.path("app.log.1"))
        os.truncate(rig.path(), 0)
        rig.after(2_000)
    rig.stop()
    rig.start()
    rig.after(3_000)
    assert rig.lines == [b"line 0\n", b"line 1\n", b"line 2\n"]


def test_a_truncation_without_a_copy_says_how_much_is_known_to_be_lost(rig):
    rig.start()
    rig.write(b"one\n")
    rig.pump()
    rig.disconnect()
    rig.write(b"lost\n")
    rig.after(1_050)
    os.truncate(rig.path(), 0)
    rig.after(500)
    rig.write(b"new\n")
    rig.connect()
    rig.after(500)
    assert rig.lines == [b"one\n", b"new\n"]
    assert [(start, end, why) for _, start, end, why in rig.hub.gaps] == [(4, 9, "truncated")]
    assert [event.fields for event in rig.of(EventKind.TRUNCATED)] == [{"end": 9, "lost_bytes": 5}]


@pytest.mark.parametrize("new", [b"another first line, and much longer than what was there\n", b"a\nb\n"])
def test_a_file_truncated_while_the_agent_was_down_is_new_whatever_its_size(rig, new):
    rig.start()
    rig.write(b"one\ntwo\n")
    rig.pump()
    rig.stop()
    os.truncate(rig.path(), 0)
    rig.write(new)
    rig.start()
    assert rig.lines == [b"one\n", b"two\n", *new.splitlines(keepends=True)]


def test_a_file_truncated_and_grown_again_with_the_same_header_is_noticed_by_what_stood_before_the_position(rig):
    header = b"# time level message\n" * 60
    rig.start()
    rig.write(header + b"one\n")
    rig.pump()
    os.truncate(rig.path(), 0)
    rig.write(header + b"another line, longer than before\n")
    rig.pump()
    assert rig.lines[-1] == b"another line, longer than before\n"
    assert rig.lines.count(b"# time level message\n") == 120


def test_an_inode_that_is_used_again_is_another_file(rig):
    rig.start()
    for number in range(5):  # the file system gives the number back at once
        rig.write(b"file %d\n" % number)
        rig.after(12_000)
        os.unlink(rig.path())
        rig.after(12_000)
    rig.stop()
    rig.write(b"after the stop\n")
    rig.start()
    assert rig.lines == [*(b"file %d\n" % number for number in range(5)), b"after the stop\n"]


def test_files_with_the_same_first_bytes_are_two(rig):
    rig.start()
    for name in ("a.log", "b.log"):
        rig.write(b"# header\n", name)
    rig.rename("a.log", "c.log")
    rig.write(b"c\n", "c.log")
    rig.after(1_050)
    assert sorted(rig.lines) == [b"# header\n", b"# header\n", b"c\n"]


def test_one_file_under_several_names_is_read_once_under_the_first(rig):
    rig.write(b"", "a.log")
    os.link(rig.path("a.log"), rig.path("b.log"))
    os.symlink(rig.path("a.log"), rig.path("c.log"))
    rig.start(globs=(str(rig.logs / "*.log"), str(rig.logs / "b*")))
    rig.write(b"once\n", "b.log")
    rig.after(2_000)
    assert rig.lines == [b"once\n"]
    assert [one.path for one in rig.tailing.status().files] == [rig.path("a.log")]
    assert {one.path: one.why for one in rig.tailing.status().skipped} == {
        rig.path("b.log"): f"is the same file as {rig.path('a.log')}",
        rig.path("c.log"): f"is the same file as {rig.path('a.log')}",
    }


def test_a_link_that_moves_is_noticed_within_two_seconds_and_its_old_target_finished(rig):
    (rig.folder / "targets").mkdir()
    old, new = rig.folder / "targets" / "1", rig.folder / "targets" / "2"
    old.write_bytes(b"")
    new.write_bytes(b"new\n")
    os.symlink(old, rig.path("current.log"))
    rig.start()
    with open(old, "ab") as file:
        file.write(b"old\n")
    os.symlink(new, rig.path("next"))
    os.rename(rig.path("next"), rig.path("current.log"))
    rig.after(2_000)
    assert rig.lines == [b"old\n", b"new\n"]


def test_a_link_among_the_parents_that_moves_is_noticed_within_two_seconds(rig):
    for release in ("1", "2"):
        (rig.folder / release).mkdir()
        (rig.folder / release / "app.log").write_bytes(b"" if release == "1" else b"new\n")
    os.symlink(rig.folder / "1", rig.logs / "current")
    rig.start(globs=(str(rig.logs / "current" / "app.log"),))
    os.symlink(rig.folder / "2", rig.logs / "next")
    os.rename(rig.logs / "next", rig.logs / "current")
    rig.after(2_000)
    assert rig.lines == [b"new\n"]


def test_a_short_lived_file_is_read_through_its_open_descriptor(rig):
    rig.start()
    with open(rig.path("brief.log"), "ab", buffering=0) as writer:
        rig.pump()
        writer.write(b"all of it\n")
        os.unlink(rig.path("brief.log"))
    rig.after(1_050)
    assert rig.lines == [b"all of it\n"]


def test_a_deleted_file_is_read_to_its_end_told_and_closed_within_ten_seconds(rig):
    rig.start()
    rig.write(b"one\n")
    rig.pump()
    rig.write(b"two\n")
    os.unlink(rig.path())
    rig.after(10_000)
    assert rig.lines == [b"one\n", b"two\n"]
    assert rig.open_paths() == []
    assert [event.fields["why"] for event in rig.of(EventKind.FILE_END)] == ["deleted"]
    assert len(rig.of(EventKind.STREAM_DOWN)) == 1


# -- lines


def test_a_line_without_end_is_shown_as_partial_after_five_seconds_and_replaced_when_it_completes(rig):
    rig.start()
    rig.write(b"one\nhal")
    rig.after(4_500)
    assert rig.hub.partial == {}
    rig.after(1_050)
    assert list(rig.hub.partial.values()) == [b"hal"]
    rig.write(b"f\n")
    rig.pump()
    assert rig.lines == [b"one\n", b"half\n"]
    assert rig.hub.partial == {}


def test_a_line_without_end_is_a_line_when_its_file_is_rotated(rig):
    rig.start()
    rig.write(b"one\nlast words")
    rig.pump()
    rig.rename("app.log", "app.log.1")
    rig.write(b"new\n")
    rig.after(7_000)
    assert rig.lines == [b"one\n", b"last words", b"new\n"]


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, 5 << 20])
def test_a_very_long_line_leaves_in_pieces_and_the_file_goes_on(rig, size):
    rig.start()
    rig.write(b"a\n" + b"x" * size)
    rig.after(6_000)
    rig.write(b"y\nb\n")
    rig.after(1_050)
    assert rig.lines[0] == b"a\n"
    assert rig.lines[-1] == b"b\n"
    sent = sum(len(line) for line in rig.lines[1:-1])
    lost = sum(end - start for _, start, end, why in rig.hub.gaps if why == "long-line")
    assert sent + lost == size + 2
    assert sent <= 1 << 20


def test_utf16_lines_arrive_whole(rig):
    rig.start()
    text = "eins\nzwei €\n".encode("utf-16")  # with its mark
    for at in range(0, len(text), 3):
        rig.write(text[at : at + 3])
        rig.pump()
    batches = [one for one in rig.messages if isinstance(one, LineBatch)]
    assert all(one.end % 2 == 0 for one in batches)
    assert b"".join(one.data for one in batches) == text


def test_a_hole_left_by_a_writer_without_append_is_one_gap(rig):
    rig.start()
    with open(rig.path(), "wb", buffering=0) as writer:
        writer.write(b"one\n")
        rig.pump()
        writer.seek(1 << 30)  # as if a gigabyte had been written before the truncation
        os.truncate(rig.path(), 0)
        rig.pump()
        writer.write(b"two\n")
        rig.pump()
    assert rig.lines == [b"one\n", b"two\n"]
    assert [(start, end, why) for _, start, end, why in rig.hub.gaps] == [(0, 1 << 30, "nul-run")]


# -- sharing


def test_a_hot_file_does_not_delay_a_quiet_one(rig):
    rig.start()
    rig.write(b"hot hot hot\n" * 500_000, "hot.log")
    rig.write(b"quiet\n", "quiet.log")
    rig.disconnect()
    rig.pump()
    rig.connect()
    first = rig.tailing.pull(1 << 20, rig.now_ms, 0)
    assert sum(one.end - one.start for one in first if isinstance(one, LineBatch)) <= 1 << 20
    assert b"quiet\n" in [one.data for one in first if isinstance(one, LineBatch)]


def test_a_pull_keeps_to_its_budget_and_waits_for_a_larger_one_when_a_line_does_not_fit(rig):
    rig.start()
    rig.write(b"x" * 5_000 + b"\n")
    rig.disconnect()
    rig.pump()
    rig.is_connected = True
    little = rig.tailing.pull(1_000, rig.now_ms, 0)
    rig.hub.take(little)
    assert [one for one in little if isinstance(one, LineBatch)] == []
    assert not rig.tailing.ready()
    rig.after(250)
    assert rig.lines == [b"x" * 5_000 + b"\n"]


def test_while_the_hub_is_away_rotated_files_are_kept_open_and_nothing_is_lost(rig):
    rig.start()
    rig.disconnect()
    for number in range(4):
        rig.write(b"line %d\n" % number)
        rig.pump()
        rig.rename("app.log", "app.log.1")
        os.unlink(rig.path("app.log.1"))
        rig.after(60_000, step_ms=1_000)
    rig.connect()
    rig.after(12_000)
    assert rig.lines == [b"line %d\n" % number for number in range(4)]
    assert rig.open_paths() == []


def test_deleted_files_are_held_up_to_a_bound_and_the_rest_is_a_gap(rig):
    rig.start(held_bytes=1_000)
    rig.disconnect()
    for number in range(4):
        rig.write(b"%d" % number * 599 + b"\n")
        rig.pump()
        os.unlink(rig.path())
        rig.after(8_000, step_ms=1_000)
    assert len(rig.open_paths()) <= 2
    rig.connect()
    rig.after(12_000)
    assert rig.lines == [b"3" * 599 + b"\n"]
    assert [(start, end, why) for _, start, end, why in rig.hub.gaps] == [(0, 600, "file-gone")] * 3


def test_many_files_are_followed_up_to_the_limit_and_the_longest_quiet_one_gives_way(rig):
    for number in range(5):
        rig.write(b"x\n", f"{number}.log")
        os.utime(rig.path(f"{number}.log"), (1_000 + number, 1_000 + number))
    rig.start(max_streams=3)
    assert [one.path for one in rig.tailing.status().files] == [rig.path(f"{number}.log") for number in (2, 3, 4)]
    assert any("more than 3 files match" in text for text in rig.notices)
    rig.write(b"again\n", "0.log")
    rig.after(12_000)
    assert rig.lines == [b"again\n"]


def test_short_lived_files_use_the_numbers_of_streams_again(rig):
    rig.start()
    for number in range(5):
        rig.write(b"x\n", f"{number}.log")
        rig.pump()
        os.unlink(rig.path(f"{number}.log"))
        rig.after(8_000)
    assert {event.stream for event in rig.of(EventKind.STREAM_UP)} == {1}
    assert rig.lines == [b"x\n"] * 5


def test_a_partial_line_keeps_to_the_budget(rig):
    rig.start()
    rig.write(b"x" * 5_000)
    rig.pump()
    rig.now_ms += 6_000
    rig.tailing.tick(rig.now_ms)
    shown = [one for one in rig.tailing.pull(1_000, rig.now_ms, 0) if isinstance(one, LineBatch)]
    assert sum(len(one.data) for one in shown) <= 1_000


# -- the state folder


@pytest.mark.parametrize(
    "rubbish", [b"", b"{", b"[]", b'{"version":1}', b'{"version":9,"globs":[],"streams":[],"done":[]}']
)
def test_a_corrupt_checkpoint_is_told_and_the_hub_says_where_it_stood(rig, rubbish):
    rig.start()
    rig.write(b"one\n")
    rig.pump()
    rig.stop()
    Path(rig.state, "follow.json").write_bytes(rubbish)
    rig.write(b"two\n")
    rig.start()
    assert rig.lines == [b"one\n", b"two\n"]
    assert any("cannot be understood" in text for text in rig.notices)


def test_a_lost_checkpoint_and_a_rotation_lose_nothing_that_the_hub_can_place(rig):
    rig.start()
    rig.write(b"one\n")
    rig.pump()
    rig.stop()
    Path(rig.state, "follow.json").write_bytes(b"rubbish")
    rig.write(b"two\n")
    rig.rename("app.log", "app.log.1")
    rig.write(b"three\n")
    rig.start()
    rig.after(1_050)
    assert rig.lines == [b"one\n", b"two\n", b"three\n"]


def test_a_state_folder_that_cannot_be_written_is_told_once_and_following_goes_on(rig):
    Path(rig.state).write_bytes(b"a file where the folder should be")
    rig.write(b"old\n")
    rig.start()
    rig.write(b"new\n")
    rig.after(65_000, step_ms=1_000)
    assert rig.lines == [b"new\n"]
    assert len([text for text in rig.notices if "cannot keep positions" in text]) == 1
    assert rig.tailing.status().notes


def test_no_state_folder_is_told_and_following_goes_on(rig):
    rig.state = None
    rig.start()
    rig.write(b"new\n")
    rig.pump()
    assert rig.lines == [b"new\n"]
    assert any("no state folder" in text for text in rig.notices)


def test_a_hub_that_lost_its_data_is_given_what_follows_the_checkpoint(rig):
    rig.start()
    rig.write(b"one\n")
    rig.pump()
    rig.stop()
    rig.write(b"two\n")
    rig.hub = type(rig.hub)()
    rig.start()
    assert rig.lines == [b"two\n"]


def test_what_the_hub_did_not_commit_is_read_again(rig):
    rig.start()
    rig.write(b"one\n")
    rig.pump(commit=False)
    rig.connect()
    rig.pump()
    assert rig.lines == [b"one\n"]


# -- what cannot be watched or read


def test_without_watches_files_are_polled_and_that_is_told(rig):
    def used_up():
        raise NoInotify("the kernel's inotify instances are used up", "sysctl -w fs.inotify.max_user_instances=512")

    rig.options = {"make_inotify": used_up}
    rig.write(b"old\n")
    rig.start()
    rig.write(b"new\n")
    rig.after(250)
    assert rig.lines == [b"new\n"]
    rig.write(b"another\n", "b.log")
    rig.after(1_050)
    assert rig.lines == [b"new\n", b"another\n"]
    assert rig.tailing.status().files[0].how == "polling, 250 ms"
    assert any("polled every 250 ms" in text and "sysctl" in text for text in rig.notices)


def test_what_is_no_file_is_named_and_never_opened(rig):
    os.mkfifo(rig.path("fifo.log"))
    os.mkdir(rig.path("folder.log"))
    os.symlink("/dev/null", rig.path("device.log"))
    os.symlink(rig.path("nowhere"), rig.path("dangling.log"))
    os.symlink(rig.path("loop.log"), rig.path("loop.log"))
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(rig.logs)  # the name of a socket must be short
        try:
            listener.bind("socket.log")
        finally:
            os.chdir(here)
        rig.start()
    skipped = {os.path.basename(one.path): one.why for one in rig.tailing.status().skipped}
    assert skipped == {
        "fifo.log": "is a FIFO",
        "folder.log": "is a folder",
        "device.log": "is a device",
        "socket.log": "is a socket",
        "loop.log": "is a link that leads to itself",
    }
    rig.after(40_000, step_ms=1_000)
    assert len([text for text in rig.notices if "is not followed" in text]) == 4
    assert [event.fields["why"] for event in rig.of(EventKind.SOURCE_DOWN)] == ["is a link that leads to itself"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"new\nline.log", "new\\x0aline.log"),
        (b"esc\x1b[31m.log", "esc\\x1b[31m.log"),
        (b"latin-\xe4.log", "latin-\\xe4.log"),
        (b"x" * 240 + b".log", "x" * 240 + ".log"),
    ],
)
def test_a_hostile_name_is_followed_and_shown_safely(rig, name, shown):
    rig.start()
    with open(os.fsencode(rig.logs) + b"/" + name, "ab") as file:
        file.write(b"text\n")
    rig.pump()
    assert rig.lines == [b"text\n"]
    assert [event.fields["path"] for event in rig.of(EventKind.STREAM_UP)] == [f"{rig.logs}/{shown}"]
    rig.kill()
    rig.start()
    assert rig.lines == [b"text\n"]


def test_a_file_without_permission_is_told_once_with_the_remedy_and_read_when_it_may_be():
    folder = Path(tempfile.mkdtemp())
    rig = Rig(folder)
    (folder / "state").mkdir()
    for place in (folder, folder / "logs", folder / "state"):
        place.chmod(0o777)
    rig.write(b"secret\n")
    os.chmod(rig.path(), 0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    try:
        rig.start(from_start=True)
        rig.after(35_000, step_ms=1_000)
        down = rig.of(EventKind.SOURCE_DOWN)
        assert [(event.fields["source"], event.fields["why"]) for event in down] == [(rig.path(), "permission denied")]
        rig.connect()
        rig.pump()
        assert len(rig.of(EventKind.SOURCE_DOWN)) == 2  # once a session: another hub may have come
        assert "setfacl" in down[0].fields["remedy"] or "usermod" in down[0].fields["remedy"]
        if user == 0:
            os.seteuid(0)
        os.chmod(rig.path(), 0o644)
        if user == 0:
            os.seteuid(65_534)
        rig.after(35_000, step_ms=1_000)
        assert rig.lines == [b"secret\n"]
        assert len(rig.of(EventKind.SOURCE_UP)) == 1
        rig.tailing.close()
    finally:
        os.seteuid(user)
        shutil.rmtree(folder)


# -- changes of mind


def test_a_reload_with_other_globs_loses_no_line_of_what_stays(rig):
    rig.start()
    rig.write(b"one\n")
    rig.write(b"one b\n", "b.log")
    rig.pump()
    rig.write(b"two\n")
    rig.tailing.reload(rig.settings._replace(globs=(str(rig.logs / "app*"), str(rig.logs / "*.txt"))))
    rig.write(b"three\n")
    rig.write(b"not any more\n", "b.log")
    rig.pump()
    rig.tailing.reload(rig.settings)
    rig.pump()
    assert sorted(rig.lines) == sorted([b"one\n", b"one b\n", b"two\n", b"three\n", b"not any more\n"])


def test_a_clock_that_jumps_changes_no_order(rig):
    rig.start()
    for wall_ms in (5_000_000, 1_000, 9_000_000_000_000):
        rig.write(b"at %d\n" % wall_ms)
        rig.pump()
        rig.hub.take(rig.tailing.pull(1 << 20, rig.now_ms, wall_ms))
    rig.commit()
    assert rig.lines == [b"at 5000000\n", b"at 1000\n", b"at 9000000000000\n"]


def test_an_idle_agent_is_woken_once_a_second(rig):
    rig.write(b"old\n")
    rig.start()
    rig.after(10_000)
    wakes = 0
    end_ms = rig.now_ms + 10_000
    while (due_ms := rig.tailing.next_tick_ms()) <= end_ms:
        rig.now_ms = due_ms
        rig.tailing.tick(due_ms)
        wakes += 1
    assert wakes <= 11
    assert not rig.tailing.ready()


def test_partial_batches_carry_their_flag(rig):
    rig.start()
    rig.write(b"hal")
    rig.after(6_000)
    flags = [one.flags for one in rig.messages if isinstance(one, LineBatch)]
    assert flags == [BatchFlag.PARTIAL]


def test_a_smaller_limit_for_lines_is_kept_to(rig):
    rig.start(max_line_bytes=10_000)
    rig.write(b"a\n" + b"x" * 9_000 + b"\n" + b"y" * 30_000 + b"\nb\n")
    rig.pump()
    assert rig.lines == [b"a\n", b"x" * 9_000 + b"\n", b"y" * 10_000, b"b\n"]
    assert [end - start for _, start, end, why in rig.hub.gaps if why == "long-line"] == [20_001]


def test_watches_are_taken_again_when_there_are_some(rig):
    class Scarce(Inotify):
        left = 0

        def watch(self, path, mask):
            if not Scarce.left:
                raise NoInotify("the kernel's inotify watches are used up", "sysctl -w fs.inotify.max_user_watches=1")
            return super().watch(path, mask)

    rig.options = {"make_inotify": Scarce}
    rig.write(b"old\n")
    rig.start()
    assert [one.how for one in rig.tailing.status().files] == ["polling, 250 ms"]
    Scarce.left = 1
    rig.after(31_000, step_ms=1_000)
    assert [one.how for one in rig.tailing.status().files] == ["inotify"]
    assert len([text for text in rig.notices if "used up" in text]) == 1


def test_the_checkpoint_holds_a_position_before_anything_is_read(rig):
    rig.write(b"old\n")
    rig.start(connect=False)
    saved = json.loads(Path(rig.state, "follow.json").read_bytes())
    assert [(one["path"], one["files"][0]["committed"]) for one in saved["streams"]] == [(rig.path(), 4)]
