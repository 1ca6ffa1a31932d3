"""Chunks of samples as bytes: all series of a host's minute, and one series of a host's hour.

    minute   rows, series │ raw, time │ a class a series │ values, class by class          one zstd frame
    series   method │ crc32 │ body                                                         pcodec or zstd
    steps    steps, kinds │ min │ max │ avg │ count │ of one series, byte by byte          one zstd frame

Values that are hundredths without loss, such as those that iostat prints, become integers. Series with few different
values are kept as they are, because zstd finds repetitions; noisy ones byte by byte, because their high bytes repeat.
What a minute costs in bytes a sample on a busy host's 68 series (tests/bench/history_samples.py): floats behind each
other 1.42, byte by byte 1.43, in these classes 1.31; for values of two decimals 1.12, in these classes 0.89.

In: arrays. Out: bytes, and back, bit by bit the same but for the bits of a NaN and the sign of a zero. No file is
touched here.
"""

import struct
import zlib
from typing import Any, NamedTuple

import numpy as np
import pcodec
from numpy.typing import NDArray
from pcodec import standalone as pco

from fleetglass_hub.history import lines
from fleetglass_hub.history.content import ContentError

# A series with more different values in a minute than every second one counts as noise.
FEW = 0.5
# zstd -3 takes 25 us for a minute and makes it a twelfth smaller than -1.
LEVEL = 3
# So few bytes a sample are not improved by much: pcodec, which takes four times as long as zstd, is not tried.
GOOD = 0.5
_HEAD = struct.Struct("<II")
_STEPS_HEAD = struct.Struct("<IBB")
_SERIES_HEAD = struct.Struct("<BI")
_HUNDREDTHS = 100.0

# Classes of a minute's series. NaN is the smallest integer.
_INT16, _INT16_NOISE, _INT32_NOISE, _FLOAT, _FLOAT_NOISE = range(5)
_DTYPES = ("<i2", "<i2", "<i4", "<f4", "<f4")
_IS_NOISE = (False, True, True, False, True)

# Methods of a series.
_CONSTANT, _PCO_INT, _PCO_FLOAT, _ZSTD, _PCO_LONG = range(5)

_DEFAULT = pcodec.ChunkConfig()

Values = NDArray[np.float32]


class Columns(NamedTuple):
    """Samples of one host and schema, by time. `values` has a row a series."""

    raw_ms: NDArray[np.int64]
    time_ms: NDArray[np.int64]  # corrected, whole milliseconds below the exact time
    values: Values


