"""What web needs from a fleet, in its own words. The hub passes an implementation in; web never knows where it runs.

Threads: everything is called on the event loop's thread and returns at once, except the `async` methods, which may
take as long as a disk does and stop when cancelled. Nothing handed out changes afterwards; arrays are read-only.

Numbers: a *host* is a small non-negative int that means one agent_id until the hub restarts. A *schema* is a hub-wide
number for one exact tuple of series names: hosts that measure the same things share it. Times are float or int ms
since 1970 UTC, corrected by the host's measured clock offset; `raw_ms` is what the host said.

Loss and order: rows and lines come in the order of their arrival; lines of one file always in the order of their
offsets, each once. What is missing is told as a `Gap`, never left out in silence.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class HostState(StrEnum):
    """Liveness of a host. `live`: a frame within three intervals; `left`: it said goodbye."""

    LIVE = "live"
    LATE = "late"
    LOST = "lost"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Host:
    """One agent as the hub knows it now."""

    host: int
    agent_id: str
    name: str
    labels: Mapping[str, str]
    state: HostState
    last_ms: float  # hub clock of the last frame; its age is now_ms() - last_ms
    interval_ms: int
    platform: Mapping[str, str | int | float]
    agent_version: str
    address: str
    clock_offset_ms: float  # host clock minus hub clock
    schema: int | None
    streams: int
    lag_ms: float  # from the newest read on the host to its arrival here
    first_ms: float = 0.0
    problems: Sequence[str] = field(default_factory=tuple)  # sources that are off and why, in words


class Block(NamedTuple):
    """Rows of samples that share a schema."""

    schema: int
    hosts: NDArray[np.uint32]  # shape (n,)
    time_ms: NDArray[np.float64]  # shape (n,)
    values: NDArray[np.float32]  # shape (n, series of the schema), NaN where missing


class LineBatch(NamedTuple):
    """A range of one file of one stream: whole lines, each with its end, unless `partial` or `cut`."""

    seq: int  # hub-wide arrival number, rising; 0 for a partial batch
    host: int
    stream: int  # the agent's number, unique within its host
    path: str
    file: int
    start: int  # offset of the first byte of data in its file
    time_ms: float
    raw_ms: float
    data: bytes
    partial: bool  # shown until the whole line comes with the same start
    cut: bool  # the last line goes on in the next batch of this file


class Gap(NamedTuple):
    """Something that is missing, and why."""

    host: int
    stream: int
    path: str
    from_ms: float
    to_ms: float
    lines: int | None
    bytes: int | None
    why: Literal["slow-reader", "agent-away", "file-gone", "truncated", "retention", "sampled"]


class Watcher(Protocol):
    """What the view calls when something happens. Calls are quick and never raise."""

    def hosts_changed(self, upsert: Sequence[Host], remove: Sequence[int]) -> None:
        """Hosts that are new or have other labels, state, schema, ...; not called for a mere new `last_ms`."""

    def rows_arrived(self) -> None:
        """New samples are there to be asked for with `arrived`."""

    def lines_arrived(self, batches: Sequence[LineBatch]) -> None:
        """New lines, called before they are committed, at once."""

    def gaps_found(self, gaps: Sequence[Gap]) -> None:
        """Something is missing from streams."""


class LogQuery(NamedTuple):
    """A question about past lines. `path` is a glob or None; patterns are RE2 sources, already checked."""

    hosts: Sequence[int]
    path: str | None
    match: str | None
    exclude: str | None
    from_ms: float
    to_ms: float
    limit: int
    cursor: bytes | None  # from `LogPage.next`; None: start at the newest
    severities: Sequence[str] = ()


class Line(NamedTuple):
    """One line of history, without its line end."""

    host: int
    stream: int
    path: str
    file: int
    offset: int
    time_ms: float
    raw_ms: float
    data: bytes


class LogPage(NamedTuple):
    """Lines, newest first; `next` continues behind the last, None: nothing older is kept or asked for."""

    lines: Sequence[Line]
    next: bytes | None
    searched_to_ms: float  # how far back was searched
    gaps: Sequence[Gap] = ()


class MetricQuery(NamedTuple):
    """A question about past values; `series` are (host, schema-independent series name) selections as globs."""

    hosts: Sequence[int]
    series: Sequence[str]  # globs over series names
    from_ms: float
    to_ms: float
    step_ms: int


class MetricSeries(NamedTuple):
    """One series of one host in steps. `time_ms` is each step's start; NaN where the step holds no sample."""

    host: int
    series: str
    time_ms: NDArray[np.float64]
    min: NDArray[np.float32]
    avg: NDArray[np.float32]
    max: NDArray[np.float32]


