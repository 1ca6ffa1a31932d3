"""The limits of the container that the agent runs in, and how near it is to them; control groups of both versions.

What counts is the group at the root of what is mounted: inside a container that is the container. A host's own root
group has no limits, and the limits of the agent's service there are nobody's business.

In: the group's files as bytes. Out: cores, bytes, per cent.
"""

from collections.abc import Sequence
from math import nan
from typing import NamedTuple

from fleetglass_agent.metrics.rates import Counters
from fleetglass_agent.metrics.source import Off, Reader

SERIES = (
    "container.cpu_limit_cores",
    "container.cpu_used_cores",
    "container.cpu_throttled_pct",
    "container.memory_limit_bytes",
    "container.memory_used_bytes",
    "container.memory_used_pct",
)
# Version 1 prints the largest multiple of a page in 63 bits where there is no limit; page sizes differ.
NO_LIMIT_BYTES = 1 << 62
# How runtimes name a container's group, where the whole host's tree is to be seen inside.
CONTAINER_MARKS = ("docker", "kubepods", "libpod", "lxc", "containerd", "crio", "machine-")


class GroupFiles(NamedTuple):
    """The files of one group; None: not there, which for a limit means that there is none."""

    version: int
    cpu_limit: Reader | None
    cpu_period: Reader | None
    """Version 1 only: version 2 has it in `cpu.max`."""
    cpu_usage: Reader | None
    """Version 1 only: version 2 has it in `cpu.stat`."""
    cpu_stat: Reader | None
    memory_limit: Reader | None
    memory_usage: Reader | None


def own_groups(cgroup: bytes) -> dict[str, str]:
    """Read proc_pid_cgroup: controller -> path; the controller of version 2 is ''."""
    groups: dict[str, str] = {}
    for line in cgroup.decode("utf-8", "replace").splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            groups |= dict.fromkeys(parts[1].split(","), parts[2])
    return groups


def is_container_path(path: str) -> bool:
    """Whether a group's path is one that a container runtime makes."""
    return any(mark in path for mark in CONTAINER_MARKS)


def cpu_limit(files: GroupFiles) -> float:
    """Cores that the group may use; NaN: no limit."""
    quota = _words(files.cpu_limit)
    if files.version == 1:
        quota += _words(files.cpu_period)
    if len(quota) < 2 or quota[0] in (b"max", b"-1"):
        return nan
    period = _number(quota[1])
    return _number(quota[0]) / period if period > 0 else nan


def memory_limit(files: GroupFiles) -> float:
    """Bytes that the group may have; NaN: no limit."""
    limit = _words(files.memory_limit)
    if not limit or limit[0] == b"max":
        return nan
    number = _number(limit[0])
    return number if number < NO_LIMIT_BYTES else nan


class ContainerSource:
    """container.*."""

    name = "container"
    series: tuple[str, ...] = SERIES

    def __init__(self, files: GroupFiles) -> None:
        """Look whether there is a limit.

        Raises:
            Off: there is none; the files are closed.
        """
        self._files = files
        self._usage = Counters()
        self._periods = Counters()
        cores, limit = cpu_limit(files), memory_limit(files)
        if cores != cores and limit != limit:
            self.close()
            raise Off("no container with a limit of its own")

    def read(self, now_ms: int) -> Sequence[float]:
        files = self._files
        limit = memory_limit(files)
        words = _words(files.memory_usage)
        used = _number(words[0]) if words else nan
        cores, throttled = self._cpu(now_ms)
        return [cpu_limit(files), cores, throttled, limit, used, 100 * used / limit if limit else nan]

    def _cpu(self, now_ms: int) -> tuple[float, float]:
        words = _words(self._files.cpu_stat)
        facts = dict(zip(words[::2], words[1::2], strict=False))
        if self._files.version == 1:
            usage, per_s = _words(self._files.cpu_usage)[:1], 1_000_000_000
        else:
            usage, per_s = [facts[b"usage_usec"]] if b"usage_usec" in facts else [], 1_000_000
        cores = self._usage.per_second((int(_number(usage[0])),), now_ms)[0] / per_s if usage else nan
        if b"nr_periods" not in facts or b"nr_throttled" not in facts:
            return cores, nan
        counts = (int(_number(facts[b"nr_periods"])), int(_number(facts[b"nr_throttled"])))
        _, (periods, throttled) = self._periods.deltas(counts, now_ms)
        return cores, 100 * throttled / periods if periods else 0.0

    def close(self) -> None:
        for file in self._files[1:]:
            if file is not None:
                file.close()


def _words(file: Reader | None) -> list[bytes]:
    return file.read().split() if file else []


def _number(word: bytes) -> int:
    try:
        return int(word)
    except ValueError:
        raise Off(f"a control group's file holds {word[:20]!r} where a number belongs") from None
