"""One value of one setting: from text (flags, variables) or TOML to what the program uses, and back to TOML.

Everything is checked here by the setting's kind and bounds. In: a `Setting`, a raw value, and the words for where it
was set. Out: the value, or `ConfigError` with the whole sentence.
"""

import re
from collections.abc import Sequence
from typing import cast

from fleetglass_proto import limits

from fleetglass_agent.settings import Setting, Value

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SPAN = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ms|s|m|h)?\Z")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_SIZE = re.compile(r"([0-9]+)([KMGT]i?B?)?\Z", re.IGNORECASE)
_CLASS = re.compile(r"\[[!^]?(\]?[^]]*)\]")
_RANGE = re.compile(r"([^]])-([^]])")
_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


class ConfigError(ValueError):
    """A setting that makes no sense; the text is the whole sentence for the person who set it."""


def from_text(setting: Setting, texts: Sequence[str], where: str) -> Value:
    """Values as flags and variables give them."""
    if setting.kind == "pairs":
        pairs: dict[str, str] = {}
        for text in texts:
            key, equals, value = text.partition("=")
            if not equals:
                raise ConfigError(f"{where}: {short(text)} is not {setting.shown}")
            if pairs.get(key, value) != value:
                raise ConfigError(f"{where}: {key!r} is set twice, to {short(pairs[key])} and to {short(value)}")
            pairs[key] = _pair(setting, key, value, where)
        return pairs
    if setting.kind == "list":
        return tuple(dict.fromkeys(_item(setting, text, where) for text in texts))
    text = texts[0]
    if setting.kind == "flag":
        if text.lower() not in _WORDS:
            raise ConfigError(f"{where}: {short(text)} is neither true nor false")
        return _WORDS[text.lower()]
    if setting.kind == "seconds":
        match = _SPAN.match(text)
        if not match:
            raise ConfigError(f"{where}: {short(text)} is no span of time; one is 1, 0.5, 500ms, 5m or 1h")
        return _bounded(setting, float(match[1]) * _SECONDS[match[2]], where, text)
    if setting.kind in ("count", "bytes"):
        size = _SIZE.match(text) if setting.kind == "bytes" else re.match(r"([0-9]+)()\Z", text)
        if not size or len(size[1]) > 18:
            example = "65536, 64K, 16M or 1G" if setting.kind == "bytes" else "a whole number"
            raise ConfigError(f"{where}: {short(text)} is not {example}")
        power = "KMGT".index(size[2][0].upper()) + 1 if size[2] else 0
        return _bounded(setting, int(size[1]) << (10 * power), where, text)
    return _text(setting, text, where)


def from_toml(setting: Setting, value: object, where: str) -> Value:
    """Values as TOML gives them: numbers are numbers there, lists are lists."""
    match setting.kind, value:
        case "pairs", dict():
            return {key: _pair(setting, str(key), text, where) for key, text in value.items()}
        case "list", list():
            return tuple(dict.fromkeys(_item(setting, item, where) for item in value))
        case "list", str():
            return (_item(setting, value, where),)
        case "flag", bool():
            return value
        case "seconds" | "count" | "bytes", bool():
            pass
        case "seconds", int() | float():
            return _bounded(setting, float(value), where, str(value))
        case "count" | "bytes", int():
            return _bounded(setting, value, where, str(value))
        case "seconds" | "bytes", str():
            return from_text(setting, [value], where)
        case "text" | "choice", str():
            return _text(setting, value, where)
        case "tables", dict() if all(isinstance(table, dict) for table in value.values()):
            return cast(dict[str, dict[str, object]], value)
        case _:
            pass
    wanted = {
        "pairs": "a table of texts", "list": "a list of texts", "flag": "true or false",
        "seconds": "a number of seconds", "count": "a whole number", "bytes": "a number of bytes",
        "tables": "a table of tables",
    }  # fmt: skip
    raise ConfigError(f"{where} = {short(value)} should be {wanted.get(setting.kind, 'a text')}")


def _bounded(setting: Setting, value: float, where: str, text: str) -> int | float:
    if not setting.least <= value <= setting.most:  # also what is not a number
        what = "too small" if value < setting.least else "too large"
        if setting.kind == "seconds":
            what = {"too small": "too short", "too large": "too long"}[what]
            bounds = f"{setting.least:g} to {setting.most:g} seconds"
        else:
            bounds = f"{setting.least:.0f} to {setting.most:.0f}"
        raise ConfigError(f"{where}: {short(text)} is {what}; {bounds} are allowed")
    return value


