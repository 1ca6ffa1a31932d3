"""The seam between the hub's present and its past, in the words of the present.

The event loop's thread calls everything here. What is appended is taken at once and made durable in the order of the
appends: each append answers a *mark*, a rising number, and `committed(mark)` later says that everything up to that mark
is on disk. Nothing else acknowledges: an agent is told an offset only after the mark of its lines was committed.

    append, append, append ── flush ── fan-out ── ... at most 250 ms ... ── committed(mark) ── commit to the agents

`flush` stands before the fan-out of lines: what was flushed survives the death of the process (not of the machine), so
that after a kill -9 a browser's cursor still means the same lines. How that is done is the recorder's affair.

Hosts, streams and schemas have the hub's numbers; a recorder gives the same numbers back after a restart.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from fleetglass_web.view import Gap, LineBatch, LogPage, LogQuery, MetricQuery, MetricSeries
from numpy.typing import NDArray


class HostRecord(NamedTuple):
    """What is known of an agent for as long as it is not forgotten."""

    host: int
    agent_id: bytes
    name: str
    labels: Mapping[str, str]
    platform: Mapping[str, str]
    agent_version: str
    interval_ms: int
    address: str
    first_ms: float
    last_ms: float  # hub clock of the last frame when this was recorded; a recorder may know a later one
    said_bye: bool


class StreamRecord(NamedTuple):
    """A followed path or command of a host. `stream` is the hub's number, unique within the host, never used again."""

    host: int
    stream: int
    path: str
    kind: str


class FileRecord(NamedTuple):
    """One file of a stream, and how far it is on disk. `file` is the agent's random number."""

    host: int
    stream: int
    file: int
    dev: int
    inode: int
    fp_count: int
    fp: bytes
    committed: int
    ended: bool


class Rows(NamedTuple):
    """Samples that share a schema, in the order of their arrival. Nothing changes them afterwards."""

    schema: int
    hosts: NDArray[np.uint32]  # shape (n,)
    raw_ms: NDArray[np.int64]  # by the host's clock: what `commit` acknowledges
    time_ms: NDArray[np.float64]  # corrected: what is shown and asked for
    values: NDArray[np.float32]  # shape (n, series of the schema)


class EventRecord(NamedTuple):
    """Something that happened to a host, as it was told; kept for the operator to read."""

    host: int
    stream: int | None
    time_ms: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a recorder knows at the start."""

    hosts: Sequence[HostRecord] = ()
    streams: Sequence[StreamRecord] = ()
    files: Sequence[FileRecord] = ()
    schemas: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    samples_ms: Mapping[int, int] = field(default_factory=dict)  # host -> newest durable raw_ms
    next_seq: int = 1  # above every sequence number that was ever flushed
    tail: Sequence[LineBatch] = ()  # the newest lines, in the order of `seq`, without a hole: they warm the memory
    rows: Sequence[Rows] = ()  # the newest minutes of samples, oldest first: the same
    life: int = 0  # names this start in cursors
    # Earlier starts, and the last number of each that is known now: what it gave beyond that was lost with the machine,
    # and the next life has given the same numbers to other lines.
    lives: Mapping[int, int] = field(default_factory=dict)
    gaps: Sequence[tuple[int, Gap]] = ()  # what is missing, with its `seq`, as far back as `tail`


class Recorder(Protocol):
    """Keeps everything that arrives, and answers questions about it. Appends never raise and never wait."""

    @property
    def problem(self) -> str:
        """Why nothing is committed at present, as a sentence with its remedy; "" while all is well."""

    @property
    def pending_bytes(self) -> int:
        """Log bytes that were appended and are not committed: the hub gives no credit while this is large."""

    def load(self, tail_bytes: int) -> Loaded:
        """Called once, before `start`. At most about `tail_bytes` of lines come in `tail`."""

    def start(self, committed: Callable[[int], None]) -> None:
        """From now on commit in groups, at most 250 ms apart, and call `committed(mark)` on the loop's thread."""

    def put_host(self, record: HostRecord) -> None:
        """A host is new, or what is known of it has changed."""

    def put_stream(self, record: StreamRecord) -> None:
        """A stream is new."""

    def put_file(self, record: FileRecord) -> None:
        """A file is new, its fingerprint has grown, or it has ended. `committed` counts only for a new file."""

    def put_schema(self, schema: int, series: tuple[str, ...]) -> None:
        """A schema is new; called before the first rows of it."""

    def append_rows(self, rows: Rows) -> int:
        """Keep samples. A row whose host and raw_ms were appended before replaces the older one."""

    def append_lines(self, batch: LineBatch) -> int:
        """Keep lines; the committed offset of their file becomes `start + len(data)` with them."""

    def append_gap(self, gap: Gap, file: int, end: int, seq: int) -> int:
        """Keep the news that something is missing; the committed offset of the file becomes `end` with it."""

    def append_event(self, event: EventRecord) -> int:
        """Keep an event."""

    def flush(self) -> None:
        """What was appended must now survive the death of the process."""

    async def logs(self, query: LogQuery) -> LogPage:
        """Search lines, also those that are not committed yet, newest first.

        Raises:
            CursorError: the query's cursor is not one of this recorder.
        """

    async def metrics(self, query: MetricQuery) -> Sequence[MetricSeries]:
        """Values in steps, also of rows that are not committed yet: past and present in one answer."""

    async def forget(self, host: int) -> None:
        """Delete everything of a host. Its number is not used again before the next start."""

    def figures(self) -> Mapping[str, float]:
        """The recorder's own figures for /metrics."""

    async def close(self) -> None:
        """Commit what was appended, call `committed` for it, and end. Nothing is appended afterwards."""
