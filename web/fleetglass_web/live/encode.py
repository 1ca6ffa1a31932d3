"""Messages as the maps of the live protocol, in MessagePack or JSON, ready for a WebSocket.

In MessagePack arrays of numbers are `bin`: u32, f64 and f32, little-endian, row after row. In JSON they are flat
lists, NaN is null and a float32 is written in its shortest form. Lines are bytes in MessagePack; in JSON they are
text, with replacement characters where they are not UTF-8.

The bytes carry their WebSocket header (RFC 6455, section 5.2: final, unmasked), so that a transport writes them as
they are. The deflated encodings are messages of permessage-deflate (RFC 7692) that need none before them, so one
compression serves all who read it.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any, assert_never

import msgspec
import numpy as np

from fleetglass_web.live import messages as m
from fleetglass_web.live.float32 import as_lists
from fleetglass_web.view import Block, Host

MSGPACK = "msgpack"
JSON = "json"
_BINARY, _TEXT = 0x82, 0x81
_COMPRESSED = 0x40  # RSV1, of the first byte
# Below it the head of a packet is most of what a frame costs on the wire.
DEFLATE_BYTES_MIN = 1 << 10
# Log lines shrink to a sixth, measured values to two thirds; level 6 wins 1 to 3 % of the size and takes twice as long.
_DEFLATE_LEVEL = 3

Map = dict[str, Any]  # any: the maps of the protocol


def host_map(host: Host) -> Map:
    """A host as the live protocol and the API show it."""
    return {
        "host": host.host,
        "agent_id": host.agent_id,
        "name": host.name,
        "labels": dict(host.labels),
        "state": host.state.value,
        "last_ms": host.last_ms,
        "interval_ms": host.interval_ms,
        "platform": dict(host.platform),
        "agent_version": host.agent_version,
        "address": host.address,
        "clock_offset_ms": host.clock_offset_ms,
        "schema": host.schema,
        "streams": host.streams,
        "lag_ms": host.lag_ms,
        "first_ms": host.first_ms,
        "problems": list(host.problems),
    }


_U32, _F64, _F32 = np.dtype("<u4"), np.dtype("<f8"), np.dtype("<f4")


def _packed_block(block: Block) -> Map:
    return {
        "schema": block.schema,
        "hosts": block.hosts.astype(_U32, copy=False).tobytes(),
        "time_ms": block.time_ms.astype(_F64, copy=False).tobytes(),
        "values": block.values.astype(_F32, copy=False).tobytes(),
    }


def _listed_block(block: Block) -> Map:
    return {
        "schema": block.schema,
        "hosts": block.hosts.tolist(),
        "time_ms": block.time_ms.tolist(),
        "values": as_lists(block.values.ravel()),
    }


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")


def _raw(line: bytes) -> bytes:
    return line


def to_map(message: m.Message, block: Callable[[Block], Map], line: Callable[[bytes], str | bytes]) -> Map:
    """The map of a message; `block` and `line` decide how arrays and lines are written."""
    match message:
        case m.Samples(ch, blocks):
            return {"op": "samples", "ch": ch, "blocks": [block(one) for one in blocks]}
        case m.Lines(ch, cursor, batches, _):
            return {"op": "lines", "ch": ch, "cursor": cursor, "batches": [_batch(batch, line) for batch in batches]}
        case m.Hosts(ch, upsert, remove, is_brief):
            told = {"numbers": [host.host for host in upsert]} if is_brief else {"upsert": list(map(host_map, upsert))}
            return {"op": "hosts", "ch": ch, **told, "remove": list(remove)}
        case m.Schema(ch, schema, series):
            return {"op": "schema", "ch": ch, "schema": schema, "series": series}
        case m.Subscribed(about, ch, cursor):
            said = {"op": "subscribed", "id": about, "ch": ch}
            return said if cursor is None else {**said, "cursor": cursor}
        case m.GapMark():
            return _gap(message)
        case m.Counts(ch, time_ms, counts, one_in):
            return {"op": "counts", "ch": ch, "time_ms": time_ms, **counts, "one_in": one_in}
        case m.Error(about, text):
            return {"op": "error", "message": text} if about is None else {"op": "error", "id": about, "message": text}
        case m.Welcome(hub, version, time_ms):
            return {"op": "welcome", "hub": hub, "version": version, "time_ms": time_ms}
        case _:
            assert_never(message)


def _batch(batch: m.Batch, line: Callable[[bytes], str | bytes]) -> Map:
    fields: Map = {
        "host": batch.host,
        "stream": batch.stream,
        "path": batch.path,
        "time_ms": batch.time_ms,
        "raw_ms": batch.raw_ms,
        "lines": [(offset, line(data)) for offset, data in batch.lines],
    }
    if batch.partial:
        fields["partial"] = True
    return fields


def _gap(mark: m.GapMark) -> Map:
    gap = mark.gap
    fields: Map = {
        "op": "gap",
        "ch": mark.ch,
        "host": gap.host if gap.host >= 0 else None,
        "stream": gap.stream if gap.stream >= 0 else None,
        "path": gap.path,
        "from_ms": gap.from_ms,
        "to_ms": gap.to_ms,
        "lines": gap.lines,
        "bytes": gap.bytes,
        "why": gap.why,
    }
    if mark.one_in is not None:
        fields["one_in"] = mark.one_in
    return fields


def websocket_frame(first: int, payload: bytes) -> bytes:
    """One unmasked, final frame; `first` holds the final bit and the opcode."""
    length = len(payload)
    if length < 126:
        return bytes((first, length)) + payload
    if length < 65_536:
        return struct.pack("!BBH", first, 126, length) + payload
    return struct.pack("!BBQ", first, 127, length) + payload


def deflated_frame(first: int, payload: bytes) -> bytes:
    """A frame that needs no other to be inflated; as it is where that is not shorter."""
    if len(payload) < DEFLATE_BYTES_MIN:
        return websocket_frame(first, payload)
    deflate = zlib.compressobj(_DEFLATE_LEVEL, wbits=-zlib.MAX_WBITS)
    # The flush ends in 00 00 ff ff, which the reader puts back (RFC 7692, section 7.2.1).
    short = (deflate.compress(payload) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4]
    return websocket_frame(first | _COMPRESSED, short) if len(short) < len(payload) else websocket_frame(first, payload)


def _msgpack(message: m.Message) -> bytes:
    return msgspec.msgpack.encode(to_map(message, _packed_block, _raw))


def _json(message: m.Message) -> bytes:
    return msgspec.json.encode(to_map(message, _listed_block, _text))


# Encoding -> the same without a WebSocket header, for transports that write the header themselves.
BARE = {MSGPACK: "msgpack-bare", JSON: "json-bare"}
# Encoding -> the same for clients that agreed on permessage-deflate.
DEFLATED = {MSGPACK: "msgpack-deflated", JSON: "json-deflated"}

ENCODERS: Mapping[str, Callable[[m.Message], bytes]] = {
    MSGPACK: lambda message: websocket_frame(_BINARY, _msgpack(message)),
    JSON: lambda message: websocket_frame(_TEXT, _json(message)),
    DEFLATED[MSGPACK]: lambda message: deflated_frame(_BINARY, _msgpack(message)),
    DEFLATED[JSON]: lambda message: deflated_frame(_TEXT, _json(message)),
    BARE[MSGPACK]: _msgpack,
    BARE[JSON]: _json,
}
