"""A disk that becomes full: a tmpfs of some megabytes.

Mounting needs root. For a user without it the limit of a process for the size of its files stands in, which fails the
same writes with another error (EFBIG).
"""

import contextlib
import os
import resource
import subprocess
from pathlib import Path

from harness.processes import Process


class SmallDisk:
    """A folder. `fill` lets nothing more in, `free` ends that. Use it as a context."""

    def __init__(self, folder: Path, megabytes: int = 16) -> None:
        folder.mkdir()
        self.folder = folder
        self._ballast = folder / "ballast"
        words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        self._is_mounted = os.geteuid() == 0 and subprocess.run(words, stderr=subprocess.DEVNULL).returncode == 0

    def __enter__(self) -> "SmallDisk":
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_mounted:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)

    def fill(self, process: Process) -> None:
        """Nothing more fits for this process (and, on a real disk, for nobody)."""
        if not self._is_mounted:
            self._limit(process, 1)
            return
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 4_096, 1):
                try:
                    while file.write(b"\0" * size) == size:
                        pass
                except OSError:
                    continue

    def free(self, process: Process) -> None:
        """There is room again."""
        if not self._is_mounted:
            self._limit(process, resource.RLIM_INFINITY)
            return
        self._ballast.unlink(missing_ok=True)

    @staticmethod
    def _limit(process: Process, size: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it was killed, and its limit with it
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
