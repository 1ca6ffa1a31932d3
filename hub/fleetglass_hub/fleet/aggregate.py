"""One number for many hosts: count, sum, min, avg, max and percentiles of any set, by group, now and in steps.

    values    host a │ 1  2  ?        group x: a, b       newest: one figure a group
              host b │ 3  ?  ?        group y: c          past:   one figure a group and step
              host c │ 5  6  7

NaN is left out of everything, also of the count: an average over what is known, and `count` says how much that was.
In a step of the past a series counts once: with its mean for sum, avg and percentiles, with its least and greatest
value for min and max.

In: rows or series, and the group of each host. Out: `GroupSeries`. All groups are reduced together, because ten
thousand small calls of NumPy take seconds.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from fleetglass_proto import series as series_names
from fleetglass_web.live.float32 import shortest
from fleetglass_web.query.series import select
from fleetglass_web.view import AggregateQuery, Block, GroupSeries, MetricQuery, MetricSeries
from numpy.typing import NDArray

# Of what float32 brings nine digits are kept; of a sum of many, the digits that a float64 has beyond its noise.
MEAN_DIGITS, SUM_DIGITS = 9, 12
# Points of the past that are held at a time: 12 bytes each in the answer of history, as much again while reducing.
POINTS_AT_ONCE = 4_000_000

Floats = NDArray[np.float64]


class Reduced(NamedTuple):
    """Figures of each cell, in the order of the cells. All but `count` and `sum` are NaN where nothing is known."""

    count: NDArray[np.int64]  # type: ignore[assignment]  # the word is the field's, not tuple's
    sum: Floats
    min: Floats
    avg: Floats
    max: Floats
    percentiles: Floats  # shape (cells, percentiles)


def reduce(
    cells: NDArray[np.int64], low: Floats, mean: Floats, high: Floats, size: int, percentiles: Sequence[float]
) -> Reduced:
    """Figures of cells 0 to `size - 1`; value i lies in cell `cells[i]`."""
    count = np.zeros(size, np.int64)
    total = np.zeros(size)
    least, average, most = (np.full(size, np.nan) for _ in range(3))
    ranks = np.full((size, len(percentiles)), np.nan)
    known = np.flatnonzero(~np.isnan(mean))
    if len(known):
        cells, low, mean, high = cells[known], low[known], mean[known], high[known]
        order = np.lexsort((mean, cells))
        cells, low, mean, high = cells[order], low[order], mean[order], high[order]
        starts = np.flatnonzero(np.r_[True, np.diff(cells) > 0])
        filled, sizes = cells[starts], np.diff(np.r_[starts, len(cells)])
        sums = np.add.reduceat(mean, starts)
        count[filled], total[filled] = sizes, rounded(sums, SUM_DIGITS)
        least[filled], most[filled] = np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)
        average[filled] = rounded(sums / sizes, MEAN_DIGITS)
        # Linear between the two nearest ranks, as numpy.percentile and spreadsheets do.
        place = np.asarray(percentiles, np.float64)[None, :] / 100 * (sizes - 1)[:, None]
        below = np.floor(place).astype(np.int64)
        above = np.minimum(below + 1, (sizes - 1)[:, None])
        lower, upper = mean[starts[:, None] + below], mean[starts[:, None] + above]
        ranks[filled] = rounded(lower + (upper - lower) * (place - below), MEAN_DIGITS)
    return Reduced(count, total, least, average, most, ranks)


def rounded(values: Floats, digits: int) -> Floats:
    """To so many significant digits."""
    with np.errstate(all="ignore"):
        shift = digits - 1 - np.floor(np.log10(np.abs(values)))
        up, down = np.power(10.0, np.maximum(shift, 0)), np.power(10.0, np.maximum(-shift, 0))
        near = np.rint(values * up / down) * down / up
    return np.where(np.isfinite(near) & (values != 0), near, values)


class _Keys:
    """Numbers for (group, series) as they are met."""

    def __init__(self, by_instance: bool) -> None:
        self._by_instance = by_instance
        self._names: dict[str, int] = {}
        self._shown: dict[str, int] = {}
        self.numbers: dict[tuple[int, int], int] = {}

    def name(self, series: str) -> int:
        """The number of what a series is counted as."""
        number = self._shown.get(series)
        if number is None:
            text = series if self._by_instance else series_names.parse(series)[0]
            number = self._shown[series] = self._names.setdefault(text, len(self._names))
        return number

    def key(self, group: int, name: int) -> int:
        """The number of a group's series."""
        return self.numbers.setdefault((group, name), len(self.numbers))

    def in_order(self) -> list[tuple[int, str, int]]:
        """Group, series and key, by group, then name."""
        names = list(self._names)
        return sorted((group, names[name], key) for (group, name), key in self.numbers.items())


