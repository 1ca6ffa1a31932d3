"""Followed files and commands, as the agent's loop sees them: descriptors, a clock, and `pull`.

    loop: poll(descriptors, until next_tick_ms) -> receive / tick; hub said welcome -> welcome; has credit and
    ready() -> pull, send in order; hub said commit -> committed

Nothing is read before the hub's `welcome`, and no more than there is credit for: the files are the queue. Positions are
kept in the state folder; without one they come from the hub, and that is said.
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from fleetglass_proto.messages import Event, KnownStream, LineBatch

from fleetglass_agent.logs import names
from fleetglass_agent.logs.checkpoint import Checkpoint, Corrupt
from fleetglass_agent.logs.commands import Commands, take_turn
from fleetglass_agent.logs.followed import Followed, FollowedFile, random_number
from fleetglass_agent.logs.inotify import Inotify
from fleetglass_agent.logs.seams import Out, Turn
from fleetglass_agent.logs.settings import TailSettings

# Progress is written this often: the hub's offsets are the truth, so this is only for a hub that lost its disk.
SAVE_MS = 10_000
# A state folder that cannot be written is tried again.
SAVE_RETRY_MS = 30_000
# With more streams than this, changes are written together: the checkpoint is large, and the hub knows most of it.
SAVE_AT_ONCE = 50
SAVE_MANY_MS = 1_000
# Wakes for files that wait already, or faster than this many in a row, are put together for so long. Below the 2 ms
# within which a quiet file's line must leave nothing is put together.
DAMP_MS = 2
# Above what the loop lets through by itself: it asks a busy file once a millisecond (uplink/batch.py, Pace).
DAMP_AFTER = 150
DAMP_WINDOW_MS = 100
AWAY_DAMP_MS = 50
# The messages of one `pull`: a bound for the many small batches of many files.
PULL_MESSAGES = 512
STARVED_MS = 20


class NotFollowed(NamedTuple):
    """A line of `status`: a path that matches, and why it is not followed."""

    path: str
    why: str
    remedy: str


class Status(NamedTuple):
    """What is followed, what is not, and what a person should know. Commands: name and state."""

    files: tuple[FollowedFile, ...]
    skipped: tuple[NotFollowed, ...]
    commands: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Tailing:
    """All streams of this agent. One thread; no call waits for anything but a disk.

    Args:
        state_dir: where positions and spools are kept; None: nowhere, and a notice says what that means.
        wall_ms, mono_ms: the clocks, ms.
    """

    def __init__(
        self,
        settings: TailSettings,
        state_dir: str | None,
        *,
        wall_ms: Callable[[], int] = _wall_ms,
        mono_ms: Callable[[], int] = _mono_ms,
        new_number: Callable[[], int] = random_number,
        make_inotify: Callable[[], Inotify] = Inotify,
    ) -> None:
        self._settings = settings
        self._wall_ms = wall_ms
        self._checkpoint = Checkpoint(state_dir) if state_dir is not None else None
        self._save_ms: int | None = None
        self._state_trouble = ""
        self._damped_until_ms = 0
        self._window_ms = 0
        self._window_wakes = 0
        self._starved_until_ms = 0
        self._now_ms = mono_ms()
        self._files = Followed(settings, wall_ms=wall_ms, new_number=new_number, make_inotify=make_inotify)
        self._commands = Commands(state_dir, new_number, self._files.note)
        self._begin()

    def _begin(self) -> None:
        saved, is_lost = None, False
        if self._checkpoint is None:
            if self._settings.globs:
                self._files.note(
                    "no state folder: after a restart of the agent the hub says how far each file was read; "
                    "lines of a file that the hub never saw may be missed. Set --state DIR"
                )
        else:
            try:
                os.makedirs(os.path.dirname(self._checkpoint.path), mode=0o700, exist_ok=True)
                saved = self._checkpoint.load()
            except Corrupt as error:
                is_lost = True
                self._files.note(
                    f"{names.shown(self._checkpoint.path)} cannot be understood ({error}) and was put aside "
                    "as .corrupt: the hub is asked how far each file was read; files it does not know begin as at "
                    "a first start"
                )
            except OSError as error:
                is_lost = True
                self._trouble(error)
        self._files.start(saved, self._now_ms, is_lost=is_lost or self._checkpoint is None)
        self._save()
        self._commands.set(self._settings)

    # -- the loop -----------------------------------------------------------------------------------------------------

    def descriptors(self) -> Sequence[int]:
        """What to poll for reading now; may change after each call."""
        watch = self._files.descriptor
        found = [watch] if watch is not None and not self._damped_until_ms else []
        found += self._commands.descriptors()
        return found

    def receive(self, descriptor: int, now_ms: int) -> None:
        """A descriptor is readable."""
        self._now_ms = now_ms
        if descriptor == self._files.descriptor:
            self._take_watch(now_ms)
        else:
            self._commands.receive(descriptor, now_ms)
        self._save_if_changed()

    def tick(self, now_ms: int) -> None:
        """Time has passed."""
        self._now_ms = now_ms
        if self._damped_until_ms and now_ms >= self._damped_until_ms:
            self._damped_until_ms = 0
            self._take_watch(now_ms)
        if now_ms >= self._starved_until_ms:
            self._starved_until_ms = 0
        self._files.tick(now_ms)
        self._commands.tick(now_ms)
        self._save_if_changed()
        if self._save_ms is not None and now_ms >= self._save_ms:
            self._save()

    def next_tick_ms(self) -> int | None:
        """When to call `tick`; monotonic."""
        times = [
            *self._commands.next_tick_ms(self._now_ms),
            self._files.next_tick_ms(),
            self._save_ms,
            self._damped_until_ms or None,
            self._starved_until_ms or None,
        ]
        return min((one for one in times if one is not None), default=None)

    def reload(self, settings: TailSettings) -> None:
        """SIGHUP: other globs and commands; what matches still goes on without a line lost."""
        self._settings = settings
        self._files.reload(settings, self._now_ms)
        self._commands.set(settings)
        self._save_if_changed()

    # -- the hub ------------------------------------------------------------------------------------------------------

    def welcome(self, known: Sequence[KnownStream], now_ms: int) -> None:
        """A session begins: read on from the hub's offsets, and announce everything again."""
        self._now_ms = now_ms
        self._starved_until_ms = 0
        self._files.welcome({one.path: one for one in known if one.kind == "file"}, now_ms)
        self._commands.welcome({one.path: one for one in known if one.kind == "command"})
        self._save_if_changed()

    def ready(self) -> bool:
        """Whether `pull` has something to give."""
        if self._starved_until_ms:
            return False
        return self._files.is_ready or bool(self._commands.due(self._now_ms))

    def pull(self, budget_bytes: int, now_ms: int, wall_ms: int) -> list[LineBatch | Event]:
        """What to send now, in this order: at most `budget_bytes` of log bytes, in fair turns."""
        self._now_ms = now_ms
        out: Out = []
        self._files.take_events(out)
        used = 0
        commands = self._commands.due(now_ms)
        is_starved = False
        idle = 0
        while len(out) < PULL_MESSAGES and (commands or (self._files.waiting and idle <= self._files.waiting)):
            if commands:
                got, at = take_turn(commands, budget_bytes - used, now_ms, wall_ms, out)
                used += got
                is_starved = is_starved or at is Turn.STARVED
            if self._files.waiting and idle <= self._files.waiting:
                got, at = self._files.turn(budget_bytes - used, now_ms, wall_ms, out)
                used += got
                idle = idle + 1 if at is Turn.STARVED else 0
            if used >= budget_bytes:
                break
        # The next lines are longer than a whole budget: no use in asking again at once. What did not fit behind others
        # is for the next pull, which may follow in the same millisecond.
        if (idle or is_starved) and not used:
            self._starved_until_ms = now_ms + STARVED_MS
        self._save_if_changed()
        return out

    def committed(self, stream: int, file: int, offset: int) -> None:
        """The hub has this much of a file on disk; a finished file is closed."""
        self._starved_until_ms = 0
        self._files.committed(stream, file, offset)
        self._commands.committed(stream, file, offset)
        if self._save_ms is None:
            self._save_ms = self._now_ms + SAVE_MS

    def status(self) -> Status:
        """For `fleetglass-agent sources`."""
        return Status(
            tuple(self._files.status()),
            tuple(NotFollowed(names.shown(one.path), one.why, one.remedy) for one in self._files.skipped.all()),
            self._commands.status(),
            (self._state_trouble,) if self._state_trouble else (),
        )

    def close(self) -> None:
        """Save positions; give back descriptors and children."""
        self._save()
        self._files.close()
        self._commands.close()

    # -- within -------------------------------------------------------------------------------------------------------

    def _take_watch(self, now_ms: int) -> None:
        """Read the kernel's events; many of them in a short time are put together from now on."""
        is_news = self._files.receive(now_ms)
        if now_ms - self._window_ms >= DAMP_WINDOW_MS:
            self._window_ms, self._window_wakes = now_ms, 0
        self._window_wakes += 1
        if not is_news:
            self._damped_until_ms = now_ms + AWAY_DAMP_MS
        elif self._window_wakes > DAMP_AFTER:
            self._damped_until_ms = now_ms + DAMP_MS

    def _save_if_changed(self) -> None:
        if self._files.is_changed and (self._files.must_sync or len(self._files.streams) <= SAVE_AT_ONCE):
            self._save(sync=self._files.must_sync)
        elif self._files.is_changed:
            due_ms = self._now_ms + SAVE_MANY_MS
            self._save_ms = due_ms if self._save_ms is None else min(self._save_ms, due_ms)

    def _save(self, *, sync: bool = True) -> None:
        self._files.is_changed = self._files.must_sync = False
        # What was not synced is so a little later: a crash of the machine costs no more than asking the hub.
        self._save_ms = None if sync else self._now_ms + SAVE_MS
        if self._checkpoint is None:
            self._save_ms = None
            return
        try:
            self._checkpoint.save(self._files.saved(), sync=sync)
        except OSError as error:
            self._trouble(error)
            self._save_ms = self._now_ms + SAVE_RETRY_MS
        else:
            self._state_trouble = ""

    def _trouble(self, error: OSError) -> None:
        assert self._checkpoint is not None
        text = (
            f"cannot keep positions in {names.shown(os.path.dirname(self._checkpoint.path))}: "
            f"{(error.strerror or str(error)).lower()}. Following goes on; after a restart of "
            "the agent the hub says how far each file was read. Make it writable, or set --state DIR"
        )
        if not self._state_trouble:
            self._files.note(text)
        self._state_trouble = text
