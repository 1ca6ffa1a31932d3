"""How long what is kept: an age and a size for lines and for each level of samples.

In: what a person wrote, such as `30d 20GiB`. Out: `Keep`, or a sentence. Nothing is deleted here.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

_PART = re.compile(r"([0-9]{1,9})\s*([a-zA-Z]+)\Z")
_SPANS_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 7 * 86_400_000, "y": 365 * 86_400_000}
_SIZES = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
# What is younger may still be on its way through minutes and hours.
LEAST_MS = 3 * 3_600_000
LEAST_BYTES = 16 << 20


class Keep(NamedTuple):
    """What goes beyond either is deleted, oldest first. None: no limit."""

    age_ms: int | None = None
    bytes: int | None = None


def parse(text: str) -> Keep:
    """Read `30d`, `20GiB` or both.

    Raises:
        ValueError: says what is allowed.
    """
    age_ms: int | None = None
    size: int | None = None
    words = text.replace(",", " ").split()
    for word in words:
        found = _PART.match(word)
        if found and found[2] in _SPANS_MS and age_ms is None:
            age_ms = int(found[1]) * _SPANS_MS[found[2]]
        elif found and found[2] in _SIZES and size is None:
            size = int(found[1]) * _SIZES[found[2]]
        else:
            words = []
    if not words:
        raise ValueError(f"{text[:40]!r} is not an age, a size or both; write 30d, 20GiB or '30d 20GiB' (m h d w y)")
    if (age_ms is not None and age_ms < LEAST_MS) or (size is not None and size < LEAST_BYTES):
        raise ValueError(f"{text[:40]!r} is too little; at least 3h and 16MiB are kept")
    return Keep(age_ms, size)


class Keeping(NamedTuple):
    """What the history keeps."""

    lines: Keep
    levels: Mapping[int, Keep]  # of samples: 0 as they came, 1 steps of 10 s, 2 of 1 min, 3 of 1 h


DEFAULT_TEXTS = {
    "keep_lines": "30d 20GiB",
    "keep_raw": "7d 10GiB",
    "keep_10s": "30d 5GiB",
    "keep_1min": "1y 5GiB",
    "keep_1h": "10y 2GiB",
}


def build(texts: Mapping[str, str]) -> Keeping:
    """Of settings that were checked with `parse`."""
    names = tuple(DEFAULT_TEXTS)
    return Keeping(parse(texts[names[0]]), {level: parse(texts[name]) for level, name in enumerate(names[1:])})


DEFAULT = build(DEFAULT_TEXTS)
EVERYTHING = Keeping(Keep(), {})
