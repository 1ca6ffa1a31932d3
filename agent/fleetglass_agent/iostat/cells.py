"""One printed cell -> a number in its field's unit.

Cells carry decimal commas, units behind the number (`222.1k`, `0.5%`), `nan`, `inf`, or a dash. What is no finite
number is NaN here and has no field later; what is no number in any iostat is None.
"""

import re
from collections.abc import Sequence
from math import inf, nan

from fleetglass_agent.iostat import fields

# Arabic and Persian locales print U+066B between ASCII digits.
_PLAIN = re.compile(r"[-+]?(?:\d+(?:[.,\u066b]\d*)?|[.,\u066b]\d+)(?:e[-+]?\d+)?\Z", re.ASCII | re.IGNORECASE)
_UNKNOWN = frozenset(
    {"nan", "-nan", "+nan", "nan%", "-nan%", "inf", "-inf", "+inf", "infinity", "-infinity", "inf%", "-inf%", "-"}
)


def plain(cell: str) -> float | None:
    """The number as it is printed; NaN for nan, inf and a dash; None for what is no number."""
    if _PLAIN.match(cell):
        value = float(cell.replace(",", ".").replace("\u066b", "."))
        return value if -inf < value < inf else nan
    return nan if cell.lower() in _UNKNOWN else None


def scaled(cell: str, column: fields.Column) -> float | None:
    """The number in the unit of its column; a unit behind it says more than the header does."""
    value = plain(cell)
    if value is not None:
        return value * column[1]
    head, suffix = plain(cell[:-1]), cell[-1:]
    if head is None or head != head:
        return None
    if suffix == "%":
        return head * column[1]
    if "bytes" in column[0] and suffix in fields.BINARY_SUFFIXES:
        return head * fields.BINARY_SUFFIXES[suffix]
    return None


def scaled_aix(cell: str, column: fields.Column) -> float | None:
    """As `scaled`, for AIX -D, whose K is 1000 and whose times have letters of their own."""
    value = plain(cell)
    if value is not None:
        return value * column[1]
    head = plain(cell[:-1])
    suffixes = fields.TIME_SUFFIXES if column[0].endswith("_ms") else fields.DECIMAL_SUFFIXES
    if head is None or head != head or cell[-1:] not in suffixes:
        return None
    return head * suffixes[cell[-1:]] * column[1]


def count_numbers(words: Sequence[str]) -> int:
    """How many of the words are numbers, with or without a unit."""
    return sum(1 for word in words if plain(word.rstrip("%kKMGTPB")) is not None)


def unglued(words: Sequence[str], wanted: int) -> list[str] | None:
    """Part numbers that ran together (`12.341234.56`), if their decimals tell where: `wanted` cells, or None.

    Every number of a row has the same decimals, so a word with two points is cut after that many digits.
    """
    decimals = {len(word) - point - 1 for word in words if (point := max(word.rfind("."), word.rfind(","))) >= 0}
    if len(decimals) != 1:
        return None
    one = re.compile(rf"-?\d+[.,]\d{{{decimals.pop()}}}", re.ASCII)
    parted: list[str] = []
    for word in words:
        pieces = one.findall(word)
        parted += pieces if len(pieces) > 1 and "".join(pieces) == word else [word]
    return parted if len(parted) == wanted else None


def cut_at_edges(line: str, ends: Sequence[int]) -> list[str] | None:
    """Part words that ran together where the edge of a column goes through them, the longest first."""
    words = [(match.start(), match.group()) for match in re.finditer(r"\S+", line)]
    for _ in range(len(ends) - len(words)):
        for start, word in sorted(words, key=lambda found: -len(found[1])):
            edges = [end for end in ends if start < end < start + len(word)]
            pieces = [(word[: edge - start], word[edge - start :]) for edge in edges]
            fitting = [index for index, pair in enumerate(pieces) if None not in (plain(pair[0]), plain(pair[1]))]
            if fitting:
                at, pair = words.index((start, word)), pieces[fitting[0]]
                words[at : at + 1] = [(start, pair[0]), (start + len(pair[0]), pair[1])]
                break
        else:
            return None
    cells = [word for _, word in words]
    return cells if len(cells) == len(ends) and all(plain(cell) is not None for cell in cells) else None


def is_whole_row(line: str, before: str, ends: Sequence[int]) -> bool:
    """Whether a row whose line end is missing is there to its last digit.

    Columns are right-aligned: the last two cells stand as far apart as in the row before, or as in the header. And the
    last cell has as many decimals as that of the row before, or as its own neighbours.
    """
    own, other = _last_two(line), _last_two(before)
    if own is None or line.rstrip()[-1] in ".,":
        return False
    if other is not None:
        return own[0] >= other[0] and own[1] == other[1]
    if len(ends) > 1 and own[0] < ends[-1] - ends[-2]:
        return False
    return own[1] == 0 or own[1] == max(_decimals(word) for word in line.split())


def _last_two(line: str) -> tuple[int, int] | None:
    """How far the end of the last cell is from that of the one before it, and its decimals."""
    found = [(match.end(), match.group()) for match in re.finditer(r"\S+", line)][-2:]
    return (found[1][0] - found[0][0], _decimals(found[1][1])) if len(found) == 2 else None


def _decimals(word: str) -> int:
    point = max(word.rfind("."), word.rfind(","))
    return len(word) - point - 1 if point >= 0 else 0


def sliced(line: str, ends: Sequence[int], begin: int = 0) -> list[str] | None:
    """Cells by the right edges of their headers, for rows that leave cells blank or glue them together.

    Returns:
        One cell a column, "" where blank; None if a cut would go through a number.
    """
    cells: list[str] = []
    for index, end in enumerate(ends):
        stop = end if index + 1 < len(ends) else max(end, len(line))
        cell = line[begin:stop].strip()
        if cell and plain(cell) is None:
            return None
        cells.append(cell)
        begin = stop
    return cells if any(cells) else None
