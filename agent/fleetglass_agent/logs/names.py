r"""What a file's name tells: is it compressed, is it a rotated form of another, and how to show it safely.

A name is any bytes but `/` and NUL; here it is a str with `surrogateescape`, as `os` gives it. `shown` makes of it
text that can be sent, logged and drawn: control characters and undecodable bytes stand as `\x1b`, one odd name stays
one odd name.
"""

import re

from fleetglass_proto import limits

COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".Z", ".zip", ".br", ".7z")

_DIGITS = r"\d{1,4}"
_DATE = r"\d{4}[-_.]?\d{2}[-_.]?\d{2}(?:[-_.T]?\d{2}[-_.h:]?\d{0,2}[-_.:]?\d{0,2})?(?:[-_.]\d+)?|\d{9,13}"
_WORD = r"old|bak|orig|prev|save|backup|copy|last"
# app.log.1, app.log-20240131, app.log.2024-01-31, app.log.old, app.log~ ...
_AFTER = re.compile(rf"(?:[.\-_](?:{_DIGITS}|{_DATE}|{_WORD})|~)(?:\.({_DIGITS}))?\Z")
# ... and logrotate's `extension .log`: app-20240131.log, app.1.log.
_BEFORE = re.compile(rf"[.\-_](?:{_DIGITS}|{_DATE})\Z")
_NUMBERED = re.compile(rf"[.\-_](?:{_DIGITS}|{_DATE})\Z")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def is_compressed(name: str) -> bool:
    """Whether a name says that its file is not text any more."""
    return name.endswith(COMPRESSED)


def stem(name: str) -> str:
    """The part of a log's name that its rotated forms begin with: `app.log` -> `app`."""
    cut = name.rfind(".")
    return name[:cut] if cut > 0 else name


def rotated_from(name: str, base: str) -> bool:
    """Whether `name` is what a rotation makes of `base`, in either of the two common places of the suffix."""
    if name.startswith(base) and len(name) > len(base):
        return _AFTER.match(name, len(base)) is not None
    return _infix(name, base) is not None


def is_numbered(name: str, base: str) -> bool:
    """Whether `name` is a numbered or dated form of `base`: the next in a row, and not somebody's copy by hand."""
    if name.startswith(base):
        return _NUMBERED.match(name, len(base)) is not None
    return _infix(name, base) is not None


def _infix(name: str, base: str) -> re.Match[str] | None:
    first = stem(base)
    last = base[len(first) :]
    if not last or not name.startswith(first) or not name.endswith(last) or len(name) <= len(base):
        return None
    return _BEFORE.match(name[: len(name) - len(last)], len(first))


def bases(name: str) -> list[str]:
    """The names that `name` may be a rotated form of, to be looked up among what is followed."""
    cuts = range(len(name) - 1, 0, -1)
    found = [name[:cut] for cut in cuts if name[cut] in ".-_~" and _AFTER.match(name, cut)]
    last = name[len(stem(name)) :]
    if last:
        middle = stem(name)
        found += [middle[:cut] + last for cut in range(len(middle) - 1, 0, -1) if _BEFORE.match(middle, cut)]
    return found


def shown(path: str) -> str:
    """A path as text for wires, logs and screens: at most `limits.STRING_BYTES`, no control characters."""
    text = _UNPRINTABLE.sub(_escaped, path)
    raw = text.encode()
    if len(raw) <= limits.STRING_BYTES:
        return text
    # A name that grew by escaping: both ends tell more than the middle, and its hash keeps two such names apart.
    half = limits.STRING_BYTES // 2 - 16
    return f"{raw[:half].decode(errors='ignore')}…{hash_text(path)}…{raw[-half:].decode(errors='ignore')}"


def hash_text(path: str) -> str:
    """Eight hex digits that differ for different names, the same in every run."""
    value = 2_166_136_261
    for byte in path.encode(errors="surrogateescape"):
        value = (value ^ byte) * 16_777_619 & 0xFFFFFFFF
    return f"{value:08x}"


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8, as surrogateescape keeps it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
