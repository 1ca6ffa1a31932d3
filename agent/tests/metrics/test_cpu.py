"""Shares of the processors' time: iostat's sums, and what is unknown."""

from math import isnan

import pytest
from fleetglass_agent.metrics.cpu import CpuSource
from fleetglass_agent.metrics.source import Off
from harness.kernelfiles import Text

BEFORE = b"""cpu  1000 100 500 8000 200 50 30 20 300 10
cpu0 500 50 250 4000 100 25 15 10 150 5
cpu1 500 50 250 4000 100 25 15 10 150 5
intr 332981 0 9 15 0
ctxt 10000
btime 1795561688
processes 500
procs_running 3
procs_blocked 1
softirq 265039 0 26706 14
"""
# 200 ticks later: user 50 (20 of them a guest's), nice 10 (5), system 20, idle 100, iowait 8, irq 4, softirq 6,
# steal 2.
AFTER = b"""cpu  1050 110 520 8100 208 54 36 22 320 15
cpu0 550 50 250 4040 105 25 20 10 150 5
cpu1 500 60 270 4060 103 29 16 12 170 10
intr 332981 0 9 15 0
ctxt 12500
btime 1795561688
processes 510
procs_running 1
procs_blocked 0
softirq 265039 0 26706 14
"""


def named(source, now_ms):
    values = source.read(now_ms)
    return dict(zip(source.series, values, strict=True))


def test_shares_are_those_of_iostat_with_interrupts_in_system_and_guests_in_user():
    text = Text(BEFORE)
    source = CpuSource(text)
    source.read(0)
    text.data = AFTER
    assert named(source, 2_000) == pytest.approx({
        "cpu.user_pct": 25.0,
        "cpu.nice_pct": 5.0,
        "cpu.system_pct": 15.0,
        "cpu.iowait_pct": 4.0,
        "cpu.steal_pct": 1.0,
        "cpu.idle_pct": 50.0,
        "cpu.irq_pct": 2.0,
        "cpu.softirq_pct": 3.0,
        "cpu.guest_pct": 12.5,
        "kernel.context_switches_per_s": 1250.0,
        "kernel.forks_per_s": 5.0,
        "kernel.running_tasks": 0,
        "kernel.blocked_tasks": 0,
    })  # fmt: skip


def test_the_first_reading_knows_tasks_but_no_shares():
    first = named(CpuSource(Text(BEFORE)), 0)
    assert isnan(first["cpu.user_pct"])
    assert isnan(first["kernel.forks_per_s"])
    # The agent is one of the three.
    assert (first["kernel.running_tasks"], first["kernel.blocked_tasks"]) == (2, 1)


def test_each_core_has_its_share_on_request():
    text = Text(BEFORE)
    source = CpuSource(text, per_core=True)
    source.read(0)
    text.data = AFTER
    values = named(source, 1_000)
    # cpu0: 100 ticks, 45 of them idle or waiting; cpu1: 100 and 63.
    assert values["cpu.core_util_pct[0]"] == pytest.approx(55.0)
    assert values["cpu.core_util_pct[1]"] == pytest.approx(37.0)


def test_a_core_that_goes_offline_takes_its_series_along():
    text = Text(BEFORE)
    source = CpuSource(text, per_core=True)
    source.read(0)
    text.data = b"\n".join(line for line in AFTER.split(b"\n") if not line.startswith(b"cpu1"))
    values = named(source, 1_000)
    assert "cpu.core_util_pct[1]" not in values
    assert values["cpu.core_util_pct[0]"] == pytest.approx(55.0)


def test_iowait_that_falls_is_unknown_and_the_other_shares_stand():
    text = Text(BEFORE)
    source = CpuSource(text)
    source.read(0)
    text.data = AFTER.replace(b"8100 208", b"8110 198")
    values = named(source, 1_000)
    assert isnan(values["cpu.iowait_pct"])
    assert values["cpu.user_pct"] == pytest.approx(25.0)


def test_two_readings_within_a_tick_are_unknown():
    source = CpuSource(Text(BEFORE))
    source.read(0)
    assert all(isnan(value) for value in list(source.read(3))[:9])


def test_old_kernels_print_fewer_columns():
    text = Text(BEFORE.replace(b" 20 300 10\n", b"\n"))
    source = CpuSource(text)
    source.read(0)
    text.data = AFTER.replace(b" 22 320 15\n", b"\n")
    values = named(source, 1_000)
    assert values["cpu.user_pct"] == pytest.approx(100 * 50 / 198)
    assert values["cpu.steal_pct"] == 0


@pytest.mark.parametrize("cut", [0, 3, 40, 150, 170])
def test_a_file_that_is_no_proc_stat_switches_the_source_off(cut):
    with pytest.raises(Off, match="/proc/stat"):
        CpuSource(Text(BEFORE[:cut])).read(0)
