"""Bytes to lines: whole, byte by byte, and with a stranger's bytes behind."""

import pytest
from fleetglass_agent.logs.lines import HOLE, LONG_LINE, LineCutter, newline_of
from fleetglass_proto.messages import BatchFlag
from hypothesis import given
from hypothesis import strategies as st

BATCH = 64  # stands for limits.BATCH_BYTES: what one read may hold
CUT = BatchFlag.CUT


def follow(data: bytes, *, limit=128, step=BATCH, final=True, newline=b"\n"):
    """As `stream` does: the file grows by `step`, each read holds at most BATCH bytes."""
    cutter = LineCutter(limit, newline_of(data[:4]) if newline is None else newline)
    pieces, at, there = [], 0, 0
    while True:
        there = min(there + step, len(data))
        while True:
            chunk = data[at : min(at + BATCH, there)]
            is_end = final and at + len(chunk) == len(data)
            cut = cutter.cut(chunk, 0, at, full=len(chunk) == BATCH, final=is_end)
            pieces += cut.pieces
            moved, at = cut.upto > at, cut.upto
            if cut.hole is not None and there == len(data):
                end = len(data) - len(data[cut.hole :].lstrip(b"\0"))
                if end < len(data) or final:
                    pieces += cutter.broken(at, cut.hole)
                    pieces.append((cut.hole, end, 0, HOLE))
                    at = end
                    moved = True
            if not moved or at >= there:
                break
        if there == len(data):
            return [(data[start:end] if why is None else why, start, end, flags) for start, end, flags, why in pieces]


@pytest.mark.parametrize("step", [1, 7, BATCH])
def test_a_batch_ends_where_a_line_ends(step):
    got = follow(b"one\ntwo\nthree\nfo", step=step, final=False)
    assert b"".join(data for data, *_ in got) == b"one\ntwo\nthree\n"
    assert all(data.endswith(b"\n") for data, *_ in got)


def test_what_has_no_newline_is_a_line_when_nothing_follows():
    assert follow(b"one\ntwo") == [(b"one\ntwo", 0, 7, 0)]


def test_a_line_longer_than_a_batch_leaves_in_pieces_and_its_end_with_the_next_lines():
    line = b"x" * 100 + b"\n"
    assert follow(line + b"next\n") == [(b"x" * 64, 0, 64, CUT), (b"x" * 36 + b"\nnext\n", 64, 106, 0)]


@pytest.mark.parametrize("length", [128, 129, 200, 1_000])
def test_the_rest_of_a_line_over_the_limit_is_a_gap_with_its_newline_and_the_file_goes_on(length):
    got = follow(b"a\n" + b"x" * length + b"\nb\n")
    assert got[0] == (b"a\n", 0, 2, 0)
    assert got[1:3] == [(b"x" * 64, 2, 66, CUT), (b"x" * 64, 66, 130, CUT)]
    assert got[3] == (LONG_LINE, 130, 2 + length + 1, 0)
    assert got[4] == (b"b\n", length + 3, length + 5, 0)


def test_a_run_of_nuls_between_lines_is_one_gap():
    got = follow(b"one\n" + bytes(20) + b"two\n")
    assert got == [(b"one\n", 0, 4, 0), (HOLE, 4, 24, 0), (b"two\n", 24, 28, 0)]


def test_a_run_of_nuls_larger_than_a_read_is_one_gap():
    got = follow(bytes(300) + b"two\n")
    assert got == [(HOLE, 0, 300, 0), (b"two\n", 300, 304, 0)]


def test_a_hole_ends_the_line_before_it():
    got = follow(b"one\nhalf" + bytes(200) + b"two\n")
    assert got == [(b"one\n", 0, 4, 0), (b"half", 4, 8, 0), (HOLE, 8, 208, 0), (b"two\n", 208, 212, 0)]


def test_nuls_at_the_end_wait_because_a_writer_may_have_reserved_them():
    cutter = LineCutter(128)
    cut = cutter.cut(b"one\nhalf" + bytes(40), 0, 0, full=False, final=False)
    assert [(piece.start, piece.end) for piece in cut.pieces] == [(0, 4)]
    assert (cut.upto, cut.hole) == (4, 8)


@pytest.mark.parametrize(
    "text",
    [
        b"a\r\nb\r\n",
        "fünf\nsechs\n".encode("latin-1"),
        b"\x1b[31mred\x1b[0m\n",
        b"a\0b\0\0\0c\n",
        b"\n\n\n",
        b"\xff\xfe",
    ],
)
@pytest.mark.parametrize("step", [1, BATCH])
def test_bytes_stay_as_they_are(text, step):
    assert b"".join(data for data, *_ in follow(text, step=step)) == text


@pytest.mark.parametrize(("mark", "codec"), [(b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")])
@pytest.mark.parametrize("step", [1, 2, BATCH])
def test_a_line_of_utf16_ends_after_both_bytes_of_its_newline(mark, codec, step):
    # U+0A00 and U+000A beside U+0000-like halves: newline bytes at odd offsets are none
    text = mark + "one\nĊਊ two\nĀ\n".encode(codec)
    got = follow(text, step=step, newline=None)
    assert b"".join(data for data, *_ in got) == text
    assert all(end % 2 == 0 for _, _, end, _ in got)
    assert all(data.decode(codec).endswith("\n") for data, *_ in got)


def test_a_cutter_that_takes_up_within_a_line_knows_how_much_of_it_was_given():
    cutter = LineCutter(128)
    cutter.resume(b"a\n" + b"x" * 64, 66)
    assert cutter.carried == 64
    cutter.resume(b"x" * 128, 500)
    assert cutter.skip_from == 500


@given(
    st.lists(
        st.sampled_from([b"a", b"\n", b"line\n", bytes(7), bytes(16), bytes(90), b"x" * 70, b"y" * 150]), max_size=25
    ),
    st.sampled_from([1, 5, BATCH]),
)
def test_pieces_cover_every_byte_once_whatever_the_bytes(parts, step):
    data = b"".join(parts)
    at = 0
    for what, start, end, _ in follow(data, step=step):
        assert start == at
        assert end > start
        assert what in (HOLE, LONG_LINE) or len(what) == end - start
        assert what != HOLE or not data[start:end].strip(b"\0")
        at = end
    assert at == len(data)
