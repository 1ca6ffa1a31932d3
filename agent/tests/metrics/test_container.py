"""A container's own limits, for both versions of control groups."""

from math import isnan, nan

import pytest
from fleetglass_agent.metrics.container import ContainerSource, GroupFiles, is_container_path, own_groups
from fleetglass_agent.metrics.source import Off
from harness.kernelfiles import Text

STAT = b"usage_usec 5000000\nuser_usec 4000000\nnr_periods 100\nnr_throttled 10\nthrottled_usec 77\n"
STAT_V1 = b"nr_periods 100\nnr_throttled 10\nthrottled_time 77\n"


def version_2(cpu_max=b"150000 100000\n", memory_max=b"268435456\n"):
    return GroupFiles(2, Text(cpu_max), None, None, Text(STAT), Text(memory_max), Text(b"134217728\n"))


def version_1(quota=b"50000\n", limit=b"268435456\n"):
    return GroupFiles(
        1, Text(quota), Text(b"100000\n"), Text(b"5000000000\n"), Text(STAT_V1), Text(limit), Text(b"67108864\n")
    )


def named(source, now_ms):
    return dict(zip(source.series, source.read(now_ms), strict=True))


def test_limits_and_use_of_version_2():
    files = version_2()
    source = ContainerSource(files)
    assert isnan(named(source, 0)["container.cpu_used_cores"])
    files.cpu_stat.data = STAT.replace(b"5000000", b"6000000").replace(b"100\n", b"120\n").replace(b"10\n", b"15\n")
    assert named(source, 2_000) == {
        "container.cpu_limit_cores": 1.5,
        "container.cpu_used_cores": 0.5,
        "container.cpu_throttled_pct": 25.0,
        "container.memory_limit_bytes": 268_435_456,
        "container.memory_used_bytes": 134_217_728,
        "container.memory_used_pct": 50.0,
    }


def test_limits_and_use_of_version_1():
    files = version_1()
    source = ContainerSource(files)
    source.read(0)
    files.cpu_usage.data = b"5250000000\n"
    values = named(source, 1_000)
    assert (values["container.cpu_limit_cores"], values["container.cpu_used_cores"]) == (0.5, 0.25)
    assert values["container.memory_used_pct"] == 25.0


def test_one_limit_is_enough_and_the_other_is_unknown():
    values = named(ContainerSource(version_2(cpu_max=b"max 100000\n")), 0)
    assert isnan(values["container.cpu_limit_cores"])
    assert values["container.memory_limit_bytes"] == 268_435_456
    values = named(ContainerSource(version_1(limit=b"9223372036854771712\n")), 0)
    assert isnan(values["container.memory_used_pct"])
    assert values["container.cpu_limit_cores"] == 0.5


@pytest.mark.parametrize(
    "files",
    [
        version_2(b"max 100000\n", b"max\n"),
        version_1(b"-1\n", b"9223372036854771712\n"),
        GroupFiles(2, None, None, None, Text(STAT), None, None),
    ],
)
def test_without_limits_the_source_is_off_and_its_files_are_closed(files):
    with pytest.raises(Off, match="limit"):
        ContainerSource(files)
    assert files.cpu_stat.is_closed


def test_rubbish_switches_the_source_off():
    files = version_2()
    source = ContainerSource(files)
    files.memory_usage.data = b"lots\n"
    with pytest.raises(Off, match="lots"):
        source.read(0)


def test_paths_of_groups():
    assert own_groups(b"4:cpu,cpuacct:/docker/ab\n0::/x:y\nrubbish\n") == {
        "cpu": "/docker/ab",
        "cpuacct": "/docker/ab",
        "": "/x:y",
    }
    assert is_container_path("/kubepods.slice/pod1/cri-containerd-ab.scope")
    assert not is_container_path("/system.slice/fleetglass-agent.service")


def test_a_limit_of_nothing_has_no_share():
    values = named(ContainerSource(version_2(memory_max=b"0\n")), 0)
    assert isnan(values["container.memory_used_pct"]) is isnan(nan)
