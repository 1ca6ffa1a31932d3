"""Names of series."""

import pytest
from fleetglass_proto import limits, series


def test_a_name_with_an_instance_is_split_and_printed_the_same():
    parsed = series.parse("disk.read_bytes_per_s[sda]")
    assert parsed == ("disk.read_bytes_per_s", "sda")
    assert str(parsed) == "disk.read_bytes_per_s[sda]"


def test_a_name_without_an_instance_has_an_empty_one():
    assert series.parse("cpu.iowait_pct") == ("cpu.iowait_pct", "")


@pytest.mark.parametrize("name", ["", "CPU.user", "cpu.", "cpu.user_pct[", "cpu.user_pct[]", "cpu.user_pct[sda", "a b"])
def test_what_is_no_name_is_refused_with_an_example(name):
    with pytest.raises(ValueError, match="as in"):
        series.parse(name)


def test_an_instance_from_the_host_loses_brackets_and_control_characters():
    assert series.clean_instance("a[0]\n\x1b\x7f") == "a_0____"


def test_a_long_instance_is_cut_at_a_whole_character():
    cleaned = series.clean_instance("é" * 300)
    assert len(cleaned.encode()) <= limits.NAME_BYTES
    assert set(cleaned) == {"é"}