class AggregateQuery(NamedTuple):
    """A question about many hosts at once: each of `hosts` belongs to the set that `groups` names in its place.

    `by_instance` False: all instances of a metric are one set (every disk); True: each has its own. `span` is
    (from_ms, to_ms, step_ms) of the past; None: of the newest row of each host.
    """

    hosts: Sequence[int]
    groups: Sequence[int]
    series: Sequence[str]  # globs over series names
    by_instance: bool
    percentiles: Sequence[float]
    span: tuple[float, float, int] | None


class GroupSeries(NamedTuple):
    """One series of one set; columns of shape (steps,), for the newest rows one step.

    `count` is how many series of hosts are known in a step; nothing else counts. Where it is 0 all others but `sum` are
    NaN. Of the past a series counts with its mean for sum, avg and percentiles, with its extremes for min and max.
    """

    group: int
    series: str  # by instance: the whole name; else the metric
    time_ms: NDArray[np.float64]  # each step's start
    count: NDArray[np.int64]  # type: ignore[assignment]  # the word is the field's, not tuple's
    sum: NDArray[np.float64]
    min: NDArray[np.float64]
    avg: NDArray[np.float64]
    max: NDArray[np.float64]
    percentiles: NDArray[np.float64]  # shape (steps, percentiles)


class Enrolment(NamedTuple):
    """A line that was made for one machine. What it holds is told once, to whoever made it (`NewEnrolment`)."""

    id: str  # names it, and opens nothing
    labels: Mapping[str, str]
    created_ms: float | None  # None: made by a hub that did not note it
    expires_ms: float
    used_ms: float | None  # None: nobody has joined with it
    agent_id: str | None  # who has


class NewEnrolment(NamedTuple):
    """An enrolment with its secret: a one-time token is in each of the three texts."""

    enrolment: Enrolment
    join: str  # the join string alone
    line: str  # starts and joins an agent that is installed
    install: str  # installs an agent as a service, and joins it


class TurnedAway(NamedTuple):
    """An agent that knocked and was not let in."""

    time_ms: float
    address: str
    why: str


class Enrolments(NamedTuple):
    """The newest first; those that were revoked are not told."""

    enrolments: Sequence[Enrolment]
    endpoint: str  # where an agent that joins looks for the hub
    note: str  # why an agent may not find it there, and what to do; "" if all is well
    turned_away: int  # agents that were not let in since the hub's start, each try counted
    last_turned_away: TurnedAway | None


class EnrolmentStateError(Exception):
    """As things stand it cannot be done; the text says why and what to do."""


class CursorError(ValueError):
    """A cursor of another hub, of another version, or no cursor at all."""


class PastError(Exception):
    """The past cannot be read; the text says why and what to do."""


class Resumed(NamedTuple):
    """What arrived after a cursor: gaps first, then batches in arrival order. Each gap is in one step only.

    `cursor` stands behind the last of these batches. `is_complete`: it is also where arrival stands now; False: the
    limit was reached, ask again from `cursor`. `is_known`: numbers mean the batches that they meant to who has the
    cursor, so that nothing that was seen comes again; False: some may, and a gap says so.
    """

    gaps: Sequence[Gap]
    batches: Sequence[LineBatch]
    cursor: bytes
    is_complete: bool
    is_known: bool = True


