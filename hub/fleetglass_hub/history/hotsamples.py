"""Samples of one commit as rows of the database: by schema and by shard of hosts, so that a host's can be read alone.

    body = zstd( hosts u32[n] │ raw_ms i64[n] │ time_ms f64[n] │ values f32[n x width] )

In: `Rows` as they were appended. Out: bodies, and back.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleetglass_hub.history import lines
from fleetglass_hub.history.content import ContentError
from fleetglass_hub.history.recorder import Rows

# Hosts of a shard: few enough that a question about one host reads little, many enough that 10,000 hosts make some
# 150 rows a commit.
SHARD_SHIFT = 6
_ROW_BYTES = 4 + 8 + 8


class HotRows(NamedTuple):
    """A row to be."""

    shard: int
    schema: int
    rows: int
    body: bytes


def encode(group: Sequence[Rows]) -> Iterator[HotRows]:
    """All rows of a commit, in the order of their arrival within each schema and shard."""
    by_schema: dict[int, list[Rows]] = {}
    for rows in group:
        by_schema.setdefault(rows.schema, []).append(rows)
    for schema, parts in by_schema.items():
        whole = concatenate(schema, parts)
        shards = whole.hosts >> SHARD_SHIFT
        if not len(shards):
            continue
        if (shards == shards[0]).all():
            yield HotRows(int(shards[0]), schema, len(shards), _body(whole))
            continue
        order = np.argsort(shards, kind="stable")
        ordered = shards[order]
        for places in np.split(order, np.flatnonzero(np.diff(ordered)) + 1):
            yield HotRows(int(shards[places[0]]), schema, len(places), _body(take(whole, places)))


def concatenate(schema: int, parts: Sequence[Rows]) -> Rows:
    """Rows of one schema behind each other."""
    if len(parts) == 1:
        return parts[0]
    return Rows(
        schema,
        np.concatenate([part.hosts for part in parts]),
        np.concatenate([part.raw_ms for part in parts]),
        np.concatenate([part.time_ms for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def take(rows: Rows, places: NDArray[np.int64] | NDArray[np.bool_]) -> Rows:
    """Some of these rows."""
    return Rows(rows.schema, rows.hosts[places], rows.raw_ms[places], rows.time_ms[places], rows.values[places])


def _body(rows: Rows) -> bytes:
    return lines.compress(
        b"".join(
            (
                rows.hosts.astype("<u4").tobytes(),
                rows.raw_ms.astype("<i8").tobytes(),
                rows.time_ms.astype("<f8").tobytes(),
                rows.values.astype("<f4").tobytes(),
            )
        )
    )


def decode(schema: int, count: int, body: bytes) -> Rows:
    """Read what `encode` made.

    Raises:
        ContentError: it is damaged.
    """
    data = lines.decompress(body)
    width = (len(data) // count - _ROW_BYTES) // 4
    if len(data) != count * (_ROW_BYTES + 4 * width):
        raise ContentError("damaged: a row of samples has another size")
    return Rows(
        schema,
        np.frombuffer(data, "<u4", count),
        np.frombuffer(data, "<i8", count, 4 * count),
        np.frombuffer(data, "<f8", count, 12 * count),
        np.frombuffer(data, "<f4", count * width, 20 * count).reshape(count, width),
    )
