"""Sentences for the operator, one a line on standard error: `fleetglass-agent: connected to the hub at ...`.

The standard library's logging costs 600 KB resident, which is a lot beside an agent of 19 MB. Under systemd each line
begins with its priority (sd-daemon(3)), so that `journalctl -p warning` works. Foreign text is made safe here.
"""

import os
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]
_PRIORITIES: dict[Level, int] = {"debug": 7, "info": 6, "warning": 4, "error": 3}
_LINE_CHARACTERS = 2_000


def safe(text: str) -> str:
    """A text in which nothing can move the cursor or begin a new line."""
    shown = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
    return shown if len(shown) <= _LINE_CHARACTERS else f"{shown[:_LINE_CHARACTERS]}..."


class Log:
    """Writes lines; a reader of standard error that has gone away stops nobody."""

    def __init__(self, descriptor: int = 2, under_systemd: bool = False) -> None:
        self._descriptor = descriptor
        self._under_systemd = under_systemd

    def say(self, level: Level, text: str) -> None:
        """Write one line."""
        prefix = f"<{_PRIORITIES[level]}>" if self._under_systemd else "fleetglass-agent: "
        for line in text.split("\n"):
            try:
                os.write(self._descriptor, f"{prefix}{safe(line)}\n".encode("utf-8", "backslashreplace"))
            except OSError:
                return
