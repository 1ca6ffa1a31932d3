"""What a stream needs of the world: hands on the file system, and the one that keeps all streams.

`files.Files` and `followed.Followed` are the real ones; the model test plays a toy file system against the same code.
"""

from enum import Enum
from typing import TYPE_CHECKING, Protocol

from fleetglass_proto.messages import Event, LineBatch

from fleetglass_agent.logs.follower import Generation, Look

if TYPE_CHECKING:
    from fleetglass_agent.logs.stream import Stream

Out = list[LineBatch | Event]


class Unreadable(Exception):  # noqa: N818 - a state of a path, not a fault of the program
    """A path that cannot be followed. `retry`: that may change without anybody naming another path."""

    def __init__(self, why: str, remedy: str = "", *, retry: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy
        self.retry = retry


class Hands(Protocol):
    """See `files.Files`."""

    def look(self, path: str) -> Look | None: ...
    def open(self, path: str) -> tuple[int, Look] | None: ...
    def look_open(self, handle: int) -> Look: ...
    def read(self, handle: int, count: int, offset: int) -> bytes: ...
    def data_from(self, handle: int, offset: int) -> int: ...
    def siblings(self, path: str) -> list[tuple[str, int]]: ...
    def close(self, handle: int) -> None: ...


class Keeper(Protocol):
    """What a stream needs of the one that keeps all streams."""

    def new_number(self) -> int:
        """A file number that no other file has."""

    def is_known(self, look: Look) -> bool:
        """Whether this file is open already, in whatever stream."""

    def position(self, look: Look, head: bytes) -> int | None:
        """Where to begin in a file that is new at a path: 0, or the end of what was read of it; None: not at all."""

    def opened(self, stream: "Stream", generation: Generation, look: Look) -> None:
        """Watch it: `look` is who it is (a copy is not what its generation was)."""

    def closing(self, stream: "Stream", generation: Generation) -> None:
        """Its handle is about to be closed."""

    def changed(self) -> None:
        """The checkpoint should say something new."""

    def note(self, text: str) -> None:
        """A sentence for the operator."""


class Turn(Enum):
    """How a turn ended."""

    DONE = "done"  # all is read
    MORE = "more"  # another turn at once
    STARVED = "starved"  # the next line is larger than the budget
