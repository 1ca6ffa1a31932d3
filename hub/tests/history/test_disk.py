"""What is on disk is there again: after a clean end, and after a death at any moment."""

import asyncio

import pytest
from fleetglass_hub.history.database import DamagedError, HistoryError
from fleetglass_web.view import Gap


def die(hands):
    """What a kill leaves: files as they are, nothing written any more."""
    recorder = hands.recorder
    with recorder._condition:
        recorder._items, recorder._rows, recorder._unflushed = [], [], []
    recorder._commit.close()
    recorder._readers.close()
    recorder._store.connection.close()


def run(story):
    return asyncio.run(story)


def test_everything_is_there_after_a_clean_end(disk):
    async def story():
        hands = disk().start()
        hands.host(labels={"role": "db"})
        hands.file()
        hands.recorder.put_schema(3, ("cpu.user_pct",))
        hands.lines(b"one\n", 1_000.0)
        hands.samples([5_000], [[42]], schema=3, raw_ms=[5_007])
        gap = Gap(1, 0, "/var/log/app.log", 1_000.0, 1_500.0, None, 6, "file-gone")
        hands.recorder.append_gap(gap, 7, 10, 2)
        await hands.recorder.close()

        again = disk().start()
        loaded = again.loaded
        assert [(host.host, host.name, host.labels) for host in loaded.hosts] == [(1, "web-1", {"role": "db"})]
        assert [(file.file, file.committed, file.inode) for file in loaded.files] == [(7, 10, (1 << 64) - 2)]
        assert loaded.schemas == {3: ("cpu.user_pct",)}
        assert loaded.samples_ms == {1: 5_007}
        assert loaded.next_seq == 3
        assert [batch.data for batch in loaded.tail] == [b"one\n"]
        assert await again.texts() == [b"one"]
        assert (await again.ask()).gaps == [gap]
        assert (await again.metrics())[0].avg.tolist() == [42.0]
        await again.recorder.close()

    run(story())


def test_each_start_has_a_name_of_its_own_and_knows_how_far_the_earlier_ones_came(disk):
    async def story():
        first = disk()
        first.host()
        first.file()
        first.lines(b"one\n")
        first.recorder.flush()
        first.lines(b"shown and lost\n")
        die(first)
        second = disk()  # within the same second, and often the same millisecond
        second.lines(b"two\n")
        second.recorder.flush()
        die(second)
        third = disk()
        assert third.loaded.lives == {first.loaded.life: 1, second.loaded.life: 2}
        assert third.loaded.life not in third.loaded.lives
        die(third)

    run(story())


def test_many_starts_are_remembered_and_not_all(disk, monkeypatch):
    monkeypatch.setattr("fleetglass_hub.history.disk.LIVES_MAX", 3)
    names = []
    for _ in range(6):
        hands = disk()
        names.append(hands.loaded.life)
        die(hands)
    assert list(hands.loaded.lives) == names[2:5]
    assert len(set(names)) == 6


def test_a_gap_without_a_range_of_its_own_survives_the_death_of_the_process(disk):
    async def story():
        hands = disk()
        hands.host()
        hands.file()
        hands.lines(b"one\n")
        hands.recorder.flush()
        die(hands)
        again = disk()
        gap = Gap(1, 0, "/var/log/app.log", 1_000.0, 1_500.0, None, 600, "truncated")
        again.recorder.append_gap(gap, 7, 4, 2)  # what was truncated unseen: its bytes have no place in the file
        again.recorder.flush()
        die(again)
        last = disk().start()
        assert last.loaded.gaps == [(2, gap)]
        await last.recorder.close()

    run(story())


def test_a_journal_of_which_nothing_fits_does_not_stop_a_start(disk):
    async def story():
        hands = disk()
        hands.host()
        hands.file()
        hands.recorder.flush()
        die(hands)
        again = disk()
        again.ends[1, 0, 7] = 100  # as if what lies before it had been lost
        again.lines(b"out of place\n")
        again.recorder.flush()
        die(again)
        last = disk()
        last.lines(b"in place\n")
        last.recorder.flush()
        die(last)
        last = disk().start()
        assert await last.texts() == [b"in place"]
        await last.recorder.close()

    run(story())


