"""The hub's key and its book, on a real disk."""

import os
import sqlite3
import stat

import pytest
from fleetglass_hub.ingest.enroll import KeyRecord, TokenRecord
from fleetglass_hub.ingest.keys import KeyBook, KeyFileError, load_key_pair


def test_a_key_is_made_once_and_closed_to_others(tmp_path):
    first = load_key_pair(str(tmp_path))
    assert load_key_pair(str(tmp_path)) == first
    assert len(first.public) == len(first.secret) == 32
    assert stat.S_IMODE(os.stat(tmp_path / "hub.key").st_mode) == 0o600
    assert os.listdir(tmp_path) == ["hub.key"]
    assert len(first.hub_id) == 16


def test_a_key_that_others_can_read_is_refused_with_the_remedy(tmp_path):
    load_key_pair(str(tmp_path))
    os.chmod(tmp_path / "hub.key", 0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_key_pair(str(tmp_path))


@pytest.mark.parametrize("text", ["", "short", "x" * 40 + "y", "\0" * 40])
def test_a_damaged_key_is_named(tmp_path, text):
    (tmp_path / "hub.key").write_text(text)
    os.chmod(tmp_path / "hub.key", 0o600)
    with pytest.raises(KeyFileError, match="damaged"):
        load_key_pair(str(tmp_path))


def test_the_book_outlives_the_process(tmp_path):
    book = KeyBook(str(tmp_path))
    record = KeyRecord(b"k" * 32, b"a" * 16, is_local=False, labels={"role": "db"}, enrolled_ms=5.0)
    token = TokenRecord(b"d" * 32, {"dc": "fra1"}, 100.0, None, 50.0)
    book.put_key(record)
    book.put_token(token)
    book.close()
    again = KeyBook(str(tmp_path))
    assert again.key(b"k" * 32) == again.key_of(b"a" * 16) == record
    assert again.token(b"d" * 32) == token
    used = token._replace(used_ms=7.0, agent_id=b"a" * 16)
    again.put_token(used)
    assert again.tokens() == [used]
    again.put_key(record._replace(key=b"n" * 32))
    assert again.key(b"k" * 32) is None
    again.drop_keys(b"a" * 16)
    again.drop_tokens(101.0)
    assert (again.key_of(b"a" * 16), again.tokens()) == (None, [])
    again.close()
    assert stat.S_IMODE(os.stat(tmp_path / "keys.sqlite").st_mode) == 0o600


def test_a_book_of_an_earlier_hub_is_read_and_its_tokens_open_as_before(tmp_path):
    with sqlite3.connect(tmp_path / "keys.sqlite") as old:
        old.execute(
            "CREATE TABLE tokens (digest BLOB PRIMARY KEY, labels TEXT NOT NULL, expires_ms REAL NOT NULL, "
            "used_ms REAL) WITHOUT ROWID"
        )
        old.execute("INSERT INTO tokens VALUES (?, ?, ?, NULL)", (b"d" * 32, '{"dc": "fra1"}', 100.0))
    old.close()
    for _ in range(2):
        book = KeyBook(str(tmp_path))
        assert book.tokens() == [TokenRecord(b"d" * 32, {"dc": "fra1"}, 100.0, None)]
        book.close()


def test_a_damaged_book_is_named(tmp_path):
    (tmp_path / "keys.sqlite").write_bytes(b"no database at all, but long enough to look at" * 40)
    with pytest.raises(KeyFileError, match=r"keys\.sqlite cannot be used"):
        KeyBook(str(tmp_path))
