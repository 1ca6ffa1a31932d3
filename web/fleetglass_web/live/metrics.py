"""A channel of samples: at each tick the rows that arrived, of its hosts and its series, in one frame.

A tick comes when rows are waiting and the interval has passed since the last one, a short gathering time after the
first row, so that the rows of one second travel together. A host gives at most one row an interval: the newest, or the
one that carries an `iostat` report, which covers the whole second.

In: `now_ms`, blocks of the view. Out: frames to the subscribers.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleetglass_web.live import messages as m
from fleetglass_web.live.channel import Channel, WriteAll, write_all_plain
from fleetglass_web.live.messages import Frame
from fleetglass_web.live.subscription import MetricsQuestion
from fleetglass_web.query import series
from fleetglass_web.view import Block, FleetView, Host

# Agents of one second report within some 20 ms; waiting this long sends them together.
GATHER_MS = 25
# An agent's second is not exactly one: a row that comes a little early is not held back to the next tick.
EARLY_SHARE = 0.8
# Says "nothing new" on a quiet channel, so that a client can tell silence from a dead connection.
QUIET_MS = 5_000
# A slow socket takes the state in pieces; one piece fits into a client's share of memory.
PIECE_BYTES = 128 << 10
# History for a first picture: 16 MB of float32; with more hosts the span is shortened.
HISTORY_VALUES_MAX = 4 << 20

REPORT_AGE = "iostat.age_ms"


class _State(NamedTuple):
    ticks: int
    version: int
    frames: tuple[Frame, ...]


class MetricsChannel(Channel):
    """Samples for one `MetricsQuestion`."""

    def __init__(
        self,
        number: int,
        question: MetricsQuestion,
        view: FleetView,
        write_all: WriteAll = write_all_plain,
        mark: int | None = None,
    ) -> None:
        # Host -> is a member. The last entry is always false: it stands for all hosts beyond.
        self._mask: NDArray[np.bool_] = np.zeros(1, dtype=np.bool_)
        self._sent_ms: NDArray[np.float64] = np.zeros(0)
        super().__init__(number, question, view, write_all)
        self.question = question
        self.mark = view.arrived(-1)[0] if mark is None else mark
        self.ticks = 0
        self._announced: dict[int, tuple[str, ...]] = {}
        self._states: dict[float, _State] = {}
        self._last_ms = float("-inf")
        self._said_ms = view.now_ms()
        self._due_ms: float | None = None

    # -- time ---------------------------------------------------------------------------------------------------

    def rows_arrived(self, now_ms: float) -> None:
        """Rows wait in the view: plan the next tick."""
        if self._due_ms is None:
            gather_ms = min(GATHER_MS, self.question.interval_ms / 10)
            self._due_ms = max(now_ms + gather_ms, self._last_ms + self.question.interval_ms * EARLY_SHARE)

    def next_tick_ms(self) -> float:
        """When to call `tick`."""
        if self._due_ms is not None:
            return self._due_ms
        return self._said_ms + max(QUIET_MS, self.question.interval_ms)

    def tick(self, now_ms: float, mark: int, blocks: Sequence[Block]) -> None:
        """Send what arrived after `self.mark`, up to `mark`."""
        self._due_ms = None
        self._last_ms = now_ms
        self.mark = mark
        self.ticks += 1
        own = self.own(blocks, thin=True)
        self.announce(own)
        for block in own:
            np.maximum.at(self._sent_ms, block.hosts, block.time_ms)
        if own or now_ms >= self._said_ms + QUIET_MS:
            self._said_ms = now_ms
            self.send_state(Frame(self.samples(own)))

    # -- content ------------------------------------------------------------------------------------------------

    def own(self, blocks: Sequence[Block], thin: bool) -> list[Block]:
        """The rows of this channel's hosts, with its series only; one block a schema."""
        by_schema: dict[int, list[Block]] = {}
        for block in blocks:
            by_schema.setdefault(block.schema, []).append(block)
        found = []
        for schema, group in by_schema.items():
            names = self.view.schema(schema)
            columns = series.select(self.question.series, names)
            if not columns:
                continue
            # A tick begins with cold caches, where each call into NumPy takes some 10 us: few of them, and none to copy
            # what is kept whole.
            block = _joined(group)
            rows = self._mask.take(block.hosts, mode="clip").nonzero()[0]
            if not len(rows):
                continue
            if len(rows) != len(block.hosts):
                block = _rows(block, rows)
            if thin:
                block = _thinned(block, names, self.question.interval_ms)
            if len(columns) != len(names):
                block = block._replace(values=block.values[:, list(columns)])
            found.append(block)
        return found

    def _series(self, schema: int) -> tuple[str, ...]:
        names = self.view.schema(schema)
        return tuple(names[column] for column in series.select(self.question.series, names))

    def announce(self, blocks: Sequence[Block]) -> None:
        """Say the names of series that were not said yet."""
        for block in blocks:
            if block.schema not in self._announced:
                self._announced[block.schema] = self._series(block.schema)
                self.send(Frame(m.Schema(self.number, block.schema, self._announced[block.schema])))

    def samples(self, blocks: Sequence[Block]) -> m.Samples:
        """The message for rows that `own` chose and `announce` named."""
        names = {number: host.name for number, host in self.members.items()} if len(self.members) < 64 else _Names(self)
        return m.Samples(self.number, blocks, names, self._announced)

    # -- state --------------------------------------------------------------------------------------------------

    def state_since(self, version: int) -> Sequence[Frame]:
        """Also schemas and the newest row of each host; shared by all who ask within a tick."""
        return (*super().state_since(version), *self._shared(0.0).frames[1:])

    def first_state(self, history_s: float) -> Iterable[Frame]:
        """The same for a new subscriber, with the rows of the last `history_s`."""
        return self._shared(history_s).frames

    def _shared(self, history_s: float) -> _State:
        state = self._states.get(history_s)
        if state is None or state.ticks != self.ticks or state.version != self.version:
            state = _State(self.ticks, self.version, tuple(self._state_frames(history_s)))
            if len(self._states) > 8:
                self._states.clear()
            self._states[history_s] = state
        return state

    def _state_frames(self, history_s: float) -> Iterator[Frame]:
        yield self.hosts_frame()
        newest = self.own(self.view.arrived(-1)[1], thin=False)
        blocks = newest
        if history_s > 0 and newest:
            columns = max(block.values.shape[1] for block in newest)
            rows_max = HISTORY_VALUES_MAX / max(columns, 1) / max(len(self.members), 1)
            span_ms = min(history_s * 1_000, rows_max * self.question.interval_ms)
            recent = self.own(self.view.recent(tuple(self.members), span_ms), thin=True)
            blocks = self._only_sent(recent) or newest
        self.announce(blocks)
        for schema, names in self._announced.items():
            yield Frame(m.Schema(self.number, schema, names))
        for piece in _pieces(blocks):
            yield Frame(self.samples([piece]))

    def _only_sent(self, blocks: Sequence[Block]) -> list[Block]:
        """Without the rows that the next tick will bring, where earlier ones of the host are there."""
        found = []
        for block in blocks:
            sent_ms = self._sent_ms[block.hosts]
            keep = (sent_ms == 0) | (block.time_ms <= sent_ms)
            found.append(Block(block.schema, block.hosts[keep], block.time_ms[keep], block.values[keep]))
        return [block for block in found if len(block.hosts)]

    # -- hosts --------------------------------------------------------------------------------------------------

    def _enter(self, host: Host) -> None:
        super()._enter(host)
        if host.host >= len(self._mask) - 1:
            more = host.host + 64 - len(self._mask)
            self._mask = np.concatenate((self._mask, np.zeros(more, dtype=np.bool_)))
            self._sent_ms = np.concatenate((self._sent_ms, np.zeros(more)))
        self._mask[host.host] = True

    def _leave(self, number: int) -> None:
        super()._leave(number)
        self._mask[number] = False
        self._sent_ms[number] = 0


