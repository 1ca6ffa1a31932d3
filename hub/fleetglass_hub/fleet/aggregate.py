"""One number for many hosts: count, sum, min, avg, max and percentiles of any set, by label.

In: values and the group of each. Out: an `Aggregate` a group. NaN is left out of everything, also of the count: an
average over what is known, and `count` says how much that was.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

PERCENTILES = (50.0, 90.0, 95.0, 99.0)
Key = TypeVar("Key", bound=Hashable)


class Aggregate(NamedTuple):
    """What is known of a group. All but `count` and `sum` are NaN where nothing is known."""

    count: int  # type: ignore[assignment]  # the word is the field's, not tuple's
    sum: float
    min: float
    avg: float
    max: float
    percentiles: tuple[float, ...]  # in the order of `PERCENTILES`


NOTHING = Aggregate(0, 0.0, np.nan, np.nan, np.nan, (np.nan,) * len(PERCENTILES))


def aggregate(values: NDArray[np.float32], percentiles: Sequence[float] = PERCENTILES) -> Aggregate:
    """Of one set."""
    known = values[~np.isnan(values)].astype(np.float64)
    if not len(known):
        return NOTHING._replace(percentiles=(np.nan,) * len(percentiles))
    return Aggregate(
        len(known),
        float(known.sum()),
        float(known.min()),
        float(known.mean()),
        float(known.max()),
        tuple(float(value) for value in np.percentile(known, percentiles)),
    )


def by_group(
    values: NDArray[np.float32], groups: Sequence[Key], percentiles: Sequence[float] = PERCENTILES
) -> dict[Key, Aggregate]:
    """Of each group, in the order of its first member."""
    numbers: dict[Key, int] = {}
    index = np.fromiter((numbers.setdefault(group, len(numbers)) for group in groups), np.int64, len(groups))
    order = np.argsort(index, kind="stable")
    bounds = np.searchsorted(index[order], np.arange(len(numbers) + 1))
    return {
        group: aggregate(values[order[bounds[number] : bounds[number + 1]]], percentiles)
        for group, number in numbers.items()
    }