def newest(
    blocks: Sequence[Block], names: Sequence[tuple[str, ...]], query: AggregateQuery, now_ms: float
) -> list[GroupSeries]:
    """Of the newest row of each host.

    Args:
        names: those of each block's schema.
    """
    size = 1 + max((*query.hosts, *(int(block.hosts.max()) for block in blocks if len(block.hosts))), default=0)
    group_of = np.full(size, -1, np.int64)
    group_of[list(query.hosts)] = query.groups
    keys = _Keys(query.by_instance)
    cells: list[NDArray[np.int64]] = []
    values: list[Floats] = []
    for block, series in zip(blocks, names, strict=True):
        groups = group_of[block.hosts]
        rows = np.flatnonzero(groups >= 0)
        columns = select(tuple(query.series), series)
        if not len(rows) or not columns:
            continue
        present, index = np.unique(groups[rows], return_inverse=True)
        table = np.array(
            [[keys.key(group, keys.name(series[column])) for column in columns] for group in present.tolist()], np.int64
        )
        cells.append(table[index].ravel())
        values.append(shortest(block.values[rows][:, np.array(columns)]).ravel())
    if not cells:
        return []
    known = np.concatenate(values)
    found = reduce(np.concatenate(cells), known, known, known, len(keys.numbers), query.percentiles)
    time_ms = np.array([now_ms])
    return [_series(group, name, time_ms, found, slice(key, key + 1)) for group, name, key in keys.in_order()]


def _series(group: int, name: str, time_ms: Floats, found: Reduced, own: slice) -> GroupSeries:
    return GroupSeries(
        group,
        name,
        time_ms,
        found.count[own],
        found.sum[own],
        found.min[own],
        found.avg[own],
        found.max[own],
        found.percentiles[own],
    )


def slices(query: AggregateQuery, series_count: int) -> Iterator[MetricQuery]:
    """The question to history, in spans of whole steps that fit into memory.

    Args:
        series_count: how many series all hosts have together.
    """
    assert query.span is not None, "a question about the past has a span"
    from_ms, to_ms, step_ms = query.span
    span_ms = max(1, POINTS_AT_ONCE // max(1, series_count)) * step_ms
    start_ms = from_ms
    while start_ms < to_ms:
        end_ms = min(to_ms, start_ms // step_ms * step_ms + span_ms)
        yield MetricQuery(query.hosts, query.series, start_ms, end_ms, step_ms)
        start_ms = end_ms


def past(found: Sequence[MetricSeries], query: AggregateQuery, part: MetricQuery) -> list[GroupSeries]:
    """Of one slice of the past; each answer has all steps of the slice."""
    first = int(part.from_ms // part.step_ms)
    steps = int(-(-part.to_ms // part.step_ms)) - first
    group_of = dict(zip(query.hosts, query.groups, strict=True))
    keys = _Keys(query.by_instance)
    cells: list[NDArray[np.int64]] = []
    for one in found:
        key = keys.key(group_of[one.host], keys.name(one.series))
        cells.append(key * steps + (one.time_ms / part.step_ms).astype(np.int64) - first)
    if not cells:
        return []
    low, mean, high = (
        shortest(np.concatenate([getattr(one, column) for one in found])) for column in ("min", "avg", "max")
    )
    reduced = reduce(np.concatenate(cells), low, mean, high, len(keys.numbers) * steps, query.percentiles)
    time_ms = (np.arange(steps, dtype=np.float64) + first) * part.step_ms
    return [
        _series(group, name, time_ms, reduced, slice(key * steps, (key + 1) * steps))
        for group, name, key in keys.in_order()
    ]


def joined(parts: Sequence[Sequence[GroupSeries]], query: AggregateQuery) -> list[GroupSeries]:
    """The slices of a span as one answer: every series has every step from the span's first to its last."""
    if len(parts) == 1:
        return list(parts[0])
    assert query.span is not None, "a question about the past has a span"
    from_ms, to_ms, step_ms = query.span
    first = int(from_ms // step_ms)
    steps = int(-(-to_ms // step_ms)) - first
    time_ms = (np.arange(steps, dtype=np.float64) + first) * step_ms
    whole: dict[tuple[int, str], GroupSeries] = {}
    for part in parts:
        for one in part:
            mine = whole.get((one.group, one.series))
            if mine is None:
                nothing = np.empty(0)
                columns = reduce(np.empty(0, np.int64), nothing, nothing, nothing, steps, query.percentiles)
                mine = whole[one.group, one.series] = _series(one.group, one.series, time_ms, columns, slice(None))
            at = int(one.time_ms[0] / step_ms) - first
            for column, piece in zip(mine[3:], one[3:], strict=True):
                column[at : at + len(one.time_ms)] = piece
    return [whole[key] for key in sorted(whole)]