class _Names(dict[int, str]):
    """Host -> name, looked up when somebody writes words; a large fleet's table is not copied for every frame."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def __missing__(self, host: int) -> str:
        return self._channel.name_of(host)

    def get(self, host: int, default: str | None = None) -> str:  # type: ignore[override]  # never None here
        return self._channel.name_of(host) or default or ""


def _joined(blocks: Sequence[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    return Block(
        blocks[0].schema,
        np.concatenate([block.hosts for block in blocks]),
        np.concatenate([block.time_ms for block in blocks]),
        np.concatenate([block.values for block in blocks]),
    )


def _rows(block: Block, rows: NDArray[Any]) -> Block:  # any: positions, or a truth for each
    return Block(block.schema, block.hosts[rows], block.time_ms[rows], block.values[rows])


def _thinned(block: Block, names: tuple[str, ...], interval_ms: int) -> Block:
    """Of each host and interval one row: the newest that carries a report, else the newest."""
    count = len(block.hosts)
    if count < 2 or len(np.unique(block.hosts)) == count:
        return block
    keep = np.ones(count, dtype=np.bool_)
    bucket = np.floor(block.time_ms / interval_ms)
    has_report = np.zeros(count, dtype=np.bool_)
    if REPORT_AGE in names:
        has_report = block.values[:, names.index(REPORT_AGE)] == 0
    order = np.lexsort((block.time_ms, has_report, bucket, block.hosts))
    is_last = np.ones(count, dtype=np.bool_)
    is_last[:-1] = (np.diff(block.hosts[order].astype(np.int64)) != 0) | (np.diff(bucket[order]) != 0)
    keep[order] = is_last
    return _rows(block, keep)


def _pieces(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        rows = max(1, PIECE_BYTES // (12 + 4 * block.values.shape[1]))
        for start in range(0, len(block.hosts), rows):
            end = start + rows
            yield Block(block.schema, block.hosts[start:end], block.time_ms[start:end], block.values[start:end])
