"""Read one generation after the other into messages: batches, gaps, the coming and the end of a file.

Each read takes the bytes before the position and the first bytes of the file with it: if either differs from what is
known, the content was replaced behind our back, and nothing of the read counts.

    first bytes          tail │ position ─────── one batch ──────► │ unfinished line
    (fingerprint) ....   32 B │ whole lines                        │ waits, or PARTIAL after 5 s

In: a generation, how far it may be read, the budget. Out: messages, in order; `at` says how the turn ended.
"""

from collections.abc import Callable

from fleetglass_proto import limits
from fleetglass_proto.identity import fingerprint
from fleetglass_proto.messages import BatchFlag, Event, EventKind, Field, LineBatch

from fleetglass_agent.logs import names
from fleetglass_agent.logs.follower import PARTIAL_MS, TAIL_BYTES, Generation, Why
from fleetglass_agent.logs.lines import HOLE, LONG_LINE, Piece, newline_of
from fleetglass_agent.logs.seams import Hands, Out, Turn

# How much of a hole one turn may read past, so that the other files have theirs.
SKIM_BYTES = 4 << 20
_SKIM_READ_BYTES = 1 << 20


class Reader:
    """The reading side of one stream.

    Args:
        replaced: the content of an open file is another one now.
        unreadable: an ended file does not hold its bytes any more.
        first_bytes: of a file that was empty so far.
    """

    def __init__(
        self,
        number: int,
        path: str,
        hands: Hands,
        batch_bytes: int,
        *,
        replaced: Callable[[Generation, int], None],
        unreadable: Callable[[Generation], None],
        first_bytes: Callable[[], None],
    ) -> None:
        self.at = Turn.DONE
        self.is_announced = False
        self._number = number
        self._path = path
        self._hands = hands
        self._batch_bytes = batch_bytes
        self._replaced = replaced
        self._unreadable = unreadable
        self._first_bytes = first_bytes

    def read(self, generation: Generation, size: int | None, budget: int, now_ms: int, wall_ms: int, out: Out) -> int:
        """Bytes of one generation, from its position on; sets `_at`. `size`: not beyond, even if it grew since."""
        self.at = Turn.DONE
        if generation.end_sent:
            return 0
        self._announce(wall_ms, out)
        end = generation.end
        used = 0
        readable = generation.available if generation.available is not None else end
        if generation.handle is not None and (readable is None or generation.read < readable):
            if budget <= 0:
                self.at = Turn.STARVED
                return 0
            room = [bound - generation.read for bound in (readable, size) if bound is not None]
            room_bytes = min(room, default=limits.OFFSET_MAX)
            used = self._read_bytes(generation, room_bytes, budget, now_ms, wall_ms, out)
            if self.at is not Turn.DONE or generation.end != end:
                return used
        self._announce_file(generation, wall_ms, out)
        if end is not None:
            self._finish(generation, end, wall_ms, out)
        return used

    def _read_bytes(self, generation: Generation, room: int, budget: int, now_ms: int, wall_ms: int, out: Out) -> int:
        handle, tail, start = generation.handle, generation.tail, generation.read
        assert handle is not None
        base = len(tail)
        want = max(min(self._batch_bytes, budget, room), 0)
        data = self._hands.read(handle, want + base, start - base)
        # After the bytes, not before: what was read is the old content only if the old head still stands now.
        head = self._hands.read(handle, limits.FINGERPRINT_BYTES, 0)
        if not data.startswith(tail) or not head.startswith(generation.head):
            self.at = Turn.MORE
            if generation.end is None:
                self._replaced(generation, now_ms)
            else:
                self._give_up(generation)
            return 0
        self.set_head(generation, head)
        got = len(data) - base
        if not got:
            generation.pending = 0
            return 0
        self._announce_file(generation, wall_ms, out)
        upto, origin = start + got, start - base
        readable = generation.available if generation.available is not None else generation.end
        final = readable is not None and upto >= readable
        cut = generation.cutter.cut(data, base, start, full=got == self._batch_bytes, final=final)
        used = self._emit(generation, cut.pieces, data, origin, wall_ms, out)
        if cut.upto != start:
            at = cut.upto - origin
            generation.tail, generation.read = data[max(0, at - TAIL_BYTES) : at], cut.upto
        if cut.hole is not None:
            used += self._skip_hole(generation, cut.hole, data, origin, wall_ms, out)
        self._grew(generation, upto, now_ms)
        if want < room and got == want and self.at is Turn.DONE:
            # Nothing was taken of a full batch's worth: the next line is longer than the budget.
            self.at = Turn.MORE if generation.read > start else Turn.STARVED
        if self.at is Turn.DONE and generation.end is None:
            rest = data[generation.read - origin :]
            used += self._show_unfinished(generation, rest, budget - used, now_ms, wall_ms, out)
        return used

    def _grew(self, generation: Generation, upto: int, now_ms: int) -> None:
        generation.pending = max(upto - generation.read, 0)
        generation.size = max(generation.size, upto)
        if upto > generation.seen_upto:
            generation.seen_upto, generation.grown_ms = upto, now_ms

    def _emit(
        self,
        generation: Generation,
        pieces: list[Piece],
        data: bytes,
        origin: int,
        wall_ms: int,
        out: Out,
    ) -> int:
        used = 0
        for start, end, flags, why in pieces:
            if why is not None:
                self._gap(generation, start, end, why, wall_ms, out)
            else:
                raw = data[start - origin : end - origin]
                if start < generation.late_upto:
                    flags |= BatchFlag.LATE
                out.append(LineBatch(self._number, generation.number, start, end, wall_ms, flags, raw))
                used += end - start
        return used

    def _skip_hole(
        self,
        generation: Generation,
        hole: int,
        data: bytes,
        origin: int,
        wall_ms: int,
        out: Out,
    ) -> int:
        """NULs reach to the end of what was read: find where they end, some megabytes a turn."""
        handle = generation.handle
        assert handle is not None
        at = max(generation.hole_scanned, hole)
        skimmed = 0
        while skimmed < SKIM_BYTES:
            at = max(at, self._hands.data_from(handle, at))
            block = self._hands.read(handle, _SKIM_READ_BYTES, at)
            if not block:
                break  # it may be space that a writer reserved: wait for what comes
            rest = block.lstrip(b"\0")
            at += len(block) - len(rest)
            if rest:
                if len(generation.cutter.newline) == 2:
                    at -= at & 1
                used = self._emit(
                    generation, generation.cutter.broken(generation.read, hole), data, origin, wall_ms, out
                )
                self._gap(generation, hole, at, HOLE, wall_ms, out)
                generation.read = at
                generation.hole_scanned = 0
                generation.tail = self._hands.read(handle, min(TAIL_BYTES, at), at - min(TAIL_BYTES, at))
                self.at = Turn.MORE
                return used
            skimmed += len(block)
        else:
            self.at = Turn.MORE
        generation.hole_scanned = at
        return 0

    def _gap(self, generation: Generation, start: int, end: int, why: str, wall_ms: int, out: Out) -> None:
        fields: dict[str, Field] = {"start": start, "end": end, "why": why}
        out.append(Event(wall_ms, EventKind.GAP, self._number, generation.number, fields))

    def _show_unfinished(
        self, generation: Generation, rest: bytes, budget: int, now_ms: int, wall_ms: int, out: Out
    ) -> int:
        """After some quiet: the line without end as it is, or how much of an endless one was passed over."""
        skipped = generation.cutter.skip_from
        if now_ms - generation.grown_ms < PARTIAL_MS:
            return 0
        if skipped is not None and skipped < generation.read:
            self._gap(generation, skipped, generation.read, LONG_LINE, wall_ms, out)
            generation.cutter.skip_from = generation.read
        size = generation.read + generation.pending
        if not generation.pending or generation.partial_at == size:
            return 0
        generation.partial_at = size
        rest = rest[: min(self._batch_bytes, budget)].rstrip(b"\0")  # NULs to the end: space that its writer reserved
        if rest:
            upto, flags = generation.read + len(rest), BatchFlag.PARTIAL
            out.append(LineBatch(self._number, generation.number, generation.read, upto, wall_ms, flags, rest))
        return len(rest)

    def _announce_file(self, generation: Generation, wall_ms: int, out: Out) -> None:
        """At its first byte of a session, and again when twice as much of its head is known."""
        count, said = generation.fp.count, generation.announced_fp
        is_news = count > said and (count == limits.FINGERPRINT_BYTES or count >= 2 * said)
        if generation.announced and not is_news:
            return
        generation.announced, generation.announced_fp = True, generation.fp.count
        fields: dict[str, Field] = {
            "dev": generation.dev,
            "inode": generation.inode,
            "fp_count": generation.fp.count,
            "fp": generation.fp.digest,
            "start": generation.start,
        }
        out.append(Event(wall_ms, EventKind.FILE_UP, self._number, generation.number, fields))

    def _finish(self, generation: Generation, end: int, wall_ms: int, out: Out) -> None:
        if generation.read < end:
            why = Why.TRUNCATED if generation.why == Why.TRUNCATED else Why.GONE
            self._gap(generation, generation.read, end, why, wall_ms, out)
            generation.lost_bytes += end - generation.read
            generation.read, generation.tail = end, b""
        if generation.why == Why.TRUNCATED:
            lost: dict[str, Field] = {"end": end, "lost_bytes": generation.lost_bytes}
            out.append(Event(wall_ms, EventKind.TRUNCATED, self._number, generation.number, lost))
        why = Why.DELETED if generation.why == Why.GONE else generation.why
        out.append(Event(wall_ms, EventKind.FILE_END, self._number, generation.number, {"end": end, "why": why}))
        generation.pending = 0
        generation.end_sent = True

    def _give_up(self, generation: Generation) -> None:
        self._unreadable(generation)
        self.at = Turn.MORE

    def _announce(self, wall_ms: int, out: Out) -> None:
        if not self.is_announced:
            self.is_announced = True
            fields: dict[str, Field] = {"path": names.shown(self._path), "kind": "file"}
            out.append(Event(wall_ms, EventKind.STREAM_UP, self._number, None, fields))

    def set_head(self, generation: Generation, head: bytes) -> None:
        """More of its first bytes is known."""
        if len(head) > len(generation.head):
            if not generation.head:
                generation.cutter.newline = newline_of(head)
                self._first_bytes()
            generation.head, generation.fp = head, fingerprint(head)
