"""The codec against the vectors, against rubbish, and against messages of a newer version."""

import json
from pathlib import Path
from typing import Any

import msgpack
import pytest
from fleetglass_proto import codec, limits, messages
from fleetglass_proto.errors import ProtocolError
from hypothesis import given, settings
from hypothesis import strategies as st

VECTORS = sorted((Path(__file__).parent / "vectors").glob("*.json"))


def plain(value: Any) -> Any:
    """A message as the vectors write it: field names, bytes as hex."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if hasattr(value, "_fields"):
        return {name: plain(part) for name, part in zip(value._fields, value, strict=True)}
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return value


def vector(path: Path) -> tuple[bytes, dict[str, Any]]:
    document = json.loads(path.read_text())
    return bytes.fromhex(document["hex"]), document


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_vector_decodes_to_its_fields(path):
    data, document = vector(path)
    message = codec.decode(data)
    assert type(message).__name__ == document["message"]
    assert plain(message) == document["fields"]


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_vector_encodes_to_the_same_bytes(path):
    data, _ = vector(path)
    assert codec.encode(codec.decode(data)) == data


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_fields_of_a_newer_version_behind_the_known_ones_are_passed_over(path):
    data, document = vector(path)
    newer = msgpack.packb([*msgpack.unpackb(data, strict_map_key=False), {"later": [1, [2]]}, None])
    assert plain(codec.decode(newer)) == document["fields"]


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_message_cut_anywhere_is_refused_with_a_reason(path):
    data, _ = vector(path)
    for length in range(len(data)):
        with pytest.raises(ProtocolError):
            codec.decode(data[:length])


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_bytes_of_a_stranger_behind_a_message_are_refused(path):
    data, _ = vector(path)
    with pytest.raises(ProtocolError, match="bytes too many"):
        codec.decode(data + b"\x01")


@settings(max_examples=400)
@given(st.binary(max_size=300))
def test_rubbish_is_refused_and_nothing_else_comes_out(data):
    try:
        codec.decode(data)
    except ProtocolError:
        pass


@settings(max_examples=400)
@given(st.sampled_from(VECTORS), st.data())
def test_a_vector_with_bytes_changed_is_a_message_or_refused(path, data):
    whole = bytearray(vector(path)[0])
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = codec.decode(bytes(whole))
    except ProtocolError:
        return
    codec.encode(message)


nested = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@settings(max_examples=400)
@given(st.sampled_from([int(tag) for tag in messages.Tag]), st.lists(nested, max_size=11))
def test_well_formed_messagepack_of_the_wrong_shape_is_refused(tag, fields):
    try:
        codec.decode(msgpack.packb([tag, *fields]))
    except ProtocolError:
        pass


def test_a_message_over_the_limit_is_refused_before_it_is_read():
    with pytest.raises(ProtocolError, match=str(limits.MESSAGE_BYTES)):
        codec.decode(b"\x93" * (limits.MESSAGE_BYTES + 1))


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ("93 02 01 dd ff ff ff ff", "schema.series"),  # an array that claims 4 Gi elements
        ("94 03 00 dd 00 00 20 00 90", "frame.samples"),  # 8,192 samples
        ("94 03 00 90 91 97 00 00 00 00 00 00 c6 00 10 00 00", "frame.batches[0].data"),  # a bin that claims 1 MiB
        ("93 05 00 db 00 00 20 00", "bye.why"),  # a text that claims 8 KiB
        ("96 04 00 a3 67 61 70 c0 c0 df 00 00 ff ff", "event.fields"),  # a map that claims 65,535 pairs
    ],
)
def test_a_claimed_length_over_the_limit_is_refused_by_name_before_it_is_allocated(data, field):
    with pytest.raises(ProtocolError, match="the limit is") as caught:
        codec.decode(bytes.fromhex(data))
    assert caught.value.field == field


def test_deep_nesting_in_a_trailing_field_is_no_recursion():
    deep = b"\x93\x05\x00\xa0" + b"\x91" * 100_000 + b"\xc0"
    with pytest.raises(ProtocolError):
        codec.decode(bytes([0x94]) + deep[1:])


def test_a_batch_whose_range_is_not_its_data_is_refused():
    batch = messages.LineBatch(0, 7, 0, 4, 1, 0, b"abc")
    with pytest.raises(ProtocolError, match="does not span the 3 bytes"):
        codec.decode(codec.encode(messages.Frame(1, (), (batch,))))


def test_an_interval_faster_than_the_fastest_is_refused():
    with pytest.raises(ProtocolError, match="the fastest is 100"):
        codec.decode(codec.encode(messages.Interest(50)))


def test_a_host_frame_of_forty_series_is_at_most_220_bytes():
    frame = messages.Frame(1_800_000_000_000, (messages.Sample(1, 1_800_000_000_000, bytes(160)),), ())
    assert len(codec.encode(frame)) <= 220
