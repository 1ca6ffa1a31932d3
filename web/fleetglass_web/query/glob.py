"""A glob: text in which `*` stands for any run of characters, also for none and also for `/`.

Matching is linear in the text: the pieces between the stars are looked for from left to right, and the first place
found is as good as any later one. No regular expression is made of what a user typed.
"""

from collections.abc import Callable


def compile_glob(pattern: str) -> Callable[[str], bool]:
    """The test that a pattern means; without a star it is equality."""
    if "*" not in pattern:
        return pattern.__eq__
    first, *middle, last = pattern.split("*")
    pieces = [piece for piece in middle if piece]
    least = len(first) + len(last)
    if not pieces:
        if not least:
            return _anything
        return lambda text: len(text) >= least and text.startswith(first) and text.endswith(last)

    def matches(text: str) -> bool:
        if len(text) < least or not text.startswith(first) or not text.endswith(last):
            return False
        at, end = len(first), len(text) - len(last)
        for piece in pieces:
            at = text.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True

    return matches


def _anything(_text: str) -> bool:
    return True
