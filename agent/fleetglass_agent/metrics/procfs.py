"""Read the kernel's files below a root that is a setting, with descriptors kept open.

In: paths. Out: bytes. Opening a file in /proc costs more than reading it (look-up, permission, seq_file set-up), so
every file that is read each second stays open and is read from its start. What the bytes mean is not known here.
"""

import os
import time
from collections.abc import Callable

from fleetglass_agent.metrics.source import Off, Reader

# The kernel fills one page a read where it prints a list (seq_file): more than this means that there may be more.
# Its lines are shorter than the difference to 4,096.
MAYBE_MORE_BYTES = 3_072
# 64 KiB take any file that is read each second in one call; malloc hands it out without asking the kernel.
BUFFER_BYTES = 65_536
# A list of mounts or interfaces past this is not one that we can show either.
FILE_BYTES = 8 << 20


class KernelFile:
    """One file of the kernel, read again and again from its start."""

    __slots__ = ("_descriptor", "path")

    def __init__(self, path: str) -> None:
        """Open it.

        Raises:
            Off: it is not there or may not be read.
        """
        self.path = path
        self._descriptor = -1
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise Off(f"cannot read {path}: {_reason(error)}") from None

    def read(self) -> bytes:
        """Give the whole file as it is now.

        Raises:
            Off: the kernel refuses, as for pressure with psi=0.
        """
        try:
            data = os.pread(self._descriptor, BUFFER_BYTES, 0)
            if len(data) < MAYBE_MORE_BYTES:
                return data
            parts = [data]
            size = len(data)
            while size < FILE_BYTES and (data := os.pread(self._descriptor, BUFFER_BYTES, size)):
                parts.append(data)
                size += len(data)
            return b"".join(parts)
        except OSError as error:
            raise Off(f"cannot read {self.path}: {_reason(error)}") from None

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    # A source of three files whose last one is missing never gets to close the first two.
    __del__ = close


def _reason(error: OSError) -> str:
    return (os.strerror(error.errno) if error.errno else str(error)).lower()


def open_if_there(path: str) -> Reader | None:
    """Open a file that not every kernel has."""
    try:
        return KernelFile(path)
    except Off:
        return None


def read_once(path: str) -> bytes | None:
    """Give a small file's bytes; None where it cannot be read."""
    file = open_if_there(path)
    if file is None:
        return None
    try:
        return file.read()
    except Off:
        return None
    finally:
        file.close()


def is_folder(path: str) -> bool:
    """Whether a folder is there."""
    return os.path.isdir(path)


def block_device_test(sys: str) -> Callable[[str], bool]:
    """Make the question that iostat asks: is NAME a whole device (a partition is not)?"""
    folder = f"{sys}/block"

    def is_whole(name: str) -> bool:
        # A slash in a device's name is a '!' in its path (cciss/c0d0).
        return os.path.exists(f"{folder}/{name.replace('/', '!')}")

    # Without /sys nothing can be told apart: show all.
    return is_whole if os.path.isdir(folder) else lambda _name: True


def page_bytes() -> int:
    """The size of a page of memory."""
    return os.sysconf("SC_PAGE_SIZE")


# CPU time of this process, in ns: finer than the ticks of /proc/self/stat, in which an agent's second is nothing.
own_cpu_ns: Callable[[], int] = time.process_time_ns


def statvfs(path: bytes) -> tuple[int, int, int, int, int] | None:
    """Sizes of a file system: bytes in all, free, free for users; inodes in all, free. None: it cannot be asked."""
    try:
        sizes = os.statvfs(path)
    except OSError:
        return None
    block = sizes.f_frsize
    return sizes.f_blocks * block, sizes.f_bfree * block, sizes.f_bavail * block, sizes.f_files, sizes.f_ffree
