"""The history's file: opened, upgraded and refused with a sentence.

In: a path. Out: connections with the settings that this history needs. A shell: it touches the file.

A file is used whole or not at all: what is damaged, foreign or newer than this program is named with what to do.
"""

import logging
import os
import sqlite3
from importlib import resources

from fleetglass_web.view import PastError

log = logging.getLogger(__name__)

FILE_NAME = "history.sqlite"
# A chunk of some KB takes a whole page of its own where pages are small: 1.7 bytes a sample with 4 KiB, 1.06 with 64.
PAGE_BYTES = 65_536
# "FGHS" in a history that is in use, "FGBK" in a backup: what lies beside a backup belongs to another file.
LIVE_ID = 0x46474853
BACKUP_ID = 0x4647424B
VERSION = 2
# Up to this size the whole structure is checked at the start, at some GB/s; larger files are checked by `doctor`.
CHECK_BYTES = 256 << 20
BUSY_MS = 10_000

_APPLICATION_ID_AT = 68  # https://www.sqlite.org/fileformat2.html, "Application ID"


class HistoryError(PastError):
    """The history cannot be used; the text says why and what to do."""


class DamagedError(HistoryError):
    """The file is damaged."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(
            f"{path} is damaged ({what}). Nothing of it is used. 'fleetglass-hub doctor' says more; put a backup in "
            f"its place, or move it aside to start with an empty history: agents send again what they still have"
        )


def connect(path: str, *, is_reader: bool = False) -> sqlite3.Connection:
    """A connection; transactions are begun and ended by hand."""
    if is_reader:
        connection = sqlite3.connect(
            f"file:{_quoted(path)}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
    else:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    connection.execute("PRAGMA cache_size = -8192")
    return connection


def _quoted(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def open_writer(path: str) -> sqlite3.Connection:
    """The one connection that writes; the file is made or upgraded where needed.

    Raises:
        HistoryError: it cannot be used.
    """
    try:
        leave_behind(path)
        is_new = not os.path.exists(path) or os.path.getsize(path) == 0
        connection = _prepared(path, is_new)
    except sqlite3.DatabaseError as error:
        raise refusal(path, error) from error
    except OSError as error:
        raise HistoryError(f"cannot use {path}: {error.strerror}. Choose another folder with --data") from error
    return connection


def _prepared(path: str, is_new: bool) -> sqlite3.Connection:
    if is_new:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = connect(path)
    try:
        if is_new:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        else:
            _check(connection, path)
            _refuse_foreign(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        # What was acknowledged must survive the machine: one fsync a commit. NORMAL would lose the last commits.
        connection.execute("PRAGMA synchronous = FULL")
        # Checkpoints are made beside the commits (see `checkpoint`), not inside them.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        _upgrade(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: str) -> None:
    if os.path.getsize(path) <= CHECK_BYTES and (found := structure_problem(connection)):
        raise DamagedError(path, found)


def structure_problem(connection: sqlite3.Connection) -> str:
    """What SQLite's own check finds; "" if nothing."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    return "" if found == "ok" else " ".join(str(found).split())


def _number(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _refuse_foreign(connection: sqlite3.Connection, path: str) -> None:
    """Before anything is changed in it."""
    version = _number(connection, "user_version")
    if _number(connection, "application_id") not in (LIVE_ID, BACKUP_ID) and _has_tables(connection):
        raise HistoryError(f"{path} is a database of another program; move it aside or choose another folder: --data")
    if version > VERSION:
        raise HistoryError(
            f"{path} was written by a newer fleetglass (format {version}, this one reads up to {VERSION}): "
            f"upgrade the hub, or put the backup from before the upgrade in its place"
        )


def _upgrade(connection: sqlite3.Connection, path: str) -> None:
    version = _number(connection, "user_version")
    if version == VERSION and _number(connection, "application_id") == LIVE_ID:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        if version == 0:
            run_script(connection, _script("schema.sql"))
            connection.execute("INSERT INTO meta VALUES ('history_id', ?)", (os.urandom(8),))
        else:
            for step in range(version, VERSION):
                run_script(connection, _script(f"upgrade_{step}.sql"))
            if version < VERSION:
                log.info("%s was upgraded from format %d to %d", path, version, VERSION)
        # Of a backup: what lay beside it was put back before (see `backup`).
        connection.execute("DROP TABLE IF EXISTS beside")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute(f"PRAGMA application_id = {LIVE_ID}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _script(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _has_tables(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def run_script(connection: sqlite3.Connection, script: str) -> None:
    """Run statements inside the open transaction; `executescript` would commit it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""


def is_backup(path: str) -> bool:
    """Whether a backup was put in this place and not opened since."""
    try:
        with open(path, "rb") as file:
            file.seek(_APPLICATION_ID_AT)
            return file.read(4) == BACKUP_ID.to_bytes(4, "big")
    except OSError:
        return False


def leave_behind(path: str) -> None:
    """Where a backup was put in place, what lies beside it belongs to the file that stood there before: delete it."""
    if is_backup(path):
        for name in (f"{path}-wal", f"{path}-shm", f"{path}.journal-0", f"{path}.journal-1"):
            if os.path.exists(name):
                os.unlink(name)


def refusal(path: str, error: sqlite3.Error) -> HistoryError:
    """An error of SQLite in words that help."""
    text = str(error)
    code = getattr(error, "sqlite_errorname", "") or ""
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or any(
        word in text for word in ("malformed", "not a database", "Could not decode")
    ):
        return DamagedError(path, text)
    if code.startswith("SQLITE_FULL") or "full" in text:
        return HistoryError(f"the disk of {path} is full. Make room there; nothing is acknowledged until there is some")
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return HistoryError(
            f"{path} cannot be written ({text}): mount its disk for writing and give the hub's user the right to write"
        )
    if code.startswith("SQLITE_IOERR"):
        return HistoryError(
            f"the disk of {path} does not take what is written ({text}): is it full or failing? See 'df', 'dmesg'"
        )
    return HistoryError(f"{path} cannot be used ({text}); 'fleetglass-hub doctor' says more")
