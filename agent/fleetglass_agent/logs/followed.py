"""All followed files: which paths the globs name, which of them are streams, and whose turn it is.

A path becomes a stream when it first matches; a file is open in one stream only, whatever names it has. Folders are
watched for new names, files for growth; each second the folders' times of change are compared, in case a watch was
missed, and what cannot be watched is looked at every 250 ms.

In: the settings, the clock, the hub's offsets. Out: `ready`, `turn`, events. `tailing` is the door to the loop.
"""

import errno
import os
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from fleetglass_proto import limits
from fleetglass_proto.identity import Fingerprint, fingerprint
from fleetglass_proto.messages import Event, EventKind, Field, KnownFile, KnownStream

from fleetglass_agent.logs import inotify, names
from fleetglass_agent.logs.checkpoint import Saved, SavedStream
from fleetglass_agent.logs.done import NEVER, DoneFiles
from fleetglass_agent.logs.files import Files, permission_remedy
from fleetglass_agent.logs.follower import Generation, Look, Phase
from fleetglass_agent.logs.inotify import Inotify
from fleetglass_agent.logs.paths import Paths
from fleetglass_agent.logs.restore import restore, saved_file
from fleetglass_agent.logs.roundrobin import RoundRobin
from fleetglass_agent.logs.seams import Out, Turn, Unreadable
from fleetglass_agent.logs.settings import TailSettings
from fleetglass_agent.logs.skipped import Skipped
from fleetglass_agent.logs.stream import Stream
from fleetglass_agent.logs.watcher import Watcher

RESCAN_MS = 1_000
POLL_MS = 250
# Watches may be had again, after somebody raised their number.
WATCH_AGAIN_MS = 30_000
# Each second so many paths are looked at, whatever the kernel told or did not tell: a file of an overlay's lower layer
# is written to in another one.
SLICE = 64
# Files beyond the limit are looked at this often: one that grew takes the place of one that was quiet.
OVERFULL_MS = 10_000
# Notices that wait for a hub.
EVENTS_MAX = 256


class FollowedFile(NamedTuple):
    """One followed path, for people."""

    path: str
    how: str  # "inotify" or "polling, 250 ms"
    files: int
    size_bytes: int
    unread_bytes: int


_NARROWER = "Name fewer files: --tail with a narrower glob, or --exclude"

NumberSource = Callable[[], int]


def random_number() -> int:
    """A file number: 63 bits, so that no two files of a fleet ever share one."""
    return int.from_bytes(os.urandom(8), "big") >> 1


