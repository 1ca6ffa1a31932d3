"""A file system in memory for the model tests: inodes that are used again, links, handles, times.

It has the face of `files.Files`, so the real follower runs on it, and the hands of a writer and of a logrotate.
"""

from fleetglass_agent.logs.follower import Look
from fleetglass_agent.logs.globs import Found
from fleetglass_agent.logs.seams import Unreadable


class Inode:
    def __init__(self, number: int, now_ns: int) -> None:
        self.number = number
        self.data = bytearray()
        self.links = 0
        self.handles = 0
        self.mtime_ns = now_ns


class ToyFiles:
    """`names`: absolute path -> inode. All in folder /log."""

    def __init__(self) -> None:
        self.names: dict[str, Inode] = {}
        self.open_files: dict[int, Inode] = {}
        self.now_ns = 1_000_000_000_000
        self.unreadable: set[str] = set()
        self._numbers: set[int] = set()
        self._next_handle = 3
        self._changed_ns = 1

    # -- the follower's side

    def look(self, path: str) -> Look | None:
        inode = self.names.get(path)
        if path in self.unreadable:
            raise Unreadable("permission denied", retry=True)
        return None if inode is None else self._look(inode)

    def open(self, path: str) -> tuple[int, Look] | None:
        if self.look(path) is None:
            return None
        inode = self.names[path]
        return self.open_inode(inode), self._look(inode)

    def look_open(self, handle: int) -> Look:
        return self._look(self.open_files[handle])

    def read(self, handle: int, count: int, offset: int) -> bytes:
        assert count >= 0
        assert offset >= 0
        return bytes(self.open_files[handle].data[offset : offset + count])

    def data_from(self, handle: int, offset: int) -> int:
        return offset

    def siblings(self, path: str) -> list[tuple[str, int]]:
        stem = path.rpartition(".")[0]
        return [(name, inode.number) for name, inode in self.names.items() if name.startswith(stem)]

    def expand(self, glob) -> Found:
        return Found(sorted(name for name in self.names if glob.matches(name)), ["/log"], {})

    def changed_ns(self, folder: str) -> int:
        return self._changed_ns

    def is_linked(self, path: str) -> bool:
        return False

    def close(self, handle: int) -> None:
        inode = self.open_files.pop(handle)
        inode.handles -= 1
        self._free(inode)

    # -- the world's side

    def open_inode(self, inode: Inode) -> int:
        self._next_handle += 1
        self.open_files[self._next_handle] = inode
        inode.handles += 1
        return self._next_handle

    def create(self, path: str) -> Inode:
        """The file at a path, made if there is none."""
        if path not in self.names:
            number = next(one for one in range(1, 10_000) if one not in self._numbers)
            self._numbers.add(number)
            self._touch()
            inode = Inode(number, self.now_ns)
            inode.links = 1
            self.names[path] = inode
        return self.names[path]

    def append(self, inode: Inode, data: bytes) -> None:
        inode.data += data
        self.now_ns += 1_000_000
        inode.mtime_ns = self.now_ns

    def rename(self, old: str, new: str) -> None:
        inode = self.names.pop(old)
        if new in self.names:
            self._unlink(self.names.pop(new))
        self.names[new] = inode
        self._touch()

    def link(self, old: str, new: str) -> None:
        self.names[new] = self.names[old]
        self.names[new].links += 1
        self._touch()

    def unlink(self, path: str) -> None:
        self._unlink(self.names.pop(path))
        self._touch()

    def copy(self, old: str, new: str) -> None:
        inode = self.create(new)
        self.append(inode, bytes(self.names[old].data))

    def truncate(self, path: str) -> None:
        self.names[path].data.clear()
        self.now_ns += 1_000_000
        self.names[path].mtime_ns = self.now_ns

    def close_all(self, handles: set[int]) -> None:
        """The death of a process."""
        for handle in handles & set(self.open_files):
            self.close(handle)

    def _look(self, inode: Inode) -> Look:
        return Look(1, inode.number, len(inode.data), inode.links, inode.mtime_ns)

    def _unlink(self, inode: Inode) -> None:
        inode.links -= 1
        self._free(inode)

    def _free(self, inode: Inode) -> None:
        if not inode.links and not inode.handles:
            self._numbers.discard(inode.number)

    def _touch(self) -> None:
        self.now_ns += 1_000_000
        self._changed_ns = self.now_ns
