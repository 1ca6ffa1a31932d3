"""Which connections may finish their handshake.

Keys that are known, and all of this machine, always may. A stranger must, so that he can show his token or be told
what is wrong with it; but strangers together are let through only so often, and one address only so often, so that a
flood of them costs no connections.

In: keys, addresses, the hub's clock. Out: yes or no.
"""

from collections import OrderedDict
from collections.abc import Callable

# An operator who enrols a rack of hosts at once from behind one address stays below.
STRANGERS_PER_MIN = 600
STRANGERS_PER_ADDRESS_PER_MIN = 60
_ADDRESSES_MAX = 4_096


class _Bucket:
    __slots__ = ("left", "per_min", "seen_ms")

    def __init__(self, per_min: int, now_ms: float) -> None:
        self.per_min = per_min
        self.left = float(per_min)
        self.seen_ms = now_ms

    def take(self, now_ms: float) -> bool:
        passed_ms = max(0.0, now_ms - self.seen_ms)
        self.left = min(self.per_min, self.left + passed_ms * self.per_min / 60_000)
        self.seen_ms = now_ms
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Gate:
    """Decides over handshakes.

    Args:
        knows: whether a key from an address needs no token.
    """

    def __init__(self, knows: Callable[[bytes, str], bool]) -> None:
        self._knows = knows
        self._all = _Bucket(STRANGERS_PER_MIN, 0.0)
        self._addresses: OrderedDict[str, _Bucket] = OrderedDict()
        self.refused = 0

    def admits(self, key: bytes, address: str, now_ms: float) -> bool:
        """Whether this handshake may be finished."""
        if self._knows(key, address):
            return True
        bucket = self._addresses.get(address)
        if bucket is None:
            bucket = self._addresses[address] = _Bucket(STRANGERS_PER_ADDRESS_PER_MIN, now_ms)
            if len(self._addresses) > _ADDRESSES_MAX:
                self._addresses.popitem(last=False)
        if bucket.take(now_ms) and self._all.take(now_ms):
            return True
        self.refused += 1
        return False
