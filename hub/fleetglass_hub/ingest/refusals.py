"""How often the hub answers those whom it refuses, and how often it tells its log of them.

A flood of rubbish costs a bounded number of answers a second and a line every few seconds. In: refusals and the hub's
clock. Out: whether to answer; lines in the log.
"""

import logging

from fleetglass_proto.messages import RejectCode

from fleetglass_hub.ingest.refusal import Refusal

log = logging.getLogger(__name__)

# Answers to connections that are not known, over all of them.
ANSWERS_PER_S = 500
SAID_EVERY_MS = 5_000
# What only says that a conversation must begin anew is no news.
_NO_NEWS = (RejectCode.HELLO_FIRST, RejectCode.MALFORMED)


class Refusals:
    """Counts refusals of connections that are not known."""

    def __init__(self) -> None:
        self.by_code: dict[str, int] = {}
        self._left = float(ANSWERS_PER_S)
        self._said_ms = -float("inf")
        self._unsaid = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_code.values())

    def count(self, refusal: Refusal) -> None:
        """One more, answered or not."""
        self.by_code[refusal.code] = self.by_code.get(refusal.code, 0) + 1

    def may_answer(self) -> bool:
        """Whether there is an answer left in this second; takes it."""
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def refill(self, elapsed_ms: float) -> None:
        """Time has passed."""
        self._left = min(ANSWERS_PER_S, self._left + elapsed_ms * ANSWERS_PER_S / 1_000)

    def say(self, peer: str, refusal: Refusal, now_ms: float) -> None:
        """One line for an agent that was not let in; a crowd of them is counted."""
        if refusal.code in _NO_NEWS:
            return
        if now_ms - self._said_ms < SAID_EVERY_MS:
            self._unsaid += 1
            return
        more = f" ({self._unsaid} more since the last line)" if self._unsaid else ""
        log.warning("an agent at %s was refused, %s: %s%s", peer.partition(" ")[2], refusal.code, refusal, more)
        self._said_ms, self._unsaid = now_ms, 0
