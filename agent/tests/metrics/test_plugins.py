"""Plug-ins: found by entry point, made like built-in sources, and harmless when they are broken."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fleetglass_agent.metrics.catalogue import factories
from fleetglass_agent.metrics.plugins import find_plugins, parse_entry_points
from fleetglass_agent.metrics.registry import Registry
from fleetglass_agent.metrics.settings import MetricsSettings

PAGE = Path(__file__).parents[3] / "docs/plugins.md"
# What an agent does with its table of sources, told as JSON.
ASK = """
import json
from array import array
from fleetglass_agent.metrics.registry import Registry
from fleetglass_agent.metrics.settings import MetricsSettings
from fleetglass_agent.metrics.catalogue import factories
registry = Registry(MetricsSettings(), factories())
registry.open(0)
series, data = registry.read(0)
values = array("f")
values.frombytes(data)
rows = {name: value for name, value in zip(series, values) if name.startswith("files.")}
print(json.dumps([[status.name for status in registry.status() if status.on], rows]))
"""


def write_entry_point(folder, text, package="x-1.0.dist-info"):
    (folder / package).mkdir(parents=True)
    (folder / package / "entry_points.txt").write_text(text)


def test_the_worked_example_is_found_in_a_wheel_that_is_installed_somewhere_else(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    files = re.findall(r"^`([\w.]+)`\n\n```\w+\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert [name for name, _ in files] == ["pyproject.toml", "fleetglass_openfiles.py"]
    for name, text in files:
        (source / name).write_text(text)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    quiet = os.environ | {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    wheel = [*pip, "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", tmp_path, source]
    subprocess.run(wheel, check=True, env=quiet, timeout=60)
    (built,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", target, built], check=True, env=quiet, timeout=60)

    told = subprocess.run(
        [sys.executable, "-c", ASK],
        check=True,
        env=quiet | {"PYTHONPATH": str(target)},
        stdout=subprocess.PIPE,
        timeout=30,
    )
    names, rows = json.loads(told.stdout)
    assert "openfiles" in names
    assert names.index("openfiles") > names.index("cpu")
    assert rows["files.open"] > 0
    assert 0 < rows["files.open_pct"] < 100


def test_without_it_the_table_is_the_built_in_one():
    assert "openfiles" not in [factory.name for factory in factories()]


def test_only_our_group_is_read_and_extras_and_comments_are_not():
    text = """
[console_scripts]
battery = wrong:main

[ fleetglass.sources ]
no = wrong:space

[fleetglass.sources]
# comment
; comment
battery = fleetglass_battery:make
fan=fleetglass_fan.source:Fan.make [extra]
rubbish

[fleetglass.sources.more]
no = wrong:more
"""
    assert list(parse_entry_points(text)) == [
        ("battery", "fleetglass_battery:make"),
        ("fan", "fleetglass_fan.source:Fan.make"),
    ]


def test_folders_that_are_none_and_entry_points_that_are_odd_do_no_harm(tmp_path):
    (tmp_path / "file").write_text("")
    write_entry_point(tmp_path, "[fleetglass.sources]\nb = m:f\n")
    write_entry_point(tmp_path, "[fleetglass.sources]\na = m:f\n", "y.egg-info")
    write_entry_point(tmp_path, "\0\0[fleetglass.sources\n= = =\n", "z-1.dist-info")
    (tmp_path / "empty-1.dist-info").mkdir()
    folders = [str(tmp_path / "none"), str(tmp_path / "file"), str(tmp_path), str(tmp_path)]
    assert [factory.name for factory in find_plugins(folders)] == ["a", "b"]


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("", "has no attribute 'make'"),
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("raise RuntimeError('at import')", "it broke: RuntimeError: at import"),
        ("make = 3", "it broke: TypeError: 'int' object is not callable"),
        ("def make(settings): raise SystemExit('bye')", "it broke: SystemExit: bye"),
        ("def make(settings): return None", "it broke: TypeError: its factory gave no source"),
        ("def make(settings): return 1 / 0", "it broke: ZeroDivisionError"),
    ],
)
def test_a_broken_plug_in_is_off_with_a_sentence(tmp_path, monkeypatch, module, why):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "odd_plugin", raising=False)
    (tmp_path / "odd_plugin.py").write_text(module)
    write_entry_point(tmp_path, "[fleetglass.sources]\nodd = odd_plugin:make\n")
    registry = Registry(MetricsSettings(), find_plugins([str(tmp_path)]))
    registry.open(0)
    assert registry.read(0) == ((), b"")
    (status,) = registry.status()
    assert not status.on
    assert why in status.why
    assert [event.kind for event in registry.events()] == ["source_down"]


def test_a_plug_in_gets_the_settings_that_are_its_own(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "told_plugin", raising=False)
    (tmp_path / "told_plugin.py").write_text(
        "class Told:\n name = 'told'\n series = ('told.count',)\n"
        " def __init__(self, settings): self.count = settings.plugins['told']['count']\n"
        " def read(self, now_ms): return (self.count,)\n def close(self): pass\n"
    )
    write_entry_point(tmp_path, "[fleetglass.sources]\ntold = told_plugin:Told\n")
    registry = Registry(MetricsSettings(plugins={"told": {"count": 1}}), find_plugins([str(tmp_path)]))
    registry.open(0)
    assert registry.read(0) == (("told.count",), b"\x00\x00\x80\x3f")
