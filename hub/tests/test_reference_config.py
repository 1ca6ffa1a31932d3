"""deploy/config/hub.toml and docs/hub.md say what the code does."""

import re
import tomllib
from pathlib import Path

from fleetglass_hub import config
from fleetglass_hub.settings import SETTINGS

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "deploy/config/hub.toml").read_text(encoding="utf-8")
UNCOMMENTED = re.sub(r"(?m)^# ([a-z_0-9]+ = )", r"\1", REFERENCE)
PAGE = (ROOT / "docs/hub.md").read_text(encoding="utf-8")


def test_as_it_is_shipped_it_changes_nothing():
    assert tomllib.loads(REFERENCE) == {}


def test_every_setting_stands_there_with_its_default_and_a_reason():
    values = tomllib.loads(UNCOMMENTED)
    assert list(values) == [setting.name for setting in SETTINGS]
    for setting in SETTINGS:
        default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
        assert values[setting.name] == default, setting.name
        block = UNCOMMENTED.partition(f"\n{setting.name} = ")[0].rpartition("\n\n")[2]
        assert len(block) > 20, f"{setting.name} has no reason"


def test_the_defaults_are_accepted_where_they_are_uncommented():
    read = config.build(config.arguments([]), {}, tomllib.loads(UNCOMMENTED), "hub.toml", UNCOMMENTED)
    assert read.http.is_loopback
    assert read.agents_endpoint == "tcp://127.0.0.1:7400"


def test_its_examples_are_accepted():
    examples = "\n".join(re.findall(r"For example: ([a-z_0-9]+ = .*)$", REFERENCE, re.MULTILINE))
    read = config.build(config.arguments([]), {}, tomllib.loads(examples), "examples", examples)
    assert (read.public, read.host_names, read.http.port) == (
        "tcp://hub.example.org:7400",
        ("fleet.example.org",),
        8080,
    )


def test_the_page_names_every_flag():
    missing = [setting.flag for setting in SETTINGS if f"`{setting.flag}" not in PAGE]
    assert not missing
