"""The interface of everything that measures: built-in sources and plug-ins use the same.

A source is asked once a tick, at most ten times a second, on the agent's only thread: `read` must not wait. A source
that has to (iostat is a child process) exposes descriptors, is told when one is readable, and answers `read` from what
it has.
"""

from collections.abc import Sequence
from typing import Protocol


class Off(Exception):  # noqa: N818 - a state of a source, not a fault of the program
    """A source cannot measure here. `why` is what is wrong, `remedy` what a person can do about it ("" if nothing)."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(f"{why}. {remedy}" if remedy else why)
        self.why = why
        self.remedy = remedy


class Reader(Protocol):
    """A file that is read again and again from its start: `procfs.KernelFile`, or a test's own bytes."""

    def read(self) -> bytes:
        """Give the whole file as it is now. Raises `Off` where that fails."""

    def close(self) -> None:
        """Give back the descriptor."""


class Source(Protocol):
    """Something that measures series.

    A factory `make(settings) -> Source` (for plug-ins: the entry point in the group `fleetglass.sources`) opens it and
    raises `Off` where it cannot work.
    """

    @property
    def name(self) -> str:
        """One word, unique: what `sources` and events call it. A plain attribute will do."""

    @property
    def series(self) -> tuple[str, ...]:
        """Series names in the order of the values that `read` gives.

        The same tuple until things come or go, then a new one. A plain attribute will do.
        """

    def read(self, now_ms: int) -> Sequence[float]:
        """Values for `series` as they are after this call, NaN where unknown.

        Args:
            now_ms: monotonic clock.

        Raises:
            Off: it cannot measure any more; the registry closes it and tries a new one later.
        """

    def close(self) -> None:
        """Give back descriptors and children. Called once."""


class Waiting(Source, Protocol):
    """A source that waits for something outside: the loop polls its descriptors and its clock."""

    def descriptors(self) -> Sequence[int]:
        """What to poll for reading now; may change after each call of `receive` or `tick`."""

    def receive(self, descriptor: int, now_ms: int) -> bool:
        """A descriptor is readable. True: there is a complete reading, a row should be written now."""

    def tick(self, now_ms: int) -> None:
        """Time has passed (restart, hang detection)."""

    def next_tick_ms(self) -> int | None:
        """When to call `tick`; None: only when a descriptor is readable."""
