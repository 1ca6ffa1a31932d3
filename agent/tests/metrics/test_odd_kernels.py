"""Whatever stands in the kernel's files, a source gives one value a series or says why it is off."""

import pytest
from fleetglass_agent.metrics.container import ContainerSource, GroupFiles, own_groups
from fleetglass_agent.metrics.cpu import CpuSource
from fleetglass_agent.metrics.disk import DiskSource
from fleetglass_agent.metrics.filesystem import FilesystemSource, choose, parse_mounts
from fleetglass_agent.metrics.load import LoadSource
from fleetglass_agent.metrics.memory import MemorySource
from fleetglass_agent.metrics.network import NetworkSource, TcpSource
from fleetglass_agent.metrics.own import OwnSource
from fleetglass_agent.metrics.pressure import PressureSource
from fleetglass_agent.metrics.source import Off
from fleetglass_proto.series import parse
from harness import kernelfiles
from harness.kernelfiles import Text
from hypothesis import given, settings
from hypothesis import strategies as st

KINDS = kernelfiles.FILESYSTEMS.encode()
PRESSURE = kernelfiles.PRESSURE.format(5, 6)
GROUP = "usage_usec 5\nnr_periods 1\nnr_throttled 1\n"
# name -> a real text, and the source that reads it from one file.
CORES = {
    "cpu": (kernelfiles.STAT, lambda text: CpuSource(text, per_core=True)),
    "load": ("0.20 0.18 0.12 1/80 11206\n", lambda text: LoadSource(text, Text(b"1 1\n"))),
    "uptime": ("12.3 4.5\n", lambda text: LoadSource(Text(b"1 1 1 1/1 1\n"), text)),
    "meminfo": (kernelfiles.MEMINFO, MemorySource),
    "vmstat": (kernelfiles.VMSTAT, lambda text: MemorySource(Text(kernelfiles.MEMINFO.encode()), text)),
    "disk": (kernelfiles.DISKSTATS, lambda text: DiskSource(text, lambda _name: True)),
    "network": (kernelfiles.NET_DEV, lambda text: NetworkSource(text, full=True)),
    "tcp": (kernelfiles.SNMP, TcpSource),
    "pressure": (PRESSURE, lambda text: PressureSource(text, text, text)),
    "mounts": (kernelfiles.MOUNTINFO, lambda text: FilesystemSource(text, KINDS, lambda _point: (9, 8, 7, 6, 5))),
    "own": ("1 2 3 4 5 6 7\n", lambda text: OwnSource(text, 4_096, lambda: 1)),
    "cpu.max": ("100 50\n", lambda text: ContainerSource(GroupFiles(2, text, None, None, None, text, text))),
    "cpu.stat": (GROUP, lambda text: ContainerSource(GroupFiles(2, Text(b"1 1"), None, None, text, None, None))),
    "cgroup 1": ("7\n", lambda text: ContainerSource(GroupFiles(1, text, text, text, text, text, text))),
}
EDIT = st.tuples(
    st.integers(0, 600), st.integers(0, 80), st.binary(max_size=20) | st.sampled_from([b"\n", b" ", b"-1", b"9" * 25])
)


def damaged(text, edits):
    data = text.encode()
    for start, length, bytes_in in edits:
        data = data[:start] + bytes_in + data[start + length :]
    return data


@pytest.mark.parametrize("name", CORES)
@settings(max_examples=60, deadline=None)
@given(edits=st.lists(EDIT, min_size=1, max_size=4), odd_first=st.booleans())
def test_a_damaged_file_gives_one_value_a_series_or_a_reason(name, edits, odd_first):
    good, make = CORES[name]
    readings = [good.encode(), damaged(good, edits), good.encode()][odd_first:]
    text = Text(readings[0])
    try:
        source = make(text)
        for now_ms, data in zip((0, 20_000, 40_000), readings, strict=False):
            text.data = data
            values = source.read(now_ms)
            assert len(values) == len(source.series)
            assert all(isinstance(value, int | float) for value in values)
            for series in source.series:
                parse(series)
    except Off:
        pass


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
def test_rubbish_lists_of_mounts_and_groups_are_empty_or_partial(data):
    choose(parse_mounts(data), data)
    own_groups(data)
