"""Fair turns among streams: whoever has read goes to the end of the row, so a hot file never delays a quiet one."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class RoundRobin(Generic[T]):
    """A row in which each stands at most once."""

    def __init__(self) -> None:
        self._row: deque[T] = deque()
        self._in: set[T] = set()

    def __bool__(self) -> bool:
        return bool(self._row)

    def __iter__(self) -> Iterator[T]:
        return iter(tuple(self._row))

    def __len__(self) -> int:
        return len(self._row)

    def __contains__(self, one: T) -> bool:
        return one in self._in

    def add(self, one: T) -> bool:
        """Queue for a turn; False if it waits already."""
        if one in self._in:
            return False
        self._in.add(one)
        self._row.append(one)
        return True

    def next(self) -> T:
        """Whose turn it is; it leaves the row and may be added again."""
        one = self._row.popleft()
        self._in.discard(one)
        return one

    def discard(self, one: T) -> None:
        """Out of the row: it is gone."""
        if one in self._in:
            self._in.discard(one)
            self._row.remove(one)
