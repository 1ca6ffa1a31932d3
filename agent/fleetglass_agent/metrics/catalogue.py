"""All sources of this host in the order in which they are asked: the kernel's, plug-ins, then those that come last."""

import sys
from collections.abc import Sequence

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


def factories(*last: Factory) -> Sequence[Factory]:
    """The whole table. `last` is asked last, so that its values win: `iostat`."""
    return (*built_in(), *find_plugins(), *last)
