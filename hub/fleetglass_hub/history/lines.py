"""Chunks of lines: consecutive batches of one stream, joined and compressed, and where each batch stands.

    data      line\n line\n │ line\n │ half a line ↵ │ ...      batch after batch; ↵ was added: each ends a line
    entries   seq, file, start, length, time, raw, flags        a column each, as differences, bytes by weight

A line that was cut into two batches is whole again where both stand in one chunk. Memory is searched in the same shape:
`join` makes it of batches of any streams.

In: batches. Out: `Chunk` to keep, `Unit` to search. No file is touched.
"""

import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import zstandard
from fleetglass_web.view import LineBatch
from numpy.typing import NDArray

from fleetglass_hub.history.content import ContentError

# A search decompresses a whole chunk for one line of it; a larger one hardly compresses better.
CHUNK_BYTES = 1 << 20
# What waits of one stream until a chunk is made of it; smaller chunks compress worse and cost a row each.
PACK_BYTES = 256 << 10
# A line may be cut into many batches. A chunk never ends within a line, unless it would grow beyond this.
CHUNK_BYTES_MAX = 4 << 20
# zstd -1 costs half of -3 and makes logs of our own a tenth smaller than -3 does (1 MiB chunks of syslog lines).
LEVEL = 1

_CUT, _PADDED = 1, 2
_local = threading.local()


class Chunk(NamedTuple):
    """Consecutive batches of one stream, ready to be kept."""

    host: int
    stream: int
    first_seq: int
    last_seq: int
    first_ms: float
    last_ms: float
    raw_bytes: int
    entries: bytes
    data: bytes


class Source(NamedTuple):
    """Where lines come from."""

    host: int
    stream: int
    path: str


class Unit(NamedTuple):
    """Batches to be searched: of one stream, as a chunk, or of many, from memory."""

    sources: Sequence[Source]
    source: NDArray[np.int64]  # of each batch: an index into `sources`
    seq: NDArray[np.int64]
    file: NDArray[np.int64]
    start: NDArray[np.int64]
    time_ms: NDArray[np.float64]
    raw_ms: NDArray[np.float64]
    is_rest: NDArray[np.bool_]  # goes on with the line that the batch before it cut
    at: NDArray[np.int64]  # of each batch: where it begins in `data`; and, one more, the end of `data`
    data: bytes


def _compressor(level: int) -> zstandard.ZstdCompressor:
    name = f"compressor_{level}"
    if not hasattr(_local, name):
        # The checksum names damage that SQLite's own checks do not see.
        setattr(_local, name, zstandard.ZstdCompressor(level=level, write_checksum=True))
    compressor: zstandard.ZstdCompressor = getattr(_local, name)
    return compressor


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _local.decompressor
    return decompressor


def compress(data: bytes, level: int = LEVEL) -> bytes:
    """One zstd frame; any thread may call it."""
    return _compressor(level).compress(data)


def decompress(data: bytes) -> bytes:
    """Read what `compress` made.

    Raises:
        ContentError: it is damaged.
    """
    try:
        return _decompressor().decompress(data)
    except zstandard.ZstdError as error:
        raise ContentError(f"damaged: {error}") from error


def goes_on(batch: LineBatch, after: LineBatch) -> bool:
    """Whether a batch continues the line that the one before it has cut."""
    return (
        batch.cut
        and not batch.data.endswith(b"\n")
        and batch.file == after.file
        and batch.start + len(batch.data) == after.start
        and (batch.host, batch.stream) == (after.host, after.stream)
    )


def split(batches: Sequence[LineBatch]) -> list[Sequence[LineBatch]]:
    """Batches of one stream in pieces of about `CHUNK_BYTES`, none ending within a line unless it is too long."""
    pieces: list[Sequence[LineBatch]] = []
    begin = size = 0
    for at, batch in enumerate(batches):
        size += len(batch.data)
        is_within = at + 1 < len(batches) and goes_on(batch, batches[at + 1])
        if (size >= CHUNK_BYTES and not is_within) or size >= CHUNK_BYTES_MAX:
            pieces.append(batches[begin : at + 1])
            begin, size = at + 1, 0
    if begin < len(batches):
        pieces.append(batches[begin:])
    return pieces


def complete(batches: Sequence[LineBatch]) -> int:
    """How many batches from the first on end with a whole line: the rest waits for what follows."""
    count = len(batches)
    size = sum(len(batch.data) for batch in batches)
    while count and batches[count - 1].cut and size < CHUNK_BYTES_MAX:
        count -= 1
    return count


