"""Wait for something to become true in another process, and say what was missing if it does not."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Short enough that a test does not wait for nothing, long enough to leave the other process the core.
LOOK_AGAIN_S = 0.02


def until(look: Callable[[], T], what: str, within_s: float = 15.0) -> T:
    """Look again and again until the answer is true.

    Args:
        look: called until it returns something true; an exception of a refused connection counts as "not yet".
        what: what is awaited, for the error: "web-1 is live".

    Raises:
        AssertionError: names what was missing and the last thing seen.
    """
    deadline = time.monotonic() + within_s
    seen: object = None
    while True:
        try:
            answer = look()
            if answer:
                return answer
            seen = answer
        except (OSError, LookupError) as problem:
            seen = problem
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:g} s: {what}; last seen: {seen!r}")
        time.sleep(LOOK_AGAIN_S)
