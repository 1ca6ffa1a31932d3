"""One line below a header -> names and values.

Rows of tables that are not plain words and numbers (`plainrows` takes those), the line of a cpu header, a wide line.

Units behind numbers, decimal commas, nan, names of several words or on a line of their own, values that ran together,
cpu and tty beside the first row. In: a line and its layout. Out: what it says, or None if it is no line of that layout.
"""

import re
from collections.abc import Iterable, Sequence
from math import isfinite, nan
from typing import NamedTuple

from fleetglass_agent.iostat import cells
from fleetglass_agent.iostat.layouts import AixSection, Cpu, Tall, Wide

# Where the first value's column begins if nothing stands between it and the name: sysstat's names have 13, FreeBSD's 8.
NAME_WIDTHS = (13, 8)
_BSD_NAME = re.compile(r"[a-z]+\d+\Z")


class Row(NamedTuple):
    """What a line says of one device."""

    name: str
    device: dict[str, float]
    uses_name_above: bool = False  # the line had values only; the name is the line above it
    beside: Sequence[str] = ()  # cells of tty and cpu that stand to the right of the first device
    time_text: str = ""  # AIX -T


def read(table: Tall, line: str, above: str, known_names: Iterable[str]) -> Row | None:
    """Read a row.

    Args:
        above: the line before it that was no row: perhaps a name too long for its column.
        known_names: the devices of the report before; tells a name from a number that touches it.
    """
    if table.is_nameless:  # AIX -s prints the system's totals so
        words = line.split()
        return Row("", {}) if words and cells.count_numbers(words) == len(words) else None
    return (
        _with_cells_beside(table, line)
        or _plain(table, line)
        or _below_its_name(table, line, above)
        or _glued(table, line, known_names)
        or _idle_netbsd(table, line)
    )


def _with_cells_beside(table: Tall, line: str) -> Row | None:
    if not table.beside:
        return None
    words, wanted = line.split(), len(table.columns)
    if len(words) != wanted + len(table.beside) + 1:
        return None
    device = _values(table, words[1 : wanted + 1])
    return None if device is None else Row(words[0], device, beside=words[wanted + 1 :])


def _plain(table: Tall, line: str) -> Row | None:
    wanted = len(table.columns)
    if table.beside and wanted + 1 < len(line.split()) <= wanted + len(table.beside):
        return None  # a part of what stands beside the first row
    if table.separator:
        parts = line.strip().split(table.separator)
    elif table.is_name_last:
        parts = line.split(None, wanted)
    else:
        parts = line.rsplit(None, wanted)
    if len(parts) != wanted + 1:
        return None
    name, words = (parts[-1], parts[:-1]) if table.is_name_last else (parts[0], parts[1:])
    device = _values(table, words)
    if device is None:
        return None
    return Row(_without_mount_point(name.strip()), device, time_text=_time_in(table, words))


def _below_its_name(table: Tall, line: str, above: str) -> Row | None:
    """An old sysstat, or any with -h, breaks the line behind a long name."""
    words = line.split()
    if not above or len(words) != len(table.columns):
        return None
    device = _values(table, words)
    return None if device is None else Row(above.strip(), device, uses_name_above=True)


def _glued(table: Tall, line: str, known_names: Iterable[str]) -> Row | None:
    words, wanted = line.split(), len(table.columns)
    if table.is_name_last or not 2 <= len(words) <= wanted:
        return None
    parted = cells.unglued(words[1:], wanted)
    if parted is not None and (device := _values(table, parted)) is not None:
        return Row(words[0], device)
    for name in known_names:
        value = words[0][len(name) :]
        if words[0].startswith(name) and cells.plain(value) is not None:
            parted = cells.unglued([value, *words[1:]], wanted)
            if parted is not None and (device := _values(table, parted)) is not None:
                return Row(name, device)
    for begin in NAME_WIDTHS:
        parted = cells.sliced(line, table.ends[:wanted], begin)
        name = line[:begin].strip()
        if name and parted is not None and all(parted) and (device := _values(table, parted)) is not None:
            return Row(name, device)
    return None


def _idle_netbsd(table: Tall, line: str) -> Row | None:
    """-z prints the name of an idle disk and nothing behind it."""
    words = line.split()
    return Row(words[0], {}) if table.is_netbsd and len(words) == 1 and _BSD_NAME.match(words[0]) else None


def _values(table: Tall, words: Sequence[str]) -> dict[str, float] | None:
    scale = cells.scaled_aix if table.is_aix else cells.scaled
    device: dict[str, float] = {}
    for word, column in zip(words, table.columns, strict=True):
        if not column[0]:
            continue
        value = scale(word, column)
        if value is None:
            return None
        if value == value:
            device[column[0]] = value
    return device if device or cells.count_numbers(words) * 2 >= len(words) else None


def _time_in(table: Tall, words: Sequence[str]) -> str:
    return words[-1] if table.is_aix and ":" in words[-1] else ""


def _without_mount_point(name: str) -> str:
    """Solaris -m prints `c0t0d0s0 (/)`."""
    return name[: name.index(" (/")] if name.endswith(")") and name.find(" (/") > 0 else name


def read_cpu(cpu: Cpu, line: str) -> tuple[dict[str, float], dict[str, float], str] | None:
    """The line below a cpu header: cpu, tty, and the time that AIX -T puts behind them."""
    words = line.split()
    if len(words) == cpu.width == len(cpu.fields) and "_" not in line:  # all of them known, as with every sysstat
        try:
            numbers = [*map(float, words)]
        except ValueError:
            numbers = [nan]
        if isfinite(sum(numbers)):
            return dict(zip(cpu.fields, numbers, strict=True)), {}, ""
    if len(words) != cpu.width:
        words = cells.unglued(words, cpu.width) or words
    values = [cells.scaled(word, ("", 1.0)) for word in words]
    if len(words) != cpu.width or any(values[index] is None for index in (*cpu.cpu, *cpu.tty)):
        return None
    return _named(cpu.cpu, values), _named(cpu.tty, values), words[-1] if ":" in words[-1] else ""


def _named(names: dict[int, str], values: Sequence[float | None]) -> dict[str, float]:
    return {name: value for index, name in names.items() if (value := values[index]) is not None and value == value}


def read_wide(wide: Wide, line: str) -> list[float] | None:
    """A line of a wide layout: a value for each column, NaN where none was printed."""
    wanted = len(wide.columns)
    words = line.split(wide.separator) if wide.separator else line.split()
    values = [cells.plain(word) for word in words]
    if len(values) != wanted or None in values:
        glued = cells.unglued(words, wanted) if None in values else None
        glued = glued or cells.cut_at_edges(line, wide.ends) or cells.sliced(line, wide.ends)
        if glued is None or not (all(glued) or wide.leaves_blanks):
            return None
        values = [cells.plain(word) if word else nan for word in glued]
    numbers = [value for value in values if value is not None]
    return numbers if len(numbers) == wanted else None


def read_section(section: AixSection, line: str) -> dict[str, float] | None:
    """The line below one of the small headers of AIX -D."""
    words = line.split()
    if len(words) != len(section.columns):
        return None
    read = [(column[0], cells.scaled_aix(word, column)) for word, column in zip(words, section.columns, strict=True)]
    return {field: value for field, value in read if field and value is not None and value == value}
