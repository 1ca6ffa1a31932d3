"""The hub's own key pair and the book of those it lets in, on disk.

    DATA/hub.key        the secret CURVE key, Z85, mode 600: who has it is the hub
    DATA/keys.sqlite    keys of agents and hashes of tokens, mode 600

A shell: it reads and writes files. The book is small and is written only when somebody comes or goes, so it is
written at once, on the loop's thread (some 30 us).
"""

import hashlib
import json
import os
import sqlite3
from typing import NamedTuple

import zmq
from fleetglass_proto import z85

from fleetglass_hub.ingest.enroll import KeyRecord, TokenRecord

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    key BLOB PRIMARY KEY, agent_id BLOB NOT NULL UNIQUE, is_local INTEGER NOT NULL, labels TEXT NOT NULL,
    enrolled_ms REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
    digest BLOB PRIMARY KEY, labels TEXT NOT NULL, expires_ms REAL NOT NULL, used_ms REAL) WITHOUT ROWID;
"""
# What a book of an earlier hub lacks, in the order in which it came.
_TOKENS_SINCE = (("created_ms", "REAL"), ("agent_id", "BLOB"), ("revoked_ms", "REAL"))
_COLUMNS = "digest, labels, expires_ms, used_ms, created_ms, agent_id, revoked_ms"


class KeyFileError(Exception):
    """The key or the book cannot be used; the text says why and what to do."""


class KeyPair(NamedTuple):
    """CURVE keys, 32 bytes each."""

    public: bytes
    secret: bytes

    @property
    def hub_id(self) -> bytes:
        """16 bytes that mean this hub, as long as it keeps its key."""
        return hashlib.blake2b(self.public, digest_size=16, person=b"fleetglass-hub").digest()


def load_key_pair(folder: str) -> KeyPair:
    """The hub's key pair; made at the first start.

    Raises:
        KeyFileError: the file cannot be read, is damaged, or is open to others.
    """
    path = os.path.join(folder, "hub.key")
    try:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise KeyFileError(f"{path} can be read by others, so it is no secret: chmod 600 {path}")
            secret = file.read(256).decode("ascii", "replace").strip()
        return KeyPair(z85.decode_key(zmq.curve_public(secret.encode()).decode()), z85.decode_key(secret))
    except FileNotFoundError:
        return _make_key_pair(path)
    except OSError as error:
        raise KeyFileError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, zmq.ZMQError) as error:
        raise KeyFileError(
            f"{path} is damaged ({error}); put it back from a backup, or delete it and enrol every agent again"
        ) from error


def _make_key_pair(path: str) -> KeyPair:
    public, secret = zmq.curve_keypair()
    temporary = f"{path}.{os.getpid()}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, secret + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, path)
    except OSError as error:
        raise KeyFileError(f"cannot write {path}: {error.strerror}") from error
    return KeyPair(z85.decode_key(public.decode()), z85.decode_key(secret.decode()))


class KeyBook:
    """`enroll.Book` in a small SQLite file."""

    def __init__(self, folder: str) -> None:
        path = os.path.join(folder, "keys.sqlite")
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            self._base = sqlite3.connect(path, isolation_level=None)
            self._base.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + _SCHEMA)
            has = {row[1] for row in self._base.execute("PRAGMA table_info(tokens)")}
            for column, kind in _TOKENS_SINCE:
                if column not in has:
                    self._base.execute(f"ALTER TABLE tokens ADD COLUMN {column} {kind}")
        except OSError as error:
            raise KeyFileError(f"cannot write {path}: {error.strerror}") from error
        except sqlite3.Error as error:
            raise KeyFileError(f"{path} cannot be used: {error}; put it back from a backup, or delete it") from error

    def key(self, key: bytes) -> KeyRecord | None:
        """What is known of a key."""
        return self._one_key("key", key)

    def key_of(self, agent_id: bytes) -> KeyRecord | None:
        """The key of an agent."""
        return self._one_key("agent_id", agent_id)

    def _one_key(self, column: str, value: bytes) -> KeyRecord | None:
        row = self._base.execute(
            f"SELECT key, agent_id, is_local, labels, enrolled_ms FROM keys WHERE {column} = ?",  # noqa: S608 - ours
            (value,),
        ).fetchone()
        return None if row is None else KeyRecord(row[0], row[1], bool(row[2]), json.loads(row[3]), row[4])

    def put_key(self, record: KeyRecord) -> None:
        """Keep a key; another one of the same agent is dropped."""
        self._base.execute(
            "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?)",
            (record.key, record.agent_id, record.is_local, json.dumps(dict(record.labels)), record.enrolled_ms),
        )

    def drop_keys(self, agent_id: bytes) -> None:
        """Forget the keys of an agent."""
        self._base.execute("DELETE FROM keys WHERE agent_id = ?", (agent_id,))

    def token(self, digest: bytes) -> TokenRecord | None:
        """What is known of a token."""
        found = self._tokens("WHERE digest = ?", digest)
        return found[0] if found else None

    def put_token(self, record: TokenRecord) -> None:
        """Keep a token, or that it was used."""
        self._base.execute(
            f"INSERT OR REPLACE INTO tokens ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - ours
            (record.digest, json.dumps(dict(record.labels)), *record[2:]),
        )

    def tokens(self) -> list[TokenRecord]:
        """All tokens."""
        return self._tokens("")

    def _tokens(self, where: str, *values: object) -> list[TokenRecord]:
        rows = self._base.execute(f"SELECT {_COLUMNS} FROM tokens {where}", values)  # noqa: S608 - ours
        return [TokenRecord(row[0], json.loads(row[1]), *row[2:]) for row in rows]

    def drop_tokens(self, before_ms: float) -> None:
        """Forget tokens that expired before a time."""
        self._base.execute("DELETE FROM tokens WHERE expires_ms < ?", (before_ms,))

    def close(self) -> None:
        """End with everything written."""
        self._base.close()
