"""Names of series: `cpu.iowait_pct`, `disk.read_bytes_per_s[sda]`.

A name is a metric in lower case with dots, whose last word ends in its unit, and an optional instance in brackets.
The instance is whatever the host calls it, without control characters; the metric is ours.
"""

import re
from typing import NamedTuple

from fleetglass_proto import limits

_METRIC = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*\Z")


class Series(NamedTuple):
    """A metric and the thing it was measured on; `instance` is empty where there is only one."""

    metric: str
    instance: str

    def __str__(self) -> str:
        return f"{self.metric}[{self.instance}]" if self.instance else self.metric


def parse(name: str) -> Series:
    """Split a series name.

    Raises:
        ValueError: says what a name looks like.
    """
    metric, bracket, rest = name.partition("[")
    if bracket and (not rest.endswith("]") or len(rest) < 2):
        raise ValueError(f"series {name[:80]!r}: an instance ends with ']', as in disk.util_pct[sda]")
    if not _METRIC.match(metric):
        raise ValueError(f"series {name[:80]!r}: a metric is lower-case words with dots, as in cpu.iowait_pct")
    return Series(metric, rest[:-1] if bracket else "")


def clean_instance(raw: str) -> str:
    """Make a host's own name fit for an instance: control characters and brackets become '_', long names are cut."""
    safe = "".join(
        "_" if ord(character) < 32 or ord(character) == 127 or character in "[]" else character for character in raw
    )
    return safe.encode("utf-8", "replace")[: limits.NAME_BYTES].decode("utf-8", "ignore")
