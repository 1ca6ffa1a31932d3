"""The same series through psutil, where there is no Linux: the extra `fleetglass-agent[portable]`.

psutil costs more than twice the time and 4.5 MB, so nothing here is imported on Linux. What a system does not count
has no series. Names and meanings are those of the Linux sources.

In: psutil, or in a test something of its shape. Out: sources, one for each name of the table.
"""

import os
import time
from collections.abc import Callable, Sequence
from math import nan
from types import ModuleType
from typing import Any

from fleetglass_agent.metrics.filesystem import values_of
from fleetglass_agent.metrics.procfs import own_cpu_ns, statvfs
from fleetglass_agent.metrics.rates import Counters
from fleetglass_agent.metrics.registry import Factory
from fleetglass_agent.metrics.settings import MetricsSettings
from fleetglass_agent.metrics.source import Off
from fleetglass_proto.series import clean_instance

# psutil gives seconds as floats; counters are whole numbers.
US_PER_S = 1_000_000
REMOTE = ("nfs", "smb", "cifs", "afp", "webdav", "fuse", "macfuse", "osxfuse", "autofs", "ftp")

Measure = Callable[[int], dict[str, float]]


class PortableSource:
    """A source from a function that gives all its values by name."""

    def __init__(self, name: str, measure: Measure) -> None:
        self.name = name
        self.series: tuple[str, ...] = ()
        self._measure = measure

    def read(self, now_ms: int) -> Sequence[float]:
        values = self._measure(now_ms)
        series = tuple(values)
        if series != self.series:
            self.series = series
        return list(values.values())

    def close(self) -> None:
        """There is nothing to give back."""


class Grown:
    """The last readings of many things, by name."""

    def __init__(self) -> None:
        self._counters: dict[str, Counters] = {}

    def per_second(self, name: str, counts: Sequence[int], now_ms: int) -> list[float]:
        return self._counters.setdefault(name, Counters()).per_second(counts, now_ms)

    def deltas(self, name: str, counts: Sequence[int], now_ms: int) -> tuple[float, list[float]]:
        return self._counters.setdefault(name, Counters()).deltas(counts, now_ms)

    def keep(self, names: Sequence[str]) -> None:
        """Forget what went: should it come back, it counts from the start."""
        for name in self._counters.keys() - set(names):
            del self._counters[name]


def cpu(psutil: Any) -> Measure:  # Any: psutil's results have other fields on each system
    """cpu.* and what the kernel does."""
    grown = Grown()

    def measure(now_ms: int) -> dict[str, float]:
        times: dict[str, float] = psutil.cpu_times()._asdict()
        # Windows counts interrupts and deferred calls inside system; Linux counts guests inside user.
        inside = {"guest", "guest_nice"} | ({"interrupt", "dpc"} if "dpc" in times else set())
        names = [name for name in times if name not in inside]
        _, deltas = grown.deltas("times", [int(times[name] * US_PER_S) for name in names], now_ms)
        whole = sum(deltas)
        share = {name: 100 * delta / whole if whole else nan for name, delta in zip(names, deltas, strict=True)}
        interrupts = [share[name] for name in ("irq", "interrupt", "softirq") if name in share]
        values = {
            f"cpu.{name}_pct": share[name] for name in ("user", "nice", "iowait", "steal", "idle") if name in share
        }
        values["cpu.system_pct"] = share.get("system", nan) + sum(interrupts)
        stats = psutil.cpu_stats()
        (values["kernel.context_switches_per_s"],) = grown.per_second("switches", [stats.ctx_switches], now_ms)
        return values

    return measure


def load(psutil: Any) -> Measure:
    """load.* and system.uptime_s."""

    def measure(_now_ms: int) -> dict[str, float]:
        one, five, fifteen = psutil.getloadavg()
        return {
            "load.1m": one,
            "load.5m": five,
            "load.15m": fifteen,
            "system.uptime_s": time.time() - psutil.boot_time(),
        }

    return measure


def memory(psutil: Any) -> Measure:
    """memory.* and swap.*."""

    def measure(_now_ms: int) -> dict[str, float]:
        now, swap = psutil.virtual_memory(), psutil.swap_memory()
        used = now.total - now.available
        values = {
            "memory.total_bytes": now.total,
            "memory.used_bytes": used,
            "memory.available_bytes": now.available,
            "memory.used_pct": 100 * used / now.total,
        }
        if swap.total:
            values |= {
                "swap.total_bytes": swap.total,
                "swap.used_bytes": swap.used,
                "swap.used_pct": 100 * swap.used / swap.total,
            }
        return values

    return measure


