"""What `hello` says of the machine: system, release, cores, memory, boot time.

A shell. What is not known is left out.
"""

import os
import time


def hostname() -> str:
    """The host's own name."""
    return os.uname().nodename or "unnamed"


def platform() -> dict[str, str]:
    """Facts by the names of PROTOCOL.md, as texts."""
    system = os.uname()
    facts = {
        "system": system.sysname,
        "release": system.release,
        "machine": system.machine,
        "cores": str(os.cpu_count() or ""),
        "distribution": _distribution(),
    }
    try:
        facts["memory_bytes"] = str(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        facts["boot_ms"] = str(int((time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)) * 1000))
    except (OSError, ValueError, AttributeError):
        pass
    return {key: value[:200] for key, value in facts.items() if value}


def _distribution() -> str:
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    if line.startswith("PRETTY_NAME="):
                        return line.partition("=")[2].strip().strip("\"'")
        except OSError:
            continue
    return ""
