"""Samples in steps: min, avg and max of each, a hole where nothing is known.

In: times and values of one series, times rising. Out: one column a figure. A point's time is its step's start; steps
are multiples of their length since 1970, so that two answers have the same steps.
"""

import numpy as np
from fleetglass_web.view import MetricSeries
from numpy.typing import NDArray


def in_steps(
    host: int, series: str, time_ms: NDArray[np.float64], values: NDArray[np.float32], step_ms: int
) -> MetricSeries | None:
    """One series in steps from its first to its last known value; None if no value is known."""
    known = ~np.isnan(values)
    if not known.any():
        return None
    numbers = (time_ms[known] // step_ms).astype(np.int64)
    values = values[known]
    order = np.argsort(numbers, kind="stable")
    numbers, values = numbers[order], values[order]
    starts = np.flatnonzero(np.r_[True, np.diff(numbers) > 0])
    places = numbers[starts] - numbers[0]
    count = int(places[-1]) + 1
    sums = np.add.reduceat(values.astype(np.float64), starts)
    sizes = np.diff(np.r_[starts, len(values)])
    columns: list[NDArray[np.float32]] = []
    for figures in (np.minimum.reduceat(values, starts), sums / sizes, np.maximum.reduceat(values, starts)):
        column = np.full(count, np.nan, np.float32)
        column[places] = figures
        columns.append(column)
    times = (np.arange(count, dtype=np.float64) + float(numbers[0])) * float(step_ms)
    return MetricSeries(host, series, times, columns[0], columns[1], columns[2])