def test_what_was_flushed_survives_the_death_of_the_process(disk):
    async def story():
        hands = disk()  # never started: nothing is committed
        hands.host()
        hands.file()
        hands.lines(b"one\n")
        hands.recorder.flush()
        hands.lines(b"two\n")
        hands.recorder.flush()
        hands.lines(b"not flushed\n")
        die(hands)

        again = disk().start()
        assert again.loaded.next_seq == 3
        assert [(file.file, file.committed) for file in again.loaded.files] == [(7, 8)]
        assert [host.name for host in again.loaded.hosts] == ["web-1"]
        again.lines(b"three\n", 2_000.0)
        assert await again.texts() == [b"three", b"two", b"one"]
        await again.recorder.close()
        assert [batch.data for batch in disk().loaded.tail] == [b"one\n", b"two\n", b"three\n"]

    run(story())


def test_a_torn_journal_counts_up_to_the_tear(disk, tmp_path):
    async def story():
        hands = disk()
        hands.host()
        hands.file()
        hands.lines(b"one\n")
        hands.recorder.flush()
        hands.lines(b"two\n")
        hands.recorder.flush()
        die(hands)
        journal = tmp_path / "history.sqlite.journal-0"
        journal.write_bytes(journal.read_bytes()[:-3])
        again = disk()
        assert [batch.data for batch in again.loaded.tail] == [b"one\n"]
        assert again.loaded.files[0].committed == 4

    run(story())


def test_a_journal_of_another_life_is_left_alone(disk, tmp_path):
    async def story():
        hands = disk()
        hands.host()
        hands.file()
        hands.lines(b"one\n")
        hands.recorder.flush()
        die(hands)
        journal = tmp_path / "history.sqlite.journal-0"
        kept = journal.read_bytes()
        await disk().start().recorder.close()
        journal.write_bytes(kept)
        assert [batch.data for batch in disk().loaded.tail] == [b"one\n"]

    run(story())


def test_lines_move_into_chunks_without_loss_or_double(disk):
    async def story():
        hands = disk().start()
        hands.host()
        hands.file()
        hands.file(stream=1, file=8, path="/var/log/quiet.log")
        sent = []
        for at in range(60):
            sent.append(b"".join(b"%06d %s\n" % (at * 200 + k, b"x" * 60) for k in range(200)))
            hands.lines(sent[-1], 1_000.0 + at)
            hands.lines(b"quiet %d\n" % at, 1_000.0 + at, stream=1, file=8, path="/var/log/quiet.log")
            hands.recorder.flush()
            if at % 20 == 19:
                await hands.until_committed()
                found = await hands.all_pages(path="*app.log", limit=5_000)
                assert b"".join(line.data + b"\n" for line in reversed(found)) == b"".join(sent)
        assert len(await hands.all_pages(path="*quiet*", limit=7)) == 60
        await hands.recorder.close()

        again = disk().start()
        found = await again.all_pages(path="*app.log", limit=10_000)
        assert b"".join(line.data + b"\n" for line in reversed(found)) == b"".join(sent)
        assert len(await again.all_pages(path="*quiet*")) == 60
        assert [batch.seq for batch in again.loaded.tail] == list(range(again.loaded.tail[0].seq, 121))
        await again.recorder.close()

    run(story())


def test_a_line_that_was_cut_is_one_line_again(disk):
    async def story():
        hands = disk().start()
        hands.host()
        hands.file()
        hands.lines(b"before\nlong ", 1_000.0, cut=True)
        hands.lines(b"longer ", 1_001.0, cut=True)
        hands.lines(b"end\nafter\n", 1_002.0)
        assert await hands.texts() == [b"after", b"long longer end", b"before"]
        assert await hands.texts(match="long.*end$") == [b"long longer end"]
        assert await hands.texts(to_ms=1_001.5) == [b"long longer end", b"before"]
        assert await hands.texts(from_ms=1_000.5) == [b"after"]
        await hands.recorder.close()

    run(story())


@pytest.mark.parametrize("damage", ["header", "middle", "cut", "text"])
def test_a_damaged_database_is_named_with_what_to_do(disk, tmp_path, damage):
    async def story():
        hands = disk().start()
        hands.host()
        hands.file()
        for at in range(40):
            hands.lines(b"".join(b"%d %d\n" % (at * k, k * k) for k in range(2_000)), 1_000.0 + at)
        await hands.recorder.close()

    run(story())
    path = tmp_path / "history.sqlite"
    data = bytearray(path.read_bytes())
    match damage:
        case "header":
            data[:16] = bytes(16)
        case "middle":
            for at in range(65_536, len(data), 65_536):
                data[at : at + 64] = b"\xff" * 64
        case "cut":
            del data[len(data) // 2 :]
        case "text":
            data[:] = b"this is no database\n" * 9_000
    path.write_bytes(data)
    with pytest.raises((DamagedError, HistoryError), match=r"history\.sqlite.*(doctor|put a backup)"):
        disk()