def disk(psutil: Any) -> Measure:
    """disk.*[device] as far as the system counts it."""
    grown = Grown()

    def measure(now_ms: int) -> dict[str, float]:
        values: dict[str, float] = {}
        disks = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
        for name, io in disks.items():
            at = f"[{clean_instance(name)}]"
            counts = (io.read_count, io.read_bytes, io.write_count, io.write_bytes)
            seconds, (reads, read_bytes, writes, write_bytes) = grown.deltas(name, counts, now_ms)
            values |= {
                f"disk.reads_per_s{at}": reads / seconds,
                f"disk.read_bytes_per_s{at}": read_bytes / seconds,
                f"disk.writes_per_s{at}": writes / seconds,
                f"disk.write_bytes_per_s{at}": write_bytes / seconds,
                f"disk.transfers_per_s{at}": (reads + writes) / seconds,
                f"disk.read_request_bytes{at}": read_bytes / reads if reads else 0.0,
                f"disk.write_request_bytes{at}": write_bytes / writes if writes else 0.0,
            }
            if hasattr(io, "read_time"):
                _, (read_ms, write_ms) = grown.deltas(f"{name} ms", (io.read_time, io.write_time), now_ms)
                values[f"disk.read_await_ms{at}"] = read_ms / reads if reads else 0.0
                values[f"disk.write_await_ms{at}"] = write_ms / writes if writes else 0.0
                values[f"disk.await_ms{at}"] = (read_ms + write_ms) / (reads + writes) if reads + writes else 0.0
            if hasattr(io, "busy_time"):
                (busy_ms_per_s,) = grown.per_second(f"{name} busy", (io.busy_time,), now_ms)
                values[f"disk.util_pct{at}"] = busy_ms_per_s / 10
        grown.keep([f"{name}{kind}" for name in disks for kind in ("", " ms", " busy")])
        return values

    return measure


def filesystem(psutil: Any) -> Measure:
    """filesystem.*[mount point] of local devices."""

    def measure(_now_ms: int) -> dict[str, float]:
        values: dict[str, float] = {}
        for part in psutil.disk_partitions(all=False):
            if part.fstype.lower().startswith(REMOTE):
                continue
            sizes = statvfs(os.fsencode(part.mountpoint)) if hasattr(os, "statvfs") else None
            at = f"[{clean_instance(part.mountpoint)}]"
            if sizes and sizes[0]:
                fields = ("total_bytes", "used_bytes", "used_pct", "inodes_used", "inodes_used_pct")
                values |= {
                    f"filesystem.{field}{at}": value for field, value in zip(fields, values_of(sizes), strict=False)
                }
        return values

    return measure


def network(psutil: Any) -> Measure:
    """net.*[interface], but the loopback and what was never used."""
    grown = Grown()

    def measure(now_ms: int) -> dict[str, float]:
        values: dict[str, float] = {}
        interfaces = psutil.net_io_counters(pernic=True, nowrap=False) or {}
        for name, io in interfaces.items():
            counts = {
                "rx_bytes": io.bytes_recv,
                "rx_packets": io.packets_recv,
                "rx_errors": io.errin,
                "rx_drops": io.dropin,
                "tx_bytes": io.bytes_sent,
                "tx_packets": io.packets_sent,
                "tx_errors": io.errout,
                "tx_drops": io.dropout,
            }
            if name in ("lo", "lo0") or not any(counts.values()):
                continue
            rates = grown.per_second(name, tuple(counts.values()), now_ms)
            at = clean_instance(name)
            values |= {f"net.{field}_per_s[{at}]": rate for field, rate in zip(counts, rates, strict=True)}
        grown.keep(list(interfaces))
        return values

    return measure


def own(psutil: Any) -> Measure:
    """agent.*."""
    process = psutil.Process()
    grown = Grown()

    def measure(now_ms: int) -> dict[str, float]:
        (ns_per_s,) = grown.per_second("cpu", (own_cpu_ns(),), now_ms)
        return {"agent.cpu_pct": ns_per_s / 10_000_000, "agent.resident_bytes": process.memory_info().rss}

    return measure


def _psutil() -> ModuleType:
    try:
        import psutil
    except ImportError:
        remedy = "Install it: pip install 'fleetglass-agent[portable]'"
        raise Off("on this system the counters come through psutil, which is not installed", remedy) from None
    module: ModuleType = psutil
    return module


def _factory(name: str, make: Callable[[Any], Measure]) -> Factory:
    def make_source(_settings: MetricsSettings) -> PortableSource:
        return PortableSource(name, make(_psutil()))

    return Factory(name, make_source)


SOURCES: tuple[Factory, ...] = (
    _factory("cpu", cpu),
    _factory("load", load),
    _factory("memory", memory),
    _factory("disk", disk),
    _factory("filesystem", filesystem),
    _factory("network", network),
    _factory("agent", own),
)
