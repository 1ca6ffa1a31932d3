"""Which paths a glob names."""

import os

import pytest
from fleetglass_agent.logs.globs import Glob


@pytest.fixture
def tree(tmp_path):
    for name in (
        "a.log", "b.log", "c.txt", ".hidden.log", "x/a.log", "x/y/deep.log", "x/.secret/no.log", "[1].log", "a*b.log",
        "ä.log",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    os.symlink(tmp_path, tmp_path / "x" / "loop")
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.log", ["a.log"]),
        ("?.log", ["a.log", "b.log", "ä.log"]),
        ("[ab].log", ["a.log", "b.log"]),
        ("[!ab].log", ["ä.log"]),
        ("[[]1].log", ["[1].log"]),
        ("a[*]b.log", ["a*b.log"]),
        ("*.txt", ["c.txt"]),
        (".*.log", [".hidden.log"]),
        ("*/*.log", ["x/a.log"]),
        ("**/a.log", ["a.log", "x/a.log"]),
        ("x/**/*.log", ["x/a.log", "x/y/deep.log"]),
        ("x/**", ["x/a.log", "x/y/deep.log"]),
        ("x/*/a.log", ["x/loop/a.log"]),
        ("nowhere/*.log", []),
        ("x/../c.txt", ["c.txt"]),
    ],
)
def test_a_pattern_names_what_a_shell_would(tree, pattern, names):
    glob = Glob(f"{tree}/{pattern}")
    assert sorted(glob.expand().paths) == [f"{tree}/{name}" for name in names]
    assert all(glob.matches(path) for path in glob.expand().paths)


def test_a_relative_pattern_is_below_the_working_folder(tree, monkeypatch):
    monkeypatch.chdir(tree)
    assert Glob("*.txt").expand().paths == [f"{tree}/c.txt"]


def test_the_folders_that_matter_are_named_to_be_watched(tree):
    assert set(Glob(f"{tree}/**/*.log").expand().folders) == {f"{tree}", f"{tree}/x", f"{tree}/x/y"}


def test_a_pattern_with_slashes_does_not_match_across_them(tree):
    assert not Glob("/a/*.log").matches("/a/b/c.log")
    assert Glob("/a/**/*.log").matches("/a/b/c.log")
    assert not Glob("/a/**/*.log").matches("/a/.b/c.log")


def test_any_depth_stays_out_of_what_the_kernel_shows_unless_the_pattern_begins_there():
    assert not [path for path in Glob("/*/**/uptime").expand().folders if path.startswith("/proc/sys")]
    assert not [path for path in Glob("/**").expand().folders if path.startswith(("/proc", "/sys/", "/dev"))]
    assert Glob("/proc/self/**/status").expand().paths or not os.path.isdir("/proc/self")
