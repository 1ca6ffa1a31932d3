"""Rotation, decided: what was seen of a path and of the open files behind it -> what to do.

A followed path is a row of generations, oldest first. The last one is behind the path now (or was, if the path is
missing); the others were rotated away and are still read to their end.

           FOLLOWED ──a new file stands at the path, or it was deleted──► DRAINING ──5 s without growth──► ENDED
               └──────────────its content was replaced in place───────────────────────────────────────────►┘

DRAINING is read like FOLLOWED: a writer that reopens its log late still lands in the renamed file. ENDED has a known
`end`; it leaves once the hub has committed it. Bytes of an ended generation that cannot be read any more become a gap.

In: `Look`s, offsets, times. Out: verdicts and states. Nothing is opened or read here: `stream` does that.
"""

from enum import Enum
from typing import NamedTuple

from fleetglass_proto.identity import fingerprint

from fleetglass_agent.logs.lines import LineCutter

# A writer that reopens its log late still lands in the renamed file.
LATE_WRITER_MS = 5_000
# How long a last line without newline may rest before it is shown as it is.
PARTIAL_MS = 5_000
# The bytes before the read position, compared at each read: a file cut and grown again behind our back, with the same
# header, differs here. One time stamp is enough.
TAIL_BYTES = 32
EMPTY = fingerprint(b"")


class Look(NamedTuple):
    """What the kernel says of a file."""

    dev: int
    inode: int
    size: int
    links: int
    mtime_ns: int


class Phase(Enum):
    """See the drawing above."""

    FOLLOWED = "followed"
    DRAINING = "draining"
    ENDED = "ended"


class Why:
    """Why no byte of a generation follows, as `file_end` says it."""

    ROTATED = "rotated"
    DELETED = "deleted"
    TRUNCATED = "truncated"
    GONE = "file-gone"  # as the `why` of a gap; its `file_end` says deleted


class Verdict(Enum):
    """What a look at the path means."""

    SAME = "same"
    MISSING = "missing"
    REPLACED = "replaced"


class Generation:
    """One file (device, inode, fingerprint) that the path named at some time. `handle` is None if it cannot be read."""

    __slots__ = (
        "announced",
        "announced_fp",
        "available",
        "committed",
        "cutter",
        "dev",
        "end",
        "end_sent",
        "fp",
        "grown_ms",
        "handle",
        "head",
        "hole_scanned",
        "inode",
        "late_upto",
        "left_ms",
        "links",
        "lost_bytes",
        "met_mtime_ns",
        "mtime_ns",
        "number",
        "partial_at",
        "pending",
        "phase",
        "read",
        "seen_upto",
        "size",
        "start",
        "tail",
        "unproven",
        "why",
    )

    def __init__(self, number: int, look: Look, handle: int | None, position: int, cutter: LineCutter) -> None:
        self.number = number
        self.dev = look.dev
        self.inode = look.inode
        self.size = look.size
        self.links = look.links
        self.mtime_ns = look.mtime_ns
        self.met_mtime_ns = look.mtime_ns  # siblings that are younger came after it
        self.handle = handle
        self.cutter = cutter
        self.head = b""  # the first bytes as they were read, at most FINGERPRINT_BYTES
        self.fp = EMPTY  # the fingerprint as announced and kept
        self.start = position
        self.read = position
        self.committed = position
        self.tail = b""
        self.phase = Phase.FOLLOWED
        self.end: int | None = None
        self.available: int | None = None  # a copy holds the bytes up to here; None: all that the handle gives
        self.why = Why.ROTATED
        self.grown_ms = 0
        self.late_upto = 0  # what stood in it when the session began; below it nobody knows when a line was written
        self.left_ms = 0
        self.pending = 0  # bytes of a line without end that stand behind `read`
        self.seen_upto = position  # how far it was ever read; `size` is how far it was ever seen to go
        self.partial_at = -1  # the size at which that line was last shown as partial
        self.hole_scanned = 0
        self.lost_bytes = 0
        self.announced = False
        self.announced_fp = 0
        self.end_sent = False
        self.unproven = False  # its position is only the policy `--from end`; a hub that knows the stream decides

    @property
    def is_done(self) -> bool:
        """Nothing of it is left to send or to be acknowledged."""
        return self.end is not None and self.read >= self.end and self.committed >= self.end

    @property
    def is_skipping(self) -> bool:
        """Within a line that is longer than the limit, and something of it was passed over without a word."""
        return self.cutter.skip_from is not None and self.cutter.skip_from < self.read

    def end_at(self, end: int, why: str) -> None:
        """No byte from `end` on counts."""
        self.phase, self.end, self.why = Phase.ENDED, max(end, self.read), why

    def is_same_file(self, look: Look) -> bool:
        """By device and inode; the content decides further (`fp`)."""
        return self.dev == look.dev and self.inode == look.inode


