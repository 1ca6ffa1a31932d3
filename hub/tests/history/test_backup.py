"""A backup while lines arrive, a restore by putting the file in place, and what doctor says of both."""

import asyncio
import os
import sqlite3

import pytest
from fleetglass_hub.history import backup, checkup, database
from fleetglass_hub.history.keeping import DEFAULT, EVERYTHING, Keep, Keeping


def keys_in(folder):
    (folder / "hub.key").write_text("secret\n")
    (folder / "hub.key").chmod(0o600)
    connection = sqlite3.connect(folder / "keys.sqlite")
    connection.execute("CREATE TABLE keys (key)")
    connection.execute("INSERT INTO keys VALUES ('of an agent')")
    connection.commit()
    connection.close()


def test_a_backup_is_a_moment_of_a_running_hub_and_is_restored_by_putting_it_in_place(tmp_path, disk, make_hands):
    target = tmp_path / "elsewhere.backup"

    async def story():
        keys_in(tmp_path)
        hands = disk().start()
        hands.host()
        hands.file()
        hands.lines(b"one\n")
        await hands.until_committed()
        size = await asyncio.to_thread(backup.write, str(tmp_path), str(target))
        assert size == target.stat().st_size
        assert target.stat().st_mode & 0o777 == 0o600
        hands.lines(b"two\n")
        hands.recorder.flush()
        await hands.recorder.close()
        (tmp_path / "hub.key").unlink()
        (tmp_path / "keys.sqlite").unlink()
        (tmp_path / "history.sqlite-wal").write_bytes(b"of the file that stood here")

        os.replace(target, tmp_path / "history.sqlite")
        backup.put_back(str(tmp_path))
        assert (tmp_path / "hub.key").read_text() == "secret\n"
        assert (tmp_path / "hub.key").stat().st_mode & 0o777 == 0o600
        connection = sqlite3.connect(tmp_path / "keys.sqlite")
        assert connection.execute("SELECT key FROM keys").fetchall() == [("of an agent",)]
        connection.close()
        again = disk().start()
        assert [(file.file, file.committed) for file in again.loaded.files] == [(7, 4)]
        again.lines(b"two\n")
        assert await again.texts() == [b"two", b"one"]
        await again.recorder.close()
        assert not database.is_backup(str(tmp_path / "history.sqlite"))

    asyncio.run(story())


def test_keys_that_are_there_stay(tmp_path, disk):
    keys_in(tmp_path)
    asyncio.run(disk().recorder.close())
    backup.write(str(tmp_path), str(tmp_path / "b"))
    (tmp_path / "hub.key").write_text("another\n")
    os.replace(tmp_path / "b", tmp_path / "history.sqlite")
    backup.put_back(str(tmp_path))
    assert (tmp_path / "hub.key").read_text() == "another\n"


def test_a_backup_that_cannot_be_written_says_so_and_leaves_the_old_one(tmp_path, disk):
    asyncio.run(disk().recorder.close())
    with pytest.raises(backup.BackupError, match="No such file or directory"):
        backup.write(str(tmp_path), str(tmp_path / "missing" / "b"))
    with pytest.raises(backup.BackupError, match="name another file"):
        backup.write(str(tmp_path), str(tmp_path / "history.sqlite"))
    with pytest.raises(backup.BackupError, match="no history"):
        backup.write(str(tmp_path / "nowhere"), str(tmp_path / "b"))
    assert not (tmp_path / "b").exists()


def wrong(folder, keeping=DEFAULT):
    return [(what, remedy) for is_wrong, what, remedy in checkup.examine(str(folder), keeping) if is_wrong]


def test_doctor_finds_nothing_wrong_with_a_history_that_is_whole_running_or_not(tmp_path, disk, monkeypatch):
    monkeypatch.setattr("fleetglass_hub.history.lines.PACK_BYTES", 1_000)

    async def story():
        hands = disk().start()
        hands.host()
        hands.file()
        hands.lines(b"one\n" * 1_000)
        await hands.until_committed()
        keeping = Keeping(Keep(None, 16 << 20), {})
        assert wrong(tmp_path, keeping) == []
        await hands.recorder.close()
        assert wrong(tmp_path, keeping) == []
        assert any("all of its 1 chunks" in what for _, what, _ in checkup.examine(str(tmp_path), keeping))

    asyncio.run(story())


def test_doctor_names_a_damaged_chunk_and_a_damaged_file(tmp_path, disk, monkeypatch):
    monkeypatch.setattr("fleetglass_hub.history.lines.PACK_BYTES", 1_000)

    async def story():
        hands = disk().start()
        hands.host()
        hands.file()
        hands.lines(os.urandom(500).hex().encode() + b"\n")
        await hands.until_committed()
        hands.recorder._store.connection.execute(
            "UPDATE line_body SET data = CAST(substr(data, 1, 100) || x'ff' || substr(data, 102) AS BLOB)"
        )
        await hands.recorder.close()

    asyncio.run(story())
    ((what, remedy),) = wrong(tmp_path, Keeping(Keep(None, 16 << 20), {}))
    assert "is damaged" in what
    assert "put a backup in the place" in remedy
    path = tmp_path / "history.sqlite"
    path.write_bytes(b"no database at all" * 10_000)
    ((what, remedy),) = wrong(tmp_path)
    assert "is damaged" in what
    assert "move it aside" in remedy


def test_doctor_compares_what_may_be_kept_with_the_disk(tmp_path, disk):
    asyncio.run(disk().recorder.close())
    ((what, remedy),) = wrong(tmp_path, Keeping(Keep(None, 1 << 60), {}))
    assert "may grow to" in what
    assert "keep_lines" in remedy
    assert wrong(tmp_path, EVERYTHING) == []  # nothing comes in: nothing is full soon
    assert wrong(tmp_path / "nowhere") == []
