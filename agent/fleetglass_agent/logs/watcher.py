"""Who is told by the kernel, and who must be asked: inotify watches where they are to be had, polling elsewhere.

A target is whatever the owner wants back: a stream (for its open file) or a folder's path. The kernel merges watches of
one inode, so several targets may share a number.
"""

import os
from collections.abc import Callable
from typing import Generic, TypeVar

from fleetglass_agent.logs import inotify
from fleetglass_agent.logs.inotify import Inotify, NoInotify

# File systems whose other writers are on other machines: the kernel here does not hear of what they do.
REMOTE = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs", "lustre", "glusterfs", "gpfs", "beegfs")

T = TypeVar("T")


class Watcher(Generic[T]):
    """Watches of files and folders. `note` gets one sentence when watching becomes polling."""

    def __init__(self, note: Callable[[str], None], make: Callable[[], Inotify] = Inotify) -> None:
        self._note = note
        self._files: dict[int, list[T]] = {}
        self._folders: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._remote_devices: dict[int, bool] = {}
        self._inotify: Inotify | None = None
        self.trouble: NoInotify | None = None
        try:
            self._inotify = make()
        except NoInotify as error:
            self._in_trouble(error)

    @property
    def descriptor(self) -> int | None:
        """To be polled; None without inotify."""
        return self._inotify.descriptor if self._inotify else None

    def watch_file(self, target: T, handle: int, path: str, dev: int) -> int | None:
        """Hear of an open file; None: it must be polled."""
        if self._inotify is None or self._is_remote(dev):
            return None
        try:
            number = self._inotify.watch_open(handle, path, inotify.FILE)
        except OSError:
            return None
        except NoInotify as error:
            self._in_trouble(error)
            return None
        self._files.setdefault(number, []).append(target)
        return number

    def unwatch_file(self, target: T, number: int) -> None:
        """Its file is about to be closed."""
        targets = self._files.get(number, [])
        if target in targets:
            targets.remove(target)
        if not targets:
            self._files.pop(number, None)
            if self._inotify:
                self._inotify.unwatch(number)

    def watch_folders(self, folders: set[str]) -> bool:
        """Hear of new names in exactly these; True if one was not watched before (so its names must be read again)."""
        is_new = False
        if self._inotify is None:
            return False
        for folder in [one for one in self._numbers if one not in folders]:
            number = self._numbers.pop(folder)
            if self._folders.get(number) == folder:
                del self._folders[number]
                self._inotify.unwatch(number)
        for folder in folders:
            if folder in self._numbers:
                continue
            try:
                number = self._inotify.watch(folder, inotify.FOLDER)
            except OSError:
                continue  # not there yet; the rescan finds it
            except NoInotify as error:
                self._in_trouble(error)
                break
            self._numbers[folder], self._folders[number] = number, folder
            is_new = True
        return is_new

    def events(self) -> "tuple[list[tuple[T, int]], list[tuple[str, int, str]], bool]":
        """Files with what happened to them; folders with what happened to which name; whether the queue ran over."""
        files: list[tuple[T, int]] = []
        folders: list[tuple[str, int, str]] = []
        overflow = False
        for number, mask, name in self._inotify.events() if self._inotify else []:
            if mask & inotify.IN_Q_OVERFLOW:
                overflow = True
            elif mask & inotify.IN_IGNORED:
                self._files.pop(number, None)
                folder = self._folders.pop(number, None)
                if folder is not None and self._numbers.get(folder) == number:
                    del self._numbers[folder]
                    folders.append((folder, mask, ""))
            elif number in self._files:
                files += [(target, mask) for target in self._files[number]]
            elif number in self._folders:
                folders.append((self._folders[number], mask, name))
        return files, folders, overflow

    def close(self) -> None:
        """Give back the descriptor and all watches."""
        if self._inotify:
            self._inotify.close()
            self._inotify = None

    def _in_trouble(self, error: NoInotify) -> None:
        if self.trouble is None or self.trouble.why != error.why:
            self.trouble = error
            remedy = f" To be told at once again: {error.remedy}" if error.remedy else ""
            self._note(f"{error.why}: log files are polled every 250 ms, new files are found within 1 s.{remedy}")

    def _is_remote(self, dev: int) -> bool:
        if dev not in self._remote_devices:
            self._remote_devices[dev] = is_remote(dev)
            if self._remote_devices[dev]:
                self._note("a followed file lies on a network file system: it is polled every 250 ms")
        return self._remote_devices[dev]


def is_remote(dev: int, mounts: str = "/proc/self/mountinfo") -> bool:
    """Whether a device is a network file system, where inotify tells only of this machine's own writes."""
    wanted = f"{os.major(dev)}:{os.minor(dev)}"
    try:
        with open(mounts, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                # 36 35 98:0 /root /mount/point options - type source options (proc_pid_mountinfo(5))
                left, _, right = line.partition(" - ")
                if left.split(" ", 3)[2] == wanted:
                    kind = right.split(" ", 1)[0]
                    return kind in REMOTE or kind.startswith("fuse.ssh")
    except (OSError, IndexError):
        pass
    return False
