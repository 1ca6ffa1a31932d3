"""What a person can set about the numbers that an agent measures: one value that every factory gets."""

from collections.abc import Mapping
from typing import NamedTuple


class MetricsSettings(NamedTuple):
    """Where the kernel's files are, and how much of them is wanted."""

    proc: str = "/proc"
    """The system's /proc: `/host/proc` in a container that watches its host."""

    sys: str = "/sys"
    """The system's /sys: `/host/sys` in such a container."""

    root: str = "/"
    """Where the system's file systems are to be seen: `/host/root` in such a container."""

    per_core: bool = False
    """`cpu.core_util_pct[N]` for every core."""

    full: bool = False
    """The rarely needed series of docs/METRICS.md, too."""

    off: tuple[str, ...] = ()
    """Names of sources that nobody wants, as `fleetglass-agent sources` prints them."""

    interval_ms: int = 1_000
    """How often the agent reads when nobody watches: for a source that runs a clock of its own (iostat)."""

    plugins: Mapping[str, Mapping[str, object]] = {}
    """Settings of plug-ins, by the plug-in's name; what is in them is the plug-in's own affair."""
