import time

import fleetglass_web.live.severity as severity_module
import pytest
from fleetglass_web.live.severity import count, count_errors, severity
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2026-11-24 23:00:01,123 ERROR [main] c.e.Foo: cannot", "error"),
        ("2026-11-24T23:00:01Z [WARN] disk is slow", "warn"),
        ("[24/Nov/2026] [notice] caught SIGTERM", "info"),
        ("[core:error] [pid 1] AH00126", "error"),
        ("time=2026-11-24 level=warning msg=x", "warn"),
        ('{"time":"x","level":"ERROR","msg":"INFO is a word here"}', "error"),
        ('{"level":30,"msg":"pino"}', "info"),
        ('{"severity": "CRITICAL"}', "fatal"),
        ("<11>Nov 24 23:00:01 host app: priority says error", "error"),
        ("<14>1 2026-11-24T23:00:01Z host app - - - all well", "info"),
        ("E1124 23:00:01.123 1 file.cc:1] glog", "error"),
        ('127.0.0.1 - - [24/Nov/2026:23:00:00 +0000] "GET / HTTP/1.1" 503 612 "-" "curl"', "error"),
        ('127.0.0.1 - - [24/Nov/2026:23:00:00 +0000] "GET /error HTTP/1.1" 200 612 "-" "curl"', "info"),
        ("kernel: Out of memory: Killed process 1", "fatal"),
        ("Traceback (most recent call last):", "error"),
        ("DEBUG: no errors", "debug"),
        ("a terrorist mirrored the errorless warner", "other"),
        ("", "other"),
        ("\x1b[31mERROR\x1b[0m coloured", "error"),
    ],
)
def test_a_line_says_how_bad_it_is(line, said):
    assert severity(line.encode()) == said


def test_only_the_head_of_a_line_decides_and_odd_bytes_are_no_trouble():
    assert severity(b"x" * 1_000 + b" ERROR") == "other"
    assert severity(b"\xff\xfe\x00 ERROR \xff") == "error"


def test_counting_is_fast():
    lines = [b"2026-11-24 23:00:01,123 INFO [main] c.e.Foo: hello"] * 20_000
    started = time.process_time()
    assert count(lines)[3] == 20_000
    assert time.process_time() - started < 1


WORDS = st.sampled_from([
    b"ERROR", b"error", b" failed", b"[info]", b"INFO", b"panic: ", b"<11>", b"<14>", b"\r", b" ", b":", b"\xe9", b"_",
    "é".encode(), b'"level": "error"', b'"level":\t50', b'" 503 12', b'" 200 12', b"(warn )", b"E1124 23:00:01",
    b"x" * 509, b"q" * 600, b"11-24 23:00:01.1  1  1 E ", b"\0", b"FATAL", b"level=err", b"\x1b[31m", b"timeout",
    b"debug",
])  # fmt: skip


@given(st.lists(st.lists(WORDS, max_size=5).map(b"".join), max_size=12))
@settings(max_examples=400)
def test_a_block_has_as_many_errors_as_its_lines_alone(lines):
    block = b"".join(line + b"\n" for line in lines)
    bad = sum(severity(line.removesuffix(b"\r")) in ("fatal", "error") for line in lines)
    assert count_errors(block) == (len(lines), bad)


def test_a_block_of_an_error_storm_and_one_of_quiet_lines_are_counted_without_a_step_a_line(monkeypatch):
    asked = []
    monkeypatch.setattr(severity_module, "count", lambda lines: asked.append(len(lines)) or count(lines))
    quiet, bad, said = b"GET /index took 12 ms\n", b"ERROR db: query failed\n", b"INFO retry: 0 failed\n"
    assert count_errors(quiet * 1_000 + bad * 1_000 + quiet) == (2_001, 1_000)
    assert asked == []
    assert count_errors(quiet + said + bad + quiet) == (4, 1)
    assert asked == [2]
