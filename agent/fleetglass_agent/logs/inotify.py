"""The kernel's word that a file grew or a folder changed, by ctypes: no package, no thread.

`Inotify.watch` gives a number that later events carry. Events are `(number, mask, name)`; the kernel merges repeated
ones. A queue that ran over is said by `IN_Q_OVERFLOW`: look at everything then.
"""

import contextlib
import ctypes
import errno
import os
import struct

IN_MODIFY = 0x2
IN_ATTRIB = 0x4
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800
IN_Q_OVERFLOW = 0x4000
IN_IGNORED = 0x8000
IN_ONLYDIR = 0x01000000
IN_ISDIR = 0x40000000

FILE = IN_MODIFY | IN_ATTRIB
FOLDER = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR

_HEADER = struct.Struct("iIII")  # wd, mask, cookie, length of the name
_READ_BYTES = 64 << 10


class NoInotify(Exception):  # noqa: N818 - a state of the machine, not a fault of the program
    """No watch is to be had. `why` and `remedy` are for the operator."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy


class Inotify:
    """One inotify instance.

    Raises:
        NoInotify: this system has none, or its instances are used up.
    """

    def __init__(self) -> None:
        try:
            self._libc = ctypes.CDLL(None, use_errno=True)
            self.descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, AttributeError):
            raise NoInotify("this system has no inotify")
        if self.descriptor < 0:
            raise _refused(ctypes.get_errno(), "max_user_instances", "512")

    def watch_open(self, handle: int, path: str, mask: int) -> int:
        """Watch the file behind an open descriptor, whatever its name is by now."""
        link = f"/proc/self/fd/{handle}"
        return self.watch(link if os.path.exists(link) else path, mask)

    def watch(self, path: str, mask: int) -> int:
        """Watch a path; the same inode gives the same number again.

        Raises:
            NoInotify: no more watches, or no permission.
            OSError: it is gone.
        """
        number: int = self._libc.inotify_add_watch(self.descriptor, os.fsencode(path), ctypes.c_uint32(mask))
        if number < 0:
            code = ctypes.get_errno()
            if code in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES):
                raise OSError(code, os.strerror(code), path)
            raise _refused(code, "max_user_watches", "1048576")
        return number

    def unwatch(self, number: int) -> None:
        """Forget a watch; harmless if the kernel has done so already."""
        self._libc.inotify_rm_watch(self.descriptor, number)

    def events(self) -> list[tuple[int, int, str]]:
        """What happened since the last call, oldest first."""
        found: list[tuple[int, int, str]] = []
        with contextlib.suppress(BlockingIOError):
            data = os.read(self.descriptor, _READ_BYTES)
            at = 0
            while at < len(data):
                number, mask, _, length = _HEADER.unpack_from(data, at)
                at += _HEADER.size
                name = os.fsdecode(data[at : at + length].rstrip(b"\0")) if length else ""
                at += length
                found.append((number, mask, name))
        return found

    def close(self) -> None:
        """Give back the descriptor and all watches."""
        with contextlib.suppress(OSError):
            os.close(self.descriptor)


def _refused(code: int, setting: str, value: str) -> NoInotify:
    if code in (errno.ENOSPC, errno.EMFILE):
        return NoInotify(
            f"the kernel's inotify {'watches' if code == errno.ENOSPC else 'instances'} are used up",
            f"sysctl -w fs.inotify.{setting}={value}",
        )
    return NoInotify(f"inotify: {os.strerror(code).lower()}")
