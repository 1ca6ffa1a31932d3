"""A report fills one row; after it come its age and NaN."""

from math import isnan

from fleetglass_agent.iostat.readings import Readings
from fleetglass_agent.iostat.report import Report


def report(**devices: dict[str, float]) -> Report:
    made = Report()
    made.cpu = {"user_pct": 3.0}
    made.devices = devices
    return made


def test_before_the_first_report_nothing_is_known() -> None:
    readings = Readings()
    assert readings.series == ("iostat.age_ms",)
    assert isnan(readings.read(5)[0])


def test_a_report_is_read_once_and_then_ages() -> None:
    readings = Readings()
    readings.take(report(sda={"util_pct": 4.0}), 1_000)
    assert readings.series == ("iostat.age_ms", "cpu.user_pct", "disk.util_pct[sda]")
    assert list(readings.read(1_003)) == [0.0, 3.0, 4.0]
    again = readings.read(1_100)
    assert again[0] == 100.0
    assert all(isnan(value) for value in again[1:])


def test_only_the_row_with_the_report_says_zero() -> None:
    readings = Readings()
    readings.take(report(), 1_000)
    readings.read(1_000)
    assert readings.read(1_000)[0] == 1.0


def test_the_series_stay_the_same_tuple_until_a_disk_comes_or_goes() -> None:
    readings = Readings()
    readings.take(report(sda={"util_pct": 4.0}), 1_000)
    before = readings.series
    readings.take(report(sda={"util_pct": 5.0}), 2_000)
    assert readings.series is before
    readings.take(report(sda={"util_pct": 5.0}, sdb={"util_pct": 1.0}), 3_000)
    assert readings.series == (*before, "disk.util_pct[sdb]")


def test_names_that_look_the_same_once_they_are_clean_stay_apart() -> None:
    readings = Readings()
    readings.take(report(**{"a[b": {"util_pct": 1.0}, "a]b": {"util_pct": 2.0}}), 1_000)
    assert len(set(readings.series)) == len(readings.series) == 4
