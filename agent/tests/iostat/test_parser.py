"""What must hold for any bytes: no exception, bounded memory, the same for any cut; and what is said of bad input."""

import tracemalloc
from pathlib import Path

import pytest
from fleetglass_agent.iostat.parser import LINE_BYTES, Parser
from fleetglass_agent.iostat.report import Report
from hypothesis import given, settings
from hypothesis import strategies as st

FIXTURES = sorted((Path(__file__).parent.parent / "fixtures" / "iostat").glob("*.txt"))
SHARED = sorted((Path(__file__).parents[4] / "shared" / "samples" / "iostat").glob("*.txt"))
SAMPLES = [path.read_bytes() for path in FIXTURES + SHARED]
BANNER = b"Linux 6.1.0 (vm) \t11/24/26 \t_x86_64_\t(2 CPU)\n\n"
CPU = b"""avg-cpu:  %user   %nice %system %iowait  %steal   %idle
           4.63    0.00    1.30    0.19    0.00   93.88

"""
TABLE = b"""Device            r/s     w/s  %util
sda              1.00    2.00   3.00
sdb              4.00    5.00   6.00
"""
REPORT = CPU + TABLE + b"\n\n"
SDA, SDB = (
    {"reads_per_s": 1.0, "writes_per_s": 2.0, "util_pct": 3.0},
    {"reads_per_s": 4.0, "writes_per_s": 5.0, "util_pct": 6.0},
)
BOTH = {"sda": SDA, "sdb": SDB}


def parse(*pieces: bytes) -> list[Report]:
    parser = Parser()
    return [report for piece in pieces for report in parser.feed(piece)] + parser.close()


def shown(reports: list[Report]) -> list[dict[str, object]]:
    return [report.as_json() for report in reports]


# Rubbish that is near to the real thing: lines of samples, shuffled, cut and glued.
_LINES = sorted({line + b"\n" for sample in SAMPLES for line in sample.split(b"\n")})
_BITS = st.one_of(
    st.sampled_from(_LINES),
    st.sampled_from([b"\n", b"{", b"}", b'"', b"\\", b'{"sysstat": {', b'{"disk": [', b"-", b" 1.0", b",", b"\x1b[m"]),
    st.binary(max_size=20),
)
_NOISE = st.lists(_BITS, max_size=40).map(b"".join)


@settings(max_examples=300, deadline=None)
@given(_NOISE, st.lists(st.integers(1, 60), max_size=40))
def test_no_bytes_raise_and_every_cut_gives_the_same(data: bytes, sizes: list[int]) -> None:
    pieces, rest = [], data
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    whole = shown(parse(data))
    assert shown(parse(*pieces, rest)) == whole
    assert shown(parse(*(data[at : at + 1] for at in range(len(data))))) == whole


@settings(max_examples=100, deadline=None)
@given(_NOISE, st.sampled_from(SAMPLES[:20]))
def test_what_stands_behind_rubbish_and_a_banner_is_right(noise: bytes, sample: bytes) -> None:
    reports = parse(noise + b"\n\n}\n" + BANNER + REPORT)
    assert reports[-1].devices == BOTH
    assert not reports[-1].problem
    assert shown(parse(noise + sample)) is not None


