"""A search over blocks finds exactly what a search line by line finds."""

import pytest
from fleetglass_hub.history import lines, search
from fleetglass_hub.history.search import NEWEST, Key
from fleetglass_web.live.lines import line_test, split_lines
from fleetglass_web.live.severity import severity
from fleetglass_web.view import LineBatch, LogQuery
from hypothesis import example, given, settings
from hypothesis import strategies as st

PATTERNS = [
    "a", "^a", "a$", "^$", "^a*$", r"\bab\b", r"b\s", r"\s$", r"[^a]b", "(?i)B", "(?s)a.b", r"\Aa", r"b\z", "a|^b$",
    r"(?-m:^a)", r"\Ca", r"\x0a", r"a\nb", r"\r", r"[[:space:]]$", "b.?$", "", "(?m)^b", "(?U)a+b", "\u00e4",
]  # fmt: skip
PIECES = [b"a", b"b", b"B", b"ab", b" ", b"\r", b"\n", b"\r\n", b"\xc3\xa4", b"\xff", b"\x00"]

texts = st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)
batches = st.lists(
    st.tuples(texts.filter(bool), st.booleans(), st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=8
)


def make(parts):
    """Batches of one stream with files that follow each other: (data, is it cut, time, steps to the next file)."""
    made = []
    file, at = 0, 0
    for seq, (data, cut, time_ms, jump) in enumerate(parts, 1):
        if jump == 2:
            file, at = file + 1, 0
        made.append(LineBatch(seq, 1, 0, "p", file, at, float(time_ms), float(time_ms) + 0.5, data, False, cut))
        at += len(data)
    return made


def line_by_line(made, query, below):
    """The plainest search: whole lines, each tried alone."""
    test = line_test(query.match, query.exclude)
    found = []
    for batch in lines.whole(made):
        for offset, line in split_lines(batch.data, batch.start):
            key = Key(batch.time_ms, batch.seq, offset)
            if not query.from_ms <= batch.time_ms < query.to_ms or key >= below or (test and not test(line)):
                continue
            if query.severities and severity(line) not in query.severities:
                continue
            found.append((key, batch.file, line))
    return sorted(found, reverse=True)


def found_in(unit, query, below, most):
    return [
        (key, line.file, line.data) for key, line in search.search(unit, search.want(query), below, most)
    ]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    batches, st.sampled_from([None, *PATTERNS]), st.sampled_from([None, "a$", "^b"]), st.integers(0, 3),
    st.integers(3, 6), st.sampled_from([1, 2, 1_000]),
    st.tuples(st.integers(0, 6), st.integers(0, 9), st.integers(0, 20)),
)  # fmt: skip
@example([(b"a\r", True, 0, 0), (b"\nb\n", False, 0, 0)], "a$", None, 0, 6, 1_000, (6, 9, 20))
@example([(b"a", False, 1, 0), (b"b\n", False, 0, 2)], "^b", None, 0, 6, 1_000, (6, 9, 20))
def test_blocks_and_lines_agree(parts, match, exclude, from_ms, to_ms, most, below):
    made = make(parts)
    query = LogQuery((1,), None, match or None, exclude, float(from_ms), float(to_ms), most, None)
    key = Key(float(below[0]), below[1], below[2])
    for limit in (NEWEST, key):
        wanted = line_by_line(made, query, limit)[:most]
        chunk = lines.encode(made)
        unit = lines.decode(lines.Source(1, 0, "p"), chunk.entries, chunk.data)
        assert found_in(unit, query, limit, most) == wanted
        whole = sorted(lines.whole(made), key=lambda batch: (batch.time_ms, batch.seq, batch.start))
        assert found_in(lines.join(whole), query, limit, most) == wanted


@settings(max_examples=100, deadline=None)
@given(batches)
def test_a_chunk_gives_back_its_batches(parts):
    made = make(parts)
    chunk = lines.encode(made)
    back = lines.batches_of(lines.decode(lines.Source(1, 0, "p"), chunk.entries, chunk.data))
    # What has no line end got one, and whether a batch is cut matters only where the next goes on with it.
    assert [batch._replace(data=batch.data.rstrip(b"\n"), cut=False) for batch in back] == [
        batch._replace(data=batch.data.rstrip(b"\n"), cut=False) for batch in made
    ]
    assert (chunk.first_ms, chunk.last_ms) == (min(b.time_ms for b in made), max(b.time_ms for b in made))


def test_severities_choose_lines():
    made = make([(b"ERROR one\nINFO two\nWARN three\n", False, 1, 0)])
    query = LogQuery((1,), None, None, None, 0.0, 9.0, 10, None, ("error", "warn"))
    assert [line for _, _, line in found_in(lines.join(made), query, NEWEST, 10)] == [b"WARN three", b"ERROR one"]


def test_a_long_unit_is_searched_in_blocks_from_its_end(monkeypatch):
    monkeypatch.setattr(search, "BLOCK_BYTES", 64)
    made = make([(b"".join(b"line %d\r\n" % (k + 50 * at) for k in range(50)), False, at, 0) for at in range(6)])
    query = LogQuery((1,), None, "9$", None, 0.0, 9.0, 10, None)
    wanted = line_by_line(made, query, NEWEST)
    assert len(wanted) == 30
    for most in (1, 7, 30, 99):
        assert found_in(lines.join(made), query, NEWEST, most) == wanted[:most]


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_a_stream_is_split_into_chunks_at_ends_of_lines(size, monkeypatch):
    monkeypatch.setattr(lines, "CHUNK_BYTES", size)
    made = make([(b"abc", True, 0, 0), (b"def\n", False, 0, 0), (b"g\n", False, 0, 0), (b"h", True, 0, 0)])
    pieces = lines.split(made)
    assert [batch for piece in pieces for batch in piece] == made
    assert all(not piece[-1].cut for piece in pieces[:-1])
    assert lines.complete(made) == 3
