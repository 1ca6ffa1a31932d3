"""One report of any iostat, in the normalised names of `fields`.

In: nothing. Out: the value that the parsers fill and everybody else only reads.
"""

from typing import Any

from fleetglass_agent.iostat import fields


class Report:
    """What one interval looked like. A field that was not printed, or printed as nan or inf, is absent: never 0."""

    __slots__ = ("cpu", "devices", "load", "more_problems", "problem", "since_boot", "time_text", "tty")

    def __init__(self) -> None:
        self.time_text = ""  # the time stamp as printed; "" if none
        self.cpu: dict[str, float] = {}
        self.devices: dict[str, dict[str, float]] = {}
        self.load: dict[str, float] = {}
        self.tty: dict[str, float] = {}
        self.problem = ""  # a sentence about what is missing or was not understood; "" for a whole report
        self.more_problems = 0
        self.since_boot: bool | None = None  # True: averages since boot, not of the present; None: cannot be known

    def complain(self, sentence: str) -> None:
        """Note what is wrong; the first sentence is kept, later ones are counted."""
        if self.problem:
            self.more_problems += 1
        else:
            self.problem = sentence

    def is_empty(self) -> bool:
        """Whether nothing at all was understood so far."""
        return not (self.cpu or self.devices or self.load or self.tty or self.problem)

    def as_json(self) -> dict[str, Any]:  # Any: the value goes to json.dumps
        """The shape that `fleetglass-agent parse iostat` prints; absent blocks are `{}` or left out."""
        shown: dict[str, Any] = {}
        if self.time_text:
            shown["time_text"] = self.time_text
        shown["cpu"] = self.cpu
        shown["devices"] = self.devices
        if self.load:
            shown["load"] = self.load
        if self.tty:
            shown["tty"] = self.tty
        if self.since_boot:
            shown["since_boot"] = True
        if self.problem:
            more = f" (and {self.more_problems} more like this)" if self.more_problems else ""
            shown["problem"] = self.problem + more
        return shown


def quoted(text: str) -> str:
    """Foreign text for a sentence: safe to print, shortened."""
    return repr(text if len(text) <= fields.QUOTED_CHARACTERS else text[: fields.QUOTED_CHARACTERS] + "…")
