"""MessagePack, both ways, bounds first. The agent's codec; the hub's hot path reads the same bytes with `typed`.

In: a message of `messages`, or the bytes of one. Out: the other. Fields behind the known ones come from a newer
version and are passed over; fewer than the known ones are an error.
"""

from collections.abc import Callable
from typing import TypeVar

import msgpack

from fleetglass_proto import limits, messages, series
from fleetglass_proto.errors import ProtocolError
from fleetglass_proto.messages import Tag
from fleetglass_proto.reader import Reader

T = TypeVar("T")
U32 = (1 << 32) - 1

_TAGS: dict[type, Tag] = {
    messages.Hello: Tag.HELLO,
    messages.SchemaMessage: Tag.SCHEMA,
    messages.Frame: Tag.FRAME,
    messages.Event: Tag.EVENT,
    messages.Bye: Tag.BYE,
    messages.Welcome: Tag.WELCOME,
    messages.Commit: Tag.COMMIT,
    messages.Interest: Tag.INTEREST,
    messages.Reject: Tag.REJECT,
}


def encode(message: messages.Up | messages.Down) -> bytes:
    """The bytes of a message: an array whose first element is the tag. Tuples become arrays as they are."""
    # Most commits have no news of the hub itself, and no field for it.
    fields = message[:-1] if isinstance(message, messages.Commit) and not message.notice else message
    packed: bytes = msgpack.packb((int(_TAGS[type(message)]), *fields), use_bin_type=True)
    return packed


def decode(data: bytes) -> messages.Up | messages.Down:
    """Read one message.

    Args:
        data: one ZeroMQ message, at most `limits.MESSAGE_BYTES`; checked before anything is allocated.

    Raises:
        ProtocolError: names the field, its byte position and the limit that was passed.

    Source:
        PROTOCOL.md.
    """
    reader = Reader(data)
    fields = reader.array("message", 1, 64)
    tag = reader.integer("message.tag", 0, 127)
    known = _READERS.get(tag)
    if known is None:
        raise ProtocolError("message.tag", f"{tag} is no message of this protocol; known are {sorted(_READERS)}")
    name, count, read = known
    if fields - 1 < count:
        raise ProtocolError(name, f"has {fields - 1} fields; {count} belong to it")
    message = read(reader)
    if isinstance(message, messages.Commit) and fields - 1 > count and reader.peek() == "str":
        message = message._replace(notice=reader.text("commit.notice", limits.STRING_BYTES))
        count += 1
    reader.skip(name, fields - 1 - count)
    reader.end()
    return message


def _time(reader: Reader, field: str) -> int:
    return reader.integer(field, 0, limits.TIME_MAX_MS)


def _list(reader: Reader, field: str, most: int, read: Callable[[Reader, str], T]) -> tuple[T, ...]:
    length = reader.array(field, 0, most)
    return tuple(read(reader, f"{field}[{at}]") for at in range(length))


def _part(reader: Reader, field: str, count: int, read: Callable[[Reader, str], T]) -> T:
    """One inner array of `count` known fields; more are of a newer version."""
    length = reader.array(field, count, 64)
    value = read(reader, field)
    reader.skip(field, length - count)
    return value


def _texts(reader: Reader, field: str, most: int) -> dict[str, str]:
    pairs = reader.mapping(field, most)
    found: dict[str, str] = {}
    for _ in range(pairs):
        key = reader.text(f"{field} key", limits.NAME_BYTES)
        found[key] = reader.text(f"{field}[{key[:40]!r}]", limits.STRING_BYTES)
    return found


