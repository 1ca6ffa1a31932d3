"""How to call iostat so that it prints one report an interval, with cpu and all disks, for the system we are on.

Nobody asks the program for its version: the best call is tried, and one that ends at once with a usage text is followed
by the next. In: the system's name. Out: calls, best first, and where the program's package comes from.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Call(NamedTuple):
    """Arguments behind `iostat`. `begins_with_boot`: the first report is about the time since boot, not the present.

    `in_front`: a program that calls iostat, with its arguments.
    """

    arguments: tuple[str, ...]
    begins_with_boot: bool
    in_front: tuple[str, ...] = ()


# util-linux's: the kernel kills the child with the agent, even one that is stopped and so never meets its closed pipe.
# It costs nothing: setpriv sets this and becomes iostat. Busybox has a setpriv that cannot; then the next call is made.
DIES_WITH_AGENT = ("setpriv", "--pdeathsig", "KILL")


def calls(system: str, interval_s: int) -> list[Call]:
    """The calls to try.

    Args:
        system: `sys.platform`.
        interval_s: whole seconds; most iostats know no shorter ones.
    """
    every = str(interval_s)
    if system.startswith("linux"):
        return [
            Call(("-x", "-k", "-y", every), begins_with_boot=False, in_front=DIES_WITH_AGENT),
            # sysstat since 9.1.4 leaves out what is since boot
            Call(("-x", "-k", "-y", every), begins_with_boot=False),
            Call(("-x", "-k", every), begins_with_boot=True),
            Call(("-k", every), begins_with_boot=True),  # busybox and toybox know no -x
            Call((every,), begins_with_boot=True),
        ]
    if system.startswith(("freebsd", "dragonfly")):
        return [Call(("-x", "-C", "-w", every), begins_with_boot=True), Call(("-w", every), begins_with_boot=True)]
    if system.startswith("sunos"):
        return [
            Call(("-x", "-n", "-c", every), begins_with_boot=True),
            Call(("-x", "-c", every), begins_with_boot=True),
        ]
    if system == "darwin":
        return [Call(("-n", "32", "-w", every), begins_with_boot=True), Call(("-w", every), begins_with_boot=True)]
    if system.startswith("aix"):
        return [Call((every,), begins_with_boot=True)]
    return [Call(("-w", every), begins_with_boot=True)]


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """What iostat may know of its surroundings: nothing that changes language, colours, units or layout."""
    unwanted = ("LC_", "S_", "LANG", "POSIXLY_CORRECT", "COLUMNS", "LINES", "BLOCKSIZE")
    kept = {name: value for name, value in inherited.items() if not name.startswith(unwanted)}
    return kept | {"LC_ALL": "C", "S_COLORS": "never"}


# The first of these programs that is there names the package; iostat is part of the base system elsewhere.
PACKAGES = {
    "apt-get": "apt-get install sysstat",
    "dnf": "dnf install sysstat",
    "yum": "yum install sysstat",
    "zypper": "zypper install sysstat",
    "apk": "apk add sysstat",
    "pacman": "pacman -S sysstat",
    "emerge": "emerge app-admin/sysstat",
    "xbps-install": "xbps-install sysstat",
}
