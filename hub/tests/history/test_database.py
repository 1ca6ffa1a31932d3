"""Files of other formats, programs and times: upgraded, or refused with a sentence."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from fleetglass_hub.history import database
from fleetglass_hub.history.database import HistoryError, open_writer

# The tables as the first release made them.
FORMAT_1 = (Path(__file__).parent / "format_1.sql").read_text(encoding="utf-8")


def tables(path):
    connection = sqlite3.connect(path)
    found = {
        name: [row[1:3] for row in connection.execute(f"PRAGMA table_info({name})")]
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    connection.close()
    return found


def make_format_1(path):
    connection = sqlite3.connect(path)
    connection.executescript(FORMAT_1)
    connection.execute("INSERT INTO meta VALUES ('history_id', x'0102030405060708')")
    connection.execute("PRAGMA user_version = 1")
    connection.execute(f"PRAGMA application_id = {database.LIVE_ID}")
    connection.commit()
    connection.close()


def test_an_upgraded_file_has_the_tables_of_a_new_one(tmp_path):
    make_format_1(tmp_path / "old")
    open_writer(str(tmp_path / "old")).close()
    open_writer(str(tmp_path / "new")).close()
    old, new = tables(tmp_path / "old"), tables(tmp_path / "new")
    assert {name: sorted(columns) for name, columns in old.items()} == {
        name: sorted(columns) for name, columns in new.items()
    }


def test_what_an_old_file_held_is_there_after_the_upgrade(tmp_path, disk):
    make_format_1(tmp_path / "history.sqlite")
    connection = sqlite3.connect(tmp_path / "history.sqlite")
    connection.execute("INSERT INTO stream (host, stream, path, kind) VALUES (1, 0, '/var/log/a', 'file')")
    connection.execute("INSERT INTO file VALUES (1, 1, 0, 7, '66', '5', 0, x'', 42, 0)")
    connection.commit()
    connection.close()
    hands = disk()
    assert [(file.file, file.committed) for file in hands.loaded.files] == [(7, 42)]
    assert [stream.path for stream in hands.loaded.streams] == ["/var/log/a"]
    asyncio.run(hands.recorder.close())


def test_a_newer_file_is_refused(tmp_path):
    open_writer(str(tmp_path / "file")).close()
    connection = sqlite3.connect(tmp_path / "file")
    connection.execute(f"PRAGMA user_version = {database.VERSION + 1}")
    connection.close()
    with pytest.raises(HistoryError, match=r"written by a newer fleetglass.*upgrade the hub"):
        open_writer(str(tmp_path / "file"))


def test_a_database_of_another_program_is_left_alone(tmp_path):
    connection = sqlite3.connect(tmp_path / "file")
    connection.execute("CREATE TABLE theirs (a)")
    connection.commit()
    connection.close()
    before = (tmp_path / "file").read_bytes()
    with pytest.raises(HistoryError, match="another program"):
        open_writer(str(tmp_path / "file"))
    assert (tmp_path / "file").read_bytes() == before


def test_a_new_file_is_the_hubs_alone(tmp_path):
    open_writer(str(tmp_path / "file")).close()
    assert (tmp_path / "file").stat().st_mode & 0o077 == 0
