"""Files that were read and still have a name: they are not read again, and go on at their end if they grow.

A copy that copytruncate made of a followed file is one of them, too, with an end beyond every size. An identity that no
path has any more is forgotten, before its inode is used again.
"""

from collections.abc import Callable, Iterable

from fleetglass_proto import limits
from fleetglass_proto.identity import Fingerprint

from fleetglass_agent.logs.checkpoint import Done
from fleetglass_agent.logs.follower import Look

# Beyond any limit of streams; a line of the checkpoint each.
DONE_MAX = 4_096
NEVER = limits.OFFSET_MAX


class DoneFiles:
    """By device and inode."""

    def __init__(self) -> None:
        self._done: dict[tuple[int, int], Done] = {}

    def load(self, done: Iterable[Done]) -> None:
        """Those of the last run."""
        self._done = {(one.dev, one.inode): one for one in done}

    def __contains__(self, identity: tuple[int, int]) -> bool:
        return identity in self._done

    def all(self) -> tuple[Done, ...]:
        """For the checkpoint."""
        return tuple(self._done.values())

    def add(self, path: str, look: Look, fp: Fingerprint, end: int) -> None:
        """This file is read up to `end`; `path` is its last name."""
        self._done[look.dev, look.inode] = Done(path, look.dev, look.inode, fp.count, fp.digest.hex(), end)
        while len(self._done) > DONE_MAX:
            del self._done[next(iter(self._done))]

    def position(self, look: Look, head: bytes) -> int | None:
        """Where to begin in a file: 0, the end of what was read of it, or None: nothing in it is new."""
        done = self._done.get((look.dev, look.inode))
        if done is None:
            return 0
        if not Fingerprint(done.fp_count, bytes.fromhex(done.fp)).matches(head):
            del self._done[look.dev, look.inode]  # the inode was used again
            return 0
        return done.end if look.size > done.end else None

    def forget_dead(self, paths: Iterable[str], look: Callable[[str], Look | None]) -> None:
        """Forget what stands neither at one of these paths nor at its last name."""
        if not self._done:
            return
        places = {*paths, *(one.path for one in self._done.values())}
        alive = {(seen.dev, seen.inode) for path in places if (seen := look(path)) is not None}
        self._done = {identity: one for identity, one in self._done.items() if identity in alive}