class FleetView(Protocol):
    """The present and the past of a fleet."""

    hub_id: str
    version: str

    def now_ms(self) -> float:
        """The hub's clock."""

    def hosts(self) -> Sequence[Host]:
        """All hosts that are known, in the order of their numbers."""

    def schema(self, schema: int) -> tuple[str, ...]:
        """The series names of a schema, in the order of the values."""

    def arrived(self, after: int) -> tuple[int, Sequence[Block]]:
        """Rows that arrived after a mark, oldest first, and the new mark.

        `after=-1` gives the newest row of each host that has one. A mark that is older than what is kept (five
        minutes) gives the newest row of each host too.
        """

    def recent(self, hosts: Sequence[int], span_ms: float) -> Sequence[Block]:
        """Rows of these hosts within the last `span_ms`, from memory (at most five minutes), oldest first a host."""

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call the watcher from now on; the answer ends it."""

    def want(self, intervals: Mapping[int, int]) -> None:
        """Which hosts are watched faster than their own rate: host -> interval_ms. Replaces what was wanted before."""

    def tail(self, hosts: Sequence[int], path: str | None, lines: int) -> Sequence[LineBatch]:
        """The last lines of the matching streams from memory, in arrival order; at least `lines` if there are any."""

    def cursor(self) -> bytes:
        """Where the arrival of lines stands now: everything handed to watchers so far lies before it."""

    def resume(
        self, cursor: bytes, hosts: Sequence[int], path: str | None, limit_bytes: int = 1 << 20, partly: int = 0
    ) -> Resumed:
        """What arrived after a cursor, also across a restart of the hub: no line twice, none skipped, or a gap.

        At most about `limit_bytes` of lines (at least one batch, if there is any), so that a client that was away
        for hours is served in the steps that its socket takes. `partly`: the number of a batch behind the cursor, if
        its beginning was seen, and all before it; the answer begins with it, if it is still there.

        Raises:
            CursorError: says what is wrong with the cursor.
        """

    def holds(self, cursor: bytes, hosts: Sequence[int], path: str | None) -> bool:
        """Whether `resume` from a cursor, step after step, would leave nothing out."""

    async def logs(self, query: LogQuery) -> LogPage:
        """Search past lines, newest first.

        A page may be short, or empty, and have a `next` all the same: a search that takes long says how far it came.

        Raises:
            CursorError: says what is wrong with the cursor.
            PastError: the past cannot be read.
        """

    async def metrics(self, query: MetricQuery) -> Sequence[MetricSeries]:
        """Past values in steps; present and past meet without seam.

        Raises:
            PastError: the past cannot be read.
        """

    async def aggregate(self, query: AggregateQuery) -> Sequence[GroupSeries]:
        """Figures of sets of hosts, now or in the past, by group, then by series."""

    async def enrolments(self) -> Enrolments:
        """The lines that were made to join agents, by whatever way: those that wait, were used, or have expired."""

    async def enrol(self, labels: Mapping[str, str], ttl_ms: int, tails: Sequence[str]) -> NewEnrolment:
        """Make a line that lets one agent join, once, until its time is over.

        Args:
            labels, ttl_ms, tails: already checked (`query.enrolment`). The labels belong to the host from then on.

        Raises:
            EnrolmentStateError: too many wait already.
        """

    async def revoke(self, enrolment: str) -> None:
        """End an enrolment that nobody has used; what has expired, or is revoked, stays so.

        Raises:
            LookupError: there is none of this id.
            EnrolmentStateError: an agent has joined with it.
        """

    async def forget(self, host: int) -> None:
        """Delete a host, its key and its history. Its agent, if it comes back, is refused and told so."""

    def health(self) -> Mapping[str, float | str | bool]:
        """The hub's own figures for /metrics and /readyz; `ready` is a bool, `problem` a sentence if it is False.

        A name that ends in `_total` counts; labels may follow it, as in `refusals_total{reason="token"}`.
        """


LineStream = AsyncIterator[LineBatch]
