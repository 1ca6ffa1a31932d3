"""iostat's text to reports: ns a device row, against the iostat parser of the `jc` package in the same run.

jc is fetched by pip into a folder that is thrown away. Both get the same text: 60 reports of 42 disks as `iostat -x` of
sysstat 12 prints them. Ours is fed in the pieces of a pipe, jc gets everything at once, as it asks for. Twice: with one
disk of seven busy, as in the interval reports of real machines (2 of 14 and 3 of 21 in the samples), and with all disks
busy, so that no row is like another. To split such a row and to read its 22 numbers takes Python 1.8 us alone.
"""

import importlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from random import Random
from statistics import median

from fleetglass_agent.iostat.parser import Parser

REPORTS, DISKS, ROUNDS = 60, 42, 5
PIECE_BYTES = 65_536  # as much as the agent reads at once from its child
COLUMNS = (  # noqa: SIM905 - as printed
    "r/s rkB/s rrqm/s %rrqm r_await rareq-sz w/s wkB/s wrqm/s %wrqm w_await wareq-sz "
    "d/s dkB/s drqm/s %drqm d_await dareq-sz f/s f_await aqu-sz %util"
).split()


def text(idle_of_seven: int) -> str:
    """Reports in which so many of seven disks do nothing."""
    chance = Random(2026)

    def row(disk: int) -> str:
        if disk % 7 < idle_of_seven:
            values = [0.0] * len(COLUMNS)
        else:  # reads and writes of all magnitudes; discards are rare
            values = [10 ** chance.uniform(-1.5, 3.5) for _ in COLUMNS[:12]] + [0.0] * 8
            values += [10 ** chance.uniform(-1.5, 0.5), chance.uniform(0, 100)]
        return f"nvme{disk}n1".ljust(11) + "".join(f"{value:9.2f}" for value in values)

    lines = ["Linux 6.1.0 (db-1) \t11/24/26 \t_x86_64_\t(8 CPU)", ""]
    for _ in range(REPORTS):
        lines += [
            "avg-cpu:  %user   %nice %system %iowait  %steal   %idle",
            "           4.63    0.00    1.30    0.19    0.00   93.88",
            "",
            "Device     " + "".join(f"{column:>9}" for column in COLUMNS),
            *(row(disk) for disk in range(DISKS)),
            "",
            "",
        ]
    return "\n".join(lines)


def ours(data: bytes) -> int:
    parser = Parser()
    rows = 0
    for start in range(0, len(data), PIECE_BYTES):
        rows += sum(len(report.devices) for report in parser.feed(data[start : start + PIECE_BYTES]))
    return rows + sum(len(report.devices) for report in parser.close())


def theirs(parse: Callable[..., list[dict[str, object]]], source: str) -> int:
    return sum(1 for entry in parse(source, quiet=True) if entry["type"] == "device")


def nanoseconds_a_row(work: Callable[[], int]) -> float:
    """Median of the rounds, after one to warm up; `work` gives its number of rows, which must be all of them."""
    spans = []
    for _ in range(ROUNDS + 1):
        begin = time.process_time_ns()
        rows = work()
        spans.append((time.process_time_ns() - begin) / rows)
        assert rows == REPORTS * DISKS, f"{rows} rows instead of {REPORTS * DISKS}"
    return median(spans[1:])


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--disable-pip-version-check"]
        subprocess.run([*install, "--target", folder, "jc"], check=True, stderr=subprocess.DEVNULL)
        sys.path.insert(0, folder)
        try:
            jc = importlib.import_module("jc")
            reference = importlib.import_module("jc.parsers.iostat")
        finally:
            sys.path.remove(folder)
        for what, source in (("one of seven disks busy", text(6)), ("all disks busy", text(0))):
            own = nanoseconds_a_row(partial(ours, source.encode()))
            other = nanoseconds_a_row(partial(theirs, reference.parse, source))
            print(
                f"iostat row of 22 columns, {what}: {own:.0f} ns "
                f"(jc {jc.__version__} {other:.0f} ns, ratio {own / other:.3f}, {other / own:.1f} times faster)"
            )


if __name__ == "__main__":
    main()
