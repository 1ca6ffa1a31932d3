"""Memory and swap, from /proc/meminfo (and /proc/vmstat where the full set is wanted).

Used is what programs could not get back: total less available, as `free` counts since procps 4. Without MemAvailable
(before Linux 3.14) available is free + buffers + cached. Swap has series where there is swap.

In: the files' bytes. Out: bytes, per cent, events a second.
"""

from collections.abc import Sequence
from math import nan

from fleetglass_agent.metrics.rates import Counters
from fleetglass_agent.metrics.source import Off, Reader

SERIES = (
    "memory.total_bytes",
    "memory.used_bytes",
    "memory.available_bytes",
    "memory.cached_bytes",
    "memory.used_pct",
)
SWAP_SERIES = ("swap.total_bytes", "swap.used_bytes", "swap.used_pct")
# Series of the full set, and the line of /proc/meminfo that each one is.
FULL_MEMORY = {
    "memory.free_bytes": b"MemFree:",
    "memory.buffers_bytes": b"Buffers:",
    "memory.shared_bytes": b"Shmem:",
    "memory.slab_bytes": b"Slab:",
    "memory.dirty_bytes": b"Dirty:",
    "memory.writeback_bytes": b"Writeback:",
    "memory.anonymous_bytes": b"AnonPages:",
    "memory.committed_bytes": b"Committed_AS:",
}
# The same of /proc/vmstat, which counts swap in pages.
FULL_EVENTS = {
    "swap.in_bytes_per_s": b"pswpin",
    "swap.out_bytes_per_s": b"pswpout",
    "memory.major_faults_per_s": b"pgmajfault",
    "memory.oom_kills_per_s": b"oom_kill",
}
BASE_LINES = (
    b"MemTotal:",
    b"MemFree:",
    b"MemAvailable:",
    b"Buffers:",
    b"Cached:",
    b"SReclaimable:",
    b"SwapTotal:",
    b"SwapFree:",
)


class MemoryLines:
    """Finds lines by where they stood the last time: the kernel prints the same ones each time."""

    def __init__(self, names: Sequence[bytes]) -> None:
        self._names = tuple(names)
        self._places: list[int] = []
        self._last = 0

    def read(self, data: bytes) -> list[int]:
        """Give bytes in the order of the names; -1 for a line that the kernel does not print."""
        words = data.split(None, self._last)
        try:
            if self._places and all(words[at] == name for at, name in zip(self._places, self._names, strict=True)):
                return [int(words[at + 1]) * 1_024 for at in self._places]
        except (IndexError, ValueError):
            pass
        return self._learn(data.split())

    def _learn(self, words: list[bytes]) -> list[int]:
        found = {name: at for at, name in enumerate(words) if name.endswith(b":")}
        if all(name in found for name in self._names):
            self._places = [found[name] for name in self._names]
            self._last = max(self._places) + 2
        try:
            return [int(words[found[name] + 1]) * 1_024 if name in found else -1 for name in self._names]
        except (ValueError, IndexError):
            raise Off("/proc/meminfo is not what a Linux kernel prints") from None


class MemorySource:
    """memory.* and swap.*."""

    name = "memory"

    def __init__(self, meminfo: Reader, vmstat: Reader | None = None, page_bytes: int = 4_096) -> None:
        self.series: tuple[str, ...] = ()
        self._meminfo = meminfo
        self._vmstat = vmstat
        self._page_bytes = page_bytes
        self._extra = FULL_MEMORY if vmstat else {}
        self._lines = MemoryLines(BASE_LINES + tuple(self._extra.values()))
        self._has_swap: bool | None = None
        self._events = Counters()

    def read(self, now_ms: int) -> Sequence[float]:
        numbers = self._lines.read(self._meminfo.read())
        total, free, available, buffers, cached, reclaimable, swap, swap_free, *extra = numbers
        if total <= 0:
            raise Off("/proc/meminfo has no MemTotal")
        cached = max(buffers, 0) + max(cached, 0) + max(reclaimable, 0)
        if available < 0:
            available = max(free, 0) + cached
        used = total - available
        values: list[float] = [total, used, available, cached, 100 * used / total]
        if (swap > 0) is not self._has_swap:
            self._has_swap = swap > 0
            full = (*self._extra, *FULL_EVENTS) if self._vmstat else ()
            self.series = SERIES + (SWAP_SERIES if self._has_swap else ()) + full
        if self._has_swap:
            values += (swap, swap - swap_free, 100 * (swap - swap_free) / swap)
        if self._vmstat:
            values += [nan if number < 0 else number for number in extra]
            values += self._rates(self._vmstat.read(), now_ms)
        return values

    def _rates(self, data: bytes, now_ms: int) -> list[float]:
        words = data.split()
        counts = dict(zip(words[::2], words[1::2], strict=False))
        try:
            numbers = [int(counts.get(name, b"-1")) for name in FULL_EVENTS.values()]
        except ValueError:
            raise Off("/proc/vmstat is not what a Linux kernel prints") from None
        swapped_in, swapped_out, *events = (
            rate if number >= 0 else nan
            for rate, number in zip(self._events.per_second(numbers, now_ms), numbers, strict=True)
        )
        return [swapped_in * self._page_bytes, swapped_out * self._page_bytes, *events]

    def close(self) -> None:
        self._meminfo.close()
        if self._vmstat:
            self._vmstat.close()
