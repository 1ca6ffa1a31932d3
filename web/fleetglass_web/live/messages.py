"""What the hub says to a live client, before anyone decided how it is written.

One class an op, in the words of the contract. `encode` writes them as maps, `render` as text for clients without
WebSocket. `Frame` wraps one of them and keeps each encoding once it was asked for: it is made once a tick and the
same bytes go to every subscriber.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fleetglass_web.view import Block, Gap, Host


class Welcome(NamedTuple):
    hub: str
    version: str
    time_ms: float


class Subscribed(NamedTuple):
    """`cursor`: where lines begin; who is cut off before the first of them resumes with it."""

    id: int
    ch: int
    cursor: str | None = None


class Hosts(NamedTuple):
    """`is_brief`: only the numbers of `upsert` are said, for who knows the hosts already."""

    ch: int
    upsert: Sequence[Host]
    remove: Sequence[int]
    is_brief: bool = False


class Schema(NamedTuple):
    ch: int
    schema: int
    series: tuple[str, ...]


class Samples(NamedTuple):
    """`names` and `series` serve the encodings that write words: host -> name, schema -> its series in order."""

    ch: int
    blocks: Sequence[Block]
    names: Mapping[int, str]
    series: Mapping[int, tuple[str, ...]]


class Batch(NamedTuple):
    """Lines without their line ends, each with the offset of its first byte.

    `partial`: the one line's end has not been written yet; the whole follows with the same offset. `seq` is the view's
    number of the batch that they are from, `passed` how many of its lines, that match, stand before these.
    """

    host: int
    name: str
    stream: int
    path: str
    time_ms: float
    raw_ms: float  # what the host's own clock said
    lines: list[tuple[int, bytes]]
    partial: bool = False
    seq: int = 0
    passed: int = 0


class Lines(NamedTuple):
    """`cursor` stands behind the last line, `after` before the first (empty: not known)."""

    ch: int
    cursor: str
    batches: Sequence[Batch]
    after: str = ""

    @property
    def is_partial(self) -> bool:
        """Only to show: nothing counts, keeps or resumes it."""
        return bool(self.batches) and self.batches[0].partial


class GapMark(NamedTuple):
    """`after` is the cursor before it (empty: not known)."""

    ch: int
    name: str
    gap: Gap
    one_in: int | None = None  # for `sampled`: one of so many lines was sent
    after: str = ""


class Counts(NamedTuple):
    """Exact lines of the second that starts at `time_ms`, by severity."""

    ch: int
    time_ms: float
    counts: Mapping[str, int]
    one_in: int


class Error(NamedTuple):
    id: int | None
    message: str


Message = Welcome | Subscribed | Hosts | Schema | Samples | Lines | GapMark | Counts | Error


@dataclass(slots=True)
class Frame:
    """One message, and its bytes in each encoding that was asked for."""

    message: Message
    bytes_by_encoding: dict[str, bytes] = field(default_factory=dict)

    def encoded(self, encoding: str, encode: Callable[[Message], bytes]) -> bytes:
        """The bytes in one encoding; made at the first call."""
        data = self.bytes_by_encoding.get(encoding)
        if data is None:
            data = self.bytes_by_encoding[encoding] = encode(self.message)
        return data
