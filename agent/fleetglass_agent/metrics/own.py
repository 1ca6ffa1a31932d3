"""What the agent itself costs: it runs on machines that are in trouble already, so it shows its own share.

In: /proc/self/statm as bytes, and the CPU time of the process from a clock that is passed in. Out: per cent of one
core, bytes.
"""

from collections.abc import Callable, Sequence
from math import nan

from fleetglass_agent.metrics.source import Off, Reader

SERIES = ("agent.cpu_pct", "agent.resident_bytes")


class OwnSource:
    """agent.*: this process; its children (iostat, commands) count for themselves."""

    name = "agent"
    series: tuple[str, ...] = SERIES

    def __init__(self, statm: Reader, page_bytes: int, cpu_ns: Callable[[], int]) -> None:
        self._statm = statm
        self._page_bytes = page_bytes
        self._cpu_ns = cpu_ns
        self._before: tuple[int, int] | None = None

    def read(self, now_ms: int) -> Sequence[float]:
        used_ns, before = self._cpu_ns(), self._before
        self._before = (used_ns, now_ms)
        cpu_pct = nan
        if before and now_ms > before[1]:
            # ns in ms are millionths.
            cpu_pct = (used_ns - before[0]) / (now_ms - before[1]) / 10_000
        try:
            resident = int(self._statm.read().split(None, 2)[1]) * self._page_bytes
        except (ValueError, IndexError):
            raise Off("/proc/self/statm is not what a Linux kernel prints") from None
        return cpu_pct, resident

    def close(self) -> None:
        self._statm.close()
