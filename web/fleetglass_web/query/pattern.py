"""Regular expressions that users type: RE2, so that no pattern can take more than linear time.

In: a pattern's text. Out: a `Pattern` whose `search` takes bytes. Lines are bytes and stay so: what is not UTF-8
simply matches no literal character.
"""

from functools import lru_cache

import re2

PATTERN_LENGTH_MAX = 4_096
# A program of this size still runs at some 100 MB/s; RE2 refuses what would grow larger, such as (a{1000}){1000}.
PROGRAM_BYTES_MAX = 8 << 20


class PatternError(ValueError):
    """A pattern that RE2 does not take; the text says why."""


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = PROGRAM_BYTES_MAX
    options.never_capture = True
    return options


_OPTIONS = _options()
_ANYWHERE = re2._Anchor.UNANCHORED  # the enumeration that the module's own methods use


class Pattern:
    """One compiled pattern."""

    __slots__ = ("_match", "text")

    def __init__(self, text: str, compiled: re2._Regexp) -> None:
        self.text = text
        # The wrapper's `search` runs a generator and makes a match object, 1.6 us a line; asking RE2 itself, 0.6 us.
        self._match = compiled._regexp.Match

    def search(self, line: bytes) -> bool:
        """Whether the pattern is found anywhere in a line."""
        return bool(self._match(_ANYWHERE, line, 0, len(line))[0][0] >= 0)


@lru_cache(maxsize=256)
def compile_pattern(text: str, name: str = "match") -> Pattern:
    """Compile what a user typed; `name` is the field that an error names.

    Raises:
        PatternError: says what RE2 does not accept, and the usual reason.
    """
    if len(text) > PATTERN_LENGTH_MAX:
        raise PatternError(f"{name}: {len(text):,} characters; a pattern has at most {PATTERN_LENGTH_MAX:,}")
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError:
        raise PatternError(f"{name} {text[:60]!r}: not valid Unicode; send it as UTF-8") from None
    try:
        return Pattern(text, re2.compile(encoded, _OPTIONS))
    except re2.error as error:
        raise PatternError(f"{name} {text[:80]!r}: {_reason(error)}") from None


def _reason(error: re2.error) -> str:
    said = error.args[0] if error.args else "not understood"
    words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    if "invalid perl operator" in words:
        return f"{words}: look-around and conditions do not exist in RE2; use 'exclude' to leave lines out"
    if "invalid escape sequence" in words:
        return f"{words}: RE2 has no back-references; escape a literal backslash as \\\\"
    if "too large" in words:
        return f"{words}: the pattern needs too much memory; make its repetitions smaller"
    return words
