"""All sources of a host in the order in which they are asked: the kernel's, plug-ins, and iostat, whose values win."""

import sys
from collections.abc import Sequence

from fleetglass_agent.iostat import process
from fleetglass_agent.metrics.plugins import find_plugins
from fleetglass_agent.metrics.registry import Factory

# A plain str: the type checker must read both branches, whichever system it runs on.
PLATFORM: str = sys.platform


def built_in() -> tuple[Factory, ...]:
    """The sources of this system's kernel."""
    if PLATFORM == "linux":
        from fleetglass_agent.metrics import linux

        return linux.SOURCES
    from fleetglass_agent.metrics import portable

    return portable.SOURCES


def factories() -> Sequence[Factory]:
    """The whole table."""
    return (*built_in(), *find_plugins(), Factory("iostat", process.make))
