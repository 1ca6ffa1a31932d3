"""The messages from agents, read by msgspec: the hub's hot path over the same bytes as `codec`.

A frame of one sample takes 0.3 us here and 12 us in `codec` (`tests/bench/hub_ingest.py`). The structs mirror
`messages` field by field; `tests/test_typed.py` holds both decoders to the same answers. Counts and sizes are
checked by msgspec when it has read a length, before it allocates; what it cannot say in a type is checked here.

In: one ZeroMQ message. Out: a struct, or `ProtocolError`. Only the hub imports this: msgspec costs 10 MB.
"""

import re
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from fleetglass_proto import limits, series
from fleetglass_proto.errors import ProtocolError
from fleetglass_proto.messages import Field, Tag

_U32 = Annotated[int, Meta(ge=0, le=(1 << 32) - 1)]
_Offset = Annotated[int, Meta(ge=0, le=limits.OFFSET_MAX)]
_Time = Annotated[int, Meta(ge=0, le=limits.TIME_MAX_MS)]
# msgspec counts characters; `_short` counts bytes afterwards. A character has at least one byte, so this bounds both.
_Name = Annotated[str, Meta(max_length=limits.NAME_BYTES)]
_Text = Annotated[str, Meta(max_length=limits.STRING_BYTES)]
_Id = Annotated[bytes, Meta(min_length=16, max_length=16)]
_Texts = Annotated[dict[_Name, _Text], Meta(max_length=limits.LABELS)]


class Hello(Struct, tag=int(Tag.HELLO), array_like=True, frozen=True):
    """See `messages.Hello`."""

    version: Annotated[int, Meta(ge=1, le=1 << 16)]
    agent_id: _Id
    run_id: _Id
    name: Annotated[str, Meta(min_length=1, max_length=limits.NAME_BYTES)]
    labels: _Texts
    platform: _Texts
    agent_version: _Name
    interval_ms: Annotated[int, Meta(ge=limits.INTERVAL_MIN_MS, le=limits.INTERVAL_MAX_MS)]
    time_ms: _Time
    token: _Name | None


class SchemaMessage(Struct, tag=int(Tag.SCHEMA), array_like=True, frozen=True):
    """See `messages.SchemaMessage`."""

    schema_id: _U32
    series: Annotated[tuple[_Text, ...], Meta(max_length=limits.SERIES)]


class Sample(Struct, array_like=True, frozen=True, gc=False):
    """See `messages.Sample`."""

    schema_id: _U32
    time_ms: _Time
    values: Annotated[bytes, Meta(max_length=4 * limits.SERIES)]


class LineBatch(Struct, array_like=True, frozen=True, gc=False):
    """See `messages.LineBatch`."""

    stream: _U32
    file: _Offset
    start: _Offset
    end: _Offset
    read_ms: _Time
    flags: Annotated[int, Meta(ge=0, le=255)]
    data: Annotated[bytes, Meta(max_length=limits.BATCH_BYTES)]


class Frame(Struct, tag=int(Tag.FRAME), array_like=True, frozen=True, gc=False):
    """See `messages.Frame`."""

    time_ms: _Time
    samples: Annotated[tuple[Sample, ...], Meta(max_length=limits.SAMPLES_PER_FRAME)]
    batches: Annotated[tuple[LineBatch, ...], Meta(max_length=limits.BATCHES_PER_FRAME)]


class _RawEvent(Struct, tag=int(Tag.EVENT), array_like=True, frozen=True):
    """An event whose fields are still bytes: msgspec has no union of text and bytes."""

    time_ms: _Time
    kind: _Name
    stream: _U32 | None
    file: _Offset | None
    fields: Annotated[dict[_Name, Raw], Meta(max_length=limits.EVENT_FIELDS)]


class Event(Struct, array_like=True, frozen=True):
    """See `messages.Event`."""

    time_ms: int
    kind: str
    stream: int | None
    file: int | None
    fields: dict[str, Field]


class Bye(Struct, tag=int(Tag.BYE), array_like=True, frozen=True):
    """See `messages.Bye`."""

    time_ms: _Time
    why: _Text


Up = Hello | SchemaMessage | Frame | Event | Bye

_decode = msgspec.msgpack.Decoder(Hello | SchemaMessage | Frame | _RawEvent | Bye).decode
_encode = msgspec.msgpack.Encoder().encode
_decode_bytes = msgspec.msgpack.Decoder(Annotated[bytes, Meta(max_length=limits.STRING_BYTES)]).decode
_decode_scalar = msgspec.msgpack.Decoder(_Text | int | float | bool | None).decode
_BIN = (0xC4, 0xC5, 0xC6)


