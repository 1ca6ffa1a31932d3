"""May a path that matches become a stream? If so, from where; if not, why.

Not: another name of an open file, what is no file or cannot be read, a compressed file, a copy of what is followed,
what was read already, and more files than the limit. Each is named in `skipped`.
"""

from collections.abc import Callable, Mapping
from heapq import heappop, heappush, heapreplace
from itertools import islice
from typing import NamedTuple

from fleetglass_proto import limits
from fleetglass_proto.identity import fingerprint

from fleetglass_agent.logs import names
from fleetglass_agent.logs.done import NEVER, DoneFiles
from fleetglass_agent.logs.follower import Look
from fleetglass_agent.logs.openfiles import OpenFiles
from fleetglass_agent.logs.seams import Hands, Unreadable
from fleetglass_agent.logs.skipped import Skipped
from fleetglass_agent.logs.stream import Stream

# So many of the files beyond the limit are asked at once whether they grew: 20 ms.
ASKED = 5_000

_NARROWER = "Name fewer files: --tail with a narrower glob, or --exclude"


class Admitted(NamedTuple):
    """An open file for a new stream."""

    handle: int
    look: Look
    position: int


class Admission:
    """The door to `streams`.

    Args:
        let_go: asks a stream to give way, with a reason.
        note: gets a sentence for the operator.
    """

    def __init__(
        self,
        streams: Mapping[str, Stream],
        hands: Hands,
        skipped: Skipped,
        done: DoneFiles,
        opened: OpenFiles,
        let_go: Callable[[Stream, str], None],
        note: Callable[[str], None],
    ) -> None:
        self.max_streams = limits.STREAMS
        self.suspects: set[str] = set()  # rotated names whose content is still too short to tell
        self.overfull: dict[str, Look | None] = {}  # not followed because of the limit: whoever grows comes in
        self._streams = streams
        self._hands = hands
        self._skipped = skipped
        self._done = done
        self._opened = opened
        self._let_go = let_go
        self._note = note
        self._is_full_told = False
        # A heap of streams by their last writing, as of a moment: one look at all of them serves a whole run of paths.
        self._quiet: list[tuple[int, int, Stream]] = []
        self._quiet_ms = -1
        self._seen: set[Stream] = set()  # that were put into it

    def admit(self, path: str, now_ms: int) -> Admitted | None:
        """Open it, or say why not."""
        self.suspects.discard(path)
        was_overfull = path in self.overfull
        self.overfull.pop(path, None)
        try:
            look = self._hands.look(path)
            if look is None:
                self._skipped.remove(path)
                return None
            if self._is_no_stream(path, look):
                return None
            if len(self._streams) >= self.max_streams and not self._make_room(look, now_ms):
                self._refuse(path, look)
                return None
            opened = self._hands.open(path)
        except Unreadable as error:
            self._skipped.add(path, error.why, error.remedy, now_ms=now_ms, retry=error.retry)
            return None
        if opened is None:
            return None
        handle, look = opened
        head = self._hands.read(handle, limits.FINGERPRINT_BYTES, 0)
        position = self._done.position(look, head)
        if position is None or self._is_copy(path, look, head):
            self._hands.close(handle)
            self._skipped.add(path, "its lines were read already, before it was rotated or copied", is_told=False)
            if was_overfull:
                self.overfull[path] = look  # it did not grow yet
            return None
        self._skipped.remove(path)
        return Admitted(handle, look, position)

    def grown(self) -> list[str]:
        """Those beyond the limit that were written to since they were looked at; of very many, the next ones."""
        found = []
        for path, before in list(islice(self.overfull.items(), ASKED)):
            self.overfull[path] = self.overfull.pop(path)
            try:
                look = self._hands.look(path)
            except Unreadable:
                continue
            if look != before:
                found.append(path)
        return found

    def _is_no_stream(self, path: str, look: Look) -> bool:
        owner = self._opened.owner((look.dev, look.inode))
        if owner is not None:
            self._skipped.add(path, f"is the same file as {names.shown(owner.path)}", is_told=False)
        elif names.is_compressed(path):
            self._skipped.add(path, "is compressed", is_told=False)
        else:
            return False
        return True

    def _is_copy(self, path: str, look: Look, head: bytes) -> bool:
        """copytruncate with a glob that matches the copy, too: its content is that of the file it was copied from."""
        name = path.rpartition("/")[2]
        folder = path[: len(path) - len(name)]
        for base in names.bases(name):
            stream = self._streams.get(folder + base)
            if stream is None:
                continue
            if look.size == 0:
                self.suspects.add(path)
                return True
            if stream.is_copy_of_mine(head):
                if len(head) < limits.FINGERPRINT_BYTES:
                    self.suspects.add(path)  # it may still grow, and differ
                else:
                    self._done.add(path, look, fingerprint(head), NEVER)
                return True
        return False

    def _make_room(self, look: Look, now_ms: int) -> bool:
        """The stream that was quiet for longest gives way to a file that is less so."""
        oldest = self._oldest_quiet(now_ms)
        if oldest is None or oldest.last_written_ns >= look.mtime_ns:
            return False
        heappop(self._quiet)
        self._let_go(oldest, f"more than {self.max_streams} files match, and it was quiet for longest")
        self._refuse(oldest.path, None)
        return True

    def _oldest_quiet(self, now_ms: int) -> Stream | None:
        """The stream that was quiet for longest; it stands first in `_quiet`."""
        if self._quiet_ms != now_ms:
            self._quiet_ms, self._quiet, self._seen = now_ms, [], set()
        for stream in reversed([*self._streams.values()]):  # what was admitted since stands behind what was seen
            if stream in self._seen:
                break
            self._seen.add(stream)
            heappush(self._quiet, (stream.last_written_ns, len(self._seen), stream))
        while self._quiet:
            written_ns, number, stream = self._quiet[0]
            if self._streams.get(stream.path) is stream and stream.is_at_rest:
                if stream.last_written_ns == written_ns:
                    return stream
                heapreplace(self._quiet, (stream.last_written_ns, number, stream))
            else:
                heappop(self._quiet)
        return None

    def _refuse(self, path: str, look: Look | None) -> None:
        why = f"more than {self.max_streams} files match"
        self._skipped.add(path, why, _NARROWER, is_told=False)
        self.overfull[path] = look
        if not self._is_full_told:
            self._is_full_told = True
            self._note(f"{why}: those quiet for longest are not followed until they grow. {_NARROWER}")
