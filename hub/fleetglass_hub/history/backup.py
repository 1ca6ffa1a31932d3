"""A backup is one file: the history as of one moment, and the small files beside it (keys, passwords).

    backup    history.sqlite ─ snapshot ─► FILE.part ─ + files, marked as a backup, synced ─► FILE
    restore   FILE put in the place of history.sqlite; at the next start the small files that are missing are put back

A shell: it reads and writes files, on a thread of its own while the hub runs.
"""

import logging
import os
import sqlite3
import stat
from collections.abc import Iterator

from fleetglass_hub.history import database
from fleetglass_hub.history.database import BACKUP_ID, FILE_NAME, HistoryError

log = logging.getLogger(__name__)

# Keys, the book of agents, passwords: some KB. Whatever is larger is not one of them.
BESIDE_BYTES = 64 << 20
_NOT_BESIDE = ("-wal", "-shm", "-journal", ".part", ".pid")


class BackupError(Exception):
    """No backup was made; the text says why and what to do."""


def write(folder: str, target: str) -> int:
    """Write a backup while the hub runs or does not; its size in bytes.

    Args:
        target: an absolute path; what stands there is replaced when the backup is whole.

    Raises:
        BackupError: see there.
    """
    source_path = os.path.join(folder, FILE_NAME)
    if not os.path.exists(source_path):
        raise BackupError(f"there is no history in {folder}; name the hub's folder with --data")
    if os.path.exists(target) and os.path.samefile(source_path, target):
        raise BackupError(f"{target} is the history itself; name another file")
    part = f"{target}.part"
    try:
        _remove(part)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        _copy(source_path, part)
        _add_beside(folder, part)
        _sync(part)
        size = os.path.getsize(part)
        os.rename(part, target)
        _sync(os.path.dirname(target))
    except OSError as error:
        _remove(part)
        raise BackupError(f"cannot write {target}: {error.strerror}. Choose another file for the backup") from error
    except sqlite3.Error as error:
        _remove(part)
        raise BackupError(f"no backup was written to {target}: {database.refusal(source_path, error)}") from error
    return size


def _copy(source_path: str, part: str) -> None:
    source = database.connect(source_path, is_reader=True)
    copy = sqlite3.connect(part, isolation_level=None)
    try:
        # In one step: it reads one snapshot, however much is committed meanwhile.
        source.backup(copy, pages=-1)
        if found := database.structure_problem(copy):
            raise sqlite3.DatabaseError(f"the copy is malformed: {found}")
    finally:
        copy.close()
        source.close()


def _add_beside(folder: str, part: str) -> None:
    copy = sqlite3.connect(part, isolation_level=None)
    try:
        copy.execute("PRAGMA journal_mode = DELETE")
        copy.execute("BEGIN IMMEDIATE")
        copy.execute("DROP TABLE IF EXISTS beside")
        copy.execute("CREATE TABLE beside (name TEXT PRIMARY KEY, mode INTEGER NOT NULL, body BLOB NOT NULL)")
        copy.executemany("INSERT INTO beside VALUES (?, ?, ?)", _beside(folder))
        copy.execute(f"PRAGMA application_id = {BACKUP_ID}")
        copy.execute("COMMIT")
    finally:
        copy.close()


def _beside(folder: str) -> Iterator[tuple[str, int, bytes]]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = entry.name
        if name.startswith(FILE_NAME) or name == "lock" or name.endswith(_NOT_BESIDE):
            continue
        about = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(about.st_mode) or about.st_size > BESIDE_BYTES:
            continue
        yield name, stat.S_IMODE(about.st_mode), _content(entry.path)


def _content(path: str) -> bytes:
    if path.endswith(".sqlite"):
        # Its own log may hold what the file does not.
        connection = sqlite3.connect(path)
        try:
            return connection.serialize()
        finally:
            connection.close()
    with open(path, "rb") as file:
        return file.read()


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def put_back(folder: str) -> None:
    """Before a start: if the history is a backup that was put in place, put back the small files that are missing.

    Raises:
        HistoryError: they cannot be written.
    """
    path = os.path.join(folder, FILE_NAME)
    if not database.is_backup(path):
        return
    database.leave_behind(path)
    try:
        connection = sqlite3.connect(path)
        try:
            rows = connection.execute("SELECT name, mode, body FROM beside").fetchall()
        finally:
            connection.close()
        for name, mode, body in rows:
            _put_back(os.path.join(folder, os.path.basename(name)), mode, body)
    except sqlite3.Error as error:
        raise database.refusal(path, error) from error
    except OSError as error:
        raise HistoryError(f"cannot put back what {path} holds into {folder}: {error.strerror}") from error
    log.info("%s is a backup that was put in place", path)


def _put_back(path: str, mode: int, body: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except FileExistsError:
        return
    with open(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    log.info("%s was put back from the backup", path)