def _hello(reader: Reader) -> messages.Hello:
    return messages.Hello(
        version=reader.integer("hello.version", 1, 1 << 16),
        agent_id=reader.binary("hello.agent_id", 16, 16),
        run_id=reader.binary("hello.run_id", 16, 16),
        name=_name(reader, "hello.name"),
        labels=_texts(reader, "hello.labels", limits.LABELS),
        platform=_texts(reader, "hello.platform", limits.LABELS),
        agent_version=reader.text("hello.agent_version", limits.NAME_BYTES),
        interval_ms=reader.integer("hello.interval_ms", limits.INTERVAL_MIN_MS, limits.INTERVAL_MAX_MS),
        time_ms=_time(reader, "hello.time_ms"),
        token=None if reader.nothing() else reader.text("hello.token", limits.NAME_BYTES),
    )


def _name(reader: Reader, field: str) -> str:
    name = reader.text(field, limits.NAME_BYTES)
    if not name:
        raise ProtocolError(field, "is empty; a host has a name")
    return name


def _schema(reader: Reader) -> messages.SchemaMessage:
    schema_id = reader.integer("schema.schema_id", 0, U32)
    return messages.SchemaMessage(schema_id, _list(reader, "schema.series", limits.SERIES, _series_name))


def _series_name(reader: Reader, field: str) -> str:
    name = reader.text(field, limits.STRING_BYTES)
    try:
        series.parse(name)
    except ValueError as problem:
        raise ProtocolError(field, str(problem)) from problem
    return name


def _sample(reader: Reader, field: str) -> messages.Sample:
    schema_id = reader.integer(f"{field}.schema_id", 0, U32)
    time_ms = _time(reader, f"{field}.time_ms")
    values = reader.binary(f"{field}.values", 4 * limits.SERIES)
    if len(values) % 4:
        raise ProtocolError(f"{field}.values", f"{len(values)} bytes are no float32 values of 4 bytes each")
    return messages.Sample(schema_id, time_ms, values)


def _batch(reader: Reader, field: str) -> messages.LineBatch:
    batch = messages.LineBatch(
        stream=reader.integer(f"{field}.stream", 0, U32),
        file=reader.integer(f"{field}.file", 0, limits.OFFSET_MAX),
        start=reader.integer(f"{field}.start", 0, limits.OFFSET_MAX),
        end=reader.integer(f"{field}.end", 0, limits.OFFSET_MAX),
        read_ms=_time(reader, f"{field}.read_ms"),
        flags=reader.integer(f"{field}.flags", 0, 255),
        data=reader.binary(f"{field}.data", limits.BATCH_BYTES),
    )
    if batch.end - batch.start != len(batch.data):
        raise ProtocolError(
            f"{field}.end", f"{batch.start}..{batch.end} does not span the {len(batch.data)} bytes of data"
        )
    return batch


def _frame(reader: Reader) -> messages.Frame:
    return messages.Frame(
        _time(reader, "frame.time_ms"),
        _list(reader, "frame.samples", limits.SAMPLES_PER_FRAME, lambda r, f: _part(r, f, 3, _sample)),
        _list(reader, "frame.batches", limits.BATCHES_PER_FRAME, lambda r, f: _part(r, f, 7, _batch)),
    )


def _event(reader: Reader) -> messages.Event:
    time_ms = _time(reader, "event.time_ms")
    kind = reader.text("event.kind", limits.NAME_BYTES)
    stream = None if reader.nothing() else reader.integer("event.stream", 0, U32)
    file = None if reader.nothing() else reader.integer("event.file", 0, limits.OFFSET_MAX)
    fields: dict[str, messages.Field] = {}
    for _ in range(reader.mapping("event.fields", limits.EVENT_FIELDS)):
        key = reader.text("event.fields key", limits.NAME_BYTES)
        fields[key] = reader.scalar(f"event.fields[{key[:40]!r}]")
    return messages.Event(time_ms, kind, stream, file, fields)


def _bye(reader: Reader) -> messages.Bye:
    return messages.Bye(_time(reader, "bye.time_ms"), reader.text("bye.why", limits.STRING_BYTES))