def encode(batches: Sequence[LineBatch]) -> Chunk:
    """Make a chunk of consecutive batches of one stream."""
    unit = join(batches)
    flags = unit.is_rest * _CUT
    lengths = np.fromiter((len(batch.data) for batch in batches), np.int64, len(batches))
    flags = flags + (np.diff(unit.at) - lengths) * _PADDED
    columns = (
        np.diff(unit.seq, prepend=0),
        np.diff(unit.file, prepend=0),
        unit.start - np.concatenate(([0], (unit.start + lengths)[:-1])),
        lengths,
        np.diff(unit.time_ms.view(np.int64), prepend=0),
        np.diff((unit.raw_ms - unit.time_ms).view(np.int64), prepend=0),
        # The difference of two floats does not always give back the first; then it is kept as it is.
        np.where(unit.time_ms + (unit.raw_ms - unit.time_ms) == unit.raw_ms, 0, unit.raw_ms.view(np.int64)),
        flags,
    )
    shuffled = np.concatenate(columns).astype("<i8").view(np.uint8).reshape(-1, 8).T.tobytes()
    return Chunk(
        batches[0].host,
        batches[0].stream,
        int(unit.seq[0]),
        int(unit.seq[-1]),
        float(unit.time_ms.min()),
        float(unit.time_ms.max()),
        len(unit.data),
        compress(shuffled),
        compress(unit.data),
    )


def decode(source: Source, entries: bytes, data: bytes) -> Unit:
    """Read a chunk.

    Raises:
        ContentError: it is damaged.
    """
    shuffled = np.frombuffer(decompress(entries), np.uint8)
    words = np.ascontiguousarray(shuffled.reshape(8, -1).T).view("<i8").ravel()
    seq, file, jump, lengths, time, away, raw, flags = words.reshape(8, -1)
    text = decompress(data)
    at = np.concatenate(([0], np.cumsum(lengths + (flags & _PADDED) // _PADDED)))
    if at[-1] != len(text):
        raise ContentError("damaged: the lines and their places do not fit")
    time_ms = np.cumsum(time).view(np.float64)
    raw_ms = time_ms + np.cumsum(away).view(np.float64)
    raw_ms = np.where(raw == 0, raw_ms, raw.view(np.float64))
    ends = np.cumsum(jump + lengths)
    return Unit(
        (source,),
        np.zeros(len(seq), np.int64),
        np.cumsum(seq),
        np.cumsum(file),
        ends - lengths,
        time_ms,
        raw_ms,
        (flags & _CUT).astype(np.bool_),
        at,
        text,
    )


def join(batches: Sequence[LineBatch]) -> Unit:
    """Batches of any streams as one unit; those that go on with a cut line stand right behind it."""
    places: dict[Source, int] = {}
    columns: list[tuple[int, int, int, int, float, float, bool, int]] = []
    parts: list[bytes] = []
    at = 0
    before: LineBatch | None = None
    for place, batch in enumerate(batches):
        source = places.setdefault(Source(batch.host, batch.stream, batch.path), len(places))
        is_rest = before is not None and goes_on(before, batch)
        columns.append((source, batch.seq, batch.file, batch.start, batch.time_ms, batch.raw_ms, is_rest, at))
        parts.append(batch.data)
        at += len(batch.data)
        has_rest = place + 1 < len(batches) and goes_on(batch, batches[place + 1])
        if not batch.data.endswith(b"\n") and not has_rest:
            parts.append(b"\n")
            at += 1
        before = batch
    sources, seqs, files, starts, times, raws, rests, ats = zip(*columns, strict=True)
    return Unit(
        tuple(places),
        np.array(sources, np.int64),
        np.array(seqs, np.int64),
        np.array(files, np.int64),
        np.array(starts, np.int64),
        np.array(times, np.float64),
        np.array(raws, np.float64),
        np.array(rests, np.bool_),
        np.array((*ats, at), np.int64),
        b"".join(parts),
    )


def whole(batches: Sequence[LineBatch]) -> list[LineBatch]:
    """The same bytes in batches that all end with a line: the rest of a cut line moves to where the line began.

    Args:
        batches: each stream's in order and together.
    """
    found: list[LineBatch] = []
    before: LineBatch | None = None
    for batch in batches:
        if before is not None and goes_on(before, batch):
            end = batch.data.find(b"\n") + 1 or len(batch.data)
            found[-1] = found[-1]._replace(data=found[-1].data + batch.data[:end])
            if end < len(batch.data):
                found.append(batch._replace(start=batch.start + end, data=batch.data[end:], cut=False))
        else:
            found.append(batch._replace(cut=False) if batch.cut else batch)
        before = batch
    return found


def batches_of(unit: Unit) -> list[LineBatch]:
    """The batches that a unit of one stream was made of."""
    found = []
    source = unit.sources[0]
    for place, seq in enumerate(unit.seq.tolist()):
        begin, end = int(unit.at[place]), int(unit.at[place + 1])
        has_rest = place + 1 < len(unit.seq) and bool(unit.is_rest[place + 1])
        data = unit.data[begin:end]
        found.append(
            LineBatch(seq, source.host, source.stream, source.path, int(unit.file[place]), int(unit.start[place]),
                      float(unit.time_ms[place]), float(unit.raw_ms[place]), data, False, has_rest)
        )  # fmt: skip
    return found
