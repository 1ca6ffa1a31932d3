"""What a name tells, and how it is shown."""

import pytest
from fleetglass_agent.logs import names
from fleetglass_proto import limits


@pytest.mark.parametrize(
    "name",
    [
        "app.log.1", "app.log.12", "app.log-20240131", "app.log.2024-01-31", "app.log.old",
        "app.log-20240131-1706659200", "app.log~", "app.log.bak", "app-20240131.log", "app.1.log", "app-2024-01-31.log",
        "app.log-1706659200",
    ],
)  # fmt: skip
def test_a_rotated_form_is_known_by_its_suffix(name):
    assert names.rotated_from(name, "app.log")
    assert "app.log" in names.bases(name)


@pytest.mark.parametrize(
    "name", ["app.log", "app.log.gz", "app.logger", "app2.log", "apps.log", "app.log.error", "error.log"]
)
def test_another_name_is_another_log(name):
    assert not names.rotated_from(name, "app.log")


def test_a_copy_by_hand_is_not_the_next_in_a_row():
    assert names.is_numbered("app.log.1", "app.log")
    assert names.is_numbered("app-20240131.log", "app.log")
    assert not names.is_numbered("app.log.bak", "app.log")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/var/log/app.log", "/var/log/app.log"),
        ("/var/log/Übung €.log", "/var/log/Übung €.log"),
        ("/a\n\x1b[2J\x00\x7f", "/a\\x0a\\x1b[2J\\x00\\x7f"),
        ("/\udcff", "/\\xff"),
        ("/a\u202egol.txt", "/a\\u202egol.txt"),
    ],
)
def test_a_path_is_shown_without_control_characters(path, shown):
    assert names.shown(path) == shown


def test_a_path_that_grows_too_long_is_shortened_in_its_middle_and_stays_apart_from_others():
    one, two = "/a/" + "\x01" * 4_000 + "1" + "\x01" * 80, "/a/" + "\x01" * 4_000 + "2" + "\x01" * 80
    assert len(names.shown(one).encode()) <= limits.STRING_BYTES
    assert names.shown(one) != names.shown(two)
    assert names.shown(one).startswith("/a/\\x01")
