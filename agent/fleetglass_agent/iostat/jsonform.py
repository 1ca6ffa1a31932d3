"""JSON of sysstat -> reports, each delivered when its last brace is there.

A running iostat never closes its brackets, so the document is not parsed as a whole: an object whose first key is
"timestamp", "avg-cpu" or "disk" is one report, wherever it stands. In: bytes in any cut. Out: `reports`. What is no
JSON any more (somebody else's text behind a cut document) is handed back.
"""

import re
from typing import Any

from fleetglass_agent.iostat import cells, fields
from fleetglass_agent.iostat.report import Report

# One report of 20,000 disks takes some 10 MB; what is longer is no report.
ELEMENT_BYTES = 16 * 1024 * 1024
_OUTSIDE = re.compile(rb'[{}"\n]')
# What changes nothing, in one step: strings that end, and everything between them.
_DULL = re.compile(rb'(?:[^{}"\n]+|"[^"\\\n]*")*+')
_INSIDE = re.compile(rb'["\\\n]')
_FIRST_KEYS = frozenset({b"timestamp", b"avg-cpu", b"disk"})
_NOT_FINITE = re.compile(rb"(?<=[:,\[\s])([-+]?)(nan|inf)(?:inity)?(?=\s*[,}\]])", re.IGNORECASE)


class JsonForm:
    """Reads one JSON document, or several behind each other."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.is_over = False  # the document has ended, or broke off: what `feed` gave back is text
        self._depth = 0
        self._begun = False
        self._in_string = False
        self._escaped = False
        self._line_begins = False
        self._string = bytearray()  # the string being read, as far as a key can be long
        self._expects_key = False  # the next string is the first key of an object
        self._element: bytearray | None = None  # the report being read, or an object whose first key is not known yet
        self._element_depth = 0
        self._is_report = False
        self._too_long = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes; gives back those that belong to no JSON (then `is_over`)."""
        position = 0
        while position < len(data):
            if self._in_string:
                position = self._string_part(data, position)
            else:
                if self._line_begins:
                    self._line_begins = False
                    if data[position : position + 1].isalpha():
                        self._break_off("somebody else's text begins inside it")
                        return data[position:]
                position = self._structure(data, position)
            if self.is_over:
                return data[position:]
        return b""

    def close(self) -> None:
        """No more bytes: a report that stands open is cut off. An open document is that of a running iostat."""
        if self._is_report:
            self._break_off("the input ends inside it")

    def _keep(self, data: bytes, start: int, stop: int) -> None:
        if self._element is None:
            return
        if len(self._element) + stop - start > ELEMENT_BYTES:
            self._too_long = True
            self._element.clear()
        if not self._too_long:
            self._element += data[start:stop]

    def _string_part(self, data: bytes, position: int) -> int:
        if self._escaped:
            self._escaped = False
            self._keep(data, position, position + 1)
            return position + 1
        match = _INSIDE.search(data, position)
        stop = match.start() if match else len(data)
        if len(self._string) < 64:
            self._string += data[position : min(stop, position + 64)]
        if match is None:
            self._keep(data, position, stop)
            return stop
        self._keep(data, position, stop + 1)
        mark = match.group()
        if mark == b"\\":
            self._escaped = True
        elif mark == b'"':
            self._in_string = False
            if self._expects_key:
                self._first_key(bytes(self._string))
        else:  # no string of JSON has a line end in it: the document was cut inside one
            self._break_off("the input breaks off inside a word")
        return stop + 1

    def _structure(self, data: bytes, position: int) -> int:
        if not self._expects_key:
            dull = _DULL.match(data, position)
            if dull is not None and dull.end() > position:
                self._keep(data, position, dull.end())
                return dull.end()
        match = _OUTSIDE.search(data, position)
        if match is None:
            self._keep(data, position, len(data))
            return len(data)
        stop = match.start()
        mark = match.group()
        if mark == b"{":
            self._keep(data, position, stop)
            self._depth += 1
            self._begun = self._expects_key = True
            if not self._is_report:
                self._element, self._element_depth, self._too_long = bytearray(), self._depth, False
            self._keep(data, stop, stop + 1)
        elif mark == b"}":
            self._keep(data, position, stop + 1)
            if self._is_report and self._depth == self._element_depth:
                self._deliver()
            self._depth -= 1
            self._expects_key = False
            if not self._is_report:
                self._element = None
            self.is_over = self._depth <= 0
        elif mark == b'"':
            self._keep(data, position, stop + 1)
            self._in_string = True
            self._string.clear()
        else:
            self._keep(data, position, stop + 1)
            self._line_begins = True
        return stop + 1

    def _first_key(self, key: bytes) -> None:
        self._expects_key = False
        if key == b"sysstat":  # another document begins, whatever was left open
            if self._is_report:
                self._complain("another document begins inside it")
            self._depth, self._element, self._is_report = 1, None, False
        elif not self._is_report:
            if key in _FIRST_KEYS:
                self._is_report = True
            else:
                self._element = None

    def _deliver(self) -> None:
        element, self._element, self._is_report = self._element, None, False
        if self._too_long or element is None:
            report = Report()
            report.complain(f"the report is longer than {ELEMENT_BYTES} bytes")
            self.reports.append(report)
            return
        self.reports.append(_report(bytes(element)))

    def _complain(self, sentence: str) -> None:
        report = Report()
        report.complain(f"the report is cut off: {sentence}")
        self.reports.append(report)

    def _break_off(self, sentence: str) -> None:
        if self._is_report:
            self._complain(sentence)
        self._is_report, self._element, self.is_over = False, None, True