class Followed:
    """See the module. `saved` is the checkpoint of the last run; `is_first_run`: there never was one."""

    def __init__(
        self,
        settings: TailSettings,
        *,
        wall_ms: Callable[[], int],
        new_number: NumberSource = random_number,
        make_inotify: Callable[[], Inotify] = Inotify,
        files: Files | None = None,
    ) -> None:
        self.streams: dict[str, Stream] = {}
        self.skipped = Skipped()
        self.is_changed = False  # the checkpoint should say something new
        self.must_sync = False  # ... and survive even a crash of the machine before anything is read
        self._settings = settings
        self._wall_ms = wall_ms
        self._files = files or Files()
        self._new_number = new_number
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self._watcher: Watcher[Stream] = Watcher(self.note, make_inotify)
        self._paths = Paths(
            settings,
            self._files,
            wall_ms,
            watch=self._watcher.watch_folders,
            unlistable=self._unlistable,
            note=self.note,
        )
        self._row: RoundRobin[Stream] = RoundRobin()
        self._numbers: dict[str, int] = {}
        self._by_number: dict[int, Stream] = {}
        self._owners: dict[tuple[int, int], Stream] = {}
        self._claimed: dict[tuple[int, int], str] = {}  # files that a stream will take up, later in the start
        self._watches: dict[int, tuple[int | None, tuple[int, int]]] = {}  # handle -> watch, identity
        self._done = DoneFiles()
        self._suspects: set[str] = set()  # rotated names whose content is still too short to tell
        self._polled: set[Stream] = set()
        self._linked: set[Stream] = set()
        self._leaving: set[Stream] = set()  # with files that were rotated away or deleted
        self._timed: dict[Stream, int] = {}
        self._overfull: set[str] = set()  # not followed because of the limit
        self._overfull_ms = 0
        self._is_full_told = False
        self._rescan_ms = 0
        self._poll_ms = 0
        self._watch_again_ms = 0
        self._slice_at = 0
        self._broken: set[Stream] = set()  # whose file failed to be read, and that was told
        self._now_ms = 0

    # -- the start ----------------------------------------------------------------------------------------------------

    def start(self, saved: Saved | None, now_ms: int, *, is_lost: bool = False) -> None:
        """Find the files of the last run, then all that match now. `is_lost`: there was a checkpoint, but no more."""
        self._now_ms = now_ms
        paths = self._paths.expand()
        if saved is not None:
            self._paths.met = set(saved.globs)
            self._done = DoneFiles(saved.done)
            elsewhere: dict[tuple[int, int], str] = {}
            for path in paths:
                look = self._look_quietly(path)
                if look is not None:
                    elsewhere.setdefault((look.dev, look.inode), path)
            for one in saved.streams:
                self._numbers[one.path] = one.number
            for one in saved.streams:
                for file in one.files:
                    if file.end is None:
                        self._claimed.setdefault((file.dev, file.inode), one.path)
            for one in saved.streams:
                self._claimed = {file: path for file, path in self._claimed.items() if path != one.path}
                stream = self._add_stream(one.path)
                for sentence in restore(stream, one, self._files, elsewhere, now_ms):
                    self.note(sentence)
                self._look(stream, now_ms)
        self._take(paths, now_ms, is_lost=is_lost)
        self._row_all()

    def reload(self, settings: TailSettings, now_ms: int) -> None:
        """Other globs: what matches still goes on where it is; what does not any more is let go."""
        self._settings = settings
        self._paths.set(settings)
        for path in [one.path for one in self.skipped.all() if not self._paths.wants(one.path)]:
            self.skipped.remove(path)
        for path, stream in list(self.streams.items()):
            if not self._paths.wants(path):
                self._remember_all(stream)
                self._drop(stream, "no glob names it any more")
        self._scan(now_ms)

    @property
    def _max_streams(self) -> int:
        # Commands are streams, too, and a session has one limit for all.
        return min(self._settings.max_streams, limits.STREAMS - len(self._settings.commands))

    # -- seen ---------------------------------------------------------------------------------------------------------

    @property
    def descriptor(self) -> int | None:
        """Readable when a watched file or folder changed."""
        return self._watcher.descriptor

    def receive(self, now_ms: int) -> bool:
        """Take in what the kernel said; False if it was nothing new (the files wait for their turn already)."""
        self._now_ms = now_ms
        is_news, is_stale = False, False
        files, folders, overflow = self._watcher.events()
        for stream, mask in files:
            if stream.path not in self.streams:
                continue
            if mask & inotify.IN_MODIFY:
                if self._row.add(stream):
                    is_news = True
                else:
                    is_stale = True
            if mask & inotify.IN_ATTRIB:
                is_news = True
                self._look(stream, now_ms)
        is_rescan = overflow
        for folder, mask, name in folders:
            is_news = True
            path = name and (f"/{name}" if folder == "/" else f"{folder}/{name}")
            if mask & inotify.IN_ISDIR or not path:
                is_rescan = True
            elif path in self.streams:
                self._look(self.streams[path], now_ms)
            elif mask & (inotify.IN_CREATE | inotify.IN_MOVED_TO) and self._paths.wants(path):
                self._meet(path, now_ms)
            elif mask & (inotify.IN_DELETE | inotify.IN_MOVED_FROM):
                self.skipped.remove(path)
        if is_rescan:
            self._scan(now_ms)
        if overflow:
            self._row_all()
        return is_news or overflow or not is_stale

    def tick(self, now_ms: int) -> None:
        """Time has passed."""
        self._now_ms = now_ms
        if self._polled and now_ms >= self._poll_ms:
            self._poll_ms = now_ms + POLL_MS
            for stream in list(self._polled):
                self._look(stream, now_ms)
        if now_ms >= self._rescan_ms:
            self._rescan_ms = now_ms + RESCAN_MS
            # Whoever still waits for a turn waits for the hub: see at least what becomes of its files.
            for stream in {*self._linked, *self._leaving, *self._row, *self._slice()}:
                self._look(stream, now_ms)
            for path in list(self._suspects):
                self._meet(path, now_ms)
            if self._paths.is_changed():
                self._scan(now_ms)
            self._let_go_deleted()
        if self._polled and now_ms >= self._watch_again_ms:
            self._watch_again_ms = now_ms + WATCH_AGAIN_MS
            for stream in list(self._polled):
                self._watch_again(stream)
        if self._overfull and now_ms >= self._overfull_ms:
            self._overfull_ms = now_ms + OVERFULL_MS
            for path in list(self._overfull):
                self._meet(path, now_ms)
        for path in self.skipped.due(now_ms):
            self._meet(path, now_ms)
        for stream, due_ms in list(self._timed.items()):
            if due_ms <= now_ms:
                if stream.follower.settle(now_ms):
                    self.is_changed = True
                self._row.add(stream)
                self._time(stream, after_ms=now_ms)

    def next_tick_ms(self) -> int | None:
        """When to call `tick`."""
        times = [self._rescan_ms, *self._timed.values()]
        if self._polled:
            times.append(self._poll_ms)
        retry_ms = self.skipped.next_tick_ms()
        return min(times) if retry_ms is None else min(*times, retry_ms)

    # -- the hub ------------------------------------------------------------------------------------------------------

    def welcome(self, known: dict[str, KnownStream], now_ms: int) -> None:
        """A session begins: positions are the hub's, everything is said again."""
        self._now_ms = now_ms
        self.skipped.say_again()
        listings: dict[str, dict[int, list[str]]] = {}
        for path, stream in list(self.streams.items()):
            of_hub = known.get(names.shown(path))
            unmet = stream.rewind(of_hub.files if of_hub else ())
            for one in sorted(unmet, key=lambda file: file.committed):
                self._find_older(stream, one, listings, now_ms)
            self._plan(stream)
        self._row_all()
        self.is_changed = True

    def _find_older(
        self, stream: Stream, one: KnownFile, listings: dict[str, dict[int, list[str]]], now_ms: int
    ) -> None:
        """A file that the hub knows and this run does not: it was rotated before the state was lost."""
        if (one.dev, one.inode) in self._done or (one.dev, one.inode) in self._owners:
            return
        folder = stream.path.rpartition("/")[0] + "/"
        if folder not in listings:
            listings[folder] = {}
            for place, inode in self._files.siblings(folder):
                listings[folder].setdefault(inode, []).append(place)
        for place in listings[folder].get(one.inode, ()):
            opened = self._open_quietly(place)
            if opened is None:
                continue
            handle, look = opened
            head = self._files.read(handle, limits.FINGERPRINT_BYTES, 0)
            is_it = look.dev == one.dev and look.size > one.committed
            if is_it and one.fp_count and Fingerprint(one.fp_count, one.fp).matches(head):
                stream.insert_older(handle, look, one, now_ms)
                return
            self._files.close(handle)

    def committed(self, number: int, file: int, offset: int) -> None:
        """The hub has it on disk."""
        stream = self._by_number.get(number)
        if stream is not None:
            stream.follower.committed(file, offset)
            self._drop_done(stream)

    @property
    def is_ready(self) -> bool:
        """Whether there is something to pull."""
        return bool(self._row or self._events or self.skipped.has_news)

    def take_events(self, out: Out) -> None:
        """What concerns no stream's order."""
        for kind, fields in self.skipped.news():
            out.append(Event(self._wall_ms(), kind, None, None, fields))
        out.extend(self._events)
        self._events.clear()

    def turn(self, budget: int, now_ms: int, wall_ms: int, out: Out) -> tuple[int, Turn]:
        """Let the next stream read one batch."""
        if not self._row:
            return 0, Turn.DONE
        stream = self._row.next()
        try:
            used, at = stream.turn(budget, now_ms, wall_ms, out)
        except OSError as error:
            self._fail(stream, error)
            return 0, Turn.DONE
        if at is not Turn.DONE:
            self._row.add(stream)
        self._plan(stream)
        self._drop_done(stream)
        return used, at

    @property
    def waiting(self) -> int:
        """How many streams wait for a turn."""
        return len(self._row)

    # -- the keeper's side, for streams -------------------------------------------------------------------------------

    def new_number(self) -> int:
        """See `seams.Keeper`."""
        return self._new_number()

    def is_known(self, look: Look) -> bool:
        """See `seams.Keeper`."""
        return (look.dev, look.inode) in self._owners or (look.dev, look.inode) in self._claimed

    def position(self, look: Look, head: bytes) -> int | None:
        """See `seams.Keeper`: a finished file that came back goes on at its end; a copy is never read."""
        return self._done.position(look, head)

    def opened(self, stream: Stream, generation: Generation, look: Look) -> None:
        """See `seams.Keeper`."""
        handle = generation.handle
        assert handle is not None
        identity = (look.dev, look.inode)
        self.is_changed = True
        if handle in self._watches:  # truncated: the same file, its next generation
            return
        self._owners[identity] = stream
        self._watch(stream, handle, identity)
        self._row.add(stream)

    def _watch(self, stream: Stream, handle: int, identity: tuple[int, int]) -> None:
        watch = self._watcher.watch_file(stream, handle, stream.path, identity[0])
        self._watches[handle] = (watch, identity)
        if watch is None:
            self._polled.add(stream)

    def _watch_again(self, stream: Stream) -> None:
        self._polled.discard(stream)
        for generation in stream.follower.generations:
            handle = generation.handle
            if handle is not None and self._watches[handle][0] is None:
                self._watch(stream, handle, self._watches[handle][1])

    def _slice(self) -> list[Stream]:
        streams = list(self.streams.values())
        if self._slice_at >= len(streams):
            self._slice_at = 0
        first, self._slice_at = self._slice_at, self._slice_at + SLICE
        return streams[first : self._slice_at]

    def closing(self, stream: Stream, generation: Generation) -> None:
        """See `seams.Keeper`."""
        handle = generation.handle
        watch, identity = self._watches.pop(handle, (None, (0, 0))) if handle is not None else (None, (0, 0))
        if watch is not None:
            self._watcher.unwatch_file(stream, watch)
        self._owners.pop(identity, None)

    def changed(self) -> None:
        """See `seams.Keeper`."""
        self.is_changed = True

    def note(self, text: str) -> None:
        """A sentence for the operator."""
        self._events.append(Event(self._wall_ms(), EventKind.NOTICE, None, None, {"text": text}))

    # -- what is kept over a restart ----------------------------------------------------------------------------------

    def saved(self) -> Saved:
        """The checkpoint as of now."""
        return Saved(
            tuple(sorted(self._paths.met)),
            tuple(
                SavedStream(path, stream.number, tuple(saved_file(one) for one in stream.follower.generations))
                for path, stream in self.streams.items()
            ),
            self._done.all(),
        )

    def status(self) -> list[FollowedFile]:
        """What is followed, in the order of names."""
        found = []
        for path, stream in sorted(self.streams.items()):
            generations = stream.follower.generations
            how = "polling, 250 ms" if stream in self._polled else "inotify"
            sizes = [one.size if one.handle is None else self._files.look_open(one.handle).size for one in generations]
            unread = sum(max(size - one.read, 0) for size, one in zip(sizes, generations, strict=True))
            found.append(FollowedFile(names.shown(path), how, len(generations), sum(sizes[-1:]), unread))
        return found

    def close(self) -> None:
        """Give back all descriptors."""
        for stream in self.streams.values():
            stream.close()
        self._watcher.close()

    # -- paths --------------------------------------------------------------------------------------------------------

    def _scan(self, now_ms: int) -> None:
        self._take(self._paths.expand(), now_ms)

    def _take(self, paths: list[str], now_ms: int, *, is_lost: bool = False) -> None:
        present = set(paths)
        for path, stream in list(self.streams.items()):
            if path not in present or stream in self._leaving:
                self._look(stream, now_ms)
        for skip in self.skipped.all():
            if skip.path not in present and skip.path not in self._paths.unlistable:
                self.skipped.remove(skip.path)
        for path in paths:
            if path in self.streams:
                self._look(self.streams[path], now_ms)
            else:
                is_old = self._paths.is_first_met(path)
                self._meet(path, now_ms, is_old=is_old, is_unproven=is_old and is_lost)
        if self._paths.meet_all():
            self.is_changed = True
        self._done.forget_dead(paths, self._look_quietly)

    def _unlistable(self, folder: str, error: OSError) -> None:
        why = f"cannot be listed: {(error.strerror or str(error)).lower()}"
        self.skipped.add(folder, why, permission_remedy(folder), now_ms=self._now_ms, retry=True)

    def _meet(self, path: str, now_ms: int, *, is_old: bool = False, is_unproven: bool = False) -> None:
        """A path that matches and is no stream yet. `is_old`: it was there before anybody looked."""
        self._suspects.discard(path)
        self._overfull.discard(path)
        try:
            look = self._files.look(path)
            if look is None:
                self.skipped.remove(path)
                return
            if self._is_other_name(path, look):
                return
            if names.is_compressed(path):
                self.skipped.add(path, "is compressed", "", is_told=False)
                return
            if len(self.streams) >= self._max_streams and not self._make_room(look):
                why = f"more than {self._max_streams} files match"
                self.skipped.add(path, why, _NARROWER, is_told=False)
                self._overfull.add(path)
                if not self._is_full_told:
                    self._is_full_told = True
                    self.note(f"{why}: those quiet for longest are not followed until they grow. {_NARROWER}")
                return
            opened = self._files.open(path)
        except Unreadable as error:
            self.skipped.add(path, error.why, error.remedy, now_ms=now_ms, retry=error.retry)
            return
        if opened is None:
            return
        handle, look = opened
        head = self._files.read(handle, limits.FINGERPRINT_BYTES, 0)
        position = self.position(look, head)
        if position is None or self._is_copy(path, look, head):
            self._files.close(handle)
            self.skipped.add(path, "its lines were read already, before it was rotated or copied", is_told=False)
            return
        self.skipped.remove(path)
        stream = self._add_stream(path)
        try:
            if is_old and not self._settings.from_start:
                position = stream.last_newline_before(handle, look.size)
                self.must_sync = True
            generation = stream.meet(handle, look, position, now_ms)
        except OSError as error:  # some of /proc call themselves files of a size, and cannot be read there
            if not any(one.handle == handle for one in stream.follower.generations):
                self._files.close(handle)
            self._drop(stream, "it cannot be read")
            self.skipped.add(path, f"cannot be read: {(error.strerror or str(error)).lower()}", is_told=False)
            return
        generation.unproven = is_unproven
        self._plan(stream)

    def _is_other_name(self, path: str, look: Look) -> bool:
        owner = self._owners.get((look.dev, look.inode))
        if owner is None:
            return False
        self.skipped.add(path, f"is the same file as {names.shown(owner.path)}", is_told=False)
        return True

    def _is_copy(self, path: str, look: Look, head: bytes) -> bool:
        """copytruncate with a glob that matches the copy, too: its content is that of the file it was copied from."""
        name = path.rpartition("/")[2]
        folder = path[: len(path) - len(name)]
        for base in names.bases(name):
            stream = self.streams.get(folder + base)
            if stream is None:
                continue
            if look.size == 0:
                self._suspects.add(path)
                return True
            if stream.is_copy_of_mine(head):
                if len(head) < limits.FINGERPRINT_BYTES:
                    self._suspects.add(path)  # it may still grow, and differ
                else:
                    self._done.add(path, look, fingerprint(head), NEVER)
                return True
        return False

    def _make_room(self, look: Look) -> bool:
        """The limit is reached: the oldest-quiet stream gives way, if it is quieter than the new file."""
        quiet = [one for one in self.streams.values() if one.follower.current is not None]
        oldest = min(quiet, key=lambda one: one.last_written_ns, default=None)
        if oldest is None or oldest.last_written_ns >= look.mtime_ns:
            return False
        self._remember_all(oldest)
        self._drop(oldest, f"more than {self._max_streams} files match, and it was quiet for longest")
        return True

    # -- streams ------------------------------------------------------------------------------------------------------

    def _add_stream(self, path: str) -> Stream:
        # The lowest that is free: a session may name `limits.STREAMS` of them, and short-lived files come and go.
        number = self._numbers.pop(path, 0)
        while not number or number in self._by_number or number in self._numbers.values():
            number += 1
        stream = Stream(number, path, self._files, self, self._settings.max_line_bytes)
        self.streams[path] = self._by_number[number] = stream
        if self._files.is_linked(path):
            self._linked.add(stream)
        return stream

    def _look(self, stream: Stream, now_ms: int) -> None:
        try:
            is_changed = stream.look(now_ms)
        except Unreadable as error:
            self.skipped.add(stream.path, error.why, error.remedy, now_ms=now_ms, retry=error.retry)
            is_changed = stream.look_at_open(now_ms)
        except OSError as error:
            self._fail(stream, error)
            return
        else:
            self.skipped.remove(stream.path)
        if is_changed:
            self._row.add(stream)
        self._plan(stream)
        self._drop_done(stream)

    def _fail(self, stream: Stream, error: OSError) -> None:
        """A disk or a server failed: let go of what cannot be read, and find it again each second."""
        if stream not in self._broken:
            self._broken.add(stream)
            why = (error.strerror or str(error)).lower()
            self.note(f"cannot read {names.shown(stream.path)}: {why}. It is tried again each second")
        self._linked.add(stream)
        for generation in stream.follower.generations:
            if generation.handle is not None and error.errno == errno.ESTALE:
                look = Look(generation.dev, generation.inode, generation.size, 1, generation.mtime_ns)
                self._done.add(stream.path, look, generation.fp, generation.read)
                stream.release(generation)

    def _plan(self, stream: Stream) -> None:
        """Note what the stream waits for."""
        generations = stream.follower.generations
        if len(generations) > 1 or any(one.phase is not Phase.FOLLOWED for one in generations):
            self._leaving.add(stream)
        else:
            self._leaving.discard(stream)
        self._time(stream)

    def _time(self, stream: Stream, after_ms: int = -1) -> None:
        due_ms = stream.follower.next_tick_ms()
        if due_ms is None:
            self._timed.pop(stream, None)
        else:
            self._timed[stream] = due_ms if due_ms > after_ms else after_ms + RESCAN_MS

    def _drop_done(self, stream: Stream) -> None:
        for generation in stream.follower.drop_done():
            if generation.handle is not None:
                if self._paths.wants(stream.path):
                    look = self._files.look_open(generation.handle)
                    self._done.add(stream.path, look, generation.fp, generation.end or 0)
                self.closing(stream, generation)
                self._files.close(generation.handle)
            self.is_changed = True
        if not stream.follower.generations and stream.path in self.streams and not self._stands(stream):
            self._drop(stream, "its file is gone")

    def _let_go_deleted(self) -> None:
        """Deleted files that nobody has taken yet hold disk space: the oldest beyond the bound are let go."""
        held = [
            (one.left_ms, one.number, stream, one)
            for stream in self._leaving
            for one in stream.follower.generations
            if one.links == 0 and one.handle is not None
        ]
        total = sum(one.size for *_, one in held)
        for _, _, stream, generation in sorted(held, key=lambda item: item[:2]):
            if total <= self._settings.held_bytes:
                break
            total -= generation.size
            stream.release(generation)
            self._row.add(stream)
            self.is_changed = True

    def _stands(self, stream: Stream) -> bool:
        return self._look_quietly(stream.path) is not None

    def _drop(self, stream: Stream, why: str) -> None:
        stream.close()
        self.streams.pop(stream.path, None)
        self._by_number.pop(stream.number, None)
        self._row.discard(stream)
        self._timed.pop(stream, None)
        for group in (self._polled, self._linked, self._leaving, self._broken):
            group.discard(stream)
        if stream.is_announced:
            fields: dict[str, Field] = {"why": why}
            self._events.append(Event(self._wall_ms(), EventKind.STREAM_DOWN, stream.number, None, fields))
        self.is_changed = True

    def _remember_all(self, stream: Stream) -> None:
        for generation in stream.follower.generations:
            if generation.handle is not None and generation.phase is not Phase.ENDED:
                look = self._files.look_open(generation.handle)
                self._done.add(stream.path, look, generation.fp, generation.read)

    def _row_all(self) -> None:
        for stream in self.streams.values():
            self._row.add(stream)

    def _look_quietly(self, path: str) -> Look | None:
        try:
            return self._files.look(path)
        except Unreadable:
            return None

    def _open_quietly(self, path: str) -> tuple[int, Look] | None:
        try:
            return self._files.open(path)
        except Unreadable:
            return None
