"""Coarser steps: min, avg, max and count of each, made of finer ones as data age.

    level          0 raw       1            2           3
    step           as it came  10 s         1 min       1 h
    a chunk holds  an hour     an hour      a day       30 days

An extreme survives every step; an average is weighted with the counts. A step without a value has the count 0.

In: arrays. Out: arrays. Nothing is kept here.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
RAW, TEN_SECONDS, MINUTE, HOUR = range(4)
STEP_MS = (0, 10_000, 60_000, HOUR_MS)
SPAN_MS = (HOUR_MS, HOUR_MS, DAY_MS, 30 * DAY_MS)
COARSE = (TEN_SECONDS, MINUTE, HOUR)


class Steps(NamedTuple):
    """Steps of one series, by rising time. Shape (n,) each."""

    time_ms: NDArray[np.int64]  # a step's start
    min: NDArray[np.float32]
    avg: NDArray[np.float32]
    max: NDArray[np.float32]
    counted: NDArray[np.int64]


def bucket(level: int, time_ms: float) -> int:
    """The chunk of a level that holds a moment."""
    return int(time_ms // SPAN_MS[level])


def of_values(time_ms: NDArray[np.int64], values: NDArray[np.float32]) -> Steps:
    """Single values, each a step of its own; NaN is left out."""
    known = ~np.isnan(values)
    own = values[known]
    return Steps(time_ms[known], own, own, own, np.ones(len(own), np.int64))


def take(steps: Steps, places: NDArray[np.bool_]) -> Steps:
    """Some of these steps."""
    return Steps(steps.time_ms[places], steps.min[places], steps.avg[places], steps.max[places], steps.counted[places])


def merge(parts: list[Steps], step_ms: int) -> Steps:
    """Finer steps of one series, of any order, as steps of this length."""
    times = np.concatenate([part.time_ms for part in parts])
    counts = np.concatenate([part.counted for part in parts])
    known = counts > 0
    numbers = times[known] // step_ms
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    if not len(numbers):
        none = np.empty(0, np.float32)
        return Steps(np.empty(0, np.int64), none, none, none, np.empty(0, np.int64))

    def column(name: str) -> NDArray[np.float32]:
        joined: NDArray[np.float32] = np.concatenate([getattr(part, name) for part in parts])[known][order]
        return joined

    counts = counts[known][order]
    starts = np.flatnonzero(np.concatenate(([True], np.diff(numbers) > 0)))
    sizes = np.add.reduceat(counts, starts)
    sums = np.add.reduceat(column("avg").astype(np.float64) * counts, starts)
    return Steps(
        numbers[starts] * step_ms,
        np.minimum.reduceat(column("min"), starts),
        (sums / sizes).astype(np.float32),
        np.maximum.reduceat(column("max"), starts),
        sizes,
    )


def spread(steps: Steps, length_ms: int, step_ms: int) -> Steps:
    """Steps that are longer than wanted, as several: what is known of a minute is known of each of its seconds."""
    times = -(-length_ms // step_ms)
    if times <= 1:
        return steps
    begins = (steps.time_ms[:, None] + np.arange(times) * step_ms).ravel()
    return Steps(
        begins,
        np.repeat(steps.min, times),
        np.repeat(steps.avg, times),
        np.repeat(steps.max, times),
        np.repeat(steps.counted, times),
    )


def on_grid(steps: Steps, level: int, number: int) -> Steps:
    """Steps of a chunk with a place for every step, so that times need not be kept."""
    size = SPAN_MS[level] // STEP_MS[level]
    first = number * SPAN_MS[level]
    places = (steps.time_ms - first) // STEP_MS[level]
    counts = np.zeros(size, np.int64)
    counts[places] = steps.counted

    def full(column: NDArray[np.float32]) -> NDArray[np.float32]:
        whole = np.full(size, np.nan, np.float32)
        whole[places] = column
        return whole

    times = first + np.arange(size, dtype=np.int64) * STEP_MS[level]
    return Steps(times, full(steps.min), full(steps.avg), full(steps.max), counts)


def filled(newer: Steps, older: Steps) -> Steps:
    """A chunk made anew, with what only its older self still knows. Both on the same grid."""
    lacking = newer.counted == 0
    return Steps(
        newer.time_ms,
        np.where(lacking, older.min, newer.min),
        np.where(lacking, older.avg, newer.avg),
        np.where(lacking, older.max, newer.max),
        np.where(lacking, older.counted, newer.counted),
    )
