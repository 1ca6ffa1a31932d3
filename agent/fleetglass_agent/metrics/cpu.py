"""Shares of the processors' time, and what the kernel does with them, from /proc/stat.

The shares are iostat's: system holds the interrupts, user holds the guests, and the whole is user + nice + system +
idle + iowait + irq + softirq + steal. irq, softirq and guest stand beside them as series of their own.

In: the file's bytes. Out: per cent, events a second, numbers of tasks. Nothing is read here: `linux` brings the file.
"""

from collections.abc import Sequence
from math import nan

from fleetglass_agent.metrics.rates import Counters
from fleetglass_agent.metrics.source import Off, Reader

SERIES = (
    "cpu.user_pct",
    "cpu.nice_pct",
    "cpu.system_pct",
    "cpu.iowait_pct",
    "cpu.steal_pct",
    "cpu.idle_pct",
    "cpu.irq_pct",
    "cpu.softirq_pct",
    "cpu.guest_pct",
    "kernel.context_switches_per_s",
    "kernel.forks_per_s",
    "kernel.running_tasks",
    "kernel.blocked_tasks",
)
# user nice system idle iowait irq softirq steal guest guest_nice (proc_stat(5)); old kernels print fewer.
COLUMNS = 10


class CpuSource:
    """cpu.* of all processors together, and kernel.*; each core's share where asked for."""

    name = "cpu"

    def __init__(self, stat: Reader, per_core: bool = False) -> None:
        self.series: tuple[str, ...] = SERIES
        self._stat = stat
        self._per_core = per_core
        self._ticks = Counters()
        self._kernel = Counters()
        self._cores: dict[bytes, Counters] = {}

    def read(self, now_ms: int) -> Sequence[float]:
        data = self._stat.read()
        try:
            end = data.index(b"\n")
            ticks = _ticks(data[:end].split())
            # Between these two stands everything else that counts; before them a number for each interrupt line.
            start = data.index(b"\nctxt ")
            words = data[start : data.find(b"\nsoftirq", start)].split(None, 12)
            facts = dict(zip(words[::2], words[1::2], strict=False))
            switches, forks = int(facts[b"ctxt"]), int(facts[b"processes"])
            running, blocked = int(facts[b"procs_running"]), int(facts[b"procs_blocked"])
            cores = self._core_shares(data, end, now_ms) if self._per_core else ()
        except (ValueError, KeyError, IndexError):
            raise Off("/proc/stat is not what a Linux kernel prints") from None
        values = _shares(self._ticks.deltas(ticks, now_ms)[1])
        values += self._kernel.per_second((switches, forks), now_ms)
        # The agent itself runs while it asks.
        return [*values, max(0, running - 1), blocked, *cores]

    def _core_shares(self, data: bytes, end: int, now_ms: int) -> list[float]:
        before, self._cores = self._cores, {}
        shares = []
        for line in data[end + 1 :].split(b"\n"):
            words = line.split(None, COLUMNS + 1)
            if not line.startswith(b"cpu") or len(words[0]) == 3:
                break
            counters = self._cores[words[0]] = before.get(words[0]) or Counters()
            shares.append(_busy(counters.deltas(_ticks(words), now_ms)[1]))
        if list(before) != list(self._cores):
            cores = [name[3:].decode("ascii", "replace") for name in self._cores]
            self.series = SERIES + tuple(f"cpu.core_util_pct[{core}]" for core in cores)
        return shares

    def close(self) -> None:
        self._stat.close()


def _ticks(words: list[bytes]) -> list[int]:
    """The columns of a line, then what is idle, then the whole as iostat takes it: guests are inside user and nice."""
    ticks = [int(word) for word in words[1 : COLUMNS + 1]]
    if len(ticks) < COLUMNS:
        ticks += [0] * (COLUMNS - len(ticks))
    return [*ticks, ticks[3] + ticks[4], sum(ticks[:8])]


def _shares(deltas: list[float]) -> list[float]:
    # idle and iowait can fall by a tick (proc_stat(5) says so); what fell is unknown, the other shares stand.
    whole = deltas[11]
    factor = 100 / whole if whole else nan
    user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice = (ticks * factor for ticks in deltas[:10])
    return [user, nice, system + irq + softirq, iowait, steal, idle, irq, softirq, guest + guest_nice]


def _busy(deltas: list[float]) -> float:
    idle, whole = deltas[10:]
    return 100 * (whole - idle) / whole if idle <= whole > 0 else nan
