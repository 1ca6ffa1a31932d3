"""One followed path: reads its generations in turns and says what to send.

`turn` gives messages in the order in which they must leave: the stream, its files as they come up, batches and gaps,
the end of a file. What was announced is forgotten at each `welcome`, and said again; positions go back to what the hub
has on disk. Nothing is queued here: the files are the queue.

The order among generations: a byte of a later file leaves only after the earlier ones were at their end *when the later
one was looked at*. So a writer that goes from the old file to the new one is never overtaken by itself.

The hands on the file system, the watches and the numbers come from outside (`Hands`, `Keeper`), so that the model test
can play a toy file system against this very code.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Protocol

from fleetglass_proto import limits
from fleetglass_proto.identity import Fingerprint, fingerprint
from fleetglass_proto.messages import BatchFlag, Event, EventKind, KnownFile, LineBatch

from fleetglass_agent.logs import names
from fleetglass_agent.logs.follower import PARTIAL_MS, TAIL_BYTES, Follower, Generation, Look, Phase, Verdict, Why
from fleetglass_agent.logs.lines import HOLE, LONG_LINE, LineCutter, Piece, newline_of

# How much of a hole or of an endless line one turn may read past, so that the other files have theirs.
SKIM_BYTES = 4 << 20
_SKIM_READ_BYTES = 1 << 20

Out = list[LineBatch | Event]


class Hands(Protocol):
    """See `files.Files`."""

    def look(self, path: str) -> Look | None: ...
    def open(self, path: str) -> tuple[int, Look] | None: ...
    def look_open(self, handle: int) -> Look: ...
    def read(self, handle: int, count: int, offset: int) -> bytes: ...
    def data_from(self, handle: int, offset: int) -> int: ...
    def siblings(self, path: str) -> list[tuple[str, int]]: ...
    def close(self, handle: int) -> None: ...


class Keeper(Protocol):
    """What a stream needs of the one that keeps all streams."""

    def new_number(self) -> int:
        """A file number that no other file has."""

    def is_known(self, look: Look) -> bool:
        """Whether this file is open already, in whatever stream."""

    def position(self, look: Look, head: bytes) -> int | None:
        """Where to begin in a file that is new at a path: 0, or the end of what was read of it; None: not at all."""

    def opened(self, stream: "Stream", generation: Generation, look: Look) -> None:
        """Watch it: `look` is who it is (a copy is not what its generation was)."""

    def closing(self, stream: "Stream", generation: Generation) -> None:
        """Its handle is about to be closed."""

    def changed(self) -> None:
        """The checkpoint should say something new."""

    def note(self, text: str) -> None:
        """A sentence for the operator."""


class Turn(Enum):
    """How a turn ended."""

    DONE = "done"  # all is read
    MORE = "more"  # another turn at once
    STARVED = "starved"  # the next line is larger than the budget


class Stream:
    """A followed path. `number` names it on the wire."""

    def __init__(self, number: int, path: str, hands: Hands, keeper: Keeper, max_line_bytes: int) -> None:
        self.number = number
        self.path = path
        self.follower = Follower()
        self.is_announced = False
        self._hands = hands
        self._keeper = keeper
        self.max_line_bytes = max_line_bytes
        self._batch_bytes = min(limits.BATCH_BYTES, max_line_bytes)
        self._at = Turn.DONE

    @property
    def last_written_ns(self) -> int:
        """When its newest file was written last, as far as was seen."""
        current = self.follower.current
        return current.mtime_ns if current is not None else 0

    # -- what stands at the path ------------------------------------------------------------------------------------

    def look(self, now_ms: int) -> bool:
        """Look at the path and at files that have left it; True if there may be something to read.

        Raises:
            Unreadable: what stands there now cannot be followed; what was open is still read.
        """
        follower = self.follower
        changed = self.look_at_open(now_ms)
        current = follower.current
        seen = self._hands.look(self.path)
        size = current.size if current is not None else 0
        verdict = follower.path_saw(seen, now_ms)
        if verdict is Verdict.REPLACED and seen is not None and not self._keeper.is_known(seen):
            changed = True
            self._replace(current, now_ms)
        elif verdict is Verdict.SAME and current is not None and seen is not None and seen.size > size:
            changed = self._reopen(current, seen) or changed
        return follower.settle(now_ms) or changed

    def meet(self, handle: int, look: Look, position: int, now_ms: int, number: int | None = None) -> Generation:
        """A file stands at the path now: follow it from `position`."""
        generation = self._generation(handle, look, position, number)
        self.follower.add(generation, now_ms)
        self._keeper.opened(self, generation, look)
        return generation

    def take_over(self, generation: Generation, look: Look, now_ms: int, *, at_path: bool) -> None:
        """Go on with a file that an earlier run of the agent knew (in order, oldest first)."""
        self.follower.add(generation, now_ms)
        if not at_path and generation.phase is Phase.FOLLOWED:
            generation.phase, generation.left_ms = Phase.DRAINING, now_ms
        if generation.handle is not None:
            head = self._hands.read(generation.handle, limits.FINGERPRINT_BYTES, 0)
            self._set_head(generation, head)
            self._go_to(generation, generation.committed)
            self._keeper.opened(self, generation, look)

    def last_newline_before(self, handle: int, size: int) -> int:
        """Where a reading from the end begins: never in the middle of a line."""
        window = min(size, self.max_line_bytes)
        before = self._hands.read(handle, window, size - window)
        cutter = LineCutter(self.max_line_bytes, newline_of(self._hands.read(handle, 4, 0)))
        cutter.resume(before, size)
        return size - (0 if cutter.skip_from is not None else cutter.carried)

    def look_at_open(self, now_ms: int) -> bool:
        """Look at the open files alone: what grew, shrank or lost its name. True if there may be something to read."""
        changed = False
        for generation in list(self.follower.generations):
            if generation.handle is None or generation.phase is Phase.ENDED:
                continue
            size = generation.size
            look = self._hands.look_open(generation.handle)
            is_new_content = self.follower.has_shrunk(generation, look)
            if look.size > size and not is_new_content:
                head = self._hands.read(generation.handle, limits.FINGERPRINT_BYTES, 0)
                is_new_content = not head.startswith(generation.head)  # cut, and grown beyond what it was
                if not is_new_content:
                    self._set_head(generation, head)
            if is_new_content:
                self.truncated(generation, now_ms)
            else:
                self.follower.file_saw(generation, look, now_ms)
            changed = changed or is_new_content or look.size > size
        return changed

    def _reopen(self, current: Generation, seen: Look) -> bool:
        """The path's file is larger than the open one, though they are the same: an overlay copied it up on writing."""
        if current.handle is None or self._hands.look_open(current.handle).size >= seen.size:
            return True  # it grew between the two looks
        opened = self._hands.open(self.path)
        if opened is None:
            return False
        handle, look = opened
        if not current.is_same_file(look):
            self._hands.close(handle)
            return False
        self._keeper.closing(self, current)
        self._hands.close(current.handle)
        current.handle = handle
        self._keeper.opened(self, current, look)
        return True

    def _set_head(self, generation: Generation, head: bytes) -> None:
        if len(head) > len(generation.head):
            if not generation.head:
                generation.cutter.newline = newline_of(head)
                self._keeper.changed()
            generation.head, generation.fp = head, fingerprint(head)

    def _replace(self, current: Generation | None, now_ms: int) -> None:
        opened = self._hands.open(self.path)
        if opened is None:
            return
        handle, look = opened
        position = None
        if not self._keeper.is_known(look):
            position = self._keeper.position(look, self._hands.read(handle, limits.FINGERPRINT_BYTES, 0))
        if position is None:
            self._hands.close(handle)
            return
        generation = self.meet(handle, look, position, now_ms)
        if current is not None:
            self.fill_between(current, generation, max(current.met_mtime_ns, current.mtime_ns), now_ms)

    def fill_between(
        self, older: Generation, newer: Generation | None, after_ns: int, now_ms: int, until_ns: int | None = None
    ) -> None:
        """Follow the files that stood at the path between two looks and were rotated on.

        They are numbered or dated siblings that nobody knows, changed after `after_ns`, and no copies of `older`.
        """
        for handle, look in self._between(older, after_ns):
            # Before `newer` only copies can have come, and a copy is not empty.
            if until_ns is not None and (look.mtime_ns > until_ns or not look.size):
                self._hands.close(handle)
                continue
            step = self._generation(handle, look, 0, None)
            self.follower.add(step, now_ms, before=newer)
            self._keeper.opened(self, step, look)

    def _between(self, older: Generation, after_ns: int) -> list[tuple[int, Look]]:
        found = []
        base = self.path.rpartition("/")[2]
        for path, _ in self._hands.siblings(self.path):
            name = path.rpartition("/")[2]
            if names.is_compressed(name) or not names.is_numbered(name, base):
                continue
            opened = self._open_quietly(path)
            if opened is None:
                continue
            handle, look = opened
            is_next = after_ns < look.mtime_ns
            if is_next and self._is_unread(handle, look) and not self._is_copy(handle, look, older):
                found.append((handle, look))
            else:
                self._hands.close(handle)
        return sorted(found, key=lambda one: one[1].mtime_ns)

    def _is_unread(self, handle: int, look: Look) -> bool:
        head = self._hands.read(handle, limits.FINGERPRINT_BYTES, 0)
        return not self._keeper.is_known(look) and self._keeper.position(look, head) == 0

    def is_copy_of_mine(self, head: bytes) -> bool:
        """Whether a file that begins with `head` may be a copy of one of the generations, finished or under way."""
        for generation in self.follower.generations:
            shorter = min(len(head), len(generation.head))
            if shorter and head[:shorter] == generation.head[:shorter]:
                return True
            if not generation.head and generation.fp.count and generation.fp.matches(head):
                return True
        return False

    def _is_copy(self, handle: int, look: Look, generation: Generation) -> bool:
        """Whether it holds the bytes that were read of `generation`, and perhaps more of them."""
        if look.size < max(generation.read, 1) or not (generation.fp.count or generation.head):
            return False
        head = self._hands.read(handle, limits.FINGERPRINT_BYTES, 0)
        if not head.startswith(generation.head) or not generation.fp.matches(head):
            return False
        tail = generation.tail
        return self._hands.read(handle, len(tail), generation.read - len(tail)) == tail

    # -- content replaced in place ------------------------------------------------------------------------------------

    def truncated(self, old: Generation, now_ms: int) -> None:
        """copytruncate: the file begins anew. What was not read of its old content may stand in the copy."""
        handle = old.handle
        assert handle is not None
        look = self._hands.look_open(handle)
        new = self._generation(handle, look, 0, None)
        self.follower.replaced_in_place(old, new, now_ms)
        self._keeper.opened(self, new, look)
        copied_ns = self.follow_copy(old)
        self.fill_between(old, new, copied_ns or old.mtime_ns, now_ms, until_ns=new.mtime_ns)

    def follow_copy(self, old: Generation) -> int | None:
        """Find the copy of a generation whose file is not its own any more, and read on in that.

        Gives the time of the copy; None: there is none, and what was not read is lost.
        """
        old.handle = None
        base = self.path.rpartition("/")[2]
        for path, _ in self._hands.siblings(self.path):
            name = path.rpartition("/")[2]
            if names.is_compressed(name) or not names.rotated_from(name, base):
                continue
            opened = self._open_quietly(path)
            if opened is None:
                continue
            handle, look = opened
            if not self._keeper.is_known(look) and self._is_copy(handle, look, old):
                old.handle, old.available = handle, look.size
                old.end_at(max(look.size, old.size), old.why)
                self._keeper.opened(self, old, look)
                return look.mtime_ns
            self._hands.close(handle)
        return None

    def _open_quietly(self, path: str) -> tuple[int, Look] | None:
        try:
            return self._hands.open(path)
        except Exception:  # noqa: BLE001 - a sibling that cannot be read is not ours to report
            return None

    # -- the hub ------------------------------------------------------------------------------------------------------

    def rewind(self, known: tuple[KnownFile, ...]) -> list[KnownFile]:
        """A session begins: go back to what the hub has; gives those files of the hub that are not met here."""
        self.is_announced = False
        self._at = Turn.DONE
        by_number = {one.file: one for one in known}
        unmet = dict(by_number)
        for generation in self.follower.generations:
            unmet.pop(generation.number, None)
        for generation in self.follower.generations:
            one = by_number.get(generation.number) or self._by_identity(generation, unmet.values())
            if one is not None:
                unmet.pop(one.file, None)
                generation.number = one.file
                self._go_to(generation, one.committed)
            elif generation.unproven and known and generation.handle is not None:
                # The hub knows this path, and not this file: it came after the last session.
                self._go_to(generation, 0)
            else:
                self._go_to(generation, generation.committed)
            generation.unproven = False
            generation.start = generation.read
            generation.announced = generation.end_sent = False
            generation.partial_at, generation.lost_bytes = -1, 0
        return list(unmet.values())

    def insert_older(self, handle: int, look: Look, known: KnownFile, now_ms: int) -> None:
        """A file that the hub knows and that was rotated away before this run."""
        generation = self._generation(handle, look, 0, known.file)
        first = self.follower.generations[0] if self.follower.generations else None
        self.follower.add(generation, now_ms, before=first)
        generation.phase, generation.left_ms = Phase.DRAINING, now_ms
        self._go_to(generation, known.committed)
        generation.start = generation.read
        self._keeper.opened(self, generation, look)

    def _by_identity(self, generation: Generation, known: Iterable[KnownFile]) -> KnownFile | None:
        for one in known:
            if (one.dev, one.inode) != (generation.dev, generation.inode):
                continue
            head = generation.head
            if one.fp_count > len(head) and generation.handle is not None:
                head = self._hands.read(generation.handle, limits.FINGERPRINT_BYTES, 0)
            if Fingerprint(one.fp_count, one.fp).matches(head) and one.committed <= generation.size:
                return one
        return None

    def _go_to(self, generation: Generation, offset: int) -> None:
        if generation.end is not None:
            offset = min(offset, generation.end)
        generation.committed = offset
        if offset == generation.read:
            return
        generation.read = offset
        generation.pending = 0
        self._prepare(generation)

    def _prepare(self, generation: Generation) -> None:
        """Read what stands before the position: the bytes to recognise it by, and how long its line is already."""
        cutter = generation.cutter
        cutter.carried, cutter.skip_from = 0, None
        generation.hole_scanned = 0
        if generation.handle is None:
            generation.tail = b""
            return
        offset = generation.read
        generation.tail = self._hands.read(generation.handle, min(TAIL_BYTES, offset), offset - min(TAIL_BYTES, offset))
        if offset and not generation.tail.endswith(b"\n" if len(cutter.newline) == 1 else cutter.newline):
            window = min(offset, self.max_line_bytes)
            cutter.resume(self._hands.read(generation.handle, window, offset - window), offset)

    # -- reading ------------------------------------------------------------------------------------------------------

    def turn(self, budget: int, now_ms: int, wall_ms: int, out: Out) -> tuple[int, Turn]:
        """Read one batch at most; gives the log bytes put into `out`, and how it ended."""
        used = 0
        generations = list(self.follower.generations)
        # Looked at before the older ones are read: nothing newer overtakes them.
        upto = [None if one.handle is None else self._hands.look_open(one.handle).size for one in generations[1:]]
        for generation, size in zip(generations, [None, *upto], strict=True):
            got = self._read(generation, size, budget - used, now_ms, wall_ms, out)
            used += got
            if self._at is not Turn.DONE:
                return used, self._at
            if generation.end is None and generation.pending and generation is not generations[-1]:
                break  # its last line is unfinished: the newer files wait for it, or for its end
        return used, Turn.DONE

    def announce(self, kind: str, wall_ms: int, out: Out) -> None:
        """Say who this is, once a session."""
        if not self.is_announced:
            self.is_announced = True
            fields: dict[str, str | int | float | bytes | bool | None] = {"path": names.shown(self.path), "kind": kind}
            out.append(Event(wall_ms, EventKind.STREAM_UP, self.number, None, fields))

    def _read(self, generation: Generation, size: int | None, budget: int, now_ms: int, wall_ms: int, out: Out) -> int:
        """Bytes of one generation, from its position on; sets `_at`. `size`: not beyond, even if it grew since."""
        self._at = Turn.DONE
        if generation.end_sent:
            return 0
        self.announce("file", wall_ms, out)
        end = generation.end
        used = 0
        readable = generation.available if generation.available is not None else end
        if generation.handle is not None and (readable is None or generation.read < readable):
            if budget <= 0:
                self._at = Turn.STARVED
                return 0
            room = [bound - generation.read for bound in (readable, size) if bound is not None]
            room_bytes = min(room, default=limits.OFFSET_MAX)
            used = self._read_bytes(generation, room_bytes, budget, now_ms, wall_ms, out)
            if self._at is not Turn.DONE or generation.end != end:
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
            self._at = Turn.MORE
            if generation.end is None:
                self.truncated(generation, now_ms)
            else:
                self._give_up(generation)
            return 0
        self._set_head(generation, head)
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
        if want < room and got == want and self._at is Turn.DONE:
            # Nothing was taken of a full batch's worth: the next line is longer than the budget.
            self._at = Turn.MORE if generation.read > start else Turn.STARVED
        if self._at is Turn.DONE and generation.end is None:
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
                out.append(LineBatch(self.number, generation.number, start, end, wall_ms, flags, raw))
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
                self._at = Turn.MORE
                return used
            skimmed += len(block)
        else:
            self._at = Turn.MORE
        generation.hole_scanned = at
        return 0

    def _gap(self, generation: Generation, start: int, end: int, why: str, wall_ms: int, out: Out) -> None:
        fields: dict[str, str | int | float | bytes | bool | None] = {"start": start, "end": end, "why": why}
        out.append(Event(wall_ms, EventKind.GAP, self.number, generation.number, fields))

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
            out.append(LineBatch(self.number, generation.number, generation.read, upto, wall_ms, flags, rest))
        return len(rest)

    def _announce_file(self, generation: Generation, wall_ms: int, out: Out) -> None:
        """At its first byte of a session, and again when twice as much of its head is known."""
        count, said = generation.fp.count, generation.announced_fp
        is_news = count > said and (count == limits.FINGERPRINT_BYTES or count >= 2 * said)
        if generation.announced and not is_news:
            return
        generation.announced, generation.announced_fp = True, generation.fp.count
        fields: dict[str, str | int | float | bytes | bool | None] = {
            "dev": generation.dev,
            "inode": generation.inode,
            "fp_count": generation.fp.count,
            "fp": generation.fp.digest,
            "start": generation.start,
        }
        out.append(Event(wall_ms, EventKind.FILE_UP, self.number, generation.number, fields))

    def _finish(self, generation: Generation, end: int, wall_ms: int, out: Out) -> None:
        if generation.read < end:
            why = Why.TRUNCATED if generation.why == Why.TRUNCATED else Why.GONE
            self._gap(generation, generation.read, end, why, wall_ms, out)
            generation.lost_bytes += end - generation.read
            generation.read, generation.tail = end, b""
        if generation.why == Why.TRUNCATED:
            lost: dict[str, str | int | float | bytes | bool | None] = {"end": end, "lost_bytes": generation.lost_bytes}
            out.append(Event(wall_ms, EventKind.TRUNCATED, self.number, generation.number, lost))
        why = Why.DELETED if generation.why == Why.GONE else generation.why
        out.append(Event(wall_ms, EventKind.FILE_END, self.number, generation.number, {"end": end, "why": why}))
        generation.pending = 0
        generation.end_sent = True

    def _give_up(self, generation: Generation) -> None:
        """An ended file does not hold its bytes any more: the rest is a gap."""
        if generation.handle is not None:
            self._keeper.closing(self, generation)
            self._hands.close(generation.handle)
            generation.handle = None
        self._at = Turn.MORE

    def release(self, generation: Generation) -> None:
        """Close its descriptor; unread bytes become a gap."""
        if generation.end is None:
            generation.end_at(generation.size, Why.GONE)
        self._give_up(generation)

    def close(self) -> None:
        """Close all descriptors."""
        for generation in self.follower.generations:
            if generation.handle is not None:
                self._keeper.closing(self, generation)
                self._hands.close(generation.handle)
                generation.handle = None

    def _generation(self, handle: int, look: Look, position: int, number: int | None) -> Generation:
        head = self._hands.read(handle, limits.FINGERPRINT_BYTES, 0)
        cutter = LineCutter(self.max_line_bytes, newline_of(head))
        generation = Generation(self._keeper.new_number() if number is None else number, look, handle, position, cutter)
        if look.size:  # an empty look and a head: both were true, one after the other
            generation.head, generation.fp = head, fingerprint(head)
        self._prepare(generation)
        return generation
