"""What is appended, as bytes: the journal's records, and the rows of lines that wait for a chunk.

In: items in the order of their append. Out: msgpack, and back. Nothing is kept here.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec
from fleetglass_web.view import Gap, LineBatch

from fleetglass_hub.history.recorder import EventRecord, FileRecord, HostRecord, StreamRecord


class Kind(IntEnum):
    """What an item is; the numbers stand in files."""

    HOST = 1
    STREAM = 2
    FILE = 3
    SCHEMA = 4
    LINES = 5
    GAP = 6
    EVENT = 7
    FORGET = 8


class GapRecord(NamedTuple):
    """A gap in its place."""

    gap: Gap
    file: int
    end: int
    seq: int


class SchemaRecord(NamedTuple):
    """A list of series."""

    schema: int
    series: tuple[str, ...]


class Forget(NamedTuple):
    """Delete everything of a host that was appended before."""

    host: int


Item = HostRecord | StreamRecord | FileRecord | SchemaRecord | LineBatch | GapRecord | EventRecord | Forget

_KINDS: Mapping[type[Item], Kind] = {
    HostRecord: Kind.HOST,
    StreamRecord: Kind.STREAM,
    FileRecord: Kind.FILE,
    SchemaRecord: Kind.SCHEMA,
    LineBatch: Kind.LINES,
    GapRecord: Kind.GAP,
    EventRecord: Kind.EVENT,
    Forget: Kind.FORGET,
}
_TYPES: Mapping[int, type[Item]] = {int(kind): shape for shape, kind in _KINDS.items()}

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def encode(first: int, items: Sequence[Item]) -> bytes:
    """Items with their numbers: `first`, `first + 1`, ..."""
    return _encode((first, [(_KINDS[type(item)], item) for item in items]))


def decode(data: bytes) -> tuple[int, list[Item]]:
    """Read what `encode` made.

    Raises:
        ValueError: it was not made by `encode`.
    """
    try:
        first, entries = _decode(data)
        return first, [_item(kind, fields) for kind, fields in entries]
    except (TypeError, KeyError, msgspec.MsgspecError) as error:
        raise ValueError(f"not a record of the journal: {error}") from error


def _item(kind: int, fields: list[Any]) -> Item:  # any: msgpack
    shape = _TYPES[kind]
    if shape is GapRecord:
        gap, *rest = fields
        return GapRecord(Gap(*gap), *rest)
    if shape is SchemaRecord:
        return SchemaRecord(fields[0], tuple(fields[1]))
    return shape(*fields)


def encode_host(record: HostRecord) -> bytes:
    """A host as it is kept."""
    return _encode(record)


def decode_host(data: bytes) -> HostRecord:
    """Read what `encode_host` made; fields that a newer version added at the end are passed over."""
    return HostRecord(*_decode(data)[: len(HostRecord._fields)])


def encode_names(names: Sequence[str]) -> bytes:
    """Names of series."""
    return _encode(tuple(names))


def decode_names(data: bytes) -> tuple[str, ...]:
    """Read what `encode_names` made."""
    return tuple(_decode(data))


def encode_batches(batches: Sequence[LineBatch]) -> bytes:
    """Batches without their paths, which their streams know."""
    return _encode(
        [
            (batch.seq, batch.host, batch.stream, batch.file, batch.start, batch.time_ms, batch.raw_ms, batch.data,
             batch.cut)
            for batch in batches
        ]
    )  # fmt: skip


def decode_batches(data: bytes, paths: Mapping[tuple[int, int], str]) -> list[LineBatch]:
    """Read what `encode_batches` made; batches of streams that are not known (forgotten) are left out."""
    return [
        LineBatch(seq, host, stream, paths[host, stream], file, start, time_ms, raw_ms, body, False, cut)
        for seq, host, stream, file, start, time_ms, raw_ms, body, cut in _decode(data)
        if (host, stream) in paths
    ]


def encode_lives(lives: Sequence[tuple[int, int]]) -> bytes:
    """Starts in their order, each with the last number before it."""
    return _encode(lives)


def decode_lives(data: bytes) -> list[tuple[int, int]]:
    """Read what `encode_lives` made; of a history that never counted them there are none."""
    return [(life, seq) for life, seq in _decode(data)] if data else []
