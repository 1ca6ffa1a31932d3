"""The end of the input: is the last line whole, is the last report?

A file may be cut anywhere. A row without its line end counts only if its last cell stands where its column ends; a
report that has less than the one before it is said to be cut. In: what the reader knows. Out: a judgement.
"""

from collections.abc import Sequence

from fleetglass_agent.iostat import cells
from fleetglass_agent.iostat.layouts import Cpu, Tall, Wide
from fleetglass_agent.iostat.report import Report

Key = tuple[str, ...]


def is_whole_cpu(line: str, cpu: Cpu) -> bool:
    """Whether the values below a cpu header are all there."""
    return len(line.split()) == cpu.width and cells.is_whole_row(line, "", [])


def is_whole_wide(line: str, wide: Wide) -> bool:
    """Whether a line of a wide layout is all there."""
    return len(line.split()) == len(wide.columns) and cells.is_whole_row(line, "", wide.ends)


def is_whole_row(line: str, table: Tall, before: str, next_name: str) -> bool:
    """Whether a row of a table is all there.

    Args:
        before: the row above it, "" if it is the first.
        next_name: the device whose row should come; where names stand last, half a name would be another disk.
    """
    words = line.split()
    if len(words) < table.width:
        return False
    if table.is_name_last:
        return words[-1] == next_name
    has_beside = len(words) > table.width and bool(table.beside)
    if has_beside and len(words) != table.width + len(table.beside):
        return False
    return cells.is_whole_row(line, "" if has_beside else before, [] if has_beside else table.ends)


def cut(
    report: Report, order: Sequence[Key], before: Report | None, order_before: Sequence[Key], open_table: Tall | None
) -> str:
    """What shows that a report was cut off; "" if nothing does.

    Args:
        order: the headers of its tables, `order_before` those of the report before.
        open_table: the table that no blank line has ended.
    """
    if len(order) < len(order_before) and order_before[: len(order)] == order:
        return "the input ends before all its tables were printed"
    if before is None or open_table is None or order != order_before:
        return ""
    names, names_before = list(report.devices), list(before.devices)
    if len(names) >= len(names_before) or names_before[: len(names)] != names:
        return ""
    if open_table.has_open_end and not _has_idle_disk(before) and not _has_idle_disk(report):
        return ""  # with -z idle disks are left out
    return f"the input ends behind {len(names)} of its {len(names_before)} devices"


def _has_idle_disk(report: Report) -> bool:
    return any(not any(device.values()) for device in report.devices.values())
