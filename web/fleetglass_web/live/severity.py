"""How bad a line says it is: fatal, error, warn, info, debug, or other where it does not say.

Looked for in the first `HEAD_BYTES` of a line, in this order: a JSON `level`, a bracketed or upper-case level word, a
syslog priority `<n>`, an HTTP status in an access log, and at last words such as "panic" or "failed". All by RE2, one
`Set` search a line, linear in its length.

Where only the number of bad lines is asked for, `count_errors` searches whole blocks: a line that holds no word of an
error costs no step of its own.

    lines   │ fine │ fine │ ERROR │ failed │ fine │ INFO: 0 failed │ fine │
    runs                  └── no other word ──┘   └── asked alone ─┘
"""

from collections.abc import Iterable

import numpy as np
import re2

SEVERITIES = ("fatal", "error", "warn", "info", "debug", "other")
# Levels stand at the start of a line; a long line's payload must not decide.
HEAD_BYTES = 512

_OTHER = len(SEVERITIES) - 1
_NEWLINE = 10
_WORST_GOOD = SEVERITIES.index("warn")
# The words of this rank and later ones decide only where no error is named: `_patterns`.
_LAST_RANK_OF_ERRORS = 4

# (severity, rank, pattern): the lowest rank that matches decides, then the worst severity.
_WORDS = {
    0: r"fatal|critical|crit|emerg(?:ency)?|alert|panic",
    1: r"error|err|severe|failure",
    2: r"warning|warn",
    3: r"info|information|notice",
    4: r"debug|trace|verbose|fine",
}
_UPPER = {
    0: r"FATAL|CRITICAL|CRIT|EMERG|EMERGENCY|ALERT|PANIC",
    1: r"ERROR|ERR|SEVERE",
    2: r"WARNING|WARN",
    3: r"INFO|NOTICE",
    4: r"DEBUG|TRACE|FINE|FINER|FINEST",
}
_JSON_NUMBERS = {0: r"60", 1: r"50", 2: r"40", 3: r"30", 4: r"[12]0"}  # pino and bunyan
_SYSLOG = {0: range(3), 1: range(3, 4), 2: range(4, 5), 3: range(5, 7), 4: range(7, 8)}


def _priorities(levels: range) -> str:
    """The syslog priorities (RFC 5424: facility times 8 plus level) of these levels."""
    return "|".join(str(number) for number in range(192) if number % 8 in levels)


def _patterns() -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    for severity, words in _WORDS.items():
        found.append((0, severity, rf'(?i)"(?:level|severity|lvl|loglevel|log\.level|levelname)"\s*:\s*"(?:{words})"'))
        found.append((0, severity, rf'"level"\s*:\s*{_JSON_NUMBERS[severity]}\b'))
        found.append((0, severity, rf"(?i)\b(?:level|severity|lvl)=\"?(?:{words})\b"))
        found.append((1, severity, rf"(?i)[\[<(](?:[a-z0-9_.:-]+:)?(?:{words})\s*[\])>]"))
    for severity, words in _UPPER.items():
        # A terminal's colour may stand right before the word: ESC[31mERROR.
        found.append((1, severity, rf"(?:^|[^A-Za-z0-9_]|\x1b\[[0-9;]*m)(?:{words})(?:[^A-Za-z0-9_]|$)"))
    letters = {0: "F", 1: "E", 2: "W", 3: "I", 4: "[DV]"}
    for severity, letter in letters.items():
        found.append((1, severity, rf"^{letter}\d{{4}} \d\d:\d\d:\d\d"))  # glog: E1124 23:00:01
        found.append((1, severity, rf"^\d\d-\d\d \d\d:\d\d:\d\d\.\d+ +\d+ +\d+ {letter} "))  # logcat
    for severity, levels in _SYSLOG.items():
        found.append((2, severity, rf"^<(?:{_priorities(levels)})>"))
    found.append((3, 1, r'" 5\d\d (?:\d+|-)'))  # combined log format: "GET / HTTP/1.1" 503 12
    found.append((3, 2, r'" 4\d\d (?:\d+|-)'))
    found.append((3, 3, r'" [123]\d\d (?:\d+|-)'))
    found.append((4, 0, r"(?i)\b(?:fatal|kernel panic|panic:|out of memory|oom-killer|segfault)"))
    found.append((4, 1, r"(?i)\b(?:error|exception|failed|failure|traceback|cannot|refused)\b"))
    found.append((4, 2, r"(?i)\b(?:warn(?:ing)?|deprecated|timed out|timeout|retrying)\b"))
    found.append((5, 3, r"(?i)\binfo\b"))
    found.append((5, 4, r"(?i)\b(?:debug|trace)\b"))
    return found


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    # Byte by byte: what is no UTF-8 is no letter either, and hides no word beside it.
    options.encoding = re2.Options.Encoding.LATIN1
    return options


