import pytest
from fleetglass_web.query.timerange import TimeError, parse_range, parse_step, parse_time

NOW_MS = 1_764_000_000_000.0


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("1764000000000", NOW_MS),
        ("now", NOW_MS),
        ("-15m", NOW_MS - 900_000),
        ("now-15m", NOW_MS - 900_000),
        ("-1.5h", NOW_MS - 5_400_000),
        ("-500ms", NOW_MS - 500),
        ("2025-11-24T16:00:00Z", NOW_MS),
        ("2025-11-24T17:00:00+01:00", NOW_MS),
        ("2025-11-24T17:00:00 01:00", NOW_MS),
        ("2025-11-24T16:00:00", NOW_MS),
        ("2025-11-24", 1_763_942_400_000.0),
    ],
)
def test_a_time_is_read_in_each_of_its_forms(text, time_ms):
    assert parse_time(text, NOW_MS, "from") == time_ms


@pytest.mark.parametrize(
    "text", ["yesterday", "-15", "15m", "-15q", "2025-13-01", "9" * 15, "-99999999999w", "1e3", "", "٣"]
)
def test_what_is_no_time_is_an_error_that_names_the_parameter(text):
    with pytest.raises(TimeError, match="from"):
        parse_time(text, NOW_MS, "from")


def test_a_range_is_half_open_and_must_go_forward():
    assert parse_range("-15m", None, NOW_MS, 1) == (NOW_MS - 900_000, NOW_MS)
    assert parse_range(None, None, NOW_MS, 60_000) == (NOW_MS - 60_000, NOW_MS)
    with pytest.raises(TimeError, match="exchange"):
        parse_range("now", "-1m", NOW_MS, 1)


def test_a_step_is_bounded_by_the_number_of_points():
    assert parse_step("10s", 0, 3_600_000, 11_000) == 10_000
    with pytest.raises(TimeError, match="points"):
        parse_step("1s", 0, 864_000_000, 11_000)
    with pytest.raises(TimeError, match="as in 10s"):
        parse_step("10", 0, 1_000, 11_000)
