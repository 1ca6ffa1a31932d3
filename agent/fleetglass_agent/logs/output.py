"""From a command's spool to batches: what `stream` is for files.

There is one file a command, numbered through all its runs: `offset` counts the bytes of its output.
"""

from typing import Protocol

from fleetglass_proto import limits
from fleetglass_proto.messages import BatchFlag, Event, EventKind, Field, KnownStream, LineBatch

from fleetglass_agent.logs import names
from fleetglass_agent.logs.follower import PARTIAL_MS, Why
from fleetglass_agent.logs.lines import LONG_LINE, LineCutter
from fleetglass_agent.logs.seams import Out, Turn

# A line without end must not fill the spool: so much of it is passed over at a time.
SKIP_BYTES = 256 << 10


class Bytes(Protocol):
    """See `spool.Spool`."""

    file: int

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    def read(self, count: int, offset: int) -> bytes: ...
    def commit(self, offset: int) -> None: ...


class Output:
    """The stream of one command. `number` names it on the wire."""

    def __init__(self, number: int, name: str, spool: Bytes, max_line_bytes: int) -> None:
        self.number = number
        self.name = name
        self._spool = spool
        self._cutter = LineCutter(max_line_bytes, finds_holes=False)
        self._batch_bytes = min(limits.BATCH_BYTES, max_line_bytes)
        self._read = spool.start
        self._late_upto = 0  # what the command had said when the session began
        self._is_announced = False
        self._pending = 0
        self._grown_ms = 0
        self._partial_at = -1

    @property
    def is_ready(self) -> bool:
        """Whether a turn would give something."""
        return self._read + self._pending < self._spool.end

    def rewind(self, known: KnownStream | None) -> None:
        """A session begins: go on where the hub stands."""
        self._is_announced = False
        self._read = self._spool.start
        for one in known.files if known is not None else ():
            if one.file == self._spool.file:
                self._spool.commit(one.committed)
                self._read = min(one.committed, self._spool.end)
        self._late_upto = self._spool.end
        self._pending, self._partial_at = 0, -1
        self._cutter.carried, self._cutter.skip_from = 0, None
        before = self._read - max(self._spool.start, self._read - self._cutter.limit_bytes)
        self._cutter.resume(self._spool.read(before, self._read - before), self._read)

    def committed(self, file: int, offset: int) -> None:
        """The hub has it on disk."""
        if file == self._spool.file:
            self._spool.commit(offset)

    def grew(self, now_ms: int) -> None:
        """More output came."""
        self._grown_ms = now_ms

    def next_tick_ms(self) -> int | None:
        """When a line without end is to be shown as it is."""
        is_due = self._pending and self._partial_at != self._read + self._pending
        return self._grown_ms + PARTIAL_MS if is_due else None

    def turn(self, budget: int, now_ms: int, wall_ms: int, out: Out) -> tuple[int, Turn]:
        """Give one batch at most."""
        self._announce(wall_ms, out)
        if self._read < self._spool.start:  # the hub is behind what is still here
            self._gap(self._read, self._spool.start, Why.GONE, wall_ms, out)
            self._read = self._spool.start
        want = min(self._batch_bytes, budget)
        start = self._read
        data = self._spool.read(want, start)
        if not data:
            return 0, Turn.DONE if budget > 0 else Turn.STARVED
        cut = self._cutter.cut(data, 0, start, full=len(data) == self._batch_bytes, final=False)
        used = 0
        for piece in cut.pieces:
            if piece.why is not None:
                self._gap(piece.start, piece.end, piece.why, wall_ms, out)
                continue
            raw = data[piece.start - start : piece.end - start]
            file, flags = self._spool.file, piece.flags
            if piece.start < self._late_upto:
                flags |= BatchFlag.LATE
            out.append(LineBatch(self.number, file, piece.start, piece.end, wall_ms, flags, raw))
            used += len(raw)
        self._read = cut.upto
        skipped = self._cutter.skip_from
        if skipped is not None and self._read - skipped >= SKIP_BYTES:
            self._gap(skipped, self._read, LONG_LINE, wall_ms, out)
            self._cutter.skip_from = self._read
        self._pending = start + len(data) - self._read
        if len(data) == want and self._read + self._pending < self._spool.end:
            return used, Turn.MORE if self._read > start else Turn.STARVED
        if budget > used:
            used += self._show_partial(data[self._read - start :][: budget - used], now_ms, wall_ms, out)
        return used, Turn.DONE

    def _show_partial(self, rest: bytes, now_ms: int, wall_ms: int, out: Out) -> int:
        end = self._read + self._pending
        if not self._pending or self._partial_at == end or now_ms - self._grown_ms < PARTIAL_MS:
            return 0
        self._partial_at = end
        flags = BatchFlag.PARTIAL
        upto = self._read + len(rest)
        out.append(LineBatch(self.number, self._spool.file, self._read, upto, wall_ms, flags, rest))
        return len(rest)

    def _announce(self, wall_ms: int, out: Out) -> None:
        if self._is_announced:
            return
        self._is_announced = True
        up: dict[str, Field] = {"path": names.shown(self.name), "kind": "command"}
        out.append(Event(wall_ms, EventKind.STREAM_UP, self.number, None, up))
        file: dict[str, Field] = {"dev": 0, "inode": 0, "fp_count": 0, "fp": b"", "start": self._read}
        out.append(Event(wall_ms, EventKind.FILE_UP, self.number, self._spool.file, file))

    def _gap(self, start: int, end: int, why: str, wall_ms: int, out: Out) -> None:
        fields: dict[str, Field] = {"start": start, "end": end, "why": why}
        out.append(Event(wall_ms, EventKind.GAP, self.number, self._spool.file, fields))