def _known_file(reader: Reader, field: str) -> messages.KnownFile:
    return messages.KnownFile(
        file=reader.integer(f"{field}.file", 0, limits.OFFSET_MAX),
        dev=reader.integer(f"{field}.dev", 0, (1 << 64) - 1),
        inode=reader.integer(f"{field}.inode", 0, (1 << 64) - 1),
        fp_count=reader.integer(f"{field}.fp_count", 0, limits.FINGERPRINT_BYTES),
        fp=reader.binary(f"{field}.fp", 32),
        committed=reader.integer(f"{field}.committed", 0, limits.OFFSET_MAX),
    )


def _known_stream(reader: Reader, field: str) -> messages.KnownStream:
    return messages.KnownStream(
        reader.text(f"{field}.path", limits.STRING_BYTES),
        reader.text(f"{field}.kind", limits.NAME_BYTES),
        _list(reader, f"{field}.files", limits.FILES_PER_STREAM, lambda r, f: _part(r, f, 6, _known_file)),
    )


def _welcome(reader: Reader) -> messages.Welcome:
    return messages.Welcome(
        version=reader.integer("welcome.version", 1, 1 << 16),
        hub_id=reader.binary("welcome.hub_id", 16, 16),
        hub_version=reader.text("welcome.hub_version", limits.NAME_BYTES),
        time_ms=_time(reader, "welcome.time_ms"),
        hello_ms=_time(reader, "welcome.hello_ms"),
        credit=reader.integer("welcome.credit", 0, limits.OFFSET_MAX),
        samples_ms=_time(reader, "welcome.samples_ms"),
        streams=_list(reader, "welcome.streams", limits.STREAMS, lambda r, f: _part(r, f, 3, _known_stream)),
    )


def _offset(reader: Reader, field: str) -> tuple[int, int, int]:
    return (
        reader.integer(f"{field}.stream", 0, U32),
        reader.integer(f"{field}.file", 0, limits.OFFSET_MAX),
        reader.integer(f"{field}.offset", 0, limits.OFFSET_MAX),
    )


def _commit(reader: Reader) -> messages.Commit:
    return messages.Commit(
        time_ms=_time(reader, "commit.time_ms"),
        credit=reader.integer("commit.credit", 0, limits.OFFSET_MAX),
        samples_ms=_time(reader, "commit.samples_ms"),
        offsets=_list(reader, "commit.offsets", limits.OFFSETS_PER_COMMIT, lambda r, f: _part(r, f, 3, _offset)),
    )


def _interest(reader: Reader) -> messages.Interest:
    interval_ms = reader.integer("interest.interval_ms", 0, limits.INTERVAL_MAX_MS)
    if 0 < interval_ms < limits.INTERVAL_MIN_MS:
        raise ProtocolError(
            "interest.interval_ms", f"{interval_ms} is too fast; the fastest is {limits.INTERVAL_MIN_MS}"
        )
    return messages.Interest(interval_ms)


def _reject(reader: Reader) -> messages.Reject:
    return messages.Reject(
        reader.text("reject.code", limits.NAME_BYTES),
        reader.text("reject.message", limits.STRING_BYTES),
        None if reader.nothing() else reader.integer("reject.retry_ms", 0, limits.TIME_MAX_MS),
    )


_Read = Callable[[Reader], messages.Up | messages.Down]
# tag -> name, number of known fields behind the tag, reader
_READERS: dict[int, tuple[str, int, _Read]] = {
    Tag.HELLO: ("hello", 10, _hello),
    Tag.SCHEMA: ("schema", 2, _schema),
    Tag.FRAME: ("frame", 3, _frame),
    Tag.EVENT: ("event", 5, _event),
    Tag.BYE: ("bye", 2, _bye),
    Tag.WELCOME: ("welcome", 8, _welcome),
    Tag.COMMIT: ("commit", 4, _commit),
    Tag.INTEREST: ("interest", 1, _interest),
    Tag.REJECT: ("reject", 3, _reject),
}
