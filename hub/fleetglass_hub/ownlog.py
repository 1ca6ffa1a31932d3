"""What the hub says of itself, on standard error: lines for people, or one JSON object a line for machines.

    2026-11-24 23:59:09,907 INFO ingest.intake: host web-1 is here: agent 0.1.0 from 10.0.0.7
    {"time":"2026-11-24T23:59:09.907Z","level":"info","from":"ingest.intake","text":"host web-1 is here: ..."}

A shell: it sets up Python's logging once, at the start.
"""

import json
import logging
import time
from typing import TextIO

# Libraries that tell of themselves what only their makers need.
_QUIET = ("uvicorn", "asyncio")


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(room)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Add the room: the module's name below the package."""
        record.room = _room(record)
        return super().format(record)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One object, no line breaks."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields = {
            "time": f"{moment}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "from": _room(record),
            "text": record.getMessage(),
        }
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _room(record: logging.LogRecord) -> str:
    return record.name.removeprefix("fleetglass_hub.").removeprefix("fleetglass_")


def begin(level: str, form: str, out: TextIO) -> None:
    """Write everything from `level` upwards to `out`."""
    handler = logging.StreamHandler(out)
    handler.setFormatter(_Json() if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
