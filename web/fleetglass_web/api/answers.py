"""How an answer is written: JSON, or MessagePack where the client asks for it by `Accept`; long ones in pieces.

    entries ─► some hundred at a time, on another thread ─► gzip ─► to the client, while the next ones are encoded

An answer of one piece has an ETag: who sends it back in `If-None-Match` gets 304 as long as nothing has changed. A
longer one is sent as it is made, so that ten thousand hosts neither hold the event loop nor fill the memory.
"""

import asyncio
import hashlib
import itertools
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from fleetglass_web.live.float32 import as_lists

MSGPACK_TYPES = ("application/msgpack", "application/x-msgpack", "application/vnd.msgpack")
JSON_TYPE = "application/json"
# `no-cache`: kept if one likes, and asked for with its ETag before it is used again.
HEADERS = {"cache-control": "private, no-cache", "vary": "accept, accept-encoding"}
# Below it, a packet carries the answer as it is.
GZIP_MIN_BYTES = 1_024
# The fastest level: JSON of a fleet becomes a seventh, at 150 MB/s.
GZIP_LEVEL = 1
PIECE_BYTES = 256 << 10
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


def wants_msgpack(request: Request) -> bool:
    """Whether `Accept` names MessagePack (and does not weigh it with 0)."""
    return _accepts(request.headers.get("accept", ""), MSGPACK_TYPES)


def _accepts(header: str, kinds: Iterable[str]) -> bool:
    for entry in header.split(","):
        kind, *parameters = (part.strip().lower() for part in entry.split(";"))
        if kind in kinds and not any(part.replace(" ", "") in ("q=0", "q=0.0") for part in parameters):
            return True
    return False


def known(values: NDArray[Any]) -> list[Any]:  # any: floats, None where unknown
    """Numbers as they are written, also in MessagePack, where NaN would be a number."""
    if values.dtype == np.float32:
        values = np.array(as_lists(values), np.float64)
    listed: list[Any] = values.tolist()
    for place in np.flatnonzero(~np.isfinite(values)):
        listed[place] = None
    return listed


def json_answer(body: Any, status: int = 200) -> Response:  # any: maps of several shapes
    """A short answer in JSON; NaN is null."""
    return Response(msgspec.json.encode(body), status, {"cache-control": "no-store"}, JSON_TYPE)


async def mapped(request: Request, body: Mapping[str, Any]) -> Response:  # any: as above
    """A map that is at hand."""
    return await whole(request, *await asyncio.to_thread(_encoded, body, wants_msgpack(request)))


def _encoded(body: Mapping[str, Any], is_packed: bool) -> tuple[bytes, str]:  # any: as above
    if is_packed:
        return msgspec.msgpack.encode(body), MSGPACK_TYPES[0]
    return msgspec.json.encode(body), JSON_TYPE


async def whole(request: Request, content: bytes, media_type: str) -> Response:
    """Bytes that are at hand: compressed where the client takes it and it helps, 304 where it has them."""
    tag = _tag(content) if len(content) < PIECE_BYTES else await asyncio.to_thread(_tag, content)
    headers = {**HEADERS, "etag": tag}
    said = request.headers.get("if-none-match", "")
    if said.strip() == "*" or headers["etag"] in (tag.strip() for tag in said.split(",")):
        return Response(None, 304, headers)
    if len(content) >= GZIP_MIN_BYTES and takes_gzip(request):
        content = await asyncio.to_thread(_gzipped, content)
        headers["content-encoding"] = "gzip"
    return Response(content, 200, headers, media_type)


def _tag(content: bytes) -> str:
    """Weak: the same for the answer and its compressed form."""
    return f'W/"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


def takes_gzip(request: Request) -> bool:
    """Whether `Accept-Encoding` names gzip."""
    return _accepts(request.headers.get("accept-encoding", ""), ("gzip", "*"))


def _gzipped(content: bytes) -> bytes:
    packer = zlib.compressobj(GZIP_LEVEL, wbits=_GZIP_WINDOW)
    return packer.compress(content) + packer.flush()


async def listed(
    request: Request, head: Mapping[str, Any], name: str, entries: Iterable[Any], count: int
) -> Response:  # any: as above
    """A map of `head` and a list of `count` entries, which may be long; they are taken on another thread."""
    is_packed = wants_msgpack(request)
    pieces = _pieces(head, name, entries, count, is_packed)
    first = await asyncio.to_thread(next, pieces)
    second = await asyncio.to_thread(next, pieces, None)
    media_type = MSGPACK_TYPES[0] if is_packed else JSON_TYPE
    if second is None:
        return await whole(request, first, media_type)
    headers = dict(HEADERS)
    packer = None
    if takes_gzip(request):
        headers["content-encoding"] = "gzip"
        packer = zlib.compressobj(GZIP_LEVEL, wbits=_GZIP_WINDOW)
    return StreamingResponse(_sent(itertools.chain((first, second), pieces), packer), 200, headers, media_type)


async def _sent(pieces: Iterator[bytes], packer: Any) -> AsyncIterator[bytes]:  # any: zlib has no name for its type
    def one() -> bytes | None:
        piece = next(pieces, None)
        return piece if piece is None or packer is None else packer.compress(piece)

    while (piece := await asyncio.to_thread(one)) is not None:
        if piece:
            yield piece
    if packer is not None:
        yield packer.flush()


def _pieces(
    head: Mapping[str, Any], name: str, entries: Iterable[Any], count: int, is_packed: bool
) -> Iterator[bytes]:  # any: as above
    encode = msgspec.msgpack.encode if is_packed else msgspec.json.encode
    buffer = bytearray(_opening(head, name, count, is_packed))
    is_first = True
    for entry in entries:
        if not is_packed and not is_first:
            buffer += b","
        is_first = False
        buffer += entry if isinstance(entry, msgspec.Raw) else encode(entry)
        if len(buffer) >= PIECE_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if not is_packed:
        buffer += b"]}"
    yield bytes(buffer)


def _opening(head: Mapping[str, Any], name: str, count: int, is_packed: bool) -> bytes:  # any: as above
    """The map up to the first entry of its list."""
    if not is_packed:
        return msgspec.json.encode({**head, name: []})[:-2]
    # The list stands last and empty, one byte (fixarray 0); array 32 takes its place.
    return msgspec.msgpack.encode({**head, name: []})[:-1] + b"\xdd" + count.to_bytes(4, "big")
