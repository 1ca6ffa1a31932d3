"""How many lines a host's logs grow by a second, and how many of them are errors: two series beside the agent's own.

    lines ─► take ─► pending ── 64 KiB, or a row ──► counted       row at 12:00:03 ─► at ─► since 12:00:02

They stand in the row of the second in which they were read, so that history, filters and every page have them as they
have the processors. What cannot be known is NaN and never 0: a row that was measured while the agent was away, the
first row of a session, and a host that follows nothing any more. Lines that waited in a file while nobody read it
(`BatchFlag.LATE`) are of no second that is known, and are not counted.

In: line batches and rows, in the order of their arrival. Out: values for the row.
"""

import struct
from collections import deque
from typing import NamedTuple

import numpy as np
from fleetglass_proto import limits
from fleetglass_web.live.severity import count_errors

SERIES = ("log.lines_per_s", "log.errors_per_s")
# Rows of a watched host are 100 ms apart, and one line is not 10 a second: a rate spans most of a second at least.
SPAN_MS = 750
# Not more than this is searched at once: 0.1 ms.
PENDING_BYTES = 64 << 10
# A search takes 0.2 CPU s a million lines, a count of newlines 0.01. Of what one host brings beyond this between two
# rows (35,000 lines/s of 120 bytes) one block in so many is searched, and stands for the others.
SEARCHED_BYTES = 4 << 20
ONE_BLOCK_IN = 4

_NEWLINE = 10
_VALUES = struct.Struct("<2f")
UNKNOWN = _VALUES.pack(float("nan"), float("nan"))


class _Mark(NamedTuple):
    raw_ms: int
    lines: int
    errors: float


def widened(series: tuple[str, ...]) -> tuple[str, ...] | None:
    """The series of a row with these two behind it; None where the agent measures them itself."""
    if len(series) + len(SERIES) > limits.SERIES or any(name.startswith(SERIES) for name in series):
        return None
    return series + SERIES


class LineRate:
    """The lines of one session."""

    __slots__ = (
        "_bytes", "_errors", "_following", "_left_blocks", "_left_lines", "_lines", "_marks", "_pending",
        "_pending_bytes",
    )  # fmt: skip

    def __init__(self) -> None:
        self._lines = 0
        self._errors = 0.0
        self._bytes = 0  # since the last row
        self._left_blocks = self._left_lines = 0  # counted and not searched, since the last search
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._marks: deque[_Mark] = deque()
        self._following: set[int] = set()

    def followed(self, stream: int) -> None:
        """A stream is up."""
        self._following.add(stream)

    def left(self, stream: int) -> None:
        """A stream is down."""
        self._following.discard(stream)

    def take(self, data: bytes, is_rest: bool) -> None:
        """Lines that were read just now. `is_rest`: they begin with the rest of a line whose start was taken before."""
        if is_rest:
            data = data[data.find(b"\n") + 1 :] if b"\n" in data else b""
        if not data:
            return
        self._pending.append(data if data.endswith(b"\n") else data + b"\n")
        self._pending_bytes += len(data)
        if self._pending_bytes >= PENDING_BYTES:
            self._count()

    def _count(self) -> None:
        if not self._pending:
            return
        block = b"".join(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        self._bytes += len(block)
        if self._bytes > SEARCHED_BYTES and self._left_blocks < ONE_BLOCK_IN - 1:
            lines = int(np.count_nonzero(np.frombuffer(block, np.uint8) == _NEWLINE))  # bytes.count takes 0.04
            self._left_blocks += 1
            self._left_lines += lines
        else:
            lines, errors = count_errors(block)
            self._errors += errors * (1 + self._left_lines / lines)
            self._left_blocks = self._left_lines = 0
        self._lines += lines

    def at(self, raw_ms: int) -> bytes:
        """The values of a row that was measured now, by the host's clock."""
        self._count()
        self._bytes = 0
        marks = self._marks
        if marks and raw_ms <= marks[-1].raw_ms:
            marks.clear()  # the clock was set back
        while len(marks) > 1 and marks[1].raw_ms <= raw_ms - SPAN_MS:
            marks.popleft()
        before = marks[0] if marks else None
        marks.append(_Mark(raw_ms, self._lines, self._errors))
        if before is None or raw_ms - before.raw_ms < SPAN_MS or not self._following:
            return UNKNOWN
        per_s = 1_000 / (raw_ms - before.raw_ms)
        return _VALUES.pack((self._lines - before.lines) * per_s, (self._errors - before.errors) * per_s)
