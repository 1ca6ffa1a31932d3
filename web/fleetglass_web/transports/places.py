"""How many live connections there may be: in all, and from one address."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import HTTPConnection

from fleetglass_web.api.problems import Problem


class Places:
    """Counts the connections that stay open."""

    def __init__(self, in_all: int, per_address: int) -> None:
        self.in_all = in_all
        self.per_address = per_address
        self.taken = 0
        self._by_address: Counter[str] = Counter()

    def take(self, connection: HTTPConnection) -> str:
        """Take a place; what is returned must be given to `leave` when the connection ends.

        Raises:
            Problem: 503 or 429, when no place is free.
        """
        address = connection.client.host if connection.client else ""
        if self.taken >= self.in_all:
            raise Problem(503, f"all {self.in_all:,} places for live connections are taken; try again later", _LATER)
        if self._by_address[address] >= self.per_address:
            detail = f"{self.per_address:,} live connections from {address} are open; close one first"
            raise Problem(429, detail, _LATER)
        self.taken += 1
        self._by_address[address] += 1
        return address

    def leave(self, address: str) -> None:
        """A connection from this address has ended."""
        self.taken -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    @contextmanager
    def one(self, connection: HTTPConnection) -> Iterator[None]:
        """Hold a place while the connection is served. Raises what `take` raises."""
        address = self.take(connection)
        try:
            yield
        finally:
            self.leave(address)


_LATER = {"retry-after": "5"}
