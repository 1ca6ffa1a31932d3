"""`GET /api/v1/hosts`: who is in the fleet, how old its news are, and its newest values."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from fleetglass_web.api import answers, parameters
from fleetglass_web.live.encode import host_map
from fleetglass_web.live.float32 import as_lists
from fleetglass_web.view import Block, FleetView, Host

Row = tuple[float | None, dict[str, float | None]]

# Rows whose numbers are made ready together: large enough for NumPy, small enough to share the interpreter.
ROWS_AT_ONCE = 500


def _of_block(block: Block) -> Iterator[tuple[int, float, list[float | None]]]:
    for start in range(0, len(block.hosts), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        listed = as_lists(block.values[part])
        for row, column in zip(*np.nonzero(~np.isfinite(block.values[part])), strict=True):
            listed[row][column] = None
        yield from zip(block.hosts[part].tolist(), block.time_ms[part].tolist(), listed, strict=True)


async def get_hosts(request: Request) -> Response:
    """The table's first route."""
    view: FleetView = request.app.state.view
    parameters.only(request, ("filter",))
    with parameters.bad_request():
        hosts = parameters.matching_hosts(view, parameters.text(request, "filter"))
    now_ms = view.now_ms()
    blocks = view.arrived(-1)[1]
    names = [view.schema(block.schema) for block in blocks]
    entries = _entries(hosts, blocks, names, now_ms)
    return await answers.listed(request, {"time_ms": now_ms}, "hosts", entries, len(hosts))


def _entries(
    hosts: Sequence[Host], blocks: Sequence[Block], names: Sequence[tuple[str, ...]], now_ms: float
) -> Iterator[dict[str, Any]]:  # any: the maps of the answer
    """Host by host in the order of their numbers; their rows are looked up some hundred at a time."""
    size = 1 + max((host.host for host in hosts), default=0)
    block_of, row_of = np.full(size, -1, np.int32), np.zeros(size, np.int64)
    for number, block in enumerate(blocks):
        own = np.flatnonzero(block.hosts < size)
        block_of[block.hosts[own]] = number
        row_of[block.hosts[own]] = own
    for start in range(0, len(hosts), ROWS_AT_ONCE):
        part = hosts[start : start + ROWS_AT_ONCE]
        numbers = np.fromiter((host.host for host in part), np.int64, len(part))
        found: dict[int, Row] = {}
        for number in np.unique(block_of[numbers]).tolist():
            if number >= 0:
                own = numbers[block_of[numbers] == number]
                block = blocks[number]
                at = row_of[own]
                cut = Block(block.schema, block.hosts[at], block.time_ms[at], block.values[at])
                for host, time_ms, row in _of_block(cut):
                    found[host] = time_ms, dict(zip(names[number], row, strict=True))
        for one in part:
            row_ms, values = found.get(one.host, (None, {}))
            age_s = round(max(0.0, now_ms - one.last_ms) / 1_000, 3)
            yield {**host_map(one), "age_s": age_s, "time_ms": row_ms, "values": values}
