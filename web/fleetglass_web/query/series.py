"""Which series a client wants: globs over names such as `disk.util_pct[sda]`.

A pattern without a bracket means the metric with every instance: `disk.util_pct` is the utilisation of all disks. With
a bracket it is compared with the whole name: `disk.*[sda]`.
"""

from collections.abc import Sequence
from functools import lru_cache

from fleetglass_web.query.glob import compile_glob

PATTERNS_MAX = 256
PATTERN_LENGTH_MAX = 512


class SeriesError(ValueError):
    """A selection of series that cannot be read; the text says what to write."""


def parse_list(text: str) -> tuple[str, ...]:
    """`cpu.*,disk.util_pct[sda]` -> canonical patterns; a comma inside brackets belongs to the instance."""
    parts, start, inside = [], 0, False
    for at, character in enumerate(text):
        if character == "[":
            inside = True
        elif character == "]":
            inside = False
        elif character == "," and not inside:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return canonical([part for part in (part.strip() for part in parts) if part])


def canonical(patterns: Sequence[str]) -> tuple[str, ...]:
    """Sorted, each once; `*` swallows the others.

    Raises:
        SeriesError: too many patterns, one too long, or one that no name can match.
    """
    if len(patterns) > PATTERNS_MAX:
        raise SeriesError(f"series: {len(patterns):,} patterns; at most {PATTERNS_MAX}. Use globs, as in cpu.*")
    for pattern in patterns:
        if not pattern:
            raise SeriesError("series: an empty name; write a name or a glob, as in cpu.* or disk.util_pct[sda]")
        if len(pattern) > PATTERN_LENGTH_MAX:
            raise SeriesError(f"series {pattern[:40]!r}...: {len(pattern):,} characters; at most {PATTERN_LENGTH_MAX}")
    return ("*",) if "*" in patterns else tuple(sorted(set(patterns)))


@lru_cache(maxsize=4_096)
def select(patterns: tuple[str, ...], names: tuple[str, ...]) -> tuple[int, ...]:
    """The positions of the names that any pattern matches, in the order of the names."""
    if "*" in patterns:
        return tuple(range(len(names)))
    whole = [compile_glob(pattern) for pattern in patterns]
    metric_only = [compile_glob(pattern) for pattern in patterns if "[" not in pattern]
    chosen = []
    for position, name in enumerate(names):
        metric = name.partition("[")[0]
        if any(test(metric) for test in metric_only) or any(test(name) for test in whole):
            chosen.append(position)
    return tuple(chosen)