def decode(data: bytes) -> Up:
    """Read one message of an agent.

    Args:
        data: one ZeroMQ message, at most `limits.MESSAGE_BYTES`; checked before anything is allocated.

    Raises:
        ProtocolError: names the field and the limit that was passed.

    Source:
        PROTOCOL.md, "Up".
    """
    if len(data) > limits.MESSAGE_BYTES:
        raise ProtocolError("message", f"has {len(data)} bytes; the limit is {limits.MESSAGE_BYTES}")
    try:
        message: Hello | SchemaMessage | Frame | _RawEvent | Bye = _decode(data)
        if type(message) is Frame:
            _check_frame(message)
            return message
        return _checked(message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise _refusal(data, problem) from problem


def encode_commit(
    time_ms: int, credit: int, samples_ms: int, offsets: list[tuple[int, int, int]], notice: str = ""
) -> bytes:
    """The bytes of `messages.Commit`, which the hub sends to every agent each second."""
    if notice:
        return _encode((int(Tag.COMMIT), time_ms, credit, samples_ms, offsets, notice))
    return _encode((int(Tag.COMMIT), time_ms, credit, samples_ms, offsets))


def _check_frame(frame: Frame) -> None:
    for at, sample in enumerate(frame.samples):
        if len(sample.values) & 3:
            raise ProtocolError(
                f"frame.samples[{at}].values", f"{len(sample.values)} bytes are no float32 values of 4 bytes each"
            )
    for at, batch in enumerate(frame.batches):
        if batch.end - batch.start != len(batch.data):
            raise ProtocolError(
                f"frame.batches[{at}].end",
                f"{batch.start}..{batch.end} does not span the {len(batch.data)} bytes of data",
            )


def _checked(message: Hello | SchemaMessage | Frame | _RawEvent | Bye) -> Up:
    match message:
        case _RawEvent(time_ms, kind, stream, file, fields):
            _short("event.kind", kind, limits.NAME_BYTES)
            return Event(time_ms, kind, stream, file, {key: _scalar(key, raw) for key, raw in fields.items()})
        case SchemaMessage():
            _check_series(message.series)
        case Hello():
            _check_hello(message)
        case Bye():
            _short("bye.why", message.why, limits.STRING_BYTES)
        case Frame():
            pass
    return message


def _check_series(names: tuple[str, ...]) -> None:
    for at, name in enumerate(names):
        _short(f"schema.series[{at}]", name, limits.STRING_BYTES)
        try:
            series.parse(name)
        except ValueError as problem:
            raise ProtocolError(f"schema.series[{at}]", str(problem)) from problem


def _check_hello(hello: Hello) -> None:
    for field, text in (("name", hello.name), ("agent_version", hello.agent_version), ("token", hello.token or "")):
        _short(f"hello.{field}", text, limits.NAME_BYTES)
    for field, texts in (("labels", hello.labels), ("platform", hello.platform)):
        for key, text in texts.items():
            _short(f"hello.{field} key", key, limits.NAME_BYTES)
            _short(f"hello.{field}[{key[:40]!r}]", text, limits.STRING_BYTES)


def _scalar(key: str, raw: Raw) -> Field:
    field = f"event.fields[{key[:40]!r}]"
    _short("event.fields key", key, limits.NAME_BYTES)
    data = bytes(raw)
    try:
        if data[0] in _BIN:
            blob: bytes = _decode_bytes(data)
            return blob
        value: str | int | float | bool | None = _decode_scalar(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise ProtocolError(field, str(problem)[:160]) from problem
    if isinstance(value, str):
        _short(field, value, limits.STRING_BYTES)
    return value


def _short(field: str, text: str, limit: int) -> None:
    if not text.isascii() and len(text.encode("utf-8")) > limit:
        raise ProtocolError(field, f"text of {len(text.encode('utf-8'))}; the limit is {limit}")


# msgspec ends its sentences with where it stood: "- at `$[2][0][1]`", counting the tag as element 0.
_PATH = re.compile(r" - at (?:`key` in )?`\$((?:\[[^]]*\])*)`")
_FIELDS: dict[int, tuple[str, tuple[str, ...]]] = {
    int(Tag.HELLO): ("hello", Hello.__struct_fields__),
    int(Tag.SCHEMA): ("schema", SchemaMessage.__struct_fields__),
    int(Tag.FRAME): ("frame", Frame.__struct_fields__),
    int(Tag.EVENT): ("event", Event.__struct_fields__),
    int(Tag.BYE): ("bye", Bye.__struct_fields__),
}
_INNER = {"samples": Sample.__struct_fields__, "batches": LineBatch.__struct_fields__}


def _refusal(data: bytes, problem: Exception) -> ProtocolError:
    """msgspec's complaint in the words of PROTOCOL.md: `$[2][3][2]` of a frame is `frame.samples[3].values`."""
    text = str(problem)
    if isinstance(problem, RecursionError):
        return ProtocolError("message", "is nested too deep")
    tag = data[1] if len(data) > 1 and 0x90 <= data[0] <= 0x9F else -1
    found = _PATH.search(text)
    if tag not in _FIELDS or found is None:
        return ProtocolError("message" if tag not in _FIELDS else _FIELDS[tag][0], text[:200])
    name, fields = _FIELDS[tag]
    return ProtocolError(name + _place(found[1], fields), text[: found.start()][:200])


def _place(path: str, fields: tuple[str, ...]) -> str:
    steps = re.findall(r"\[([^]]*)\]", path)
    place = ""
    for step in steps:
        if fields and step.isdigit():
            at = int(step) - (0 if place else 1)  # only the outermost array has the tag in front
            word = fields[at] if 0 <= at < len(fields) else "tag"
            place += f".{word}"
            fields = ()
        else:
            place += f"[{step}]"
            inner = place.partition("[")[0].strip(".")
            fields = _INNER.get(inner, ()) if place.count("[") == 1 else ()
    return place