@pytest.mark.parametrize("path", [*FIXTURES, *SHARED], ids=lambda path: path.stem)
def test_cut_anywhere_all_reports_but_the_last_are_whole(path: Path) -> None:
    data = path.read_bytes()
    whole = shown(parse(data))
    step = max(1, len(data) // 150)
    for end in range(0, len(data), step):
        reports = shown(parse(data[:end]))
        assert reports[:-1] == whole[: max(0, len(reports) - 1)]
        if reports:
            wanted = whole[len(reports) - 1]
            last = reports[-1]
            for name, device in last["devices"].items():
                # what is there is right; what is not there is missing, never 0
                assert device.items() <= wanted["devices"][name].items() or "problem" in last


def test_a_line_without_end_is_not_kept() -> None:
    parser = Parser()
    tracemalloc.start()
    piece = b"x 1.0 " * 100_000
    for _ in range(170):  # 100 MB
        parser.feed(piece)
    assert tracemalloc.get_traced_memory()[1] < 4 * LINE_BYTES
    tracemalloc.stop()
    reports = parser.feed(b"\n\n" + REPORT) + parser.close()
    assert reports[-1].devices == BOTH
    assert f"longer than {LINE_BYTES} bytes" in reports[0].problem


def test_json_without_end_is_not_kept() -> None:
    parser = Parser()
    parser.feed(b'{"sysstat": {"hosts": [{"statistics": [\n')
    piece = b'{"other": [' + b'"x", ' * 100_000 + b'"y"]}\n'
    tracemalloc.start()
    for _ in range(10):
        parser.feed(piece)
    assert tracemalloc.get_traced_memory()[1] < len(piece)
    tracemalloc.stop()
    reports = parser.feed(b'{"disk": [{"disk_device": "sda", "tps": 2.0}]}')
    assert reports[0].devices == {"sda": {"transfers_per_s": 2.0}}


def test_a_report_comes_with_its_last_byte() -> None:
    parser = Parser()
    text = BANNER + CPU + TABLE
    assert [parser.feed(text[at : at + 1]) for at in range(len(text))] == [[]] * len(text)
    assert parser.feed(b"\n")[0].devices == BOTH
    assert parser.feed(b"\n" + CPU + TABLE + b"\n")[0].devices == BOTH


def test_a_report_of_json_comes_with_its_last_brace() -> None:
    parser = Parser()
    text = b'{"sysstat": {\n"hosts": [\n{\n"statistics": [\n{\n"disk": [\n{"disk_device": "sda", "tps": 1.0}\n]\n'
    assert [parser.feed(text[at : at + 1]) for at in range(len(text))] == [[]] * len(text)
    assert parser.feed(b"}")[0].devices == {"sda": {"transfers_per_s": 1.0}}
    assert parser.close() == []


def test_a_silence_ends_a_report_that_has_no_end_mark() -> None:
    solaris = b"    r/s    w/s device\n    1.0    2.0 c0t0d0\n    3.0    4.0 c0t1d0\n"
    parser = Parser()
    parser.feed(b"extended device statistics\n" + solaris)
    assert parser.idle() == []  # nobody knows yet how many disks there are
    assert len(parser.feed(b"extended device statistics\n" + solaris[:46])) == 1
    assert parser.idle() == []
    parser.feed(solaris[46:])
    assert list(parser.idle()[0].devices) == ["c0t0d0", "c0t1d0"]
    assert parser.close() == []


def test_a_silence_ends_a_report_of_cpu_alone_only_after_one() -> None:
    parser = Parser()
    parser.feed(BANNER + CPU)
    assert parser.idle() == []  # a table of disks may follow
    assert len(parser.feed(CPU)) == 1
    assert parser.idle()[0].cpu["user_pct"] == 4.63


def test_the_report_since_boot_is_marked_where_it_can_be_known() -> None:
    assert [report.since_boot for report in parse(BANNER + REPORT + REPORT)] == [True, False]
    assert [report.since_boot for report in parse(BANNER + b"\n" + REPORT + REPORT)] == [False, False]  # -y
    assert parse(REPORT)[0].since_boot is None
    old = (BANNER + REPORT).replace(b"Device ", b"Device:")
    assert parse(old)[0].since_boot is None  # sysstat 10 leaves no sign of -y
    mac = b"    disk0       cpu    load average\n    KB/t  tps  MB/s  us sy id   1m   5m   15m\n"
    rows = b"   19.72  135  2.61  11  4 85  3.89 4.51 4.10\n" * 2
    assert [report.since_boot for report in parse(mac + rows)] == [True, False]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (CPU + TABLE[:-12], "the input ends inside it"),
        (CPU + TABLE[:37], "behind the header"),
        (CPU[:56], "where its values should follow"),
        (REPORT + CPU, "before all its tables"),
        (REPORT + CPU + TABLE[:74], "ends behind 1 of its 2 devices"),
        (CPU[:40], "inside a header"),
        (CPU[:56] + b"what is this\n" + TABLE + b"\n", "not numbers: 'what is this'"),
        (CPU + TABLE[:74] + b"!! \xff\n" + TABLE[74:] + b"\n", "was not understood: '!!"),
        (CPU + TABLE[:74] + b"sdc 1.0\n\n", "was not understood: 'sdc 1.0'"),
        (b"sda 1.00 2.00 3.00\n", "values without a header above them"),
        (b'{"sysstat": {"statistics": [{"disk": [{"disk_device": "sda", ', "cut off"),
        (b'{"disk": [{"disk_device": "sda", "tps": 1.x}]}', "no JSON"),
        (b'{"disk": [{"tps": 1.0}]}', "has no name"),
        (b'{"disk": [{"disk_dev\nLinux', "breaks off inside a word"),
    ],
)
def test_what_is_cut_or_rubbish_is_said(text: bytes, problem: str) -> None:
    assert problem in parse(text)[-1].problem


