"""How often somebody may guess a password.

Each address has a handful of failures a minute, and all addresses together some more: guessing from many addresses
is slow, too. What is remembered is bounded.

In: addresses and times. Out: how long to wait before the next attempt.
"""

from collections import OrderedDict

FAILURES_EACH = 5
FAILURES_IN_ALL = 60
WINDOW_MS = 60_000
ADDRESSES_MAX = 10_000


class Attempts:
    """Failures of the last minute."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, list[float]] = OrderedDict()
        self._all: list[float] = []

    def wait_ms(self, address: str, now_ms: float) -> float:
        """How long this address must wait before it may try; 0: it may."""
        own = [at for at in self._failures.get(address, ()) if now_ms - at < WINDOW_MS]
        self._all = [at for at in self._all if now_ms - at < WINDOW_MS]
        waits = [0.0]
        if len(own) >= FAILURES_EACH:
            waits.append(own[-FAILURES_EACH] + WINDOW_MS - now_ms)
        if len(self._all) >= FAILURES_IN_ALL:
            waits.append(self._all[-FAILURES_IN_ALL] + WINDOW_MS - now_ms)
        return max(waits)

    def failed(self, address: str, now_ms: float) -> None:
        """Remember a wrong password."""
        own = self._failures.setdefault(address, [])
        own.append(now_ms)
        del own[:-FAILURES_EACH]
        self._failures.move_to_end(address)
        if len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)
        self._all.append(now_ms)
        del self._all[:-FAILURES_IN_ALL]

    def succeeded(self, address: str) -> None:
        """Forget the failures of somebody who knows the password."""
        self._failures.pop(address, None)
