"""Coarser steps: min, avg, max and count of each, made of finer ones as data age.

    level          0 raw       1            2           3
    step           as it came  10 s         1 min       1 h
    a chunk holds  an hour     an hour      a day       30 days

An extreme survives every step; an average is weighted with the counts. A step without a value has the count 0.

In: arrays. Out: arrays. Nothing is kept here.
"""

from collections.abc import Sequence
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
    """Steps of one series that hold a value. Shape (n,) each."""

    time_ms: NDArray[np.int64]  # a step's start
    min: NDArray[np.float32]
    avg: NDArray[np.float32]
    max: NDArray[np.float32]
    counted: NDArray[np.int64]


def bucket(level: int, time_ms: float) -> int:
    """The chunk of a level that holds a moment."""
    return int(time_ms // SPAN_MS[level])


class Grid(NamedTuple):
    """Steps of many series that share their times. Figures have a row a series; NaN where nothing is counted."""

    time_ms: NDArray[np.int64]  # shape (n,), rising
    min: NDArray[np.float32]  # shape (series, n)
    avg: NDArray[np.float32]
    max: NDArray[np.float32]
    counted: NDArray[np.int64]

    def row(self, place: int) -> Steps:
        """One series, without its holes."""
        known = self.counted[place] > 0
        return Steps(
            self.time_ms[known],
            self.min[place][known],
            self.avg[place][known],
            self.max[place][known],
            self.counted[place][known],
        )


def of_values(time_ms: NDArray[np.int64], values: NDArray[np.float32]) -> Grid:
    """Single values, each a step of its own; `values` has a row a series."""
    return Grid(time_ms, values, values, values, (~np.isnan(values)).astype(np.int64))


def take(grid: Grid, places: NDArray[np.bool_]) -> Grid:
    """Some of these steps."""
    if places.all():
        return grid
    return Grid(
        grid.time_ms[places],
        grid.min[:, places],
        grid.avg[:, places],
        grid.max[:, places],
        grid.counted[:, places],
    )


def coarsen(grid: Grid, step_ms: int) -> Grid:
    """Finer steps as steps of this length; steps without any of them are left out."""
    numbers = grid.time_ms // step_ms
    if not len(numbers):
        return grid
    starts = np.flatnonzero(np.concatenate(([True], numbers[1:] != numbers[:-1])))
    if len(starts) == len(numbers):
        return grid._replace(time_ms=numbers * step_ms)
    counted = np.add.reduceat(grid.counted, starts, axis=1)
    # An average without a count is NaN.
    weighted = np.where(grid.counted > 0, grid.avg.astype(np.float64) * grid.counted, 0.0)
    with np.errstate(invalid="ignore"):
        average = np.add.reduceat(weighted, starts, axis=1) / counted
    return Grid(
        numbers[starts] * step_ms,
        np.fmin.reduceat(grid.min, starts, axis=1),
        average.astype(np.float32),
        np.fmax.reduceat(grid.max, starts, axis=1),
        counted,
    )


def merge(parts: Sequence[Steps], step_ms: int) -> Steps:
    """Steps of one series from many places, of any order, as steps of this length."""
    times = np.concatenate([part.time_ms for part in parts])
    order = np.argsort(times, kind="stable")
    ordered = Grid(
        times[order],
        np.concatenate([part.min for part in parts])[order][None],
        np.concatenate([part.avg for part in parts])[order][None],
        np.concatenate([part.max for part in parts])[order][None],
        np.concatenate([part.counted for part in parts])[order][None],
    )
    return coarsen(ordered, step_ms).row(0)


def spread(grid: Grid, length_ms: int, step_ms: int) -> Grid:
    """Steps that are longer than wanted, as several: what is known of a minute is known of each of its seconds."""
    times = -(-length_ms // step_ms)
    if times <= 1:
        return grid
    begins = (grid.time_ms[:, None] + np.arange(times) * step_ms).ravel()
    return Grid(
        begins,
        np.repeat(grid.min, times, axis=1),
        np.repeat(grid.avg, times, axis=1),
        np.repeat(grid.max, times, axis=1),
        np.repeat(grid.counted, times, axis=1),
    )


def on_grid(grid: Grid, level: int, number: int) -> Grid:
    """Steps of a chunk with a place for every step, so that times need not be kept."""
    size = SPAN_MS[level] // STEP_MS[level]
    first = number * SPAN_MS[level]
    places = (grid.time_ms - first) // STEP_MS[level]
    counted = np.zeros((len(grid.counted), size), np.int64)
    counted[:, places] = grid.counted

    def full(column: NDArray[np.float32]) -> NDArray[np.float32]:
        whole = np.full((len(column), size), np.nan, np.float32)
        whole[:, places] = column
        return whole

    times = first + np.arange(size, dtype=np.int64) * STEP_MS[level]
    return Grid(times, full(grid.min), full(grid.avg), full(grid.max), counted)


def filled(newer: Grid, older: Grid) -> Grid:
    """A chunk made anew, with what only its older self still knows. Both on the same grid, of the same series."""
    lacking = newer.counted == 0
    return Grid(
        newer.time_ms,
        np.where(lacking, older.min, newer.min),
        np.where(lacking, older.avg, newer.avg),
        np.where(lacking, older.max, newer.max),
        np.where(lacking, older.counted, newer.counted),
    )
