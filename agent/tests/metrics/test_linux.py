"""The built-in sources together: on a made-up host below a folder, and on the one that runs the test."""

import os
from array import array
from math import isnan

from fleetglass_agent.metrics.linux import SOURCES
from fleetglass_agent.metrics.registry import Registry
from fleetglass_agent.metrics.settings import MetricsSettings
from harness.kernelfiles import fake_host


def open_registry(host, **settings):
    registry = Registry(MetricsSettings(f"{host}/proc", f"{host}/sys", f"{host}", **settings), SOURCES)
    registry.open(0)
    return registry


def rows(registry, now_ms):
    series, data = registry.read(now_ms)
    values = array("f")
    values.frombytes(data)
    return dict(zip(series, values, strict=True))


def test_a_made_up_host_gives_its_numbers(tmp_path):
    registry = open_registry(fake_host(tmp_path))
    rows(registry, 0)
    (tmp_path / "proc/stat").write_text(
        (tmp_path / "proc/stat").read_text().replace("cpu  1000 100 500 8000", "cpu  1050 100 500 8050")
    )
    values = rows(registry, 1_000)
    assert values["cpu.user_pct"] == 50.0
    assert values["load.15m"] == array("f", [0.12])[0]
    assert values["net.rx_bytes_per_s[eth0]"] == 0.0
    assert values["container.cpu_limit_cores"] == 1.5
    assert values["filesystem.total_bytes[/]"] > 0
    assert all(status.on for status in registry.status())
    assert not any(isnan(value) for value in values.values())


def test_what_a_host_lacks_is_off_with_a_reason_and_the_rest_goes_on(tmp_path):
    fake_host(tmp_path)
    (tmp_path / "proc/pressure/io").unlink()
    (tmp_path / "proc/1/net/dev").unlink()
    registry = open_registry(tmp_path)
    assert "cpu.user_pct" in rows(registry, 0)
    off = {status.name: status for status in registry.status() if not status.on}
    assert set(off) == {"pressure", "network"}
    assert off["pressure"].why == f"cannot read {tmp_path}/proc/pressure/io: no such file or directory"
    assert "psi=1" in off["pressure"].remedy


def test_a_source_that_cannot_be_made_leaves_no_descriptor_open(tmp_path):
    fake_host(tmp_path)
    (tmp_path / "proc/pressure/memory").unlink()
    (tmp_path / "proc/uptime").unlink()
    registry = open_registry(tmp_path)
    registry.close()
    descriptors = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    assert [path for path in map(os.path.realpath, descriptors) if path.startswith(str(tmp_path))] == []


def test_a_host_in_version_1_groups_shows_its_container(tmp_path):
    fake_host(tmp_path)
    groups = tmp_path / "sys/fs/cgroup"
    (groups / "cgroup.controllers").unlink()
    (tmp_path / "proc/1/cgroup").write_text("4:memory:/docker/ab\n1:cpu,cpuacct:/docker/ab\n")
    for name, text in {
        "memory/docker/ab/memory.limit_in_bytes": "1048576",
        "memory/docker/ab/memory.usage_in_bytes": "524288",
        "memory/memory.limit_in_bytes": "9223372036854771712",
        "cpu/cpu.cfs_quota_us": "-1",
    }.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(text)
    assert rows(open_registry(tmp_path), 0)["container.memory_used_pct"] == 50.0


def test_this_host_gives_cpu_memory_load_and_network_and_few_enough_series():
    registry = Registry(MetricsSettings(), SOURCES)
    registry.open(0)
    values = rows(registry, 0)
    assert 0 < values["memory.used_pct"] < 100
    assert values["system.uptime_s"] > 0
    assert values["agent.resident_bytes"] > 1_000_000
    assert {"cpu", "load", "memory", "disk", "agent"} <= {status.name for status in registry.status() if status.on}
    registry.close()


def test_many_disks_are_read_whole_although_the_kernel_gives_a_page_at_a_time(tmp_path):
    fake_host(tmp_path)
    lines = [f"8 {n} sd{n} 1 0 8 1 0 0 0 0 0 1 1 0 0 0 0 0 0" for n in range(2_000)]
    (tmp_path / "proc/diskstats").write_text("\n".join(lines) + "\n")
    for n in range(2_000):
        (tmp_path / f"sys/block/sd{n}").mkdir()
    # 24 series each would be more than a schema may have: the disks are off, and say why.
    registry = open_registry(tmp_path)
    assert "cpu.user_pct" in rows(registry, 0)
    assert "32768" in next(status.why for status in registry.status() if status.name == "disk")
    (tmp_path / "proc/diskstats").write_text("\n".join(lines[:1_000]) + "\n")
    assert "disk.util_pct[sd999]" in rows(registry, 60_000)
