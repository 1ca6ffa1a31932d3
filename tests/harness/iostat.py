"""An iostat whose output is kept."""

import itertools
import shutil
import stat
from pathlib import Path


class KeptIostat:
    """The real iostat, with what it prints written to a file as well."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "bin"
        self.printed = folder / "iostat-printed.txt"
        self.folder.mkdir()
        real = shutil.which("iostat")
        assert real, "these tests need the real iostat (Debian package sysstat)"
        wrapper = self.folder / "iostat"
        wrapper.write_text(f'#!/bin/sh\n{real} "$@" | tee -a {self.printed}\n')
        wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)

    def environment(self, path: str) -> dict[str, str]:
        return {"PATH": f"{self.folder}:{path}"}

    def cpu_rows(self) -> list[tuple[str, ...]]:
        """The figures under each `avg-cpu` heading as they were printed: user nice system iowait steal idle."""
        lines = self.printed.read_text().splitlines() if self.printed.exists() else []
        return [
            tuple(below.split())
            for heading, below in itertools.pairwise(lines)
            if heading.startswith("avg-cpu") and len(below.split()) == 6
        ]
