"""The only hands on log files: look, open, read. They never wait: what is not a regular file is not opened at all.

`seams.Unreadable` says why a path cannot be followed, and what a person can do about it.
"""

import contextlib
import errno
import grp
import os
import pwd
import resource
import stat

from fleetglass_agent.logs import names
from fleetglass_agent.logs.follower import Look
from fleetglass_agent.logs.globs import Found, Glob
from fleetglass_agent.logs.seams import Unreadable

# O_NONBLOCK: a path that turns into a FIFO between look and open must not stop the agent.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

# A thousand streams with some rotated files each.
OPEN_FILES = 8_192

_KINDS = {
    stat.S_IFDIR: "is a folder",
    stat.S_IFIFO: "is a FIFO",
    stat.S_IFSOCK: "is a socket",
    stat.S_IFCHR: "is a device",
    stat.S_IFBLK: "is a device",
}


class Files:
    """The file system, in the words of the follower."""

    def __init__(self) -> None:
        # Each followed file is an open one; the soft limit is 1,024 for the sake of select(2), which is not used here.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    def look(self, path: str) -> Look | None:
        """What stands at a path, links followed; None if nothing does.

        Raises:
            Unreadable: something that is not a file, or that may not be seen.
        """
        try:
            seen = os.stat(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(path, error)
        if not stat.S_ISREG(seen.st_mode):
            kind = _KINDS.get(stat.S_IFMT(seen.st_mode), "is not a file")
            raise Unreadable(kind, "only regular files are followed; read it with --command if it gives lines")
        return _look(seen)

    def open(self, path: str) -> tuple[int, Look] | None:
        """Open a regular file for reading; None if it is gone.

        Raises:
            Unreadable: as `look`; also no permission to read.
        """
        if self.look(path) is None:
            return None
        try:
            handle = os.open(path, _FLAGS)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(path, error)
        seen = os.fstat(handle)
        if not stat.S_ISREG(seen.st_mode):  # swapped between look and open
            os.close(handle)
            return None
        try:
            os.pread(handle, 1, 0)  # some of /proc and /sys call themselves files and cannot be read
        except OSError as error:
            os.close(handle)
            raise _unreadable(path, error)
        return handle, _look(seen)

    def look_open(self, handle: int) -> Look:
        """What the kernel says of an open file."""
        return _look(os.fstat(handle))

    def read(self, handle: int, count: int, offset: int) -> bytes:
        """At most `count` bytes at `offset`; fewer only at the end."""
        return os.pread(handle, count, offset)

    def data_from(self, handle: int, offset: int) -> int:
        """The first offset at or behind `offset` that is not a hole of a sparse file; the size if none is."""
        try:
            return os.lseek(handle, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return os.fstat(handle).st_size
            return offset  # no such thing as SEEK_DATA here

    def siblings(self, path: str) -> list[tuple[str, int]]:
        """Path and inode of the files in the same folder whose names begin like this one's."""
        folder, name = os.path.split(path)
        stem = names.stem(name)
        found = []
        with contextlib.suppress(OSError), os.scandir(folder or "/") as entries:
            found = [(entry.path, entry.inode()) for entry in entries if entry.name.startswith(stem)]
        return found

    def expand(self, glob: Glob) -> Found:
        """The paths that a glob names now."""
        return glob.expand()

    def changed_ns(self, folder: str) -> int:
        """When names came or went in a folder; 0 if there is none."""
        try:
            return os.stat(folder).st_mtime_ns
        except OSError:
            return 0

    def is_linked(self, path: str) -> bool:
        """Whether a link stands anywhere in a path: it may lead elsewhere without its own folder changing."""
        return os.path.realpath(path) != path

    def close(self, handle: int) -> None:
        """Give back the descriptor."""
        with contextlib.suppress(OSError):
            os.close(handle)


def _look(seen: os.stat_result) -> Look:
    return Look(seen.st_dev, seen.st_ino, seen.st_size, seen.st_nlink, seen.st_mtime_ns)


def _unreadable(path: str, error: OSError) -> Unreadable:
    if error.errno in (errno.EACCES, errno.EPERM):
        return Unreadable("permission denied", permission_remedy(path), retry=True)
    if error.errno == errno.ELOOP:
        return Unreadable("is a link that leads to itself", "point the link at the file", retry=True)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Unreadable("too many open files", "raise the limit: LimitNOFILE= in the unit, or ulimit -n", retry=True)
    return Unreadable((error.strerror or str(error)).lower(), retry=True)


def permission_remedy(path: str) -> str:
    """Which group may read it, and how to join; for a folder in the way, that one."""
    place, seen = path, None
    while seen is None:
        try:
            seen = os.stat(place)
        except OSError:
            place, below = os.path.dirname(place), place
            if place == below:
                return ""
    if stat.S_ISDIR(seen.st_mode):
        needed, what = stat.S_IXGRP, f"the folder {names.shown(place)}"
    else:
        needed, what = stat.S_IRGRP, "it"
    user = _user()
    if not seen.st_mode & needed or seen.st_gid == 0:
        rights = "rx" if stat.S_ISDIR(seen.st_mode) else "r"
        return f"nobody but its owner may read {what}: setfacl -m u:{user}:{rights} {names.shown(place)}"
    try:
        group = grp.getgrgid(seen.st_gid).gr_name
    except KeyError:
        group = str(seen.st_gid)
    subject = "it belongs" if what == "it" else f"{what} belongs"
    return f"{subject} to group {group}: usermod -aG {group} {user} && systemctl restart fleetglass-agent"


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
