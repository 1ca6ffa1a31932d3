"""An agent's tick: every built-in source read once, in us of CPU; reference: psutil asked for the same."""

import statistics
import time

import psutil
from fleetglass_agent.metrics import portable
from fleetglass_agent.metrics.catalogue import built_in
from fleetglass_agent.metrics.registry import Registry
from fleetglass_agent.metrics.settings import MetricsSettings

TICKS = 500
ROUNDS = 7


def cpu_us(work, ticks=TICKS):
    """CPU time of one call, user and system: the kernel's share of /proc is the larger one."""
    before = time.process_time_ns()
    for tick in range(ticks):
        work(tick)
    return (time.process_time_ns() - before) / ticks / 1_000


def registry_of(factories, settings):
    registry = Registry(settings, factories)
    registry.open(0)
    registry.read(0)
    return registry


def ask_psutil(_tick):
    """What a tick of ours contains, as a program on psutil would ask for it."""
    psutil.cpu_times()
    psutil.cpu_stats()
    psutil.getloadavg()
    psutil.virtual_memory()
    psutil.swap_memory()
    psutil.disk_io_counters(perdisk=True)
    psutil.disk_usage("/")
    psutil.net_io_counters(pernic=True)
    psutil.Process().memory_info()


def main():
    clock = iter(range(1_000, 10**12, 1_000))
    ours = registry_of(built_in(), MetricsSettings())
    full = registry_of(built_in(), MetricsSettings(per_core=True, full=True))
    through_psutil = registry_of(portable.SOURCES, MetricsSettings())
    works = {
        "ours": lambda _tick: ours.read(next(clock)),
        "full": lambda _tick: full.read(next(clock)),
        "portable": lambda _tick: through_psutil.read(next(clock)),
        "psutil": ask_psutil,
    }
    # In turn, so that a busy neighbour disturbs all alike.
    taken = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            taken[name].append(cpu_us(work))
    median = {name: statistics.median(values) for name, values in taken.items()}
    reference = median["psutil"]
    for what, name in (
        ("agent tick", "ours"),
        ("agent tick, full and per core", "full"),
        ("agent tick through psutil", "portable"),
    ):
        ratio = median[name] / reference
        print(f"{what}: {median[name]:.0f} us of CPU (reference psutil {reference:.0f} us, ratio {ratio:.2f})")
    series, data = ours.read(next(clock))
    print(f"agent row: {len(series)} series, {len(data)} bytes of values")
    for registry in (ours, full, through_psutil):
        registry.close()
