"""Which paths a glob names now, and which folders to watch for new ones.

`*` `?` `[...]` stay within a name, `**` crosses any depth of folders. As in a shell, a leading dot must be written.
`**` does not walk into linked folders (a link to a parent would never end); a link named otherwise is followed.
Nor does it walk into `/proc`, `/sys` and `/dev` from above.
"""

import os
import re
from typing import NamedTuple

_MAGIC = re.compile(r"[*?\[]")
# A `**` over a whole disk would look at millions of names: 4,000 folders take some 0.3 s.
FOLDERS_MAX = 4_000
# What the kernel shows as files is no log: `**` walks into these only where the pattern begins there.
_KERNELS = frozenset({"/proc", "/sys", "/dev"})

_NOTHING_LISTED: tuple[str, list[tuple[str, bool, bool]]] = ("", [])


class Found(NamedTuple):
    """`paths` in order; `folders` that a new match could appear in; `unlistable` folders with the reason."""

    paths: list[str]
    folders: list[str]
    unlistable: dict[str, OSError]

    @property
    def is_cut(self) -> bool:
        """Too many folders: not all were looked at."""
        return len(self.folders) >= FOLDERS_MAX


class Glob:
    """One pattern, absolute once made."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.absolute = os.path.normpath(os.path.join(os.getcwd(), pattern))
        self._parts = [part for part in self.absolute.split("/") if part]
        self._names = [re.compile(_name(part)) if _MAGIC.search(part) else None for part in self._parts]
        # the folder read last: a ** asks for it once for its files and once for its folders
        self._listed = _NOTHING_LISTED
        self._whole = re.compile(_path(self._parts))

    def matches(self, path: str) -> bool:
        """Whether this path is named by the pattern."""
        return self._whole.fullmatch(path) is not None

    def expand(self) -> Found:
        """Walk the folders."""
        found = Found([], [], {})
        self._listed = _NOTHING_LISTED
        self._walk("", 0, found, set())
        return found

    def _walk(self, folder: str, at: int, found: Found, seen: set[str]) -> None:
        part = self._parts[at] if at < len(self._parts) else ""
        is_last = at == len(self._parts) - 1
        if part == "**":
            if folder not in seen:
                seen.add(folder)
                self._deep(folder, at, found, seen)
            return
        pattern = self._names[at] if self._names else None
        if pattern is None:
            path = f"{folder}/{part}"
            if not is_last:
                self._walk(path, at + 1, found, seen)
                return
            found.folders.append(folder or "/")
            if os.path.lexists(path):
                found.paths.append(path)
            return
        for name, is_folder, _ in self._list(folder, found):
            if pattern.fullmatch(name):
                if is_last:
                    found.paths.append(f"{folder}/{name}")
                elif is_folder:
                    self._walk(f"{folder}/{name}", at + 1, found, seen)

    def _deep(self, folder: str, at: int, found: Found, seen: set[str]) -> None:
        rest = at + 1
        if rest == len(self._parts):  # a pattern that ends in ** names every file below
            for name, is_folder, is_link in self._list(folder, found):
                if is_folder and not is_link and _is_entered(folder, name):
                    self._deep(f"{folder}/{name}", at, found, seen)
                elif not is_folder and not name.startswith("."):
                    found.paths.append(f"{folder}/{name}")
            return
        self._walk(folder, rest, found, seen)
        for name, is_folder, is_link in self._list(folder, found):
            if is_folder and not is_link and _is_entered(folder, name):
                self._deep(f"{folder}/{name}", at, found, seen)

    def _list(self, folder: str, found: Found) -> list[tuple[str, bool, bool]]:
        place = folder or "/"
        if place == self._listed[0]:
            return self._listed[1]
        if len(found.folders) >= FOLDERS_MAX:
            return []
        found.folders.append(place)
        try:
            with os.scandir(place) as entries:
                names = sorted((entry.name, _is_folder(entry), entry.is_symlink()) for entry in entries)
        except FileNotFoundError:
            return []
        except OSError as error:
            found.unlistable[place] = error
            return []
        self._listed = place, names
        return names


def _is_entered(folder: str, name: str) -> bool:
    return not name.startswith(".") and f"{folder}/{name}" not in _KERNELS


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _name(part: str) -> str:
    text = "" if part.startswith(".") else r"(?!\.)"
    at = 0
    while at < len(part):
        char = part[at]
        at += 1
        if char == "*":
            text += "[^/]*"
        elif char == "?":
            text += "[^/]"
        elif char == "[" and (close := part.find("]", at + 2 if part[at : at + 1] in "!^" else at + 1)) > 0:
            inside = part[at:close]
            negated = inside[0] in "!^"
            chars = inside[negated:].replace("\\", r"\\").replace("[", r"\[").replace("&", r"\&").replace("~", r"\~")
            text += f"[{'^/' if negated else ''}{chars.replace('|', chr(92) + '|').replace('^', chr(92) + '^')}]"
            at = close + 1
        else:
            text += re.escape(char)
    return text


def _path(parts: list[str]) -> str:
    text = ""
    for at, part in enumerate(parts):
        if part == "**":
            text += r"(?:/(?!\.)[^/]+)+" if at == len(parts) - 1 else r"(?:/(?!\.)[^/]+)*"
        else:
            text += "/" + (_name(part) if _MAGIC.search(part) else re.escape(part))
    return f"(?s:{text})"
