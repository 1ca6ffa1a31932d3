"""Pressure: microseconds of waiting become a share of the interval."""

from math import isnan

import pytest
from fleetglass_agent.metrics.pressure import PressureSource
from fleetglass_agent.metrics.source import Off
from harness.kernelfiles import PRESSURE, Text


def text(some, full):
    return Text(PRESSURE.format(some, full).encode())


def test_the_share_of_the_interval_is_exact():
    cpu, io, memory = text(1_000, 0), text(0, 0), text(5, 5)
    source = PressureSource(cpu, io, memory)
    assert all(isnan(value) for value in source.read(0))
    cpu.data, io.data = text(501_000, 0).data, text(2_000_000, 1_000_000).data
    assert dict(zip(source.series, source.read(2_000), strict=True)) == {
        "pressure.cpu_some_pct": 25.0,
        "pressure.io_some_pct": 100.0,
        "pressure.io_full_pct": 50.0,
        "pressure.memory_some_pct": 0.0,
        "pressure.memory_full_pct": 0.0,
    }


def test_old_kernels_print_no_full_for_cpu():
    cpu = Text(b"some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n")
    assert len(PressureSource(cpu, text(1, 1), text(1, 1)).read(0)) == 5


@pytest.mark.parametrize("rubbish", [b"", b"some total=x\nfull total=1", b"some total="])
def test_rubbish_switches_the_source_off(rubbish):
    with pytest.raises(Off):
        PressureSource(text(1, 1), Text(rubbish), text(1, 1)).read(0)
