r"""Cut the bytes of a file into whole lines, pieces of long ones, and gaps.

A batch must end where a line ends, so that whoever reads it never sees half a line: `LineCutter.cut` finds the last
newline of what was read. It makes no object per line; one `rfind` serves a quarter of a megabyte.

    read at `start`:  l i n e \n l i n e \n l i n e \n l i
                      ^------- one piece ------------^ ^- left for the next read

A line longer than one batch leaves in pieces (`CUT`), up to `limit_bytes`; the rest of it, newline included, is a gap
`long-line`. A run of NULs (the hole that a writer without O_APPEND leaves after copytruncate) is a gap `nul-run`. A gap
ends the line that stood before it. In UTF-16 a newline is two bytes at an even offset.

In: bytes and their offset. Out: `Piece`s in order, without a hole between them.
"""

from typing import NamedTuple

from fleetglass_proto.messages import BatchFlag

# No text holds so many in a row: UTF-32 has at most three, a field separator one or two.
NUL_RUN = b"\0" * 16
LONG_LINE = "long-line"
HOLE = "nul-run"

PLAIN, UTF16_LE, UTF16_BE = b"\n", b"\n\0", b"\0\n"


def newline_of(head: bytes) -> bytes:
    """The newline of a file by its byte order mark."""
    if head.startswith(b"\xff\xfe") and not head.startswith(b"\xff\xfe\0\0"):
        return UTF16_LE
    return UTF16_BE if head.startswith(b"\xfe\xff") else PLAIN


class Piece(NamedTuple):
    """A range that is done with: bytes to send (`why` is None), or a gap."""

    start: int
    end: int
    flags: int
    why: str | None


class Cut(NamedTuple):
    """`upto`: where to read on. `hole`: NULs from there on, to an end that is not known yet."""

    pieces: list[Piece]
    upto: int
    hole: int | None


class LineCutter:
    """Where one file stands within its current line."""

    __slots__ = ("_finds_holes", "carried", "limit_bytes", "newline", "skip_from")

    def __init__(self, limit_bytes: int, newline: bytes = PLAIN, *, finds_holes: bool = True) -> None:
        self._finds_holes = finds_holes
        self.limit_bytes = limit_bytes
        self.newline = newline
        self.carried = 0  # bytes of the current line that were given as CUT pieces
        self.skip_from: int | None = None  # the line passed the limit here; its rest becomes a gap

    def resume(self, before: bytes, offset: int) -> None:
        """Take up at `offset`; `before` are the bytes that stand there, as many as `limit_bytes` if there are."""
        line_start = self._after_last(before, 0, len(before), offset - len(before))
        begun = len(before) - max(line_start, 0)
        self.carried = min(begun, self.limit_bytes)
        self.skip_from = offset if begun >= self.limit_bytes else None

    def cut(self, data: bytes, base: int, start: int, *, full: bool, final: bool) -> Cut:
        """Cut `data[base:]`, which stands at offset `start`.

        Args:
            full: `data` is as large as a batch may be: a line without end in it must leave in pieces.
            final: nothing follows: what has no newline is a line all the same.
        """
        origin = start - base
        pieces: list[Piece] = []
        pos, end = base, len(data)
        hole = None
        while True:
            has_nul = self._finds_holes and data.find(b"\0", pos, end) >= 0
            run = data.find(NUL_RUN, pos, end) if has_nul else -1
            if run < 0:
                pos = self._text(pieces, data, pos, end, origin, full=full and pos == base, final=final)
                break
            run_end = end - len(data[run:end].lstrip(b"\0"))
            if self.newline != PLAIN:
                run += (run + origin) & 1
                run_end -= (run_end + origin) & 1
            if run_end >= end - (self.newline != PLAIN) and not final:
                hole = run + origin
                pos = self._text(pieces, data, pos, run, origin, full=False, final=False)
                break
            pos = self._text(pieces, data, pos, run, origin, full=False, final=True)
            pieces.append(Piece(run + origin, run_end + origin, 0, HOLE))
            pos = run_end
            if pos >= end:
                break
        return Cut(pieces, pos + origin, hole)

    def broken(self, offset: int, upto: int) -> list[Piece]:
        """What stood in `offset..upto` without a newline ends here, because a hole follows."""
        pieces = []
        if self.skip_from is not None:
            pieces.append(Piece(self.skip_from, upto, 0, LONG_LINE))
        elif upto > offset:
            pieces.append(Piece(offset, upto, 0, None))
        self.carried, self.skip_from = 0, None
        return pieces

    def _text(
        self, pieces: list[Piece], data: bytes, pos: int, end: int, origin: int, *, full: bool, final: bool
    ) -> int:
        begin = pos
        if self.skip_from is not None:
            line_end = self._after_first(data, pos, end, origin)
            if line_end < 0 and not final:
                return end
            pos = end if line_end < 0 else line_end
            pieces.append(Piece(self.skip_from, pos + origin, 0, LONG_LINE))
            self.skip_from, self.carried = None, 0
        elif self.carried:
            line_end = self._after_first(data, pos, end, origin)
            if line_end < 0 and final:
                line_end = end
            if line_end >= 0:
                room = self.limit_bytes - self.carried
                if line_end - pos > room:
                    pieces.append(Piece(pos + origin, pos + room + origin, BatchFlag.CUT, None))
                    pieces.append(Piece(pos + room + origin, line_end + origin, 0, LONG_LINE))
                    pos = line_end
                self.carried = 0
        last = self._after_last(data, pos, end, origin)
        upto = end if final else last
        if upto > pos:
            pieces.append(Piece(pos + origin, upto + origin, 0, None))
            pos, self.carried = upto, 0
        if pos == begin and pos < end and full:
            upto = min(end, pos + self.limit_bytes - self.carried)
            pieces.append(Piece(pos + origin, upto + origin, BatchFlag.CUT, None))
            self.carried += upto - pos
            pos = upto
            if self.carried >= self.limit_bytes:
                self.skip_from = pos + origin
        return pos

    def _after_last(self, data: bytes, low: int, high: int, origin: int) -> int:
        if self.newline == PLAIN:
            found = data.rfind(b"\n", low, high)
            return found + 1 if found >= 0 else -1
        found = data.rfind(self.newline, low, high)
        while found >= 0 and (found + origin) & 1:  # halves of two neighbours that look like a newline
            found = data.rfind(self.newline, low, found + 1)
        return found + 2 if found >= 0 else -1

    def _after_first(self, data: bytes, low: int, high: int, origin: int) -> int:
        found = data.find(self.newline, low, high)
        while found >= 0 and self.newline != PLAIN and (found + origin) & 1:
            found = data.find(self.newline, found + 1, high)
        return found + len(self.newline) if found >= 0 else -1
