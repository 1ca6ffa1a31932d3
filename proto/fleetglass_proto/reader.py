"""Read MessagePack field by field, each bound checked before the field is built.

`Reader` knows the kind of the next value from its first byte (MessagePack specification, "Formats"), so a field of the
wrong kind or beyond its limit is refused by name and byte position before anything of its size is allocated.

In: one whole message. Out: Python values. `ProtocolError` is the only exception.
"""

from collections.abc import Callable
from typing import TypeVar

import msgpack

from fleetglass_proto import limits
from fleetglass_proto.errors import ProtocolError

T = TypeVar("T")


def _kind(first: int) -> str:
    """The kind of value that starts with this byte."""
    if first <= 0x7F or first >= 0xE0 or 0xCC <= first <= 0xD3:
        return "int"
    if first <= 0x8F or first in (0xDE, 0xDF):
        return "map"
    if first <= 0x9F or first in (0xDC, 0xDD):
        return "array"
    if first <= 0xBF or 0xD9 <= first <= 0xDB:
        return "str"
    if first == 0xC0:
        return "nil"
    if first in (0xC2, 0xC3):
        return "bool"
    if 0xC4 <= first <= 0xC6:
        return "bin"
    if first in (0xCA, 0xCB):
        return "float"
    return "ext"


# How many bytes give the length of a string, bin, array or map with this first byte.
_LENGTH_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
_KINDS = tuple(_kind(first) for first in range(256))


class Reader:
    """A cursor over one message.

    Args:
        data: one ZeroMQ message; refused when longer than `limits.MESSAGE_BYTES`.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) > limits.MESSAGE_BYTES:
            raise ProtocolError("message", f"has {len(data)} bytes; the limit is {limits.MESSAGE_BYTES}")
        self._data = data
        self._unpacker = msgpack.Unpacker(
            max_buffer_size=limits.MESSAGE_BYTES, max_ext_len=0, strict_map_key=True, unicode_errors="strict"
        )
        self._unpacker.feed(data)

    def peek(self) -> str:
        """The kind of the next value; "end" behind the last."""
        at: int = self._unpacker.tell()
        return _KINDS[self._data[at]] if at < len(self._data) else "end"

    def _length(self) -> int:
        at: int = self._unpacker.tell()
        first: int = self._data[at]
        wide = _LENGTH_BYTES.get(first)
        if wide is not None:
            return int.from_bytes(self._data[at + 1 : at + 1 + wide], "big")
        return first & (0x1F if 0xA0 <= first <= 0xBF else 0x0F)

    def _fail(self, field: str, problem: str) -> ProtocolError:
        return ProtocolError(field, f"{problem} (byte {self._unpacker.tell()})")

    def _expect(self, field: str, *kinds: str) -> str:
        kind = self.peek()
        if kind not in kinds:
            raise self._fail(field, f"is {kind}; expected {' or '.join(kinds)}")
        return kind

    def _take(self, field: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except (msgpack.UnpackException, ValueError) as problem:
            raise self._fail(field, f"cannot be read: {str(problem)[:100] or type(problem).__name__}") from problem

    def _sized(self, field: str, kind: str, limit: int) -> None:
        length = self._length()
        if length > limit:
            raise self._fail(field, f"{kind} of {length}; the limit is {limit}")

    def array(self, field: str, least: int, most: int) -> int:
        """Enter an array; its length, which lies in least..most. The caller reads each element, or skips it."""
        self._expect(field, "array")
        self._sized(field, "array", most)
        length: int = self._take(field, self._unpacker.read_array_header)
        if length < least:
            raise self._fail(field, f"array of {length}; at least {least} fields belong to it")
        return length

    def mapping(self, field: str, most: int) -> int:
        """Enter a map; its number of pairs."""
        self._expect(field, "map")
        self._sized(field, "map", most)
        pairs: int = self._take(field, self._unpacker.read_map_header)
        return pairs

    def integer(self, field: str, low: int, high: int) -> int:
        """An int within low..high."""
        self._expect(field, "int")
        value: int = self._take(field, self._unpacker.unpack)
        if not low <= value <= high:
            raise self._fail(field, f"{value} is outside {low}..{high}")
        return value

    def text(self, field: str, limit: int) -> str:
        """UTF-8 text of at most `limit` bytes."""
        self._expect(field, "str")
        self._sized(field, "text", limit)
        value: str = self._take(field, self._unpacker.unpack)
        return value

    def binary(self, field: str, limit: int, least: int = 0) -> bytes:
        """Bytes, between `least` and `limit` of them."""
        self._expect(field, "bin")
        self._sized(field, "bin", limit)
        value: bytes = self._take(field, self._unpacker.unpack)
        if len(value) < least:
            raise self._fail(field, f"bin of {len(value)}; it has {least}")
        return value

    def scalar(self, field: str) -> str | int | float | bytes | bool | None:
        """Any single value, no array and no map."""
        kind = self._expect(field, "str", "int", "float", "bin", "bool", "nil")
        if kind in ("str", "bin"):
            self._sized(field, kind, limits.STRING_BYTES)
        value: str | int | float | bytes | bool | None = self._take(field, self._unpacker.unpack)
        return value

    def nothing(self) -> bool:
        """Take a nil if one is next."""
        if self.peek() != "nil":
            return False
        self._take("nil", self._unpacker.unpack)
        return True

    def skip(self, field: str, values: int) -> None:
        """Pass over fields of a newer version, without building them."""
        for _ in range(values):
            self._take(field, self._unpacker.skip)

    def end(self) -> None:
        """Nothing may follow."""
        if self.peek() != "end":
            raise self._fail("message", f"{len(self._data) - self._unpacker.tell()} bytes too many")
