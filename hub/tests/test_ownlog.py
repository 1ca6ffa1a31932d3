"""What the hub says of itself."""

import io
import json
import logging

import pytest
from fleetglass_hub import ownlog


@pytest.fixture(autouse=True)
def _kept():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_for_people_a_line_names_its_room():
    out = io.StringIO()
    ownlog.begin("info", "text", out)
    logging.getLogger("fleetglass_hub.ingest.intake").info("host %s is here", "web-1")
    logging.getLogger("fleetglass_hub.ingest.intake").debug("not this")
    assert out.getvalue().endswith("INFO ingest.intake: host web-1 is here\n")
    assert len(out.getvalue().splitlines()) == 1


def test_for_machines_it_is_one_object_a_line():
    out = io.StringIO()
    ownlog.begin("warning", "json", out)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("fleetglass_web.live").exception("it broke")
    said = json.loads(out.getvalue())
    assert (said["level"], said["from"], said["text"]) == ("error", "web.live", "it broke")
    assert "ValueError" in said["error"]
    assert out.getvalue().count("\n") == 1
