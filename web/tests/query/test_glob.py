import fnmatch
import time

import pytest
from fleetglass_web.query.glob import compile_glob
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("pattern", "text", "is_match"),
    [
        ("*", "", True),
        ("*", "/var/log/a/b.log", True),
        ("/var/*.log", "/var/log/a/b.log", True),
        ("/var/*.log", "/var/log/a/b.log.1", False),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*aa*aa*", "aaa", False),
        ("*aa*aa*", "aaaa", True),
        ("a.b", "axb", False),
        ("[ab]", "a", False),
        ("a?", "ab", False),
    ],
)
def test_only_the_star_is_special_and_it_crosses_slashes(pattern, text, is_match):
    assert compile_glob(pattern)(text) is is_match


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="ab", max_size=12))
def test_it_agrees_with_the_standard_library(pattern, text):
    assert compile_glob(pattern)(text) == fnmatch.fnmatchcase(text, pattern)


def test_many_stars_are_still_linear():
    started = time.perf_counter()
    assert not compile_glob("a*" * 2_000 + "b")("a" * 100_000)
    assert time.perf_counter() - started < 1
