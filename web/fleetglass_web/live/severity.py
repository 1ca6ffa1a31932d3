"""How bad a line says it is: fatal, error, warn, info, debug, or other where it does not say.

Looked for in the first `HEAD_BYTES` of a line, in this order: a JSON `level`, a bracketed or upper-case level word, a
syslog priority `<n>`, an HTTP status in an access log, and at last words such as "panic" or "failed". All by RE2, one
`Set` search a line, linear in its length.
"""

from collections.abc import Iterable

import re2

SEVERITIES = ("fatal", "error", "warn", "info", "debug", "other")
# Levels stand at the start of a line; a long line's payload must not decide.
HEAD_BYTES = 512

_OTHER = len(SEVERITIES) - 1

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


class _Detector:
    def __init__(self) -> None:
        options = re2.Options()
        options.log_errors = False
        options.never_capture = True
        self._set = re2.Set.SearchSet(options)
        ranked = sorted(_patterns())
        self._severity = [severity for _rank, severity, _pattern in ranked]
        for _rank, _severity, pattern in ranked:
            self._set.Add(pattern.encode())
        self._set.Compile()

    def one(self, line: bytes) -> int:
        hits = self._set.Match(line[:HEAD_BYTES])
        return self._severity[min(hits)] if hits else _OTHER


_DETECTOR = _Detector()


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
