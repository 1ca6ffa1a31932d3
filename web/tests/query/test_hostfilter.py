import pytest
from fleetglass_web.query.hostfilter import FilterError, parse
from hypothesis import given, settings
from hypothesis import strategies as st

WEB = ("web-1", {"role": "web", "dc": "fra1"})
DB = ("db-1", {"role": "db", "dc": "fra2", "path": "/srv/data"})
CACHE = ("cache", {})


def matched(text):
    return [name for name, labels in (WEB, DB, CACHE) if parse(text).matches(name, labels)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("*", ["web-1", "db-1", "cache"]),
        ("web", []),
        ("web-1", ["web-1"]),
        ("WEB-1", []),
        ("*-1", ["web-1", "db-1"]),
        ("*b*1", ["web-1", "db-1"]),
        ("role=db", ["db-1"]),
        ("role=*", ["web-1", "db-1"]),
        ("path=/srv*", ["db-1"]),
        ("dc=fra* & !role=db", ["web-1"]),
        ("!role=web", ["db-1", "cache"]),
        ("!!role=web", ["web-1"]),
        ("web-1 | role=db & dc=fra1", ["web-1"]),
        ("(web-1 | role=db) & dc=fra2", ["db-1"]),
        ("!(web-1|db-1)", ["cache"]),
        ("! web-1 & ! cache", ["db-1"]),
        ("cache|web-1&role=nothing", ["cache"]),
    ],
)
def test_a_filter_chooses_hosts(text, names):
    assert matched(text) == names


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("", 0, "'*' is everyone"),
        ("   ", 0, "'*' is everyone"),
        ("web-* &", 7, "ends after '&'"),
        ("web-* & & db", 8, "nothing before it"),
        ("| db", 0, "nothing before it"),
        ("(web", 0, "never closed"),
        ("web)", 3, "closes nothing"),
        ("()", 1, "is missing before ')'"),
        ("web db", 4, "is missing before 'db'"),
        ("web !db", 4, "is missing before '!'"),
        ("web (db)", 4, "is missing before '('"),
        ("role=", 5, "role"),
        ("=db", 0, "a label's name is missing"),
        ("ro*=db", 0, "exact"),
        ("!", 1, "ends after '!'"),
        ("role!=db", 4, "!role=db"),
    ],
)
def test_what_cannot_be_read_is_an_error_with_its_place(text, at, says):
    with pytest.raises(FilterError) as error:
        parse(text)
    assert error.value.at == at
    assert says in str(error.value)


@pytest.mark.parametrize("text", ["(" * 1_000 + "web" + ")" * 1_000, "!(" * 1_000, "(" * 16_000, "a|" * 40_000 + "a"])
def test_depth_and_length_are_errors_and_no_crash(text):
    with pytest.raises(FilterError):
        parse(text)


def test_a_thousand_negations_are_one_or_none():
    assert matched("!" * 1_000 + "web-1") == ["web-1"]
    assert matched("!" * 1_001 + "web-1") == ["db-1", "cache"]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("  db|web ", "db | web"),
        ("web | db | web", "db | web"),
        ("((web))", "web"),
        ("b & (a & c)", "a & b & c"),
        ("(b | a) & c", "(a | b) & c"),
        ("c | a & b", "a & b | c"),
        ("!(a|b)", "!(a | b)"),
        ("!(!a)", "a"),
        ("web-**", "web-*"),
    ],
)
def test_filters_that_mean_the_same_have_one_text(text, canonical):
    assert parse(text).text == canonical


WORDS = st.sampled_from(["web-*", "db-1", "role=db", "dc=fra*", "*", "cache"])
FILTERS = st.recursive(
    WORDS,
    lambda inner: st.one_of(
        inner.map(lambda text: f"!({text})"),
        st.tuples(inner, st.sampled_from(["&", "|"]), inner).map(lambda three: f"({three[0]}){three[1]}({three[2]})"),
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(FILTERS)
def test_the_canonical_text_matches_the_same_hosts_and_is_its_own_canonical_text(text):
    canonical = parse(text).text
    assert matched(canonical) == matched(text)
    assert parse(canonical).text == canonical


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='ab*=&|!() \t\n"\\ü', max_size=40))
def test_any_text_is_a_filter_or_a_filter_error(text):
    at = 0
    try:
        parse(text)
    except FilterError as error:
        at = error.at
    assert 0 <= at <= len(text)
