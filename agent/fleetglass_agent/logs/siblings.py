"""The files beside a followed one, by what rotation makes of its name: the copy of it, and those that came between.

In: names, first bytes, times. Out: open handles, which the caller keeps or closes.
"""

from collections.abc import Callable, Iterator

from fleetglass_proto import limits

from fleetglass_agent.logs import names
from fleetglass_agent.logs.follower import Generation, Look
from fleetglass_agent.logs.seams import Hands, Unreadable

Opened = tuple[int, Look]


def find_copy(hands: Hands, path: str, of: Generation, is_known: Callable[[Look], bool]) -> Opened | None:
    """The largest rotated sibling that holds what was read of `of`, and perhaps more of it."""
    best: Opened | None = None
    for handle, look in _rotated(hands, path, names.rotated_from):
        if is_known(look) or not is_copy(hands, handle, look, of) or (best and look.size <= best[1].size):
            hands.close(handle)
            continue
        if best:
            hands.close(best[0])
        best = handle, look
    return best


def find_between(
    hands: Hands, path: str, older: Generation, after_ns: int, is_unread: Callable[[Look, bytes], bool]
) -> list[Opened]:
    """Numbered or dated siblings that changed after `after_ns`, are no copies of `older` and not read; oldest first."""
    found = []
    for handle, look in _rotated(hands, path, names.is_numbered):
        head = hands.read(handle, limits.FINGERPRINT_BYTES, 0)
        if after_ns < look.mtime_ns and is_unread(look, head) and not is_copy(hands, handle, look, older):
            found.append((handle, look))
        else:
            hands.close(handle)
    return sorted(found, key=lambda one: one[1].mtime_ns)


def is_copy(hands: Hands, handle: int, look: Look, generation: Generation) -> bool:
    """Whether a file holds the bytes that were read of `generation`, and perhaps more of them."""
    if look.size < max(generation.read, 1) or not (generation.fp.count or generation.head):
        return False
    head = hands.read(handle, limits.FINGERPRINT_BYTES, 0)
    if not head.startswith(generation.head) or not generation.fp.matches(head):
        return False
    tail = generation.tail
    return hands.read(handle, len(tail), generation.read - len(tail)) == tail


def _rotated(hands: Hands, path: str, is_form_of: Callable[[str, str], bool]) -> Iterator[Opened]:
    base = path.rpartition("/")[2]
    for place, _ in hands.siblings(path):
        name = place.rpartition("/")[2]
        if names.is_compressed(name) or not is_form_of(name, base):
            continue
        opened = open_quietly(hands, place)
        if opened is not None:
            yield opened


def open_quietly(hands: Hands, path: str) -> Opened | None:
    """A sibling that cannot be read is not ours to report."""
    try:
        return hands.open(path)
    except Unreadable:
        return None
