"""Which layout a line opens: headers name the columns, so that the order and the set of columns may be any.

In: one line. Out: the layout that it opens, or None; and what else a line may be: a banner, a time stamp, a row.
"""

import re
from collections.abc import Sequence

from fleetglass_agent.iostat import cells, fields
from fleetglass_agent.iostat.layouts import AixSection, Cpu, Layout, Tall, Wide, aix_long, name_position, named_columns

_WORD = re.compile(r"% \S+|(?:read|write) KB/t|\S+")
_BANNER = re.compile(r"\s*\S+ \S+ \(.*\)\s+\S*\d|\s*System configuration:")
_CLOCK = re.compile(r"(?<!\d)\d{1,2}\s?[:.h時时시]\s?\d{2}(?!\d)|\A\s*\d{9,11}\s*\Z")
_BAR = re.compile(r"\|_*\Z|_*\|\Z")

_AIX_LONG = frozenset({"%tm", "act", "avg", "bps", "bread", "bwrtn", "fail", "max", "min", "outs", "qfull", "rps"})
_AIX_LONG_HEADER = _AIX_LONG | {"serv", "sqsz", "time", "tps", "wps", "wqsz"}


def layout(line: str, above: str) -> Layout | None:
    """What the line opens.

    Args:
        line: without its end and without colours.
        above: the last line before it that nobody understood; names the disks of a wide layout.
    """
    found = [(match.group().replace("% ", "%").lower(), match.end()) for match in _WORD.finditer(line)]
    words, ends = [word for word, _ in found], [end for _, end in found]
    if len(words) == 1 and "," in line:
        return _comma_separated(line, above)
    if not words or any(word[0].isdigit() and word not in fields.LOAD for word in words):
        return None
    if words == ["disks:", "xfers", "read", "write", "queue"]:
        return aix_long()
    return (
        _wide(words, ends, above)
        or _aix_section(words, line)
        or _cpu(words)
        or (Tall(words, ends) if _is_tall(words) else None)
    )


def is_banner(line: str) -> bool:
    """The line that sysstat, busybox and AIX print once at their start."""
    return _BANNER.match(line) is not None


def looks_like_time(line: str) -> bool:
    """Whether a line that stands alone above a report is its time stamp, in whatever language."""
    if len(line) >= 100 or "iostat" in line or _CLOCK.search(line) is None:
        return False
    # 1.00 may be a time of day in Norway, and a value everywhere
    return ":" in line or not is_row_like(line.split())


def is_row_like(words: Sequence[str]) -> bool:
    """Whether it could be a row of some table: numbers, but for a name."""
    numbers = cells.count_numbers(words)
    return numbers >= 3 and numbers + 1 >= len(words)


def is_aix_long_header(line: str) -> bool:
    """The second and third line above the table of AIX -Dl."""
    return set(line.lower().split()) <= _AIX_LONG_HEADER


def _is_tall(words: list[str]) -> bool:
    position = name_position(words)
    columns = named_columns([word for index, word in enumerate(words) if index != position])
    known = sum(1 for word in columns if word in fields.TALL or word in fields.NO_FIELD or word in fields.BESIDE)
    real = sum(1 for word in columns if word in fields.TALL)
    if position is None:
        return known == len(columns) >= 2 and real >= 2
    return known >= 2 and known * 2 > len(columns)


def _wide(words: list[str], ends: list[int], above: str) -> Wide | None:
    blocks = (fields.WIDE, fields.CPU, fields.TTY, fields.LOAD)
    if not all(any(word in block for block in blocks) or word == "dt" for word in words) or len(words) < 2:
        return None
    if any(word.startswith("%") for word in words):
        return None  # sysstat's cpu header
    if any(word in fields.CPU for word in words) and not {"us", "id"} <= set(words):
        return None  # prose: "in time"
    names = [
        name for name in above.split() if name not in {"tty", "cpu", "CPU", "load", "average"} and not _BAR.match(name)
    ]
    wide = Wide(words, ends, names)
    # "time tps" in some text is no header: disks have their names above them
    return wide if wide.is_whole else None


def _cpu(words: list[str]) -> Cpu | None:
    labelled = any(word.endswith(":") for word in words)
    columns = [word for word in words if not word.endswith(":")]
    if columns and not labelled and columns[0] not in fields.CPU:
        columns = columns[1:]  # a label without its colon
    known = {index: fields.CPU[word] for index, word in enumerate(columns) if word in fields.CPU}
    if labelled and len(known) < len(columns) in fields.CPU_ORDERS and all(word.startswith("%") for word in columns):
        # another language, in which %util may be the user's share
        return Cpu(columns, dict(enumerate(fields.CPU_ORDERS[len(columns)])))
    if any(word in fields.TALL for word in columns) or not any(word.startswith("%") for word in columns):
        return None
    return Cpu(columns, known) if len(known) >= 2 else None


def _aix_section(words: list[str], line: str) -> AixSection | None:
    for position in (0, 1):
        label = words[position].rstrip(":") if len(words) > position + 1 else ""
        if words[position : position + 1] == [f"{label}:"] and label in fields.AIX:
            columns = words[position + 1 :]
            if any(word in fields.AIX[label] for word in columns):
                return AixSection(line.split()[0] if position else "", label, columns)
    return None


def _comma_separated(line: str, above: str) -> Tall | Wide | None:
    """Solaris -r."""
    words = [word.strip().lower() for word in line.split(",") if word.strip()]
    ends = list(range(1, len(words) + 1))
    if len(words) < 2 or any(word[0].isdigit() for word in words):
        return None
    wide = _wide(words, ends, above.replace(",", " "))
    if wide is not None:
        wide.separator = ","
        return wide
    if not _is_tall(words):
        return None
    table = Tall(words, ends)
    table.separator = ","
    return table
