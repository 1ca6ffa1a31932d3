import pytest
from fleetglass_web.query.series import SeriesError, canonical, parse_list, select

NAMES = ("cpu.user_pct", "cpu.iowait_pct", "disk.util_pct[sda]", "disk.util_pct[nvme0n1]", "disk.await_ms[sda]")


@pytest.mark.parametrize(
    ("patterns", "positions"),
    [
        ("cpu.*", (0, 1)),
        ("disk.util_pct", (2, 3)),
        ("disk.util_pct[sda]", (2,)),
        ("disk.*[sda]", (2, 4)),
        ("*_pct", (0, 1, 2, 3)),
        ("disk.util_pct[nvme*]", (3,)),
        ("disk", ()),
        ("*", (0, 1, 2, 3, 4)),
        ("cpu.user_pct, disk.await_ms", (0, 4)),
        ("", ()),
    ],
)
def test_patterns_choose_series_in_their_order(patterns, positions):
    assert select(parse_list(patterns), NAMES) == positions


def test_a_comma_in_an_instance_is_part_of_it():
    assert parse_list("a[x,y],b") == ("a[x,y]", "b")


def test_the_same_selection_is_the_same_question():
    assert canonical(["b", "a", "b"]) == canonical(["a", "b"])
    assert canonical(["a", "*"]) == ("*",)


@pytest.mark.parametrize("patterns", [[""], ["a" * 1_000], ["a"] * 300])
def test_nonsense_is_an_error(patterns):
    with pytest.raises(SeriesError):
        canonical(patterns)
