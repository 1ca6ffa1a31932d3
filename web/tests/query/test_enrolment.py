"""What a person says of a machine to be enrolled."""

import pytest
from fleetglass_web.query.enrolment import (
    TAILS_MAX,
    EnrolmentError,
    check_labels,
    check_tails,
    parse_label,
    parse_ttl,
)


@pytest.mark.parametrize(("text", "ms"), [("1s", 1_000), ("90s", 90_000), ("15m", 900_000), ("30d", 2_592_000_000)])
def test_a_time_to_live_is_a_number_and_a_unit(text, ms):
    assert parse_ttl(text) == ms


@pytest.mark.parametrize("text", ["", "0s", "31d", "1w", "1.5h", "-1h", "1 h", "1h\n", "٣h", "9" * 40 + "s"])
def test_a_time_to_live_that_is_none_says_what_is(text):
    with pytest.raises(EnrolmentError, match="between 1s and 30d"):
        parse_ttl(text)


def test_a_label_is_a_key_and_a_value_that_may_hold_anything_but_line_ends():
    assert parse_label("role=db") == ("role", "db")
    assert parse_label("note=a=b, c d ü") == ("note", "a=b, c d ü")


@pytest.mark.parametrize("text", ["", "role", "=db", "role=", "ro le=db", "role=a\nb", "role=\x1b[0m", "role=\udcff"])
def test_a_label_that_is_none_says_what_one_looks_like(text):
    with pytest.raises(EnrolmentError, match="role=db"):
        parse_label(text)


def test_labels_have_bounds_in_number_and_bytes():
    with pytest.raises(EnrolmentError, match="at most 64"):
        check_labels({f"k{number}": "v" for number in range(65)})
    with pytest.raises(EnrolmentError, match="255 bytes"):
        check_labels({"role": "ü" * 128})


def test_files_are_named_from_the_root_and_each_once():
    assert check_tails(["/var/log/a b.log", "/x", "/x"]) == ("/var/log/a b.log", "/x")
    for wrong in ("", "app.log", "-x", "/var/log/a\nb", "/" + "x" * 5_000):
        with pytest.raises(EnrolmentError, match="from the root"):
            check_tails([wrong])
    with pytest.raises(EnrolmentError, match=f"at most {TAILS_MAX}"):
        check_tails([f"/{number}" for number in range(TAILS_MAX + 1)])