def hundredths(values: Values) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Values as integers of 1/100, and where that loses nothing; NaN is neither."""
    with np.errstate(invalid="ignore"):
        scaled = np.rint(values.astype(np.float64) * _HUNDREDTHS)
        is_exact = (np.abs(scaled) < 2**31) & ((scaled / _HUNDREDTHS).astype(np.float32) == values)
    return np.where(is_exact, scaled, 0).astype(np.int64), is_exact


def _shuffled(array: NDArray[np.generic]) -> bytes:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).reshape(-1, array.itemsize).T.tobytes()


def _unshuffled(data: bytes, dtype: str) -> NDArray[np.generic]:
    width = np.dtype(dtype).itemsize
    return np.ascontiguousarray(np.frombuffer(data, np.uint8).reshape(width, -1).T).reshape(-1).view(dtype)


# A minute


def encode_minute(columns: Columns) -> bytes:
    """All series of a host in about a minute."""
    values = np.ascontiguousarray(columns.values, np.float32)
    width, rows = values.shape
    classes, integers = _classes(values)
    parts = [
        _HEAD.pack(rows, width),
        _shuffled(np.diff(columns.raw_ms, prepend=0).astype("<i8")),
        _shuffled(np.diff(columns.time_ms - columns.raw_ms, prepend=0).astype("<i8")),
        classes.tobytes(),
    ]
    for number, dtype in enumerate(_DTYPES):
        own = classes == number
        if own.any():
            block = (integers if dtype.startswith("<i") else values)[own].astype(dtype)
            parts.append(_shuffled(block) if _IS_NOISE[number] else block.tobytes())
    return lines.compress(b"".join(parts), LEVEL)


def _classes(values: Values) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    rows = values.shape[1]
    integers, is_exact = hundredths(values)
    unknown = np.isnan(values)
    is_whole = np.logical_and.reduce(is_exact | unknown, axis=1)
    is_small = is_whole & np.logical_and.reduce(np.abs(integers) < 2**15, axis=1)
    ordered = np.sort(values, axis=1)
    is_noise = (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1) + 1 > FEW * rows
    integers = np.where(unknown, np.where(is_small, -(2**15), -(2**31))[:, None], integers)
    classes = np.where(
        is_small,
        np.where(is_noise, _INT16_NOISE, _INT16),
        np.where(is_noise, np.where(is_whole, _INT32_NOISE, _FLOAT_NOISE), _FLOAT),
    ).astype(np.uint8)
    return classes, integers


def decode_minute(data: bytes) -> Columns:
    """Read what `encode_minute` made.

    Raises:
        ContentError: it is damaged.
    """
    body = lines.decompress(data)
    rows, width = _HEAD.unpack_from(body)
    at = _HEAD.size

    def take(length: int) -> bytes:
        nonlocal at
        at += length
        return body[at - length : at]

    raw_ms = np.cumsum(_unshuffled(take(8 * rows), "<i8"))
    time_ms = raw_ms + np.cumsum(_unshuffled(take(8 * rows), "<i8"))
    classes = np.frombuffer(take(width), np.uint8)
    values = np.empty((width, rows), np.float32)
    for number, dtype in enumerate(_DTYPES):
        own = classes == number
        count = int(own.sum())
        if not count:
            continue
        piece = take(count * rows * np.dtype(dtype).itemsize)
        block = _unshuffled(piece, dtype) if _IS_NOISE[number] else np.frombuffer(piece, dtype)
        values[own] = _floats(block).reshape(count, rows)
    return Columns(raw_ms, time_ms, values)


def _floats(block: NDArray[Any]) -> Values:  # any: integers or floats
    """Integers of 1/100 as floats; floats as they are."""
    if block.dtype.kind == "f":
        return block.astype(np.float32)
    least = np.iinfo(block.dtype).min
    return np.where(block == least, np.nan, block / _HUNDREDTHS).astype(np.float32)


# A series


def encode_series(values: Values) -> bytes:
    """One series of about an hour."""
    values = np.ascontiguousarray(values, np.float32)
    unknown = np.isnan(values)
    if unknown.all() or (not unknown.any() and (values == values[0]).all()):
        return _series(_CONSTANT, struct.pack("<If", len(values), values[0]))
    integers, is_exact = hundredths(values)
    if (is_exact | unknown).all():
        whole = np.where(unknown, -(2**31), integers).astype(np.int32)
        return _series(_PCO_INT, pco.simple_compress(whole, _DEFAULT))
    plain = lines.compress(values.tobytes(), LEVEL)
    if len(plain) <= GOOD * len(values):
        return _series(_ZSTD, plain)
    body = pco.simple_compress(values, _DEFAULT)
    return _series(_PCO_FLOAT, body) if len(body) <= len(plain) else _series(_ZSTD, plain)


def encode_longs(values: NDArray[np.int64]) -> bytes:
    """Integers such as times."""
    return _series(_PCO_LONG, pco.simple_compress(np.ascontiguousarray(values, np.int64), _DEFAULT))


def _series(method: int, body: bytes) -> bytes:
    return _SERIES_HEAD.pack(method, zlib.crc32(body)) + body


def _opened(data: bytes) -> tuple[int, bytes]:
    if len(data) < _SERIES_HEAD.size:
        raise ContentError("damaged: a series is cut short")
    method, crc = _SERIES_HEAD.unpack_from(data)
    body = data[_SERIES_HEAD.size :]
    if zlib.crc32(body) != crc:
        raise ContentError("damaged: a series has another checksum")
    return method, body


def check(data: bytes) -> None:
    """Compare a series with its checksum.

    Raises:
        ContentError: it is damaged.
    """
    _opened(data)


def decode_series(data: bytes) -> Values:
    """Read what `encode_series` made.

    Raises:
        ContentError: it is damaged.
    """
    method, body = _opened(data)
    if method == _CONSTANT:
        count, value = struct.unpack("<If", body)
        return np.full(count, value, np.float32)
    if method == _ZSTD:
        return np.frombuffer(lines.decompress(body), "<f4")
    return _floats(np.asarray(pco.simple_decompress(body)))


def decode_longs(data: bytes) -> NDArray[np.int64]:
    """Read what `encode_longs` made.

    Raises:
        ContentError: it is damaged.
    """
    _, body = _opened(data)
    return np.asarray(pco.simple_decompress(body), np.int64)


# Steps


def encode_steps(least: Values, average: Values, most: Values, counted: NDArray[np.int64]) -> bytes:
    """Steps of one series; extremes stay as they are, an average keeps 16 of its 24 bits: 0.0015 per cent."""
    columns, kinds = zip(*(_exact(column) for column in (least, most)), strict=True)
    bits = average.astype("<f4").view("<u4")
    rounded = np.where(np.isnan(average), bits, (bits + 0x80) & 0xFFFFFF00)
    counts = counted.astype("<u4")
    parts = (*columns, rounded, counts)
    return lines.compress(_STEPS_HEAD.pack(len(average), *kinds) + b"".join(map(_shuffled, parts)), LEVEL)


def _exact(values: Values) -> tuple[NDArray[Any], int]:  # any: integers or floats
    integers, is_exact = hundredths(values)
    unknown = np.isnan(values)
    if (is_exact | unknown).all():
        return np.where(unknown, -(2**31), integers).astype("<i4"), 1
    return values.astype("<f4"), 0


def decode_steps(data: bytes) -> tuple[Values, Values, Values, NDArray[np.int64]]:
    """Read what `encode_steps` made: min, avg, max, count.

    Raises:
        ContentError: it is damaged.
    """
    body = lines.decompress(data)
    count, *kinds = _STEPS_HEAD.unpack_from(body)
    shuffled = np.frombuffer(body, np.uint8, 16 * count, _STEPS_HEAD.size).reshape(4, 4, count)
    words = np.ascontiguousarray(shuffled.transpose(0, 2, 1)).reshape(4, -1)
    least, most = (
        _floats(column.view("<i4" if kind else "<f4")) for column, kind in zip(words[:2], kinds, strict=True)
    )
    return least, words[2].view(np.float32), most, words[3].view(np.uint32).astype(np.int64)
