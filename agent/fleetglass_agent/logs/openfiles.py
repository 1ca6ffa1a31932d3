"""Which files are open, in whose stream, and whether the kernel tells of their growth or they must be asked."""

from fleetglass_agent.logs.follower import Look
from fleetglass_agent.logs.stream import Stream
from fleetglass_agent.logs.watcher import Watcher

Identity = tuple[int, int]


class OpenFiles:
    """By device and inode, and by handle. `polled` are the streams with a file that is not watched."""

    def __init__(self, watcher: Watcher[Stream]) -> None:
        self.polled: set[Stream] = set()
        self._watcher = watcher
        self._owners: dict[Identity, Stream] = {}
        self._watches: dict[int, tuple[int | None, Identity]] = {}  # handle -> watch, who it is
        self._claimed: dict[Identity, str] = {}

    def claim(self, claimed: dict[Identity, str]) -> None:
        """These will be taken up by the streams of these paths, later in the start: nobody else may open them."""
        self._claimed = claimed

    def claim_no_more(self, path: str) -> None:
        """The stream of this path takes up its files now."""
        self._claimed = {identity: owner for identity, owner in self._claimed.items() if owner != path}

    def is_known(self, identity: Identity) -> bool:
        """Whether it is open, or will be."""
        return identity in self._owners or identity in self._claimed

    def owner(self, identity: Identity) -> Stream | None:
        """The stream in which it is open."""
        return self._owners.get(identity)

    def opened(self, stream: Stream, handle: int, look: Look) -> bool:
        """Watch it; False if it was open before (its content was replaced)."""
        if handle in self._watches:
            return False
        identity = look.dev, look.inode
        self._owners[identity] = stream
        self._watch(stream, handle, identity)
        return True

    def closing(self, stream: Stream, handle: int) -> None:
        """It is about to be closed."""
        watch, identity = self._watches.pop(handle, (None, (0, 0)))
        if watch is not None:
            self._watcher.unwatch_file(stream, watch)
        self._owners.pop(identity, None)

    def watch_again(self) -> None:
        """Watches may be had by now."""
        for stream in list(self.polled):
            self.polled.discard(stream)
            for generation in stream.follower.generations:
                handle = generation.handle
                if handle is not None and self._watches[handle][0] is None:
                    self._watch(stream, handle, self._watches[handle][1])

    def _watch(self, stream: Stream, handle: int, identity: Identity) -> None:
        watch = self._watcher.watch_file(stream, handle, stream.path, identity[0])
        self._watches[handle] = (watch, identity)
        if watch is None:
            self.polled.add(stream)
