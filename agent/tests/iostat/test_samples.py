"""Every sample and every fixture, whole, byte by byte, and with a stranger's bytes behind it."""

import json
from pathlib import Path
from typing import Any

import pytest
from fleetglass_agent.iostat.parser import Parser
from fleetglass_agent.iostat.report import Report

FIXTURES = Path(__file__).parent.parent / "fixtures" / "iostat"
SHARED = Path(__file__).parents[4] / "shared" / "samples" / "iostat"
CASES = [path for folder in (FIXTURES, SHARED) if folder.is_dir() for path in sorted(folder.glob("*.txt"))]
STRANGER = b"\x00\xff\xfe stranger\n{what}\nsome words, and 12 more\n"


def parse(*pieces: bytes) -> list[Report]:
    parser = Parser()
    reports = [report for piece in pieces for report in parser.feed(piece)]
    return reports + parser.close()


def expected(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.with_suffix("").with_suffix(".expected.json").read_text())["reports"]


def compare(reports: list[Report], wanted: list[dict[str, Any]]) -> None:
    assert [report.problem for report in reports] == [entry.get("problem", "") for entry in wanted]
    for report, entry in zip(reports, wanted, strict=True):
        shown = report.as_json()
        for block in ("cpu", "load", "tty"):
            assert shown.get(block, {}) == pytest.approx(entry.get(block, {}), rel=1e-6)
        assert shown.get("time_text") == entry.get("time_text")
        assert list(shown["devices"]) == list(entry["devices"])
        for name, device in entry["devices"].items():
            assert shown["devices"][name] == pytest.approx(device, rel=1e-6), name


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_sample_is_read_whole(path: Path) -> None:
    compare(parse(path.read_bytes()), expected(path))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_sample_is_read_byte_by_byte(path: Path) -> None:
    data = path.read_bytes()
    compare(parse(*(data[at : at + 1] for at in range(len(data)))), expected(path))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_sample_is_read_with_a_strangers_bytes_behind_it(path: Path) -> None:
    compare(parse(path.read_bytes() + STRANGER), expected(path))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_sample_is_read_behind_and_before_another_iostat(path: Path) -> None:
    banner = b"Linux 6.1.0 (db-1) \t11/24/26 \t_x86_64_\t(2 CPU)\n\n"
    other = banner + b"Device  r/s w/s\nsda 1.5 2.5\n\n\n"
    reports = parse(b"noise\n" + other + path.read_bytes() + b"\n" + other)
    assert reports[0].devices == reports[-1].devices == {"sda": {"reads_per_s": 1.5, "writes_per_s": 2.5}}
    compare(reports[1:-1], expected(path))