class _Detector:
    def __init__(self) -> None:
        self._set = re2.Set.SearchSet(_options())
        ranked = sorted(_patterns())
        self._severity = [severity for _rank, severity, _pattern in ranked]
        for _rank, _severity, pattern in ranked:
            self._set.Add(pattern.encode())
        self._set.Compile()

    def one(self, line: bytes) -> int:
        hits = self._set.Match(line[:HEAD_BYTES])
        return self._severity[min(hits)] if hits else _OTHER


class _Blocks:
    """Finds the bad lines of a block: 0.12 us a line of 115 bytes where all is well, 0.5 us where every line is an
    error; one `Set` search a line takes 0.7 and 0.9.
    """

    def __init__(self) -> None:
        options = _options()
        options.max_mem = 64 << 20
        ranked = sorted(_patterns())
        bad = "|".join(_within_a_line(text) for _rank, severity, text in ranked if severity < _WORST_GOOD)
        good = "|".join(
            _within_a_line(text)
            for rank, severity, text in ranked
            if severity >= _WORST_GOOD and rank < _LAST_RANK_OF_ERRORS
        )
        self._runs = re2.compile(f"(?m)^(?:.*(?:{bad}).*\n)+".encode(), options)
        self._good = re2.compile(f"(?m)(?:{good})".encode(), options)

    def count(self, block: bytes) -> int:
        found = 0
        for run in self._runs.finditer(block):
            start, end = run.span()
            if self._good.search(block, start, end) is None:
                found += block.count(b"\n", start, end)
            else:
                found += sum(count(block[start : end - 1].split(b"\n"))[:_WORST_GOOD])
        return found


def _within_a_line(pattern: str) -> str:
    """A pattern as a part of a larger one, that does not reach over a line's end."""
    text = pattern.removeprefix("(?i)").replace("[^A-Za-z0-9_]", r"[^A-Za-z0-9_\n]").replace(r"\s", r"[ \t\r\f\v]")
    return f"(?i:{text})" if pattern.startswith("(?i)") else f"(?:{text})"


_DETECTOR = _Detector()
_BLOCKS = _Blocks()


def severity(line: bytes) -> str:
    """The severity of one line."""
    return SEVERITIES[_DETECTOR.one(line)]


def count(lines: Iterable[bytes]) -> list[int]:
    """How many lines of each severity, in the order of `SEVERITIES`."""
    counts = [0] * len(SEVERITIES)
    one = _DETECTOR.one
    for line in lines:
        counts[one(line)] += 1
    return counts


def count_errors(block: bytes) -> tuple[int, int]:
    """How many lines a block has, and how many of them are errors or fatal.

    Args:
        block: whole lines; each ends with a newline.
    """
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == _NEWLINE)
    long = np.flatnonzero(np.diff(ends, prepend=-1) > HEAD_BYTES + 1)
    if not len(long):
        return len(ends), _BLOCKS.count(block)
    # Of a long line the head alone decides: it is cut out of the block and asked by itself.
    short, heads, at = [], [], 0
    for number in long.tolist():
        start = int(ends[number - 1]) + 1 if number else 0
        short.append(block[at:start])
        heads.append(block[start : start + HEAD_BYTES])
        at = int(ends[number]) + 1
    short.append(block[at:])
    return len(ends), _BLOCKS.count(b"".join(short)) + sum(count(heads)[:_WORST_GOOD])
