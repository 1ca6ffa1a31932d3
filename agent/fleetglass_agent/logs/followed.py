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
from itertools import islice
from typing import NamedTuple

from fleetglass_proto import limits
from fleetglass_proto.identity import Fingerprint
from fleetglass_proto.messages import Event, EventKind, Field, KnownFile, KnownStream

from fleetglass_agent.logs import inotify, names
from fleetglass_agent.logs.admission import Admission
from fleetglass_agent.logs.checkpoint import Saved, SavedStream
from fleetglass_agent.logs.done import DoneFiles
from fleetglass_agent.logs.files import Files, permission_remedy
from fleetglass_agent.logs.follower import Generation, Look, Phase
from fleetglass_agent.logs.inotify import Inotify
from fleetglass_agent.logs.openfiles import OpenFiles
from fleetglass_agent.logs.paths import Paths
from fleetglass_agent.logs.restore import restore, saved_file
from fleetglass_agent.logs.roundrobin import RoundRobin
from fleetglass_agent.logs.seams import Out, Turn, Unreadable
from fleetglass_agent.logs.settings import TailSettings
from fleetglass_agent.logs.skipped import Skipped
from fleetglass_agent.logs.stream import Stream
from fleetglass_agent.logs.watcher import Watcher

# Each second, at a tick that comes for other reasons if one does: the agent's rows are a second apart, some ms more or
# less.
RESCAN_MS, RESCAN_EARLY_MS = 1_050, 300
POLL_MS = 250
# Watches may be had again, after somebody raised their number.
WATCH_AGAIN_MS = 30_000
# Each second so many paths are looked at, whatever the kernel told or did not tell: a file of an overlay's lower layer
# is written to in another one.
SLICE = 64
# Files beyond the limit are looked at this often: one that grew takes the place of one that was quiet.
OVERFULL_MS = 10_000
# So many paths are met at once; `/**` names a hundred thousand, and samples and lines must not wait for them.
MEET_AT_ONCE = 2_000
# ... and so many of the rest a turn of the loop: some 5 ms.
MEET_A_TURN = 100
# Notices that wait for a hub.
EVENTS_MAX = 256


