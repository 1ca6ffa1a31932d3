"""The host filter: one small language for the URL, the API and the dashboard.

    web-1                     a bare name is exact
    web-*   *                 a star stands for anything; alone it is everyone
    role=db   dc=fra*         a label and its value; the value may have stars
    !   &   |   ( )           not before and before or

In: text. Out: a `HostFilter`: a predicate over (name, labels), and the canonical text, equal for filters that are
written differently and mean the same by the rules of `_joined`. The parser keeps its own stack, so depth costs memory
and not the interpreter's recursion.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from fleetglass_web.query.glob import compile_glob

# Longer than a filter that names 500 hosts one by one, and still read in a few milliseconds.
LENGTH_MAX = 16_384
# Deeper than people nest; each level is one Python call when the filter is evaluated.
DEPTH_MAX = 64

Predicate = Callable[[str, Mapping[str, str]], bool]

_OPERATORS = "()!&|"
_EXAMPLE = "as in web-* & role=db"


class FilterError(ValueError):
    """A host filter that cannot be read. `at` counts characters from 0."""

    def __init__(self, text: str, at: int, problem: str) -> None:
        shown = text if len(text) <= 80 else f"{text[:77]}..."
        super().__init__(f"filter {shown!r}, character {at + 1}: {problem}")
        self.at = at
        self.problem = problem


@dataclass(frozen=True, slots=True)
class HostFilter:
    """A filter that was understood. Two with the same `text` match the same hosts."""

    text: str
    matches: Predicate = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class _Node:
    """A piece of the filter in canonical form. `parts` are the operands of `&` or `|`, sorted, each once."""

    kind: str  # "term", "not", "and", "or"
    text: str
    predicate: Predicate
    parts: tuple["_Node", ...] = ()

    def inside(self, kind: str) -> str:
        """The text as an operand of `kind`, in parentheses where it binds less."""
        return f"({self.text})" if _BINDS[self.kind] < _BINDS[kind] else self.text


_BINDS = {"or": 0, "and": 1, "not": 2, "term": 3}


@lru_cache(maxsize=1_024)
def parse(text: str) -> HostFilter:
    """Read a filter.

    Raises:
        FilterError: says which character is wrong and what may stand there.
    """
    if len(text) > LENGTH_MAX:
        raise FilterError(text, LENGTH_MAX, f"is {len(text):,} characters long; at most {LENGTH_MAX:,} are read")
    node = _Parser(text).parse()
    return HostFilter(node.text, node.predicate)


class _Level:
    """What is open between a '(' and its ')': finished `|` parts, the running `&` chain, and a `!` that waits."""

    __slots__ = ("at", "chain", "negate", "parts", "wants_term")

    def __init__(self, at: int) -> None:
        self.at = at
        self.parts: list[_Node] = []
        self.chain: list[_Node] = []
        self.negate = False
        self.wants_term = True

    def add(self, node: _Node) -> None:
        self.chain.append(_negated(node) if self.negate else node)
        self.negate = False
        self.wants_term = False

    def close(self) -> _Node:
        self.parts.append(_joined("and", self.chain))
        return _joined("or", self.parts)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.levels = [_Level(0)]
        self.last = ""

    def parse(self) -> _Node:
        at = 0
        while at < len(self.text):
            character = self.text[at]
            if character.isspace():
                at += 1
            elif character in _OPERATORS:
                self._operator(character, at)
                at += 1
            else:
                at = self._term(at)
        return self._end()

    def _fail(self, at: int, problem: str) -> FilterError:
        return FilterError(self.text, at, problem)

    def _operator(self, character: str, at: int) -> None:
        level = self.levels[-1]
        if character in "&|":
            if level.wants_term:
                raise self._fail(at, f"{character!r} has nothing before it; write a name or a label first, {_EXAMPLE}")
            if character == "|":
                level.parts.append(_joined("and", level.chain))
                level.chain = []
            level.wants_term = True
        elif character == "!":
            if not level.wants_term:
                raise self._fail(at, "'&' or '|' is missing before '!'; to exclude a label write !role=db")
            level.negate = not level.negate
        elif character == "(":
            if not level.wants_term:
                raise self._fail(at, "'&' or '|' is missing before '('")
            if len(self.levels) > DEPTH_MAX:
                raise self._fail(at, f"more than {DEPTH_MAX} parentheses are open; write it flatter")
            self.levels.append(_Level(at))
        else:
            if len(self.levels) == 1:
                raise self._fail(at, "')' closes nothing; remove it or open a '(' before it")
            if level.wants_term:
                raise self._fail(at, f"a name, a label or '(' is missing before ')', {_EXAMPLE}")
            node = self.levels.pop().close()
            self.levels[-1].add(node)
        self.last = character

    def _term(self, at: int) -> int:
        end = at
        while end < len(self.text) and self.text[end] not in _OPERATORS and not self.text[end].isspace():
            end += 1
        word = self.text[at:end]
        level = self.levels[-1]
        if not level.wants_term:
            raise self._fail(at, f"'&' or '|' is missing before {_short(word)}, {_EXAMPLE}")
        level.add(self._term_node(word, at))
        self.last = "word"
        return end

    def _term_node(self, word: str, at: int) -> _Node:
        label, equals, value = word.partition("=")
        if not equals:
            name_matches = compile_glob(_one_star(word))
            return _Node("term", _one_star(word), lambda name, _labels: name_matches(name))
        if not label:
            raise self._fail(at, "a label's name is missing before '=', as in role=db")
        if "*" in label:
            raise self._fail(at, "a label's name is exact; only its value may have '*', as in role=d*")
        if not value:
            raise self._fail(at + len(word), f"a value is missing after '='; {_short(label)}=* takes any value")
        value_matches = compile_glob(_one_star(value))

        def has_label(_name: str, labels: Mapping[str, str]) -> bool:
            found = labels.get(label)
            return found is not None and value_matches(found)

        return _Node("term", f"{label}={_one_star(value)}", has_label)

    def _end(self) -> _Node:
        level = self.levels[-1]
        at = len(self.text)
        if level.wants_term:
            if not self.last:
                raise self._fail(0, "is empty; '*' is everyone")
            raise self._fail(at, f"ends after {self.last!r}; a name, a label or '(' must follow, {_EXAMPLE}")
        if len(self.levels) > 1:
            raise self._fail(level.at, "'(' is never closed; add ')' at the end")
        return level.close()


def _short(word: str) -> str:
    return repr(word if len(word) <= 40 else f"{word[:37]}...")


def _one_star(word: str) -> str:
    while "**" in word:
        word = word.replace("**", "*")
    return word


def _negated(node: _Node) -> _Node:
    if node.kind == "not":
        return node.parts[0]
    inner = node.predicate
    return _Node("not", f"!{node.inside('not')}", lambda name, labels: not inner(name, labels), (node,))


def _joined(kind: str, nodes: list[_Node]) -> _Node:
    """`a & (b & c)`, `c & b & a` and `a & a & b & c` are one question: flat, sorted, each operand once."""
    flat: dict[str, _Node] = {}
    for node in nodes:
        for part in node.parts if node.kind == kind else (node,):
            flat[part.text] = part
    parts = tuple(flat[text] for text in sorted(flat))
    if len(parts) == 1:
        return parts[0]
    predicates = tuple(part.predicate for part in parts)
    text = f" {'&' if kind == 'and' else '|'} ".join(part.inside(kind) for part in parts)
    if kind == "and":
        return _Node(kind, text, lambda name, labels: all(test(name, labels) for test in predicates), parts)
    return _Node(kind, text, lambda name, labels: any(test(name, labels) for test in predicates), parts)
