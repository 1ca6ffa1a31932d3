"""The typed decoder answers as the codec does, on every vector and on rubbish."""

import json
from pathlib import Path
from typing import Any

import msgpack
import pytest
from fleetglass_proto import codec, limits, messages, typed
from fleetglass_proto.errors import ProtocolError
from hypothesis import given, settings
from hypothesis import strategies as st

VECTORS = [
    path
    for path in sorted((Path(__file__).parent / "vectors").glob("*.json"))
    if bytes.fromhex(json.loads(path.read_text())["hex"])[1] < 64
]


def plain(value: Any) -> Any:
    """A message as the vectors write it: field names, bytes as hex."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    names = getattr(value, "__struct_fields__", None) or getattr(value, "_fields", None)
    if names:
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return value


def vector(path: Path) -> tuple[bytes, dict[str, Any]]:
    document = json.loads(path.read_text())
    return bytes.fromhex(document["hex"]), document


def both_answer_alike(data: bytes) -> None:
    try:
        expected = codec.decode(data)
    except ProtocolError:
        with pytest.raises(ProtocolError):
            typed.decode(data)
        return
    if isinstance(expected, messages.Hello | messages.SchemaMessage | messages.Frame | messages.Event | messages.Bye):
        # Through repr: NaN in an event is equal to itself there.
        assert repr(plain(typed.decode(data))) == repr(plain(expected))
    else:
        with pytest.raises(ProtocolError):
            typed.decode(data)


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_vector_decodes_to_its_fields(path):
    data, document = vector(path)
    message = typed.decode(data)
    assert type(message).__name__ == document["message"]
    assert plain(message) == document["fields"]


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_fields_of_a_newer_version_are_passed_over(path):
    data, document = vector(path)
    newer = msgpack.packb([*msgpack.unpackb(data, strict_map_key=False), {"later": [1, [2]]}, None])
    assert plain(typed.decode(newer)) == document["fields"]


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_message_cut_anywhere_or_followed_by_a_stranger_is_refused(path):
    data, _ = vector(path)
    for wrong in [*(data[:length] for length in range(len(data))), data + b"\x01"]:
        with pytest.raises(ProtocolError):
            typed.decode(wrong)


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ([3, 1, [[1, 2, b"1234"], [1, 2, "text"]], []], "frame.samples[1].values"),
        ([3, 1, [[1, 2, b"123"]], []], "frame.samples[0].values"),
        ([3, 1, [], [[0, 1, 0, 3, 1, 0, b"four"]]], "frame.batches[0].end"),
        ([3, 1, [], [[0, 1, 0, 3, 1, 256, b"abc"]]], "frame.batches[0].flags"),
        ([3, -1, [], []], "frame.time_ms"),
        ([2, 1, ["cpu.user_pct", "No Series"]], "schema.series[1]"),
        ([2, 1, ["a"] * (limits.SERIES + 1)], "schema.series"),
        ([4, 1, "gap", 0, 7, {"start": [1]}], "event.fields['start']"),
        ([4, 1, "gap", "x", 7, {}], "event.stream"),
        ([5, 1, "é" * 4096], "bye.why"),
    ],
)
def test_a_refusal_names_the_place_in_the_words_of_the_protocol(fields, place):
    with pytest.raises(ProtocolError) as refusal:
        typed.decode(msgpack.packb(fields))
    assert refusal.value.field == place


@pytest.mark.parametrize("header", ["940301ddffffffff", "920501dbffffffff", "960401a0c0c0dfffffffff", "ddffffffff03"])
def test_a_length_that_lies_is_refused_before_it_is_allocated(header):
    with pytest.raises(ProtocolError):
        typed.decode(bytes.fromhex(header))


def test_nesting_without_end_is_refused():
    with pytest.raises(ProtocolError):
        typed.decode(b"\x95\x03\x01\x90\x90" + b"\x91" * 100_000 + b"\xc0")


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_rubbish_is_refused_by_both(data):
    both_answer_alike(data)


@settings(max_examples=500)
@given(st.sampled_from(VECTORS), st.data())
def test_a_vector_with_bytes_changed_means_the_same_to_both(path, data):
    whole = bytearray(vector(path)[0])
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    both_answer_alike(bytes(whole))


def test_a_commit_has_the_bytes_of_the_codec():
    commit = messages.Commit(1_700_000_000_850, 16_777_230, 1_700_000_000_498, ((0, 1 << 62, 1_038),))
    assert typed.encode_commit(commit.time_ms, commit.credit, commit.samples_ms, list(commit.offsets)) == codec.encode(
        commit
    )