def _report(element: bytes) -> Report:
    import json  # most agents never meet JSON: 300 KB less resident

    report = Report()
    try:
        # printf writes nan and inf as no JSON knows them
        found = json.loads(_NOT_FINITE.sub(b"null", element).decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError) as error:
        report.complain(f"the report is no JSON: {str(error)[:80]}")
        return report
    stamp = found.get("timestamp")
    if isinstance(stamp, str):
        report.time_text = stamp
    elif isinstance(stamp, dict):  # {"date": ..., "time": ...}
        report.time_text = " ".join(str(part) for part in stamp.values() if isinstance(part, str))
    cpu = found.get("avg-cpu")
    if isinstance(cpu, dict):
        for name, value in cpu.items():
            field = fields.CPU.get(name) or fields.CPU.get(f"%{name}")
            if field is not None and (number := _number(value)) is not None:
                report.cpu[field] = number
    disks = found.get("disk")
    for disk in disks if isinstance(disks, list) else ():
        if not isinstance(disk, dict):
            report.complain("a disk in it is no object")
            continue
        name = disk.get("disk_device", disk.get("device"))
        if not isinstance(name, str):
            report.complain("a disk in it has no name")
            continue
        report.devices[name.strip()] = _device(disk)
    return report


def _device(disk: dict[str, Any]) -> dict[str, float]:  # Any: what JSON holds
    keys = {key.lower() for key in disk}
    device: dict[str, float] = {}
    for key, value in disk.items():
        number = _number(value)
        column = _column(key.lower(), keys)
        if number is not None and column is not None:
            device[column[0]] = number * column[1]
    return device


def _column(key: str, keys: set[str]) -> fields.Column | None:
    if key in {"rrqm", "wrqm", "drqm"}:
        # sysstat 11.5 left the /s of its rates away; later the same word is the percentage
        return fields.TALL[f"{key}/s" if "r" in keys else f"%{key}"]
    return fields.TALL.get(key) or fields.TALL.get(f"{key}/s") or fields.TALL.get(f"%{key}")


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        number = cells.plain(repr(value))
    elif isinstance(value, str):
        number = cells.plain(value.rstrip("%"))
    else:
        return None
    return number if number is not None and number == number else None
