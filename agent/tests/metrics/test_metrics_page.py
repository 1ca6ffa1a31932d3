"""docs/METRICS.md and the code name the same series, with the unit that the name says."""

import re
from pathlib import Path

from fleetglass_agent.iostat import fields
from fleetglass_agent.metrics.linux import SOURCES
from fleetglass_agent.metrics.registry import Registry
from fleetglass_agent.metrics.settings import MetricsSettings
from harness.kernelfiles import fake_host

PAGE = (Path(__file__).parents[3] / "docs/METRICS.md").read_text()
UNITS = {
    "_bytes_per_s": "bytes/s",
    ".bytes_per_s": "bytes/s",
    "_per_s": "1/s",
    "_pct": "%",
    "_bytes": "bytes",
    ".bytes": "bytes",
    "_ms": "ms",
    "_s": "s",
    "_cores": "cores",
}


def rows(heading):
    """The table below a heading: {metric: its cells}."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    cells = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines() if line.startswith("| `")
    ]
    return {cell[0].strip("`").partition("[")[0]: (("[" in cell[0]), *cell[1:]) for cell in cells}


def measured(host, **settings):
    """{metric: whether it has instances}"""
    registry = Registry(MetricsSettings(f"{host}/proc", f"{host}/sys", f"{host}", **settings), SOURCES)
    registry.open(0)
    series, _ = registry.read(0)
    registry.close()
    return {name.partition("[")[0]: "[" in name for name in series}


def test_the_page_lists_exactly_what_is_measured(tmp_path):
    documented = {metric: cells[0] for metric, cells in rows("From the kernel").items()}
    assert documented == measured(fake_host(tmp_path), per_core=True, full=True)


def test_what_the_page_calls_on_request_is_not_there_without_it(tmp_path):
    fake_host(tmp_path)
    wanted = {
        metric for metric, cells in rows("From the kernel").items() if cells[2] in ("always", "swap", "container")
    }
    assert measured(tmp_path).keys() == wanted
    (tmp_path / "sys/fs/cgroup/cgroup.controllers").unlink()
    meminfo = tmp_path / "proc/meminfo"
    meminfo.write_text(re.sub(r"(Swap(Total|Free):)\s+\d+", r"\1 0", meminfo.read_text()))
    wanted = {metric for metric, cells in rows("From the kernel").items() if cells[2] == "always"}
    assert measured(tmp_path).keys() == wanted


def test_every_column_that_an_iostat_can_print_is_on_the_page():
    documented = rows("From the kernel") | rows("From iostat")
    columns = [field for table in (fields.TALL, fields.WIDE, *fields.AIX.values()) for field, _ in table.values()]
    printed = {f"disk.{field}" for field in columns} | {f"cpu.{field}" for field in fields.CPU.values()}
    assert printed - documented.keys() == set()


def test_every_unit_is_the_one_that_the_name_says():
    for metric, cells in (rows("From the kernel") | rows("From iostat")).items():
        expected = next((unit for suffix, unit in UNITS.items() if metric.endswith(suffix)), "number")
        assert (metric, cells[1]) == (metric, expected)


def test_the_page_counts_a_small_hosts_series_right(tmp_path):
    fake_host(tmp_path)
    (tmp_path / "sys/fs/cgroup/cgroup.controllers").unlink()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 1000 kB\nMemAvailable: 500 kB\n")
    registry = Registry(MetricsSettings(f"{tmp_path}/proc", f"{tmp_path}/sys", f"{tmp_path}"), SOURCES)
    registry.open(0)
    assert f"{len(registry.read(0)[0])} series by default" in PAGE.replace("\n", " ")
