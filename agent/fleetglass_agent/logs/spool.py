"""The bytes of a command's output until the hub has them: files in the state folder, or memory without one.

A part is a file `NUMBER-OFFSET.part`, only ever appended to, so that after kill -9 its size says what is there.
A disk that is full turns the next part into memory, bounded, and says so.
"""

import contextlib
import os
from collections.abc import Callable
from itertools import pairwise

from fleetglass_agent.logs.numbering import Numbering


class Spool:
    """Output of one command. `file` is its number on the wire.

    Args:
        folder: of this command alone, made here; None: memory.
        note: gets a sentence when the disk fails.
    """

    def __init__(
        self,
        folder: str | None,
        new_number: Callable[[], int],
        limit_bytes: int,
        memory_bytes: int,
        note: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._note = note
        self._memory: dict[int, bytearray] = {}
        self._descriptors: dict[int, int] = {}
        self._is_failing = False
        parts: list[tuple[int, int]] = []
        self.file = 0
        if folder is not None:
            try:
                parts = self._find(folder)
            except OSError as error:
                self._fail(error)
        self.file = self.file or new_number()
        self._numbering = Numbering(memory_bytes if folder is None else limit_bytes, parts)

    @property
    def start(self) -> int:
        """The first byte that is still here."""
        return self._numbering.start

    @property
    def end(self) -> int:
        """The offset of the next byte."""
        return self._numbering.end

    @property
    def room(self) -> int:
        """How many bytes may be appended now; 0: stop reading the command."""
        room = self._numbering.room
        if self._is_failing or self._folder is None:
            room = min(room, max(self._memory_bytes - sum(map(len, self._memory.values())), 0))
        return room

    def append(self, data: bytes) -> None:
        """Keep more output: after this call it survives the agent."""
        while data:
            fits = max(self._numbering.fits, 1)
            self._append(data[:fits])
            data = data[fits:]

    def _append(self, data: bytes) -> None:
        part = self._numbering.add(len(data))
        if self._folder is not None and part not in self._memory:
            written = 0
            try:
                descriptor = self._open(part)
                while written < len(data):
                    written += os.write(descriptor, data[written:])
                self._is_failing = False
                return
            except OSError as error:
                self._fail(error)
                # What was written of it stays; the rest goes on in memory, in a part of its own.
                self._numbering.end -= len(data) - written
                data = data[written:]
                part = self._numbering.begin_part()
                self._numbering.end += len(data)
        self._memory.setdefault(part, bytearray()).extend(data)

    def read(self, count: int, offset: int) -> bytes:
        """At most `count` bytes at `offset`."""
        found = b""
        while len(found) < count:
            place = self._numbering.where(offset + len(found), count - len(found))
            if place is None:
                break
            if place.part in self._memory:
                got = bytes(self._memory[place.part][place.offset : place.offset + place.size])
            else:
                got = os.pread(self._open(place.part), place.size, place.offset)
            if not got:
                break
            found = got if not found else found + got
        return found

    def commit(self, offset: int) -> None:
        """The hub has these: drop whole parts."""
        for part in self._numbering.commit(offset):
            self._memory.pop(part, None)
            descriptor = self._descriptors.pop(part, None)
            if descriptor is not None:
                os.close(descriptor)
            if self._folder is not None:
                with contextlib.suppress(OSError):
                    os.unlink(self._path(part))

    def close(self) -> None:
        """Give back descriptors; what is not committed stays on disk."""
        for descriptor in self._descriptors.values():
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._descriptors.clear()

    def _path(self, part: int) -> str:
        return os.path.join(self._folder or "", f"{self.file:016x}-{part}.part")

    def _open(self, part: int) -> int:
        if part not in self._descriptors:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptors[part] = os.open(self._path(part), flags, 0o600)
        return self._descriptors[part]

    def _find(self, folder: str) -> list[tuple[int, int]]:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        found: dict[int, list[tuple[int, int]]] = {}
        for entry in os.scandir(folder):
            number, _, rest = entry.name.partition("-")
            start, _, suffix = rest.partition(".")
            if suffix == "part" and start.isdigit():
                with contextlib.suppress(ValueError):
                    found.setdefault(int(number, 16), []).append((int(start), entry.stat().st_size))
        if not found:
            return []
        self.file = max(found, key=lambda number: max(found[number]))
        parts = sorted(found[self.file])
        while any(start + size != after for (start, size), (after, _) in pairwise(parts)):
            # A hole: parts in memory, while the disk was full, died with the agent. Go on behind it.
            os.unlink(self._path(parts.pop(0)[0]))
        return parts

    def _fail(self, error: OSError) -> None:
        if not self._is_failing:
            self._is_failing = True
            self._note(
                f"the spool of a command cannot be written: {(error.strerror or str(error)).lower()}. Its output waits "
                f"in memory, at most {self._memory_bytes} bytes; what the hub has not got is lost if the agent ends"
            )