class FollowedFile(NamedTuple):
    """One followed path, for people."""

    path: str
    how: str  # "inotify" or "polling, 250 ms"
    files: int
    size_bytes: int
    unread_bytes: int


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
        self._opened = OpenFiles(self._watcher)
        self._done = DoneFiles()
        self._admission = Admission(
            self.streams, self._files, self.skipped, self._done, self._opened, self._let_go, self.note
        )
        self._linked: set[Stream] = set()
        self._leaving: set[Stream] = set()  # with files that were rotated away or deleted
        self._timed: dict[Stream, int] = {}
        self._overfull_ms = 0
        self._rescan_ms = 0
        self._poll_ms = 0
        self._watch_again_ms = 0
        self._slice_at = 0
        self._unmet: dict[str, tuple[bool, bool]] = {}  # paths that wait to be met: is_old, is_unproven
        self._broken: set[Stream] = set()  # whose file failed to be read, and that was told
        self._now_ms = 0
        self._limit_streams()

    # -- the start ----------------------------------------------------------------------------------------------------

    def start(self, saved: Saved | None, now_ms: int, *, is_lost: bool = False) -> None:
        """Find the files of the last run, then all that match now. `is_lost`: there was a checkpoint, but no more."""
        self._now_ms = now_ms
        paths = self._paths.expand(now_ms)
        if saved is not None:
            self._paths.met = set(saved.globs)
            self._done.load(saved.done)
            elsewhere: dict[tuple[int, int], str] = {}
            for path in paths:
                look = self._look_quietly(path)
                if look is not None:
                    elsewhere.setdefault((look.dev, look.inode), path)
            for one in saved.streams:
                self._numbers[one.path] = one.number
            files = [(file, one.path) for one in reversed(saved.streams) for file in one.files if file.end is None]
            self._opened.claim({(file.dev, file.inode): path for file, path in files})
            for one in saved.streams:
                self._opened.claim_no_more(one.path)
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
        self._unmet.clear()
        self._limit_streams()
        for path in [one.path for one in self.skipped.all() if not self._paths.wants(one.path)]:
            self.skipped.remove(path)
        for path, stream in list(self.streams.items()):
            if not self._paths.wants(path):
                self._let_go(stream, "no glob names it any more")
        self._scan(now_ms)

    def _limit_streams(self) -> None:
        # Commands are streams, too, and a session has one limit for all.
        self._admission.max_streams = min(self._settings.max_streams, limits.STREAMS - len(self._settings.commands))

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
        if is_rescan and (overflow or now_ms >= self._paths.expand_again_ms):
            self._scan(now_ms)
        if overflow:
            self._row_all()
        return is_news or overflow or not is_stale

    def tick(self, now_ms: int) -> None:
        """Time has passed."""
        self._now_ms = now_ms
        if self._opened.polled and now_ms >= self._poll_ms:
            self._poll_ms = now_ms + POLL_MS
            for stream in list(self._opened.polled):
                self._look(stream, now_ms)
        if now_ms >= self._rescan_ms - RESCAN_EARLY_MS:
            self._rescan_ms = now_ms + RESCAN_MS
            # Whoever still waits for a turn waits for the hub: see at least what becomes of its files.
            for stream in {*self._linked, *self._leaving, *self._row, *self._slice()}:
                self._look(stream, now_ms)
            for path in list(self._admission.suspects):
                self._meet(path, now_ms)
            if now_ms >= self._paths.expand_again_ms and self._paths.is_changed():
                self._scan(now_ms)
            self._let_go_deleted()
        if self._opened.polled and now_ms >= self._watch_again_ms:
            self._watch_again_ms = now_ms + WATCH_AGAIN_MS
            self._opened.watch_again()
        if self._admission.overfull and now_ms >= self._overfull_ms:
            self._overfull_ms = now_ms + OVERFULL_MS
            for path in self._admission.grown():
                self._meet(path, now_ms)
        if self._unmet:
            self._meet_some(now_ms, MEET_A_TURN)
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
        times = [self._now_ms if self._unmet else self._rescan_ms, *self._timed.values()]
        if self._opened.polled:
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
        if (one.dev, one.inode) in self._done or self._opened.is_known((one.dev, one.inode)):
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
        return self._opened.is_known((look.dev, look.inode))

    def position(self, look: Look, head: bytes) -> int | None:
        """See `seams.Keeper`: a finished file that came back goes on at its end; a copy is never read."""
        return self._done.position(look, head)

    def opened(self, stream: Stream, generation: Generation, look: Look) -> None:
        """See `seams.Keeper`."""
        assert generation.handle is not None
        self.is_changed = True
        if self._opened.opened(stream, generation.handle, look):
            self._row.add(stream)

    def _slice(self) -> list[Stream]:
        streams = list(self.streams.values())
        if self._slice_at >= len(streams):
            self._slice_at = 0
        first, self._slice_at = self._slice_at, self._slice_at + SLICE
        return streams[first : self._slice_at]

    def closing(self, stream: Stream, generation: Generation) -> None:
        """See `seams.Keeper`."""
        if generation.handle is not None:
            self._opened.closing(stream, generation.handle)

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
            how = "polling, 250 ms" if stream in self._opened.polled else "inotify"
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
        self._take(self._paths.expand(now_ms), now_ms)

    def _take(self, paths: list[str], now_ms: int, *, is_lost: bool = False) -> None:
        present = set(paths)
        for path, stream in list(self.streams.items()):
            if path not in present or stream in self._leaving:
                self._look(stream, now_ms)
        for skip in self.skipped.all():
            if skip.path not in present and skip.path not in self._paths.unlistable:
                self.skipped.remove(skip.path)
        was_waiting = bool(self._unmet)
        for path in paths:
            if path in self.streams:
                self._look(self.streams[path], now_ms)
            elif path not in self._unmet and path not in self._admission.overfull:
                is_old = self._paths.is_first_met(path)
                self._unmet[path] = is_old, is_old and is_lost
        self._meet_some(now_ms, MEET_A_TURN if was_waiting else MEET_AT_ONCE)
        self._done.forget_dead(paths, self._look_quietly)

    def _meet_some(self, now_ms: int, count: int) -> None:
        """Meet the next of the paths that wait. A glob counts as met with the last of them: a restart before that
        must begin at the end of the others, too, and not at the start as in files that are new."""
        for path in list(islice(self._unmet, count)):
            is_old, is_unproven = self._unmet.pop(path)
            if path not in self.streams:
                self._meet(path, now_ms, is_old=is_old, is_unproven=is_unproven)
        if not self._unmet and self._paths.meet_all():
            self.is_changed = True

    def _unlistable(self, folder: str, error: OSError) -> None:
        why = f"cannot be listed: {(error.strerror or str(error)).lower()}"
        self.skipped.add(folder, why, permission_remedy(folder), now_ms=self._now_ms, retry=True)

    def _meet(self, path: str, now_ms: int, *, is_old: bool = False, is_unproven: bool = False) -> None:
        """A path that matches and is no stream yet. `is_old`: it was there before anybody looked."""
        admitted = self._admission.admit(path, now_ms)
        if admitted is None:
            return
        handle, look, position = admitted
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
            if stream.path not in self.skipped and stream.is_as_seen():
                return  # nearly always, each second: half the cost of the whole look
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
        for group in (self._opened.polled, self._linked, self._leaving, self._broken):
            group.discard(stream)
        if stream.is_announced:
            fields: dict[str, Field] = {"why": why}
            self._events.append(Event(self._wall_ms(), EventKind.STREAM_DOWN, stream.number, None, fields))
        self.is_changed = True

    def _let_go(self, stream: Stream, why: str) -> None:
        """Not followed any more, though its file is there: where it stands is kept."""
        for generation in stream.follower.generations:
            if generation.handle is not None and generation.phase is not Phase.ENDED:
                look = self._files.look_open(generation.handle)
                self._done.add(stream.path, look, generation.fp, generation.read)
        self._drop(stream, why)

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
