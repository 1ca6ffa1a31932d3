"""The columns of `iostat -x`, computed by hand from two readings of /proc/diskstats."""

from math import isnan

import pytest
from fleetglass_agent.metrics.disk import DiskSource
from fleetglass_agent.metrics.source import Off
from harness.kernelfiles import Text

BEFORE = b"""   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
   8       0 sda 1000 50 80000 500 2000 400 160000 4000 0 900 4600 10 0 800 20 30 60
   8       1 sda1 1000 50 80000 500 2000 400 160000 4000 0 900 4600 10 0 800 20 0 0
 253       0 dm-0 5 0 40 1 0 0 0 0 0 1 1 0 0 0 0 0 0
"""
AFTER = BEFORE.replace(
    b"sda 1000 50 80000 500 2000 400 160000 4000 0 900 4600 10 0 800 20 30 60",
    b"sda 1100 70 96000 560 2300 500 208000 5200 2 1700 6000 14 1 1000 28 40 90",
)
WHOLE = {"sda", "dm-0", "loop0", "sdb", "cciss/c0d0"}


def named(source, now_ms):
    values = source.read(now_ms)
    return dict(zip(source.series, values, strict=True))


def of(name, values):
    return {field[5:].partition("[")[0]: value for field, value in values.items() if field.endswith(f"[{name}]")}


def test_every_column_is_what_iostat_computes():
    text = Text(BEFORE)
    source = DiskSource(text, WHOLE.__contains__)
    source.read(0)
    text.data = AFTER
    assert of("sda", named(source, 2_000)) == pytest.approx({
        "reads_per_s": 50.0,
        "read_bytes_per_s": 16_000 * 512 / 2,
        "read_merges_per_s": 10.0,
        "read_merge_pct": 100 * 20 / 120,
        "read_await_ms": 0.6,
        "read_request_bytes": 16_000 * 512 / 100,
        "writes_per_s": 150.0,
        "write_bytes_per_s": 48_000 * 512 / 2,
        "write_merges_per_s": 50.0,
        "write_merge_pct": 25.0,
        "write_await_ms": 4.0,
        "write_request_bytes": 160 * 512,
        "transfers_per_s": 202.0,
        "await_ms": (60 + 1200 + 8) / 404,
        "queue_depth": 0.7,
        "util_pct": 40.0,
        "discards_per_s": 2.0,
        "discard_bytes_per_s": 200 * 512 / 2,
        "discard_merges_per_s": 0.5,
        "discard_merge_pct": 20.0,
        "discard_await_ms": 2.0,
        "discard_request_bytes": 50 * 512,
        "flushes_per_s": 5.0,
        "flush_await_ms": 3.0,
    })  # fmt: skip


def test_a_disk_at_rest_has_zeros_as_iostat_prints_them():
    source = DiskSource(Text(BEFORE), WHOLE.__contains__)
    source.read(0)
    assert set(of("sda", named(source, 1_000)).values()) == {0.0}


def test_a_first_reading_is_unknown():
    values = named(DiskSource(Text(BEFORE), WHOLE.__contains__), 0)
    assert all(isnan(value) for value in values.values())


def test_partitions_and_devices_never_used_are_left_out():
    source = DiskSource(Text(BEFORE), WHOLE.__contains__)
    source.read(0)
    assert {name.partition("[")[2] for name in source.series} == {"sda]", "dm-0]"}


def test_a_loop_device_comes_when_it_is_first_used():
    text = Text(BEFORE)
    source = DiskSource(text, WHOLE.__contains__)
    source.read(0)
    before = source.series
    text.data = BEFORE.replace(b"loop0 0 0", b"loop0 3 0")
    values = named(source, 1_000)
    assert source.series is not before
    assert isnan(values["disk.reads_per_s[loop0]"])
    assert values["disk.reads_per_s[sda]"] == 0.0


def test_a_disk_that_goes_and_comes_back_starts_anew():
    text = Text(BEFORE)
    source = DiskSource(text, WHOLE.__contains__)
    source.read(0)
    text.data = b"\n".join(line for line in BEFORE.split(b"\n") if b"sda" not in line)
    assert "disk.util_pct[sda]" not in named(source, 1_000)
    text.data = AFTER
    values = named(source, 2_000)
    assert isnan(values["disk.util_pct[sda]"])
    assert values["disk.util_pct[dm-0]"] == 0.0


def test_a_counter_that_wrapped_makes_only_its_own_columns_unknown():
    text = Text(AFTER)
    source = DiskSource(text, WHOLE.__contains__)
    source.read(0)
    # Milliseconds of reading wrap at 32 bits after 49 days of it.
    text.data = AFTER.replace(b"96000 560", b"97000 3")
    values = of("sda", named(source, 1_000))
    assert values["read_bytes_per_s"] == 512_000.0
    assert values["writes_per_s"] == 0.0


def test_disks_whose_order_changes_keep_their_own_numbers():
    text = Text(BEFORE)
    source = DiskSource(text, WHOLE.__contains__)
    source.read(0)
    lines = AFTER.splitlines()
    text.data = b"\n".join((lines[3], lines[1]))
    values = named(source, 2_000)
    assert values["disk.reads_per_s[sda]"] == 50.0
    assert values["disk.reads_per_s[dm-0]"] == 0.0


@pytest.mark.parametrize(("columns", "missing"), [(14, ("discards_per_s", "flushes_per_s")), (18, ("flushes_per_s",))])
def test_older_kernels_count_no_discards_or_flushes(columns, missing):
    text = Text(b"\n".join(b" ".join(line.split()[:columns]) for line in BEFORE.splitlines()))
    values = of("sda", named(DiskSource(text, WHOLE.__contains__), 0))
    assert "util_pct" in values
    assert not values.keys() & set(missing)


def test_a_device_in_a_folder_keeps_its_slash():
    source = DiskSource(Text(BEFORE.replace(b"sda ", b"cciss/c0d0 ")), WHOLE.__contains__)
    source.read(0)
    assert "disk.util_pct[cciss/c0d0]" in source.series


def test_rubbish_where_numbers_belong_switches_the_source_off():
    with pytest.raises(Off, match="diskstats"):
        DiskSource(Text(BEFORE.replace(b"80000", b"many")), WHOLE.__contains__).read(0)


def test_a_host_without_disks_has_no_series():
    source = DiskSource(Text(b""), WHOLE.__contains__)
    assert list(source.read(0)) == []
    assert source.series == ()