class Follower:
    """The generations behind one path, and what becomes of them."""

    def __init__(self) -> None:
        self.generations: list[Generation] = []

    @property
    def current(self) -> Generation | None:
        """The generation that the path named last."""
        return self.generations[-1] if self.generations else None

    def path_saw(self, look: Look | None, now_ms: int) -> Verdict:
        """The path was looked at. REPLACED: open what stands there and `add` it."""
        current = self.current
        if look is None:
            return Verdict.MISSING
        if current is None or not current.is_same_file(look) or current.phase is Phase.ENDED:
            return Verdict.REPLACED
        if current.phase is Phase.DRAINING:  # it was renamed away, or its link moved, and is back
            current.phase = Phase.FOLLOWED
        self.file_saw(current, look, now_ms)
        return Verdict.SAME

    def add(self, generation: Generation, now_ms: int, before: Generation | None = None) -> None:
        """A new file stands at the path (or stood there between two looks: `before` the one that does now)."""
        at = self.generations.index(before) if before is not None else len(self.generations)
        self.generations.insert(at, generation)
        for older in self.generations[:-1]:
            if older.phase is Phase.FOLLOWED:
                self._drain(older, Why.ROTATED, now_ms)
        generation.grown_ms = now_ms

    def file_saw(self, generation: Generation, look: Look, now_ms: int) -> None:
        """An open file was looked at."""
        if look.size != generation.size:
            generation.grown_ms = now_ms
        # a size that fell is not taken over: what was there is known, and `truncated` will count it
        generation.size = max(generation.size, look.size)
        generation.links = look.links
        generation.mtime_ns = look.mtime_ns
        if look.links == 0 and generation.phase is Phase.FOLLOWED:
            self._drain(generation, Why.DELETED, now_ms)
        if look.links == 0 and generation.phase is Phase.DRAINING:
            generation.why = Why.DELETED

    def has_shrunk(self, generation: Generation, look: Look) -> bool:
        """copytruncate: the size fell below what was seen of it."""
        return generation.phase is not Phase.ENDED and look.size < max(generation.read, generation.size)

    def replaced_in_place(self, old: Generation, new: Generation, now_ms: int) -> None:
        """The same file has new content: `new` follows `old`, whose unread bytes are gone unless a copy has them."""
        new.phase = old.phase if old.phase is not Phase.ENDED else Phase.FOLLOWED
        new.left_ms = now_ms
        new.grown_ms = now_ms
        new.why = old.why
        old.end_at(max(old.size, old.read), Why.TRUNCATED)
        self.generations.insert(self.generations.index(old) + 1, new)

    def settle(self, now_ms: int) -> bool:
        """End what was drained long enough; True if something ended."""
        ended = False
        for at, generation in enumerate(self.generations):
            if generation.phase is not Phase.DRAINING or now_ms < self._quiet_ms(generation):
                continue
            # Without a word in the new file its writer may still hold the old one (delaycompress exists for that).
            moved = any(later.size > 0 for later in self.generations[at + 1 :])
            if moved or generation.links == 0 or generation.pending:
                generation.end_at(generation.size, generation.why)
                ended = True
        return ended

    def next_tick_ms(self) -> int | None:
        """When `settle` may end something, or a partial line is to be shown."""
        times = [self._quiet_ms(one) for one in self.generations if one.phase is Phase.DRAINING]
        times += [
            one.grown_ms + PARTIAL_MS
            for one in self.generations
            if one.end is None and (one.partial_at != one.read + one.pending if one.pending else one.is_skipping)
        ]
        return min(times, default=None)

    def committed(self, number: int, offset: int) -> None:
        """The hub has `offset` bytes of this file on disk."""
        for generation in self.generations:
            if generation.number == number:
                generation.committed = max(generation.committed, min(offset, generation.read))

    def drop_done(self) -> list[Generation]:
        """Take out what is read, said and committed; the shell closes it."""
        done = [one for one in self.generations if one.is_done and one.end_sent]
        if done:
            self.generations = [one for one in self.generations if one not in done]
        return done

    def _drain(self, generation: Generation, why: str, now_ms: int) -> None:
        generation.phase, generation.why, generation.left_ms = Phase.DRAINING, why, now_ms

    def _quiet_ms(self, generation: Generation) -> int:
        return max(generation.grown_ms, generation.left_ms) + LATE_WRITER_MS
