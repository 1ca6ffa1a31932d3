"""Where a reader of lines stands, as bytes: which hub, which life of it, up to which number, and when that was.

    version u8 │ hub 8 bytes │ life u32 │ seq u64 │ time f64      29 bytes, big-endian

In: a `Cursor`. Out: bytes, and back; `CursorError` for what was not made by this hub.
"""

import struct
from typing import NamedTuple

from fleetglass_web.view import CursorError

VERSION = 1
_LAYOUT = struct.Struct(">B8sIQd")


class Cursor(NamedTuple):
    """Everything up to `seq` was seen at `time_ms`. `life` tells the starts of a hub apart."""

    life: int
    seq: int
    time_ms: float


def encode(hub_id: bytes, cursor: Cursor) -> bytes:
    """The bytes of a cursor of this hub."""
    return _LAYOUT.pack(VERSION, hub_id[:8], *cursor)


def decode(hub_id: bytes, data: bytes) -> Cursor:
    """Read a cursor.

    Raises:
        CursorError: it is of another hub or version, or no cursor at all.
    """
    if len(data) < 1 or (data[0] == VERSION and len(data) != _LAYOUT.size):
        raise CursorError("this is no cursor of a fleetglass hub; start without one")
    if data[0] != VERSION:
        raise CursorError("this cursor is of another version of fleetglass; start without one")
    _, hub, life, seq, time_ms = _LAYOUT.unpack(data)
    if hub != hub_id[:8]:
        raise CursorError("this cursor is of another hub; start without one")
    if not 0 <= time_ms < 1e15:
        raise CursorError("this cursor is damaged; start without one")
    return Cursor(life, seq, time_ms)
