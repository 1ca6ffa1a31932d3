"""Messages for clients without WebSocket: plain text, one JSON object a line, and server-sent events.

Plain text is the line itself, as it was written; `prefix` puts the host's name and the path in front. What is missing
is said in a line of its own that begins with `--- fleetglass:`. Hosts, schemas, answers and lines without an end (the
whole would come again) have no place in these forms: they give nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from math import isnan
from typing import Any

import msgspec
import numpy as np

from fleetglass_web.live import messages as m
from fleetglass_web.live.float32 import shortest
from fleetglass_web.query.cursor import within

TEXT = "text"
PREFIXED = "prefixed"
NDJSON = "ndjson"
EVENTS = "events"

Object = dict[str, Any]  # any: the JSON of the API


def iso(time_ms: float) -> str:
    """`2026-11-24T12:00:00.000Z`."""
    moment = datetime.fromtimestamp(time_ms / 1_000, tz=UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1_000:03d}Z"


def line_object(batch: m.Batch, offset: int, line: bytes) -> Object:
    """A line as `GET /api/v1/logs` gives it."""
    return {
        "host": batch.host,
        "name": batch.name,
        "stream": batch.stream,
        "path": batch.path,
        "time_ms": batch.time_ms,
        "offset": offset,
        "text": line.decode("utf-8", "replace"),
    }


def sample_objects(samples: m.Samples) -> Iterator[Object]:
    """Each row with the names of its values; None where unknown."""
    for block in samples.blocks:
        names = samples.series[block.schema]
        rows = shortest(np.ascontiguousarray(block.values)).tolist()
        for host, time_ms, row in zip(block.hosts.tolist(), block.time_ms.tolist(), rows, strict=True):
            values = {name: None if isnan(value) else value for name, value in zip(names, row, strict=True)}
            yield {"host": host, "name": samples.names.get(host, ""), "time_ms": time_ms, "values": values}


def gap_object(mark: m.GapMark) -> Object:
    """A gap with the words of the live protocol."""
    gap = mark.gap
    return {
        "host": gap.host if gap.host >= 0 else None,
        "name": mark.name,
        "stream": gap.stream if gap.stream >= 0 else None,
        "path": gap.path,
        "from_ms": gap.from_ms,
        "to_ms": gap.to_ms,
        "lines": gap.lines,
        "bytes": gap.bytes,
        "why": gap.why,
    }


def _gap_sentence(mark: m.GapMark) -> bytes:
    gap = mark.gap
    much = f"{gap.lines:,} lines" if gap.lines is not None else f"{gap.bytes:,} bytes" if gap.bytes else "lines"
    where = " ".join(word for word in (mark.name, gap.path) if word) or "all streams"
    said = f"--- fleetglass: {much} missing ({gap.why}), {where}, {iso(gap.from_ms)} to {iso(gap.to_ms)}\n"
    return said.encode("utf-8", "replace")


def _text(message: m.Message) -> bytes:
    if isinstance(message, m.Lines):
        return b"".join(line + b"\n" for batch in message.batches for _offset, line in batch.lines)
    return _sample_text(message)


def _prefixed(message: m.Message) -> bytes:
    if isinstance(message, m.Lines):
        parts = []
        for batch in message.batches:
            prefix = f"{batch.name} {batch.path}: ".encode("utf-8", "replace")
            parts += [prefix + line + b"\n" for _offset, line in batch.lines]
        return b"".join(parts)
    return _sample_text(message)


def _sample_text(message: m.Message) -> bytes:
    if isinstance(message, m.GapMark):
        return _gap_sentence(message)
    if isinstance(message, m.Samples):
        return b"".join(_row_text(row) for row in sample_objects(message))
    return b""


def _row_text(row: Object) -> bytes:
    values = " ".join(
        f"{name}={'NaN' if value is None else repr(value).removesuffix('.0')}" for name, value in row["values"].items()
    )
    return f"{iso(row['time_ms'])} {row['name']} {values}\n".encode("utf-8", "replace")


def _ndjson(message: m.Message) -> bytes:
    if isinstance(message, m.Lines):
        return b"".join(_line_objects(message))
    if isinstance(message, m.Samples):
        return b"".join(msgspec.json.encode(one) + b"\n" for one in sample_objects(message))
    if isinstance(message, m.GapMark):
        return msgspec.json.encode({"gap": gap_object(message)}) + b"\n"
    return b""


def _line_objects(message: m.Lines) -> Iterator[bytes]:
    for about, batch, offset, line in _placed(message):
        one = line_object(batch, offset, line)
        yield msgspec.json.encode({**one, "cursor": about} if about else one) + b"\n"


def _events(message: m.Message) -> bytes:
    if isinstance(message, m.Lines):
        return b"".join(_line_events(message))
    if isinstance(message, m.Samples):
        return b"".join(b"data: " + msgspec.json.encode(one) + b"\n\n" for one in sample_objects(message))
    if isinstance(message, m.GapMark):
        return b"event: gap\ndata: " + msgspec.json.encode(gap_object(message)) + b"\n\n"
    return b""


def _line_events(message: m.Lines) -> Iterator[bytes]:
    """Each line is an event, and its place is the event's id."""
    for about, batch, offset, line in _placed(message):
        event = b"data: " + msgspec.json.encode(line_object(batch, offset, line)) + b"\n\n"
        yield f"id: {about}\n".encode() + event if about else event


def _placed(message: m.Lines) -> Iterator[tuple[str, m.Batch, int, bytes]]:
    """Each line with the cursor behind it. A connection may break between two lines of one frame, so each has its own:
    the cursor before the frame and how much of which batch has come; the last has the cursor behind the frame."""
    left = sum(len(batch.lines) for batch in message.batches)
    for batch in message.batches:
        for number, (offset, line) in enumerate(batch.lines, batch.passed + 1):
            left -= 1
            about = within(message.after, batch.seq, number) if message.after else ""
            yield about if left else message.cursor, batch, offset, line


def _finished(render: Callable[[m.Message], bytes]) -> Callable[[m.Message], bytes]:
    return lambda message: b"" if isinstance(message, m.Lines) and message.is_partial else render(message)


RENDERERS: Mapping[str, Callable[[m.Message], bytes]] = {
    TEXT: _finished(_text),
    PREFIXED: _finished(_prefixed),
    NDJSON: _finished(_ndjson),
    EVENTS: _finished(_events),
}
