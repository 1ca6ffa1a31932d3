"""One agent's conversation, from its hello to its goodbye.

    unknown ── hello ──► Session ── schema, event, frame ... ──► bye, or Refusal

The session knows what the numbers of this conversation mean (schemas, streams and files are announced anew in each),
lets through what is new and in order, and counts credit. Everything that arrives goes to the `Intake`, which hands it
to the fleet, to history and to browsers.

In: decoded messages and the hub's clock. Out: rows, lines, gaps and events, in order; `Refusal` where the agent must
begin anew.
"""

from typing import NamedTuple, Protocol

from fleetglass_proto import limits, typed
from fleetglass_proto.messages import BatchFlag, EventKind, Field, RejectCode
from fleetglass_web.view import Gap, LineBatch

from fleetglass_hub.fleet.fleet import Fleet
from fleetglass_hub.fleet.member import Member
from fleetglass_hub.history.recorder import EventRecord
from fleetglass_hub.ingest import linerate
from fleetglass_hub.ingest.linerate import LineRate
from fleetglass_hub.ingest.refusal import Refusal
from fleetglass_hub.ingest.streams import FileState, HostStreams, StreamState

# A new schema comes with a new disk or network device; more than this is an agent out of order.
SCHEMAS_PER_SESSION = 1_000
# What an agent calls a range that it cannot send -> what a page calls it.
_GAP_WHY = {"nul-run": "truncated", "long-line": "truncated", "truncated": "truncated", "file-gone": "file-gone"}


class Intake(Protocol):
    """Where a session puts what it lets through."""

    fleet: Fleet

    def next_seq(self) -> int:
        """The arrival number of the next batch or gap."""

    def take_lines(self, batch: LineBatch, state: FileState, session: "Session", sent_bytes: int) -> None:
        """Lines to show and to keep; partial ones (`seq` 0) only to show."""

    def take_gap(self, gap: Gap, state: FileState, end: int, session: "Session") -> None:
        """News of missing bytes, to show and to keep."""

    def take_event(self, event: EventRecord) -> None:
        """Something to keep for the operator."""

    def stream_is_new(self, stream: StreamState) -> None:
        """A stream that was never met before."""

    def file_changed(self, state: FileState) -> None:
        """A file that is new, has another fingerprint, or has ended."""

    def schema_is_new(self, schema: int, names: tuple[str, ...]) -> None:
        """A list of series that was never met before."""


class _Schema(NamedTuple):
    """What a number of the agent means. `wide` has the rates of its lines behind its own series, if it has lines."""

    number: int
    row_bytes: int
    series: tuple[str, ...]
    wide: int | None


