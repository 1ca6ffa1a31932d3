"""Pressure: the share of time in which tasks waited for a processor, a disk or memory, from /proc/pressure.

`some`: at least one task waited; `full`: all that had work did. The kernel's `total` counts microseconds at every
reading, so each interval is exact, where the averages that stand beside it are of 10 s and more.

In: the files' bytes. Out: per cent of the interval.
"""

from collections.abc import Sequence

from fleetglass_agent.metrics.rates import Counters
from fleetglass_agent.metrics.source import Off, Reader

# `full` of cpu says nothing about a whole system: the kernel prints zeros (Documentation/accounting/psi.rst).
SERIES = (
    "pressure.cpu_some_pct",
    "pressure.io_some_pct",
    "pressure.io_full_pct",
    "pressure.memory_some_pct",
    "pressure.memory_full_pct",
)
# 10,000 us in a second are 1 %.
US_PER_S_A_PERCENT = 10_000


class PressureSource:
    """pressure.*."""

    name = "pressure"
    series: tuple[str, ...] = SERIES

    def __init__(self, cpu: Reader, io: Reader, memory: Reader) -> None:
        self._files = (cpu, io, memory)
        self._counters = Counters()

    def read(self, now_ms: int) -> Sequence[float]:
        cpu, io, memory = self._files
        try:
            totals = [_totals(cpu.read())[0], *_totals(io.read())[:2], *_totals(memory.read())[:2]]
        except (ValueError, IndexError):
            totals = []
        if len(totals) != len(SERIES):
            raise Off("/proc/pressure is not what a Linux kernel prints")
        return [rate / US_PER_S_A_PERCENT for rate in self._counters.per_second(totals, now_ms)]

    def close(self) -> None:
        for file in self._files:
            file.close()


def _totals(data: bytes) -> list[int]:
    """The totals of `some` and `full`; old kernels have no `full` for cpu."""
    return [int(part.split(None, 1)[0]) for part in data.split(b"total=")[1:]]
