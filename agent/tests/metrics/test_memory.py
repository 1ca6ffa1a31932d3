"""Memory and swap from /proc/meminfo, in bytes."""

from math import isnan

import pytest
from fleetglass_agent.metrics.memory import MemorySource
from fleetglass_agent.metrics.source import Off
from harness.kernelfiles import MEMINFO, VMSTAT, Text

KIB = 1_024


def named(source, now_ms=0):
    values = source.read(now_ms)
    return dict(zip(source.series, values, strict=True))


def test_used_is_what_programs_could_not_get_back():
    assert named(MemorySource(Text(MEMINFO.encode()))) == {
        "memory.total_bytes": 1_000_000 * KIB,
        "memory.used_bytes": 400_000 * KIB,
        "memory.available_bytes": 600_000 * KIB,
        "memory.cached_bytes": 400_000 * KIB,
        "memory.used_pct": 40.0,
        "swap.total_bytes": 200_000 * KIB,
        "swap.used_bytes": 50_000 * KIB,
        "swap.used_pct": 25.0,
    }


def test_numbers_are_found_again_when_the_lines_move():
    text = Text(MEMINFO.encode())
    source = MemorySource(text)
    first = named(source)
    text.data = b"Zeroth:   1 kB\n" + MEMINFO.encode().replace(b"Buffers:           50000", b"Buffers:           40000")
    second = named(source)
    assert second["memory.cached_bytes"] == 390_000 * KIB
    assert second["memory.total_bytes"] == first["memory.total_bytes"]


def test_swap_has_series_while_there_is_swap():
    text = Text(MEMINFO.replace("200000 kB", "0 kB").replace("150000 kB", "0 kB").encode())
    source = MemorySource(text)
    assert not any(name.startswith("swap.") for name in named(source))
    text.data = MEMINFO.encode()
    assert named(source)["swap.used_pct"] == 25.0


def test_before_linux_3_14_available_is_free_and_what_caches_hold():
    text = "".join(line for line in MEMINFO.splitlines(True) if "Available" not in line)
    assert named(MemorySource(Text(text.encode())))["memory.available_bytes"] == 500_000 * KIB


def test_the_full_set_adds_lines_and_events():
    vmstat = Text(VMSTAT.encode())
    source = MemorySource(Text(MEMINFO.encode()), vmstat, page_bytes=4_096)
    first = named(source)
    assert first["memory.dirty_bytes"] == 12 * KIB
    assert isnan(first["swap.in_bytes_per_s"])
    vmstat.data = b"nr_free_pages 1\npgmajfault 9\npswpin 20\npswpout 20\n"
    second = named(source, 2_000)
    assert second["swap.in_bytes_per_s"] == 20_480.0
    assert second["memory.major_faults_per_s"] == 1.0
    assert isnan(second["memory.oom_kills_per_s"])


@pytest.mark.parametrize("text", [b"", b"MemTotal: 0 kB\n", b"MemTotal:", b"MemTotal: x kB\n", b"\0" * 100])
def test_rubbish_switches_the_source_off(text):
    with pytest.raises(Off, match="meminfo"):
        MemorySource(Text(text)).read(0)
