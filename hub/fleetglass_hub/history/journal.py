"""What was appended and is not in the database yet, where it survives the death of the process.

    history.sqlite.journal-0   life │ record │ record │ record     the group that is being committed
    history.sqlite.journal-1   life │ record                       what came since

    record = length u32 │ crc32 u32 │ body

Each `write` is one system call into the kernel's page cache: nothing is synced, because what must survive the machine
is acknowledged after the database's commit alone. When a group is committed its file is emptied. A record counts only
if it follows, number by number, on what the database holds: a journal beside another database adds nothing to it.

A shell: it holds two descriptors. `write` and `switch` are called under the recorder's lock.
"""

import logging
import os
import struct
import zlib
from collections.abc import Sequence

from fleetglass_hub.history import records
from fleetglass_hub.history.records import Item

log = logging.getLogger(__name__)

_HEAD = struct.Struct("<II")
LIFE_BYTES = 8


class Journal:
    """Two files that take turns.

    Args:
        life: names this opening of the database; the database holds it too.
    """

    def __init__(self, path: str, life: bytes) -> None:
        self._life = life
        self._descriptors = [
            os.open(f"{path}.journal-{side}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) for side in (0, 1)
        ]
        self._sizes = [0, 0]
        self._side = 0
        for side in (0, 1):
            self.clear(side)

    def write(self, first: int, items: Sequence[Item]) -> None:
        """Write items with their numbers.

        Raises:
            OSError: nothing of them was written.
        """
        side = self._side
        body = records.encode(first, items)
        head = _HEAD.pack(len(body), zlib.crc32(body))
        size = self._sizes[side]
        if not size:
            head = self._life + head
        whole = len(head) + len(body)
        try:
            written = os.pwritev(self._descriptors[side], (head, body), size)
            # A disk that is nearly full takes a part of it; what it says to the rest is the reason.
            while written < whole:
                rest = memoryview(head + body)[written:]
                written += os.pwrite(self._descriptors[side], rest, size + written)
        except OSError:
            self._cut(side, size)
            raise
        self._sizes[side] = size + whole

    def _cut(self, side: int, size: int) -> None:
        try:
            os.ftruncate(self._descriptors[side], size)
        except OSError as error:
            # The torn record fails its checksum, and what follows is written over it.
            log.debug("the journal keeps a torn record: %s", error.strerror)

    def switch(self) -> int:
        """Let what comes next go to the other file, which is empty; the side that was left."""
        left = self._side
        assert not self._sizes[1 - left], "a group is committed before the next one is taken"
        self._side = 1 - left
        return left

    def clear(self, side: int) -> None:
        """Empty a file: all of it is committed."""
        self._cut(side, 0)
        self._sizes[side] = 0

    def close(self) -> None:
        """Let go of both files."""
        for descriptor in self._descriptors:
            os.close(descriptor)


def replay(path: str, life: bytes, committed: int) -> list[Item]:
    """What the last life of this database flushed and did not commit, in order.

    Args:
        committed: the number of the last item that the database holds.
    """
    found: list[tuple[int, list[Item]]] = []
    for side in (0, 1):
        try:
            with open(f"{path}.journal-{side}", "rb") as file:
                data = file.read()
        except FileNotFoundError:
            continue
        if data[:LIFE_BYTES] == life:
            found += _read(data)
    items: list[Item] = []
    next_number = committed + 1
    for first, group in sorted(found, key=lambda record: record[0]):
        if first > next_number:
            log.warning("the journal of %s has a hole before item %d; what follows is asked of the agents", path, first)
            break
        fresh = group[next_number - first :]
        items += fresh
        next_number += len(fresh)
    return items


def _read(data: bytes) -> list[tuple[int, list[Item]]]:
    """Records up to the first that is torn."""
    found = []
    at = LIFE_BYTES
    while at + _HEAD.size <= len(data):
        length, crc = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        body = data[at : at + length]
        if len(body) < length or zlib.crc32(body) != crc:
            break
        try:
            found.append(records.decode(body))
        except ValueError:
            break
        at += length
    return found