def test_what_stands_beside_rubbish_is_still_right() -> None:
    reports = parse(REPORT + CPU + TABLE[:74] + b"\x00\x01 broken\n" + TABLE[74:] + b"\n\n" + REPORT)
    assert [report.devices for report in reports] == [BOTH] * 3
    assert [bool(report.problem) for report in reports] == [False, True, False]


def test_a_time_stamp_of_somebody_else_in_a_table_does_not_end_it() -> None:
    reports = parse(CPU + TABLE[:74] + b"Nov 24 10:11:12 db-1 kernel: sdb: reset\n" + TABLE[74:] + b"\n")
    assert [report.devices for report in reports] == [BOTH]
    assert "kernel: sdb: reset" in reports[0].problem


def test_json_that_was_cut_does_not_spoil_what_follows() -> None:
    cut = b'{"sysstat": {\n "hosts": [\n {"statistics": [\n {\n "disk": [\n {"disk_device": "sda", "tps"'
    for behind in (b"\n" + BANNER + REPORT, b": 1.0}\n" + BANNER + REPORT):
        reports = parse(cut + behind)
        assert reports[-1].devices == BOTH
        assert "cut off" in reports[0].problem
    two = parse(cut + b': 1.0}]}, {"disk": []' + cut + b": 2.0}]}")
    assert [report.devices for report in two if not report.problem] == [
        {"sda": {"transfers_per_s": 1.0}},
        {"sda": {"transfers_per_s": 2.0}},
    ]


def test_problems_are_counted_not_piled_up() -> None:
    report = parse(TABLE + b"".join(b"what %d is this 1 2\n" % number for number in range(50)))[-1]
    assert str(report.as_json()["problem"]).endswith("more like this)")
    assert len(str(report.as_json()["problem"])) < 200


FREEBSD = (
    b"                        extended device statistics  \n"
    b"device       r/s     w/s     kr/s     kw/s  ms/r  ms/w  ms/o  ms/t qlen  %b  \n"
)


def test_a_table_that_dash_z_left_empty_is_no_cut() -> None:
    busy = b"ada0          12       3    192.5     24.0     1     2     0     1    0   2 \n"
    other = busy.replace(b"ada0", b"ada1")
    reports = parse(FREEBSD + busy + other + FREEBSD + busy + FREEBSD)
    assert [list(report.devices) for report in reports] == [["ada0", "ada1"], ["ada0"], []]
    assert not any(report.problem for report in reports)


def test_without_dash_z_fewer_disks_at_the_end_are_a_cut() -> None:
    rows = [
        b"ada%d           0       0      0.0      0.0     0     0     0     0    0   0 \n" % disk for disk in range(3)
    ]
    reports = parse(FREEBSD + b"".join(rows) + FREEBSD + rows[0])
    assert reports[-1].problem == "the input ends behind 1 of its 3 devices"


@pytest.mark.parametrize("change", [lambda data: data.replace(b"\n", b"\r\n"), lambda data: b"\xef\xbb\xbf" + data])
def test_line_ends_and_marks_of_other_systems_change_nothing(change) -> None:
    json = b'{"sysstat": {"hosts": [\n{"statistics": [\n{"disk": [\n{"disk_device": "sda", "tps": 1.0}\n]}]}]}}\n'
    for data in (REPORT + BANNER + REPORT, json + REPORT):
        assert shown(parse(change(data))) == shown(parse(data))
        assert parse(change(data))[-1].devices == BOTH


def test_solaris_partitions_keep_their_comma() -> None:
    text = b"  sd0,a         sd0,b     \nkps tps serv  kps tps serv  \n 39   4    7    0   0    0  \n"
    assert list(parse(text)[0].devices) == ["sd0,a", "sd0,b"]