class Session:
    """The hub's side of one conversation.

    Args:
        resent_ms: times of samples that arrived before and were not committed when the welcome was sent: the agent
            sends them again.
    """

    __slots__ = (
        "_down", "_files", "_rate", "_resent_ms", "_schemas", "_streams", "_told", "_truncated_bytes", "commit_sent_ms",
        "committed_bytes", "credit",
        "heard_ms", "intake", "is_over", "known", "member", "peer", "received_bytes", "routing_id", "run_id",
        "samples_told_ms", "untold",
    )  # fmt: skip

    def __init__(
        self,
        intake: Intake,
        routing_id: bytes,
        peer: str,
        run_id: bytes,
        member: Member,
        known: HostStreams,
        credit: int,
        resent_ms: set[int],
        now_ms: float,
    ) -> None:
        self.intake = intake
        self.routing_id = routing_id
        self.peer = peer
        self.run_id = run_id
        self.member = member
        self.known = known
        self.credit = credit
        self.received_bytes = 0
        self.committed_bytes = 0
        self.heard_ms = self.commit_sent_ms = now_ms
        self.samples_told_ms = 0
        self.untold: dict[int, tuple[int, FileState]] = {}  # file -> its stream's number here, its state
        self._told: dict[int, int] = {}  # file -> the committed offset that the agent knows
        self._truncated_bytes: dict[int, int] = {}  # file -> lost bytes that were told as a gap
        self.is_over = False
        self._resent_ms = resent_ms
        self._schemas: dict[int, _Schema] = {}
        self._rate: LineRate | None = None  # of a host that follows something
        self._streams: dict[int, StreamState] = {}  # by their numbers here, those that are down among them
        self._down: dict[int, None] = {}  # the numbers of those, oldest first
        self._files: dict[int, FileState] = {}

    def schema(self, message: typed.SchemaMessage) -> None:
        """The series of later samples."""
        if len(self._schemas) >= SCHEMAS_PER_SESSION and message.schema_id not in self._schemas:
            raise Refusal(
                RejectCode.LIMIT, f"more than {SCHEMAS_PER_SESSION} schemas in one session; start a new one", 1_000
            )
        number = self._number(message.series)
        wide = None if self._rate is None else self._wide(message.series)
        self._schemas[message.schema_id] = _Schema(number, 4 * len(message.series), message.series, wide)

    def _number(self, series: tuple[str, ...]) -> int:
        number, is_new = self.intake.fleet.intern(series)
        if is_new:
            self.intake.schema_is_new(number, series)
        return number

    def _wide(self, series: tuple[str, ...]) -> int | None:
        with_rates = linerate.widened(series)
        return None if with_rates is None else self._number(with_rates)

    def frame(self, message: typed.Frame, now_ms: float) -> None:
        """Samples and lines. This is the hub's hottest path: one call a host-frame."""
        member = self.member
        fleet = self.intake.fleet
        if member.clock.observe(message.time_ms, now_ms):
            fleet.corrected(member.host)
        for sample in message.samples:
            schema = self._schemas.get(sample.schema_id)
            if schema is None:
                raise _malformed("frame.samples", f"names schema {sample.schema_id}, which was not announced")
            if len(sample.values) != schema.row_bytes:
                raise _malformed(
                    "frame.samples",
                    f"has {len(sample.values)} bytes of values; schema {sample.schema_id} has {schema.row_bytes}",
                )
            if self._resent_ms and sample.time_ms in self._resent_ms:
                continue
            if schema.wide is None or self._rate is None:
                fleet.add_row(member.host, schema.number, sample.time_ms, sample.values)
            else:
                # Only the last one is of now; those before it waited, and nobody read lines at their time.
                rates = self._rate.at(sample.time_ms) if sample is message.samples[-1] else linerate.UNKNOWN
                fleet.add_row(member.host, schema.wide, sample.time_ms, sample.values + rates)
        for batch in message.batches:
            self._lines(batch, now_ms)

    def _lines(self, batch: typed.LineBatch, now_ms: float) -> None:
        state = self._files.get(batch.file)
        if state is None or self._streams.get(batch.stream) is not state.stream:
            raise _malformed("frame.batches", f"names file {batch.file} of stream {batch.stream}, not announced so")
        length = len(batch.data)
        self.received_bytes += length
        if self.received_bytes > self.credit:
            raise Refusal(
                RejectCode.LIMIT, f"{self.received_bytes} bytes of log were sent on a credit of {self.credit}", 1_000
            )
        is_partial = bool(batch.flags & BatchFlag.PARTIAL)
        if not is_partial:
            self.untold[state.file] = batch.stream, state
        if batch.end <= state.received or (is_partial and batch.start < state.received) or not length:
            self.committed_bytes += length  # nothing new: it has its place already
            return
        if not is_partial and batch.start > state.received:
            raise self._hole(state, batch.start)
        data, start = batch.data, batch.start
        if start < state.received:
            data, start = data[state.received - start :], state.received
        raw_ms = float(batch.read_ms)
        time_ms = min(raw_ms - self.member.clock.applied_ms, now_ms)
        cut = bool(batch.flags & BatchFlag.CUT)
        stream = state.stream
        seq = 0 if is_partial else self.intake.next_seq()
        lines = LineBatch(
            seq, self.member.host, stream.number, stream.path, state.file, start, time_ms, raw_ms, data, is_partial, cut
        )
        if is_partial:
            self.committed_bytes += length
        else:
            state.received = batch.end
            if self._rate is not None and not batch.flags & BatchFlag.LATE:
                self._rate.take(data, state.cut)
            state.cut = cut
        self.intake.take_lines(lines, state, self, length)

    def offsets(self) -> list[tuple[int, int, int]]:
        """What is on disk now and was not told yet: stream, file, committed offset, for the next `commit`."""
        found = []
        for number, state in list(self.untold.values()):
            if self._told.get(state.file) != state.committed:
                self._told[state.file] = state.committed
                found.append((number, state.file, state.committed))
            if state.committed >= state.received:
                del self.untold[state.file]
        return found

    def _hole(self, state: FileState, start: int) -> Refusal:
        return Refusal(
            RejectCode.OFFSET,
            f"{state.stream.path}: bytes {state.received} to {start} are missing; go on at {state.received}",
            0,
        )

    def event(self, message: typed.Event, now_ms: float) -> None:
        """Something happened to a stream, a file or a source."""
        match message.kind:
            case EventKind.STREAM_UP:
                self._stream_up(message)
            case EventKind.STREAM_DOWN:
                self._stream_down(message)
            case EventKind.FILE_UP:
                self._file_up(message)
            case EventKind.FILE_END:
                state = self._file_of(message)
                state.ended = True
                self.intake.file_changed(state)
            case EventKind.GAP:
                self._gap(message, now_ms)
            case EventKind.TRUNCATED:
                self._truncated(message, now_ms)
            case EventKind.SOURCE_DOWN:
                self._source(message, is_up=False)
            case EventKind.SOURCE_UP:
                self._source(message, is_up=True)
            case _:
                pass
        self._keep(message, now_ms)

    def _keep(self, message: typed.Event, now_ms: float) -> None:
        known = None if message.stream is None else self._streams.get(message.stream)
        facts = ", ".join(f"{key} {_shown(value)}" for key, value in message.fields.items())
        time_ms = min(message.time_ms - self.member.clock.applied_ms, now_ms)
        self.intake.take_event(
            EventRecord(self.member.host, known.number if known else None, time_ms, message.kind, facts[:1_000])
        )

    def _stream_up(self, message: typed.Event) -> None:
        if message.stream is None:
            raise _malformed("event.stream", "is nil; stream_up names its stream")
        path = _text(message, "path")
        kind = message.fields.get("kind", "file")
        if not isinstance(kind, str) or not kind or not path:
            raise _malformed("event.fields", "stream_up has a path and a kind")
        is_up = message.stream in self._streams and message.stream not in self._down
        if not is_up and self._followed >= limits.STREAMS:
            raise Refusal(
                RejectCode.LIMIT, f"more than {limits.STREAMS} streams; follow fewer files (--tail, --exclude)", None
            )
        stream, is_new = self.known.stream(path, kind[:32])
        if is_new:
            self.intake.stream_is_new(stream)
        self._streams[message.stream] = stream
        self._down.pop(message.stream, None)
        self._count_streams()
        if self._rate is None:
            self._rate = LineRate()
            for known, schema in self._schemas.items():
                self._schemas[known] = schema._replace(wide=self._wide(schema.series))
        self._rate.followed(message.stream)

    def _stream_down(self, message: typed.Event) -> None:
        """It leaves the count and the limit. Its number keeps its meaning, for what comes late, until a stream has it
        again or as many others went down since."""
        number = message.stream
        if number is None or number not in self._streams or number in self._down:
            return
        if self._rate is not None:
            self._rate.left(number)
        self._down[number] = None
        if len(self._down) > limits.STREAMS:
            oldest = next(iter(self._down))
            del self._down[oldest], self._streams[oldest]
        self._count_streams()

    @property
    def _followed(self) -> int:
        return len(self._streams) - len(self._down)

    def _count_streams(self) -> None:
        if self.member.streams != self._followed:
            self.member.streams = self._followed
            self.intake.fleet.changed(self.member.host)

    def _file_up(self, message: typed.Event) -> None:
        stream = None if message.stream is None else self._streams.get(message.stream)
        if stream is None or message.file is None:
            raise _malformed("event.stream", "file_up names a file and a stream that was announced")
        elsewhere = self._files.get(message.file)
        if elsewhere is not None and elsewhere.stream is not stream:
            raise _malformed("event.file", f"{message.file} belongs to another stream, {elsewhere.stream.path}")
        start = _count(message, "start")
        state, is_new = stream.file(message.file, start)
        fingerprint = message.fields.get("fp", b"")
        if not isinstance(fingerprint, bytes) or len(fingerprint) > 32:
            raise _malformed("event.fields['fp']", "is a bin of at most 32 bytes")
        seen = _count(message, "dev"), _count(message, "inode"), _count(message, "fp_count"), fingerprint
        self._files[message.file] = state
        if is_new or seen != (state.dev, state.inode, state.fp_count, state.fp) or state.ended:
            state.dev, state.inode, state.fp_count, state.fp = seen
            state.ended = False
            self.intake.file_changed(state)

    def _file_of(self, message: typed.Event) -> FileState:
        state = None if message.file is None else self._files.get(message.file)
        if state is None:
            raise _malformed("event.file", f"{message.kind} names file {message.file}, which was not announced")
        return state

    def _gap(self, message: typed.Event, now_ms: float) -> None:
        state = self._file_of(message)
        start, end = _count(message, "start"), _count(message, "end")
        if message.stream is not None:
            self.untold[state.file] = message.stream, state
        if end <= state.received:
            return
        if start > state.received:
            raise self._hole(state, start)
        lost = end - max(start, state.received)
        state.received = end
        state.cut = False
        why = str(message.fields.get("why", ""))
        if why == "truncated":
            self._truncated_bytes[state.file] = self._truncated_bytes.get(state.file, 0) + lost
        self._report_gap(message, state, lost, why, now_ms)

    def _truncated(self, message: typed.Event, now_ms: float) -> None:
        state = self._file_of(message)
        # The range that was lost is a gap of its own where the agent knows it; it is not told twice.
        lost = _count(message, "lost_bytes") - self._truncated_bytes.pop(state.file, 0)
        if lost > 0:
            self._report_gap(message, state, lost, "truncated", now_ms)

    def _report_gap(self, message: typed.Event, state: FileState, lost: int, why: str, now_ms: float) -> None:
        at_ms = min(message.time_ms - self.member.clock.applied_ms, now_ms)
        stream = state.stream
        shown = "truncated" if _GAP_WHY.get(why) == "truncated" else "file-gone"
        gap = Gap(self.member.host, stream.number, stream.path, at_ms, at_ms, None, lost, shown)  # type: ignore[arg-type]  # one of two literals
        self.intake.take_gap(gap, state, state.received, self)

    def _source(self, message: typed.Event, is_up: bool) -> None:
        source = _text(message, "source")[:255]
        said = [str(message.fields.get(key) or "") for key in ("why", "remedy")]
        text = "" if is_up else f"{source}: " + ". ".join(part.rstrip(".") for part in said if part)
        if self.member.set_problem(source, text[:500]):
            self.intake.fleet.changed(self.member.host)


def _malformed(field: str, problem: str) -> Refusal:
    return Refusal(RejectCode.MALFORMED, f"{field}: {problem}", 1_000)


def _text(message: typed.Event, key: str) -> str:
    value = message.fields.get(key)
    if not isinstance(value, str):
        raise _malformed(f"event.fields[{key!r}]", f"{message.kind} needs it as text")
    return value


def _count(message: typed.Event, key: str) -> int:
    value = message.fields.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 64:
        raise _malformed(f"event.fields[{key!r}]", f"{message.kind} needs it as an int that is not negative")
    if value > limits.OFFSET_MAX and key not in ("dev", "inode"):
        raise _malformed(f"event.fields[{key!r}]", f"{value} is beyond the largest offset, {limits.OFFSET_MAX}")
    return value


def _shown(value: Field) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)[:200]