def _text(setting: Setting, text: str, where: str) -> str:
    if setting.choices and text not in setting.choices:
        raise ConfigError(f"{where}: {short(text)} is not one of {', '.join(setting.choices)}")
    most = limits.NAME_BYTES if setting.name == "name" else limits.STRING_BYTES
    if setting.name == "name" and not _is_text(text):
        raise ConfigError(f"{where}: {short(text)} is no text in UTF-8")
    if _CONTROL.search(text) or len(text.encode("utf-8", "surrogateescape")) > most:
        raise ConfigError(f"{where}: {short(text)} holds control characters or is longer than {most} bytes")
    if not text.strip():
        raise ConfigError(f"{where} is empty; leave it out, or give it {setting.shown}")
    return text.strip() if setting.name in ("hub", "join", "name") else text


def _item(setting: Setting, value: object, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{where}: {short(value)} should be a text")
    problem = ""
    if not value.strip():
        problem = "is empty"
    elif "\0" in value or len(value.encode("utf-8", "surrogateescape")) > limits.STRING_BYTES:
        problem = f"holds a NUL or is longer than {limits.STRING_BYTES} bytes"
    elif setting.name in ("tail", "exclude"):
        problem = _glob_problem(value)
    elif setting.name == "off" and not _KEY.match(value):
        problem = "is no source; 'fleetglass-agent sources' names them"
    if problem:
        raise ConfigError(f"{where}: {short(value)} {problem}")
    return value


def _glob_problem(glob: str) -> str:
    """What makes no sense in a glob, "" if nothing."""
    if glob.endswith("/"):
        return f"names a folder; its files are {glob}*"
    if any("**" in part and part != "**" for part in glob.split("/")):
        return "has ** beside other characters; it stands alone between slashes, as in /var/log/**/*.log"
    for characters in _CLASS.findall(glob):
        for first, last in _RANGE.findall(characters):
            if first > last:
                return f"has the range {first}-{last}, which is empty; {last}-{first} may be meant"
    return ""


def _pair(setting: Setting, key: str, value: object, where: str) -> str:
    if not _KEY.match(key) or len(key) > limits.NAME_BYTES:
        raise ConfigError(
            f"{where}: {short(key)} is no key; one begins with a letter, "
            "and goes on with letters, digits, '_', '.' and '-'"
        )
    most = limits.NAME_BYTES if setting.name == "labels" else limits.STRING_BYTES
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: {key} has no value; {setting.shown} is wanted")
    if len(value.encode("utf-8", "surrogateescape")) > most or "\0" in value:
        raise ConfigError(f"{where}: the value of {key} holds a NUL or is longer than {most} bytes")
    if setting.name == "labels" and (_CONTROL.search(value) or not _is_text(value)):
        raise ConfigError(f"{where}: the value of {key} holds control characters or is not UTF-8: {short(value)}")
    return value


def _is_text(value: str) -> bool:
    """Whether it can be sent: bytes of a command line that are not UTF-8 come as lone surrogates."""
    return not any(0xD800 <= ord(character) < 0xE000 for character in value)


def split(setting: Setting, text: str) -> list[str]:
    """A variable has one text: lists stand one a line, or between commas where nothing can hold one."""
    if setting.kind not in ("list", "pairs"):
        return [text]
    separator = "\n" if "\n" in text or setting.name == "commands" else ","
    return [part.strip() for part in text.split(separator) if part.strip()]


def short(value: object) -> str:
    """A value quoted, and cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def to_toml(value: Value) -> str:
    """A value as TOML writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return "[" + ", ".join(to_toml(item) for item in value) + "]"
        case dict():
            return (
                "{ " + ", ".join(f"{_quoted(key)} = {_quoted(str(text))}" for key, text in value.items()) + " }"
                if value
                else "{}"
            )
        case str():
            return _quoted(value)
        case _:
            return f"{value:g}" if isinstance(value, float) else str(value)


def _quoted(text: str) -> str:
    """A basic string of TOML."""
    special = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    safe = "".join(
        special.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 else c) for c in text
    )
    return f'"{safe}"'
