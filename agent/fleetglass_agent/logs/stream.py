"""One followed path: its generations, what stands at the path now, and how far the hub has them.

`turn` gives messages in the order in which they must leave; `reader` makes them. What was announced is forgotten at
each session (`rewind`), and said again; positions go back to what the hub has on disk. Nothing is queued here: the
files are the queue.

The order among generations: a byte of a later file leaves only after the earlier ones were at their end *when the later
one was looked at*. So a writer that goes from the old file to the new one is never overtaken by itself.
"""

from collections.abc import Iterable

from fleetglass_proto import limits
from fleetglass_proto.identity import Fingerprint, fingerprint
from fleetglass_proto.messages import KnownFile

from fleetglass_agent.logs.follower import TAIL_BYTES, Follower, Generation, Look, Phase, Verdict, Why
from fleetglass_agent.logs.lines import LineCutter, newline_of
from fleetglass_agent.logs.reader import Reader
from fleetglass_agent.logs.seams import Hands, Keeper, Out, Turn
from fleetglass_agent.logs.siblings import find_between, find_copy


class Stream:
    """A followed path. `number` names it on the wire."""

    def __init__(self, number: int, path: str, hands: Hands, keeper: Keeper, max_line_bytes: int) -> None:
        self.number = number
        self.path = path
        self.follower = Follower()
        self.max_line_bytes = max_line_bytes
        self._hands = hands
        self._keeper = keeper
        self._reader = Reader(
            number,
            path,
            hands,
            min(limits.BATCH_BYTES, max_line_bytes),
            replaced=self.truncated,
            unreadable=self._let_go,
            first_bytes=keeper.changed,
        )

    @property
    def is_announced(self) -> bool:
        """Whether this session's hub has heard of it."""
        return self._reader.is_announced

    @property
    def is_at_rest(self) -> bool:
        """One file, and the hub has all that was read of it."""
        current = self.follower.current
        return len(self.follower.generations) == 1 and current is not None and current.committed == current.read

    @property
    def last_written_ns(self) -> int:
        """When its newest file was written last, as far as was seen."""
        current = self.follower.current
        return current.mtime_ns if current is not None else 0

    # -- what stands at the path ------------------------------------------------------------------------------------

    def is_as_seen(self) -> bool:
        """Whether a `look` would find nothing new: one file, at its path, which has not changed since.

        Raises:
            Unreadable: as `look`.
        """
        current = self.follower.current
        if current is None or len(self.follower.generations) > 1 or current.phase is not Phase.FOLLOWED:
            return False
        known = (current.dev, current.inode, current.size, current.links, current.mtime_ns)
        return (
            current.handle is not None
            and self._hands.look_open(current.handle) == known
            and self._hands.look(self.path) == known
        )

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
            self._reader.set_head(generation, head)
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
            is_written = look.size > size or look.mtime_ns != generation.mtime_ns
            if is_written and not is_new_content:
                head = self._hands.read(generation.handle, limits.FINGERPRINT_BYTES, 0)
                is_new_content = not head.startswith(generation.head)  # cut, and grown again
                if not is_new_content:
                    self._reader.set_head(generation, head)
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
        for handle, look in find_between(self._hands, self.path, older, after_ns, self._is_unread):
            # Before `newer` only copies can have come, and a copy is not empty.
            if until_ns is not None and (look.mtime_ns > until_ns or not look.size):
                self._hands.close(handle)
                continue
            step = self._generation(handle, look, 0, None)
            self.follower.add(step, now_ms, before=newer)
            self._keeper.opened(self, step, look)

    def _is_unread(self, look: Look, head: bytes) -> bool:
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
        opened = find_copy(self._hands, self.path, old, self._keeper.is_known)
        if opened is None:
            return None
        old.handle, look = opened
        old.available = look.size
        old.end_at(max(look.size, old.size), old.why)
        self._keeper.opened(self, old, look)
        return look.mtime_ns

    # -- the hub ------------------------------------------------------------------------------------------------------

    def rewind(self, known: tuple[KnownFile, ...]) -> list[KnownFile]:
        """A session begins: go back to what the hub has; gives those files of the hub that are not met here."""
        self._reader.is_announced = False
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
            generation.late_upto = self._size(generation)
            generation.announced = generation.end_sent = False
            generation.partial_at, generation.lost_bytes = -1, 0
        return list(unmet.values())

    def _size(self, generation: Generation) -> int:
        """How far it goes now."""
        if generation.handle is None or generation.end is not None:
            return generation.size
        return self._hands.look_open(generation.handle).size

    def insert_older(self, handle: int, look: Look, known: KnownFile, now_ms: int) -> None:
        """A file that the hub knows and that was rotated away before this run."""
        generation = self._generation(handle, look, 0, known.file)
        first = self.follower.generations[0] if self.follower.generations else None
        self.follower.add(generation, now_ms, before=first)
        generation.phase, generation.left_ms = Phase.DRAINING, now_ms
        self._go_to(generation, known.committed)
        generation.start = generation.read
        generation.late_upto = look.size
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
        if not generations:
            return 0, Turn.DONE
        # Looked at before the older ones are read: nothing newer overtakes them.
        upto = [None if one.handle is None else self._hands.look_open(one.handle).size for one in generations[1:]]
        for generation, size in zip(generations, [None, *upto], strict=True):
            got = self._reader.read(generation, size, budget - used, now_ms, wall_ms, out)
            used += got
            if self._reader.at is not Turn.DONE:
                return used, self._reader.at
            if generation.end is None and generation.pending and generation is not generations[-1]:
                break  # its last line is unfinished: the newer files wait for it, or for its end
        return used, Turn.DONE

    def release(self, generation: Generation) -> None:
        """Close its descriptor; unread bytes become a gap."""
        if generation.end is None:
            generation.end_at(generation.size, Why.GONE)
        self._let_go(generation)

    def _let_go(self, generation: Generation) -> None:
        if generation.handle is not None:
            self._keeper.closing(self, generation)
            self._hands.close(generation.handle)
            generation.handle = None

    def close(self) -> None:
        """Close all descriptors."""
        for generation in self.follower.generations:
            self._let_go(generation)

    def _generation(self, handle: int, look: Look, position: int, number: int | None) -> Generation:
        head = self._hands.read(handle, limits.FINGERPRINT_BYTES, 0)
        cutter = LineCutter(self.max_line_bytes, newline_of(head))
        generation = Generation(self._keeper.new_number() if number is None else number, look, handle, position, cutter)
        if look.size:  # an empty look and a head: both were true, one after the other
            generation.head, generation.fp = head, fingerprint(head)
        self._prepare(generation)
        return generation
