"""Load averages and uptime, from /proc/loadavg and /proc/uptime.

In: the files' bytes. Out: tasks that run or wait for a disk, averaged over 1, 5 and 15 minutes; seconds since boot.
"""

from collections.abc import Sequence

from fleetglass_agent.metrics.source import Off, Reader

SERIES = ("load.1m", "load.5m", "load.15m", "system.uptime_s")
# The kernel adds up the idle time of every core when it prints the uptime; between two readings our own clock goes on.
# Shorter than the shortest sleep that a person would see in the number.
UPTIME_EVERY_MS = 10_000


class LoadSource:
    """load.* and system.uptime_s."""

    name = "load"
    series: tuple[str, ...] = SERIES

    def __init__(self, loadavg: Reader, uptime: Reader) -> None:
        self._loadavg = loadavg
        self._uptime = uptime
        self._uptime_s = 0.0
        self._uptime_ms: int | None = None

    def read(self, now_ms: int) -> Sequence[float]:
        words = self._loadavg.read().split(None, 3)
        try:
            one, five, fifteen = float(words[0]), float(words[1]), float(words[2])
            if self._uptime_ms is None or now_ms - self._uptime_ms >= UPTIME_EVERY_MS:
                self._uptime_s = float(self._uptime.read().split()[0])
                self._uptime_ms = now_ms
        except (ValueError, IndexError):
            raise Off("/proc/loadavg or /proc/uptime is not what a Linux kernel prints") from None
        return one, five, fifteen, self._uptime_s + (now_ms - self._uptime_ms) / 1_000

    def close(self) -> None:
        self._loadavg.close()
        self._uptime.close()
