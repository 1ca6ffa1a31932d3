"""What the agent itself costs: it runs on machines that are in trouble already, so it shows its own share.

In: /proc/self/statm as bytes, and the CPU time of the process from a clock that is passed in. Out: per cent of one
core, bytes.
"""

from collections.abc import Callable, Sequence

from fleetglass_agent.metrics.rates import Counters
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
        self._cpu = Counters()

    def read(self, now_ms: int) -> Sequence[float]:
        (cpu_ns_per_s,) = self._cpu.per_second((self._cpu_ns(),), now_ms)
        try:
            resident = int(self._statm.read().split(None, 2)[1]) * self._page_bytes
        except (ValueError, IndexError):
            raise Off("/proc/self/statm is not what a Linux kernel prints") from None
        # A core's second has 1,000,000,000 ns.
        return cpu_ns_per_s / 10_000_000, resident

    def close(self) -> None:
        self._statm.close()
