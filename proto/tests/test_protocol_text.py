"""PROTOCOL.md and the code say the same: the bytes of every example, every limit, every tag."""

import json
import re
from pathlib import Path

from fleetglass_proto import limits
from fleetglass_proto.messages import EventKind, RejectCode, Tag

HERE = Path(__file__).parent
TEXT = (HERE.parent / "PROTOCOL.md").read_text()


def test_every_example_of_the_page_is_a_vector_and_every_vector_is_on_the_page():
    shown = {
        name: re.sub(r"\s", "", body) for name, body in re.findall(r"```hex vector=(\S+)\n(.*?)```", TEXT, re.DOTALL)
    }
    kept = {path.stem: json.loads(path.read_text())["hex"] for path in (HERE / "vectors").glob("*.json")}
    assert shown == kept


def test_every_limit_of_the_page_is_the_codes():
    for value in (
        limits.MESSAGE_BYTES,
        limits.BATCH_BYTES,
        limits.STRING_BYTES,
        limits.NAME_BYTES,
        limits.LABELS,
        limits.SERIES,
        limits.SAMPLES_PER_FRAME,
        limits.BATCHES_PER_FRAME,
        limits.STREAMS,
        limits.FILES_PER_STREAM,
        limits.EVENT_FIELDS,
        limits.OFFSETS_PER_COMMIT,
        limits.INTERVAL_MIN_MS,
        limits.INTERVAL_MAX_MS,
    ):
        assert re.search(rf"(?<![\d,]){value:,}(?![\d,])", TEXT), value
    assert str(limits.TIME_MAX_MS) in TEXT


def test_every_message_has_a_chapter_with_its_tag():
    for tag in Tag:
        assert f"### {tag.name.lower()}, tag {tag.value}\n" in TEXT


def test_every_event_kind_and_reject_code_is_explained():
    for names in (EventKind, RejectCode):
        for key, value in vars(names).items():
            if key.isupper():
                assert f"`{value}`" in TEXT, value
