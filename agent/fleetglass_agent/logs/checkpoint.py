"""What the agent must know after a crash: which files it follows, how far the hub has them, which are done with.

The hub's offsets are the truth; the checkpoint is for what the hub cannot say (a file that was taken from its end and
has not had a line yet, a hub that lost its disk). Written to a temporary file, synced where it
matters, renamed: it is whole or old.
"""

import contextlib
import json
import os
from typing import Any, NamedTuple

VERSION = 1
NAME = "follow.json"


class SavedFile(NamedTuple):
    """One generation. `tail` stands before `read`; bytes as hex."""

    file: int
    dev: int
    inode: int
    fp_count: int
    fp: str
    committed: int
    read: int
    tail: str
    size: int
    mtime_ns: int
    end: int | None
    why: str
    unproven: bool


class SavedStream(NamedTuple):
    """One followed path, its files oldest first."""

    path: str
    number: int
    files: tuple[SavedFile, ...]


class Done(NamedTuple):
    """A file that is read, or a copy of one (`end` beyond every size), or let go; `path` is its last name."""

    path: str
    dev: int
    inode: int
    fp_count: int
    fp: str
    end: int


class Saved(NamedTuple):
    """The whole checkpoint. `globs` are those whose files were met: what they find later is new."""

    globs: tuple[str, ...] = ()
    streams: tuple[SavedStream, ...] = ()
    done: tuple[Done, ...] = ()


class Corrupt(Exception):  # noqa: N818 - a state of a file, not a fault of the program
    """The checkpoint cannot be understood; it was put aside."""


class Checkpoint:
    """The file in the state folder.

    Raises (`load`, `save`):
        OSError: the folder is missing, read-only or full.
        Corrupt: on `load`.
    """

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, NAME)

    def load(self) -> Saved | None:
        """The last one; None at the very first start."""
        try:
            with open(self.path, "rb") as file:
                raw = file.read()
        except FileNotFoundError:
            return None
        try:
            return _from_plain(json.loads(raw))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            with contextlib.suppress(OSError):
                os.replace(self.path, self.path + ".corrupt")
            raise Corrupt(str(error))

    def save(self, saved: Saved, *, sync: bool) -> None:
        """Replace it: it survives the agent's death, and with `sync` (some milliseconds of a disk) the machine's."""
        temporary = self.path + ".tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            raw = json.dumps(_to_plain(saved), separators=(",", ":")).encode()
            view = memoryview(raw)
            while view:
                view = view[os.write(descriptor, view) :]
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, self.path)
        if not sync:
            return
        with contextlib.suppress(OSError):  # the name is in its folder only after this
            folder = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _to_plain(saved: Saved) -> dict[str, object]:
    return {
        "version": VERSION,
        "globs": list(saved.globs),
        "streams": [
            {"path": one.path, "number": one.number, "files": [file._asdict() for file in one.files]}
            for one in saved.streams
        ],
        "done": [one._asdict() for one in saved.done],
    }


def _from_plain(plain: dict[str, object]) -> Saved:
    if plain["version"] != VERSION:
        raise ValueError(f"version {plain['version']!r} is not {VERSION}")
    globs, streams, done = plain["globs"], plain["streams"], plain["done"]
    if not (isinstance(globs, list) and isinstance(streams, list) and isinstance(done, list)):
        raise TypeError("globs, streams and done must be lists")
    return Saved(
        tuple(str(one) for one in globs),
        tuple(
            SavedStream(str(one["path"]), int(one["number"]), tuple(_file(file) for file in one["files"]))
            for one in streams
        ),
        tuple(
            Done(
                str(one["path"]),
                int(one["dev"]),
                int(one["inode"]),
                int(one["fp_count"]),
                str(one["fp"]),
                int(one["end"]),
            )
            for one in done
        ),
    )


def _file(plain: dict[str, Any]) -> SavedFile:  # Any: a checkpoint may hold whatever JSON can
    file = SavedFile(**plain)
    bytes.fromhex(file.fp)
    bytes.fromhex(file.tail)
    numbers = (file.file, file.dev, file.inode, file.fp_count, file.committed, file.read, file.size, file.mtime_ns)
    if not all(isinstance(one, int) and one >= 0 for one in numbers) or not isinstance(file.end, int | None):
        raise ValueError(f"file {file.file!r} has a number that is none")
    return file
