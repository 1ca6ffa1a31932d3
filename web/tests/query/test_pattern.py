import time

import pytest
from fleetglass_web.query.pattern import PatternError, compile_pattern


def test_a_pattern_is_searched_in_bytes_that_need_not_be_text():
    assert compile_pattern("(?i)error").search(b"\xff\xfe an ERROR \x00")
    assert compile_pattern("größe").search("die größe".encode())
    assert not compile_pattern("^x$").search(b"axb")
    assert compile_pattern("").search(b"")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("(a", "missing )"),
        ("[a", "missing ]"),
        ("*a", "repetition"),
        ("a(?=b)", "look-around"),
        (r"(a)\1", "back-references"),
        ("((a{100}){100}){100}", "repetition"),
        ("a" * 5_000, "at most 4,096"),
        ("\ud800", "Unicode"),
    ],
)
def test_what_re2_does_not_take_is_an_error_in_words(text, says, capfd):
    with pytest.raises(PatternError) as error:
        compile_pattern(text, "match")
    assert str(error.value).startswith("match")
    assert says in str(error.value)
    assert capfd.readouterr().err == ""


def test_the_worst_pattern_is_linear():
    started = time.perf_counter()
    assert not compile_pattern("(a*)*b").search(b"a" * 100_000)
    assert time.perf_counter() - started < 1
