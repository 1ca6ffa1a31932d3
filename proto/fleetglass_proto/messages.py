"""The shapes of the messages, as plain frozen classes of the standard library's kind. PROTOCOL.md is their text.

Each class is one message or one part of one; fields stand in the order of the wire. `codec` turns them into bytes and
back. Times are ms since 1970 UTC by the sender's clock. Offsets count bytes from the start of a file, half-open.
"""

from enum import IntEnum
from typing import NamedTuple

VERSION = 1


class Tag(IntEnum):
    """The first element of every message: below 64 from the agent, above from the hub."""

    HELLO = 1
    SCHEMA = 2
    FRAME = 3
    EVENT = 4
    BYE = 5
    WELCOME = 65
    COMMIT = 66
    INTEREST = 67
    REJECT = 68


class Hello(NamedTuple):
    """Opens a session. `run_id` is new at each start of the agent, so that a cloned machine is noticed."""

    version: int
    agent_id: bytes  # 16 bytes, made at the first start, kept in the state folder
    run_id: bytes  # 16 bytes, made at each start
    name: str
    labels: dict[str, str]
    platform: dict[str, str]  # system, release, machine, distribution, cores, memory_bytes, boot_ms, address
    agent_version: str
    interval_ms: int
    time_ms: int
    token: str | None  # one-time token of a join string; None once the hub knows the key


class SchemaMessage(NamedTuple):
    """Announces the series of later samples, in the order of their values."""

    schema_id: int
    series: tuple[str, ...]


class Sample(NamedTuple):
    """One reading of all series of a schema: float32 little-endian, NaN where unknown."""

    schema_id: int
    time_ms: int
    values: bytes


class BatchFlag(IntEnum):
    """Bits of `LineBatch.flags`."""

    PARTIAL = 1  # shown only: the last line has no end yet. Not committed; the whole line follows with the same start
    CUT = 2  # a piece of a line longer than the limit: the next piece of the file continues it
    LATE = 4  # it waited in the file before this session began: nobody knows when it was written


class LineBatch(NamedTuple):
    """A range of one file's bytes: whole lines, unless a flag says otherwise. `len(data) == end - start`."""

    stream: int
    file: int
    start: int
    end: int
    read_ms: int
    flags: int
    data: bytes


class Frame(NamedTuple):
    """Samples and line batches, oldest first."""

    time_ms: int  # when it was sent: the hub measures the clock offset by it
    samples: tuple[Sample, ...]
    batches: tuple[LineBatch, ...]


class EventKind:
    """The known kinds of `Event`; a hub keeps and shows others without acting on them."""

    STREAM_UP = "stream_up"  # stream; fields: path, kind ("file", "command")
    STREAM_DOWN = "stream_down"  # stream; fields: why
    FILE_UP = "file_up"  # stream, file; fields: dev, inode, fp_count, fp, start. Again when the fingerprint grew
    FILE_END = "file_end"  # stream, file; fields: end, why ("rotated", "deleted", "truncated"). No byte of it follows
    TRUNCATED = "truncated"  # stream, file; fields: end, lost_bytes
    GAP = "gap"  # stream, file; fields: start, end, why. Counts as committed range: the file goes on at `end`
    SAMPLES_DROPPED = "samples_dropped"  # fields: count, from_ms, to_ms
    SOURCE_UP = "source_up"  # fields: source
    SOURCE_DOWN = "source_down"  # fields: source, why, remedy
    NOTICE = "notice"  # fields: text. A sentence for the operator


Field = str | int | float | bytes | bool | None


class Event(NamedTuple):
    """Something happened to a stream, a file or a source. Events of a stream stand in order with its batches."""

    time_ms: int
    kind: str
    stream: int | None
    file: int | None
    fields: dict[str, Field]


class Bye(NamedTuple):
    """The agent ends on purpose: its host is `left`, not lost."""

    time_ms: int
    why: str


class KnownFile(NamedTuple):
    """Where one file of a stream stands on the hub."""

    file: int
    dev: int
    inode: int
    fp_count: int
    fp: bytes
    committed: int


class KnownStream(NamedTuple):
    """A stream that the hub has met, by its path (a command: by its name)."""

    path: str
    kind: str
    files: tuple[KnownFile, ...]


class Welcome(NamedTuple):
    """The answer to `hello`. The offsets in it are the truth: the agent goes on from them."""

    version: int
    hub_id: bytes
    hub_version: str
    time_ms: int
    hello_ms: int  # `time_ms` of the hello: lets the agent measure the way there and back
    credit: int  # log bytes that may be sent since this welcome, in all
    samples_ms: int  # newest committed sample time; 0: none
    streams: tuple[KnownStream, ...]


class Commit(NamedTuple):
    """Sent after a commit, and at least each `HEARTBEAT_MS`."""

    time_ms: int
    credit: int  # log bytes that may be sent since the welcome, in all; never falls
    samples_ms: int
    offsets: tuple[tuple[int, int, int], ...]  # stream, file, committed offset
    notice: str = ""  # what the agent's operator should know of the hub: it cannot commit, it ends


class Interest(NamedTuple):
    """How often the hub wants samples now. Back to the agent's own interval when it is 0."""

    interval_ms: int


class Reject(NamedTuple):
    """The hub refuses the session, or one message of it, with a reason that a person can act on."""

    code: str  # RejectCode
    message: str
    retry_ms: int | None  # None: retrying will not help until somebody acts


class RejectCode:
    """Known codes of `Reject`."""

    HELLO_FIRST = "hello-first"  # the hub does not know this connection (it restarted): say hello
    VERSION = "version"
    TOKEN = "token"  # noqa: S105 - a code, not a secret
    DUPLICATE = "duplicate"  # another running agent has this agent_id
    LIMIT = "limit"
    MALFORMED = "malformed"
    OFFSET = "offset"  # a batch left a hole: start the session anew
    FULL = "full"


Up = Hello | SchemaMessage | Frame | Event | Bye
Down = Welcome | Commit | Interest | Reject
