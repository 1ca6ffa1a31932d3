"""Reports -> series and values for the row.

A report is about one interval: it fills one row. Rows written before the next report carry NaN, so that the kernel's
own counters stand there, and say how old the last report is.

In: reports, and the monotonic clock. Out: series names and values in their order.
"""

from collections.abc import Sequence
from math import nan

from fleetglass_proto.series import clean_instance

from fleetglass_agent.iostat.report import Report

AGE = "iostat.age_ms"


class Readings:
    """The newest report, as values."""

    def __init__(self) -> None:
        self.series: tuple[str, ...] = (AGE,)
        self._values: list[float] | None = None  # of a report that no row carries yet
        self._report_ms: int | None = None
        self._layout: list[Sequence[str]] = []

    def take(self, report: Report, now_ms: int) -> None:
        """Make a report the newest one."""
        # The names are made only when they change: 10 disks have 220.
        layout: list[Sequence[str]] = [list(report.cpu)]
        values = [0.0, *report.cpu.values()]
        for name, device in report.devices.items():
            layout += ([name], list(device))
            values += device.values()
        if layout != self._layout:
            self._layout = layout
            self.series = (AGE, *_names(report))
        self._values = values
        self._report_ms = now_ms

    def read(self, now_ms: int) -> Sequence[float]:
        """Values for `series`: those of the newest report, once; after that, its age."""
        values, self._values = self._values, None
        if values is not None:
            return values
        # 0 is said only by the row that carries the report, however quickly another one follows
        age = nan if self._report_ms is None else max(1.0, float(now_ms - self._report_ms))
        return [age] + [nan] * (len(self.series) - 1)


def _names(report: Report) -> list[str]:
    names = [f"cpu.{field}" for field in report.cpu]
    taken: dict[str, str] = {}
    for device, fields in report.devices.items():
        instance = clean_instance(device)
        if taken.setdefault(instance, device) != device:
            instance = f"{instance}~{len(taken)}"  # two hostile names that look the same once they are clean
            taken[instance] = device
        names += (f"disk.{field}[{instance}]" for field in fields)
    return names
