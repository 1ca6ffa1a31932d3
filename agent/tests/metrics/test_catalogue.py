"""The whole table on this host: the kernel's counters and a real iostat fill one row."""

import select
import time
from array import array

from fleetglass_agent.metrics.catalogue import factories
from fleetglass_agent.metrics.registry import Registry
from fleetglass_agent.metrics.settings import MetricsSettings


def monotonic_ms():
    return time.monotonic_ns() // 1_000_000


def row(registry):
    series, data = registry.read(monotonic_ms())
    values = array("f")
    values.frombytes(data)
    return series, dict(zip(series, values, strict=True))


def wait_for_report(registry, within_s):
    """Poll as the loop does until a source has a complete reading."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        (source,) = registry.waiting()
        due_ms = source.next_tick_ms()
        wait_ms = 1_000 if due_ms is None else max(0, due_ms - monotonic_ms())
        poller = select.poll()
        for descriptor in source.descriptors():
            poller.register(descriptor, select.POLLIN)
        for descriptor, _ in poller.poll(wait_ms):
            if registry.receive(source, descriptor, monotonic_ms()):
                return
        if due_ms is not None and monotonic_ms() >= due_ms:
            registry.tick(source, monotonic_ms())
    raise AssertionError(f"no report of iostat within {within_s} s: {registry.status()[-1]}")


def test_a_row_with_a_report_carries_it_and_the_next_one_carries_the_kernels_counters():
    registry = Registry(MetricsSettings(), factories())
    registry.open(monotonic_ms())
    try:
        before, _ = row(registry)
        assert registry.status()[-1].name == "iostat"
        wait_for_report(registry, within_s=10)
        series, values = row(registry)
        assert values["iostat.age_ms"] == 0
        # It prints two decimals; the kernel's ticks rarely give such a number.
        assert abs(round(values["cpu.idle_pct"], 2) - values["cpu.idle_pct"]) < 1e-4
        again, values = row(registry)
        assert values["iostat.age_ms"] > 0
        assert values["cpu.idle_pct"] >= 0
        # The names of both are the same: a host does not announce a new schema because iostat has spoken.
        assert series is before
        assert again is before
    finally:
        registry.close()
