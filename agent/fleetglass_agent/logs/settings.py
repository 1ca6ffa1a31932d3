"""What to follow, and the bounds of following. Made by the agent's configuration, read by `tailing`."""

from collections.abc import Mapping
from typing import NamedTuple

from fleetglass_proto import limits


class TailSettings(NamedTuple):
    """Globs know `*`, `?`, `[...]` and `**` (any depth of folders); as in a shell, `*` does not match a leading dot."""

    globs: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    from_start: bool = False  # files that are there at the very first start: read them whole, or only what is new
    commands: Mapping[str, str] = {}
    max_streams: int = limits.STREAMS
    # A stack trace with its locals fits; a gigabyte without a newline does not fill the agent's memory. Less than
    # `limits.BATCH_BYTES` makes the batches as small, and reading dearer.
    max_line_bytes: int = 1 << 20
    # Output of a command that waits for the hub: a day of a quiet service, a minute of a very loud one.
    spool_bytes: int = 64 << 20
    # The same without a state folder, in memory.
    spool_memory_bytes: int = 1 << 20
    # Deleted files whose unread bytes are kept by an open descriptor while the hub is away. More would fill somebody's
    # disk behind their back: the oldest is let go, and a gap says how much of it was not read.
    held_bytes: int = 1 << 30
