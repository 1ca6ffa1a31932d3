"""The command as a program of a pipe: live, line by line, with a sentence where nothing was found."""

import io
import json
import os
import select
import subprocess
import sys
import threading

import pytest
from fleetglass_agent.iostat.parse_command import run

BANNER = "Linux 6.1.0 (vm) \t11/24/26 \t_x86_64_\t(2 CPU)\n\n"
REPORT = """avg-cpu:  %user   %nice %system %iowait  %steal   %idle
           4.63    0.00    1.30    0.19    0.00   93.88

Device            r/s  %util
sda              1.00   2.00


"""
SHOWN = {
    "cpu": {
        "user_pct": 4.63, "nice_pct": 0.0, "system_pct": 1.3, "iowait_pct": 0.19, "steal_pct": 0.0, "idle_pct": 93.88,
    },
    "devices": {"sda": {"reads_per_s": 1.0, "util_pct": 2.0}},
}  # fmt: skip


def printed(data: str) -> list[dict[str, object]]:
    out = io.StringIO()
    assert run(io.BytesIO(data.encode()), out) == 0
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_report_is_a_line_of_json() -> None:
    assert printed(BANNER + REPORT + REPORT) == [{**SHOWN, "since_boot": True}, SHOWN]


def test_a_report_with_a_problem_says_it() -> None:
    assert printed(REPORT + REPORT[:70])[1]["problem"] == "the input ends inside it: '4.6'"


def test_no_report_at_all_is_said_with_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    for nothing in (b"", b"hello\n", b"\x00" * 1000, BANNER.encode()):
        out = io.StringIO()
        assert run(io.BytesIO(nothing), out) == 1
        assert out.getvalue() == ""
        assert "no report of an iostat in the input" in capsys.readouterr().err


def test_reports_of_a_running_iostat_come_at_once() -> None:
    """A report leaves while the pipe stays open, also one that only the silence behind it ends."""
    read_in, write_in = os.pipe()
    read_out, write_out = os.pipe()
    codes: list[int] = []

    def work() -> None:
        with os.fdopen(read_in, "rb") as stdin, os.fdopen(write_out, "w") as stdout:
            codes.append(run(stdin, stdout))

    worker = threading.Thread(target=work)
    worker.start()
    cpu_only = REPORT[: REPORT.index("Device")]
    for text, count in ((BANNER + REPORT, 1), (cpu_only + cpu_only, 1), ("", 1)):
        os.write(write_in, text.encode())
        got = b""
        while got.count(b"\n") < count:
            assert select.select([read_out], [], [], 5)[0], f"nothing came for {text!r}"
            got += os.read(read_out, 65536)
        assert all(json.loads(line)["cpu"] == SHOWN["cpu"] for line in got.splitlines())
    os.close(write_in)
    worker.join(5)
    os.close(read_out)
    assert codes == [0]


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    code = (
        "import sys; from fleetglass_agent.iostat.parse_command import run; sys.exit(run(sys.stdin.buffer, sys.stdout))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, stderr=-1)
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdin.write((BANNER + REPORT).encode())
    child.stdin.flush()
    assert child.stdout.readline()
    child.stdout.close()
    child.stdin.write(REPORT.encode() * 3)
    child.stdin.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait(10) == 0
