"""Offsets for output that has none: which part of a spool holds which bytes, how much room is left, what may go.

    parts      |0 ........ 1 MiB|1 MiB ....... 2 MiB|2 MiB ..|
    committed            ^ the first part goes when all of it is  ^ end: the next byte's offset

In: sizes and committed offsets. Out: where to write and read. `spool` keeps the bytes.
"""

from typing import NamedTuple


class Place(NamedTuple):
    """`size` bytes at `offset` within the part that begins at `part`."""

    part: int
    offset: int
    size: int


class Numbering:
    """The parts of one spool, by the offset that each begins at."""

    def __init__(self, limit_bytes: int, parts: list[tuple[int, int]] | None = None) -> None:
        self.limit_bytes = limit_bytes
        self.part_bytes = max(limit_bytes // 8, 4 << 10)
        self._starts = [start for start, _ in parts or []] or [0]
        self.end = parts[-1][0] + parts[-1][1] if parts else 0
        self.committed = self._starts[0]

    @property
    def start(self) -> int:
        """The first byte that is still here."""
        return self._starts[0]

    @property
    def room(self) -> int:
        """How many bytes may be added now."""
        return max(self.limit_bytes - (self.end - self.start), 0)

    @property
    def fits(self) -> int:
        """How many bytes the next `add` may number."""
        return self.part_bytes - (self.end - self._starts[-1]) % self.part_bytes

    def add(self, count: int) -> int:
        """Number `count` more bytes; gives the part that takes them (a new one begins where the last is full)."""
        if self.end - self._starts[-1] >= self.part_bytes:
            self._starts.append(self.end)
        self.end += count
        return self._starts[-1]

    def begin_part(self) -> int:
        """Begin a new part here, because the last one cannot be written any more."""
        if self._starts[-1] != self.end:
            self._starts.append(self.end)
        return self.end

    def where(self, offset: int, count: int) -> Place | None:
        """The bytes from `offset` on that stand together; None behind the end."""
        if not self.start <= offset < self.end:
            return None
        at = max(index for index, start in enumerate(self._starts) if start <= offset)
        part_end = self._starts[at + 1] if at + 1 < len(self._starts) else self.end
        return Place(self._starts[at], offset - self._starts[at], min(count, part_end - offset))

    def commit(self, offset: int) -> list[int]:
        """These bytes are on the hub's disk; gives the parts that nobody needs any more (never the last one)."""
        self.committed = max(self.committed, min(offset, self.end))
        gone = []
        while len(self._starts) > 1 and self._starts[1] <= self.committed:
            gone.append(self._starts.pop(0))
        return gone
