"""What a person says of a machine to be enrolled: its labels, how long the line is good for, which files to follow.

In: text, as it comes from a command line or from JSON. Out: values, or `EnrolmentError` with a sentence that says what
to write. The hub's command and the web's API read both with this.
"""

import re
from collections.abc import Mapping, Sequence

from fleetglass_proto import limits

TTL_MIN_MS = 1_000
TTL_MAX_MS = 30 * 86_400_000
TTL_DEFAULT = "1h"
# The line is typed into a shell; whoever follows more writes one glob over them, or a settings file.
TAILS_MAX = 64

_SPAN = re.compile(r"(\d{1,9})(s|m|h|d)\Z", re.ASCII)
_SPAN_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_LABEL_KEY = re.compile(r"[A-Za-z0-9_.-]{1,255}\Z")


class EnrolmentError(ValueError):
    """Something of an enrolment that cannot be read; the text says what to write."""


def parse_label(text: str) -> tuple[str, str]:
    """`role=db` -> (role, db)."""
    key, equals, value = text.partition("=")
    if not equals:
        raise _bad_label(text)
    return check_label(key, value)


def check_label(key: str, value: str) -> tuple[str, str]:
    """One label. Its key is a word, as the host filter has it; its value is text of one line."""
    if not _LABEL_KEY.match(key) or not value or not value.isprintable():
        raise _bad_label(f"{key}={value}")
    if len(value.encode()) > limits.NAME_BYTES:
        raise EnrolmentError(f"label {key[:60]!r}: its value is longer than {limits.NAME_BYTES} bytes; shorten it")
    return key, value


def _bad_label(text: str) -> EnrolmentError:
    return EnrolmentError(f"label {text[:60]!r}: a label is KEY=VALUE, as in role=db; KEY of letters, digits, _ . -")


def check_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """All labels of a machine."""
    if len(labels) > limits.LABELS:
        raise EnrolmentError(f"labels: {len(labels)} of them; a host has at most {limits.LABELS}")
    return dict(check_label(key, value) for key, value in labels.items())


def parse_ttl(text: str) -> int:
    """`90s`, `15m`, `1h`, `2d` -> ms."""
    found = _SPAN.match(text)
    if not found or not TTL_MIN_MS <= int(found[1]) * _SPAN_MS[found[2]] <= TTL_MAX_MS:
        raise EnrolmentError(f"ttl {text[:40]!r}: between 1s and 30d is allowed, written as 90s, 15m, 1h or 2d")
    return int(found[1]) * _SPAN_MS[found[2]]


def check_tails(globs: Sequence[str]) -> tuple[str, ...]:
    """The files that the line tells the agent to follow."""
    if len(globs) > TAILS_MAX:
        raise EnrolmentError(f"tail: {len(globs)} globs; at most {TAILS_MAX} stand in a line. Use a wider glob")
    for glob in globs:
        # Where the line is typed, nobody knows: a path that is relative would mean another file in each folder.
        if not glob.startswith("/") or not glob.isprintable() or len(glob.encode()) > limits.STRING_BYTES:
            raise EnrolmentError(f"tail {glob[:60]!r}: a path or a glob from the root, as in /var/log/nginx/*.log")
    return tuple(dict.fromkeys(globs))
