"""The kernel's counters say what a real `iostat` says of the same second, within its rounding.

Both read at nearly the same instant: the first byte of a report is the sign to read. Requests that the machine finishes
in the millisecond between the two make a second unlike, so one of the watched seconds has to agree in everything.
"""

import os
import select
import subprocess
import threading
import time
from array import array

from fleetglass_agent.metrics.linux import SOURCES
from fleetglass_agent.metrics.registry import Registry
from fleetglass_agent.metrics.settings import MetricsSettings

SECONDS = 8
KB = 1_024
# Column of `iostat -x` of sysstat 12 -> field, and the factor to its unit.
COLUMNS = {
    "r/s": ("reads_per_s", 1),
    "rkB/s": ("read_bytes_per_s", KB),
    "rrqm/s": ("read_merges_per_s", 1),
    "%rrqm": ("read_merge_pct", 1),
    "r_await": ("read_await_ms", 1),
    "rareq-sz": ("read_request_bytes", KB),
    "w/s": ("writes_per_s", 1),
    "wkB/s": ("write_bytes_per_s", KB),
    "wrqm/s": ("write_merges_per_s", 1),
    "%wrqm": ("write_merge_pct", 1),
    "w_await": ("write_await_ms", 1),
    "wareq-sz": ("write_request_bytes", KB),
    "d/s": ("discards_per_s", 1),
    "dkB/s": ("discard_bytes_per_s", KB),
    "drqm/s": ("discard_merges_per_s", 1),
    "%drqm": ("discard_merge_pct", 1),
    "d_await": ("discard_await_ms", 1),
    "dareq-sz": ("discard_request_bytes", KB),
    "f/s": ("flushes_per_s", 1),
    "f_await": ("flush_await_ms", 1),
    "aqu-sz": ("queue_depth", 1),
    "%util": ("util_pct", 1),
}


def parse_report(text):
    """The plain table of sysstat: {series: (value, half of the last printed digit)}."""
    found = {}
    heads = []
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] in ("avg-cpu:", "Device", "Device:"):
            heads = words
        elif heads and heads[0] == "avg-cpu:":
            for head, word in zip(heads[1:], words, strict=True):
                found[f"cpu.{head[1:]}_pct"] = (float(word), 0.005)
        elif heads:
            for head, word in zip(heads[1:], words[1:], strict=True):
                field, factor = COLUMNS[head]
                found[f"disk.{field}[{words[0]}]"] = (float(word) * factor, 0.005 * factor)
    return found


def is_like(series, ours, printed, rounding):
    if series.startswith("cpu."):
        # A tick of 10 ms on two processors is half a per cent of a second; either side may have one more.
        return abs(ours - printed) <= rounding + 2 * 100 / (os.cpu_count() * os.sysconf("SC_CLK_TCK"))
    # iostat measures its interval in hundredths of a second: a rate may be off by one of a hundred.
    return abs(ours - printed) <= rounding + 0.015 * abs(printed)


def churn(path, stop):
    """Write, read and flush a little in the middle of each second, never at its edge."""
    while not stop.wait(0.05):
        if 0.3 < time.monotonic() % 1 < 0.6:
            with open(path, "wb") as file:
                file.write(os.urandom(200_000))
                file.flush()
                os.fsync(file.fileno())


def watch(folder):
    """Yield (what iostat printed, what we measured) for each second."""
    registry = Registry(MetricsSettings(), SOURCES)
    registry.open(0)
    child = subprocess.Popen(
        ["iostat", "-x", "1", str(SECONDS + 1)],
        stdout=subprocess.PIPE,
        env=os.environ | {"LC_ALL": "C", "S_COLORS": "never"},
    )
    out = child.stdout.fileno()
    poller = select.poll()
    poller.register(out, select.POLLIN)
    stop = threading.Event()
    writer = threading.Thread(target=churn, args=(folder / "churn", stop))
    writer.start()
    text, ours = b"", {}
    try:
        while True:
            quiet = not poller.poll(150)
            if quiet and text:
                yield parse_report(text.decode()), ours
                text = b""
            if quiet:
                continue
            if not text:
                series, data = registry.read(time.monotonic_ns() // 1_000_000)
                values = array("f")
                values.frombytes(data)
                ours = dict(zip(series, values, strict=True))
            part = os.read(out, 65_536)
            if not part:
                return
            text += part
    finally:
        stop.set()
        writer.join()
        child.kill()
        child.wait()
        child.stdout.close()
        registry.close()


def test_a_second_of_ours_is_a_second_of_iostats_in_every_column(tmp_path):
    seen = []
    for printed, ours in watch(tmp_path):
        # The first report covers the time since boot.
        seen.append(
            {
                series: (ours.get(series), *value)
                for series, value in printed.items()
                if series not in ours or not is_like(series, ours[series], *value)
            }
        )
        was_busy = any(value[0] > 0 for series, value in printed.items() if series.startswith("disk.writes_per_s["))
        if len(seen) > 1 and was_busy and not seen[-1]:
            assert len(printed) > 20
            assert {name for name in ours if ".util_pct[" in name} == {name for name in printed if ".util_pct[" in name}
            return
    raise AssertionError(f"no second agreed: {seen[1:]}")
