"""Cursors as clients hold them: text that is opaque to them, safe in a URL and in an event's id.

A cursor of lines is the view's own bytes. A cursor of polling also knows up to where samples were seen, and in which
life of the web process that mark was given: after a restart it means nothing, and the newest rows are sent.
"""

import base64
import binascii
import re
from typing import NamedTuple

CURSOR_LENGTH_MAX = 1_024


class CursorTextError(ValueError):
    """A text that is no cursor."""


class Position(NamedTuple):
    """A place in the lines that match a question.

    Behind a cursor; or, where a frame was read in part, behind `lines` of the matching lines of one batch of it, named
    by its number, which stands somewhere behind the cursor.
    """

    cursor: bytes
    batch: int = 0
    lines: int = 0


class PollCursor(NamedTuple):
    """Where a polling client stands."""

    boot: str  # the life of the web process that gave `samples`
    samples: int
    lines: bytes


def to_text(cursor: bytes) -> str:
    """Bytes -> URL-safe text without padding."""
    return base64.urlsafe_b64encode(cursor).rstrip(b"=").decode("ascii")


def from_text(text: str) -> bytes:
    """The inverse of `to_text`.

    Raises:
        CursorTextError: the text cannot come from here.
    """
    if len(text) > CURSOR_LENGTH_MAX:
        raise CursorTextError(f"cursor: {len(text):,} characters; none is that long. Send it as it was received")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise CursorTextError(f"cursor {text[:40]!r}: not a cursor of this hub; send it as it was received") from None


def within(text: str, batch: int, lines: int) -> str:
    """The position behind the first matching lines of a batch, somewhere behind the cursor of a position."""
    cursor, _, _ = text.partition("~")
    return f"{cursor}~{batch}.{lines}"


def position_text(place: Position) -> str:
    """The inverse of `position`."""
    text = to_text(place.cursor)
    return within(text, place.batch, place.lines) if place.batch else text


_WITHIN = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})", re.ASCII)


def position(text: str) -> Position:
    """Read a position.

    Raises:
        CursorTextError: it cannot come from here.
    """
    cursor, tilde, place = text.partition("~")
    if not tilde:
        return Position(from_text(cursor))
    found = _WITHIN.fullmatch(place)
    if found is None:
        raise CursorTextError(f"cursor {text[:40]!r}: not a cursor of this hub; send it as it was received")
    return Position(from_text(cursor), int(found[1]), int(found[2]))


def poll_to_text(cursor: PollCursor) -> str:
    """One text for both halves."""
    return f"{cursor.boot}.{cursor.samples:x}.{to_text(cursor.lines)}"


def poll_from_text(text: str) -> PollCursor:
    """The inverse of `poll_to_text`."""
    boot, _, rest = text.partition(".")
    samples, dot, lines = rest.partition(".")
    try:
        if not dot:
            raise ValueError
        return PollCursor(boot, int(samples, 16), from_text(lines))
    except ValueError:
        raise CursorTextError(f"cursor {text[:40]!r}: not a cursor of /api/v1/poll; start without one") from None
