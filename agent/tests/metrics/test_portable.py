"""psutil's numbers under the names of the Linux sources."""

from collections import namedtuple
from math import isnan
from types import SimpleNamespace

import psutil
import pytest
from fleetglass_agent.metrics import linux, portable
from fleetglass_agent.metrics.portable import SOURCES, PortableSource
from fleetglass_agent.metrics.registry import Registry
from fleetglass_agent.metrics.settings import MetricsSettings
from fleetglass_agent.metrics.source import Off

MacTimes = namedtuple("MacTimes", "user nice system idle")
WindowsTimes = namedtuple("WindowsTimes", "user system idle interrupt dpc")


def named(source, now_ms):
    values = source.read(now_ms)
    return dict(zip(source.series, values, strict=True))


def cpu_source(*readings):
    times = iter(readings)
    return PortableSource(
        "cpu",
        portable.cpu(
            SimpleNamespace(cpu_times=lambda: next(times), cpu_stats=lambda: SimpleNamespace(ctx_switches=1_000))
        ),
    )


def test_every_series_has_a_name_that_linux_uses_too():
    through_proc, through_psutil = Registry(MetricsSettings(), linux.SOURCES), Registry(MetricsSettings(), SOURCES)
    for registry in (through_proc, through_psutil):
        registry.open(0)
    known = {name.partition("[")[0] for name in through_proc.read(0)[0]} | {"swap.total_bytes", "swap.used_bytes"}
    series, _ = through_psutil.read(0)
    assert {name.partition("[")[0] for name in series} - known - {"swap.used_pct"} == set()
    assert all(status.on for status in through_psutil.status())


def test_memory_and_load_are_those_of_linux():
    ours = named(linux.make_memory(MetricsSettings()), 0)
    theirs = named(PortableSource("memory", portable.memory(psutil)), 0)
    assert theirs["memory.total_bytes"] == ours["memory.total_bytes"]
    assert theirs["memory.used_pct"] == pytest.approx(ours["memory.used_pct"], abs=5)


def test_a_mac_counts_four_kinds_of_time():
    source = cpu_source(MacTimes(100.0, 0.0, 50.0, 850.0), MacTimes(100.5, 0.0, 50.25, 851.25))
    assert isnan(named(source, 0)["cpu.user_pct"])
    values = named(source, 1_000)
    assert values == pytest.approx(
        {
            "cpu.user_pct": 25.0,
            "cpu.nice_pct": 0.0,
            "cpu.idle_pct": 62.5,
            "cpu.system_pct": 12.5,
            "kernel.context_switches_per_s": 0.0,
        }
    )


def test_windows_counts_interrupts_inside_system():
    source = cpu_source(WindowsTimes(0.0, 0.0, 0.0, 0.0, 0.0), WindowsTimes(1.0, 1.0, 2.0, 0.5, 0.5))
    source.read(0)
    assert named(source, 1_000)["cpu.system_pct"] == 25.0


def test_a_disk_without_times_has_no_waiting_times():
    io = SimpleNamespace(read_count=10, read_bytes=4_096, write_count=0, write_bytes=0)
    source = PortableSource("disk", portable.disk(SimpleNamespace(disk_io_counters=lambda **_: {"wd0": io})))
    source.read(0)
    io.read_count, io.read_bytes = 12, 8_192
    values = named(source, 1_000)
    assert values["disk.read_request_bytes[wd0]"] == 2_048.0
    assert not any("await" in name or "util" in name for name in values)


def test_an_interface_that_went_is_forgotten():
    io = SimpleNamespace(
        bytes_recv=5, packets_recv=1, errin=0, dropin=0, bytes_sent=0, packets_sent=0, errout=0, dropout=0
    )
    interfaces = {"en0": io, "lo0": io}
    source = PortableSource("network", portable.network(SimpleNamespace(net_io_counters=lambda **_: interfaces)))
    source.read(0)
    assert {name.partition("[")[2] for name in source.series} == {"en0]"}
    interfaces.clear()
    assert named(source, 1_000) == {}
    interfaces["en0"] = io
    assert isnan(named(source, 2_000)["net.rx_bytes_per_s[en0]"])


def test_without_psutil_the_sources_are_off_and_say_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "psutil", None)
    with pytest.raises(Off) as off:
        SOURCES[0].make(MetricsSettings())
    assert "fleetglass-agent[portable]" in off.value.remedy
