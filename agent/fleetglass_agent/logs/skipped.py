"""Paths that match a glob and are not followed: each is named once, with the reason and what a person can do.

A path that cannot be read now is tried again quietly; when it can be, that is said too.
"""

from typing import NamedTuple

from fleetglass_proto.messages import EventKind, Field

from fleetglass_agent.logs import names

# How often a path without permission is tried again.
RETRY_MS = 30_000
# More sentences than this at once would be a flood: the rest is counted.
SENTENCES = 20


class Skip(NamedTuple):
    """Why a path is not followed. `retry_ms`: when it is looked at again (monotonic); None: when it changes."""

    path: str
    why: str
    remedy: str
    retry_ms: int | None
    is_told: bool  # whether an operator needs to hear of it: another name of a followed file is no news

    @property
    def is_trouble(self) -> bool:
        """Something that a person should mend, as against something that is no log."""
        return self.retry_ms is not None


class Skipped:
    """All of them, and what is still to be said."""

    def __init__(self) -> None:
        self._skips: dict[str, Skip] = {}
        self._retries: dict[str, int] = {}  # few of perhaps a hundred thousand, and asked for in every turn of the loop
        self._news: list[tuple[str, dict[str, Field]]] = []

    def __contains__(self, path: str) -> bool:
        return path in self._skips

    def all(self) -> list[Skip]:
        """In the order of their names."""
        return [self._skips[path] for path in sorted(self._skips)]

    def add(
        self, path: str, why: str, remedy: str = "", *, now_ms: int = 0, retry: bool = False, is_told: bool = True
    ) -> None:
        """Not followed, for this reason; said if it is a new one."""
        before = self._skips.get(path)
        self._skips[path] = Skip(path, why, remedy, now_ms + RETRY_MS if retry else None, is_told)
        if retry:
            self._retries[path] = now_ms + RETRY_MS
        else:
            self._retries.pop(path, None)
        if is_told and (before is None or before.why != why):
            self._tell(self._skips[path])

    def remove(self, path: str) -> None:
        """It is followed now, or gone: trouble with it is over."""
        skip = self._skips.pop(path, None)
        self._retries.pop(path, None)
        if skip is not None and skip.is_told and skip.is_trouble:
            self._news.append((EventKind.SOURCE_UP, {"source": names.shown(path)}))

    def say_again(self) -> None:
        """A session begins: its hub may not know what cannot be read."""
        waiting = {str(fields.get("source")) for _, fields in self._news}
        for skip in self._skips.values():
            if skip.is_told and skip.is_trouble and names.shown(skip.path) not in waiting:
                self._tell(skip)

    def _tell(self, skip: Skip) -> None:
        path = names.shown(skip.path)
        if skip.is_trouble:
            self._news.append((EventKind.SOURCE_DOWN, {"source": path, "why": skip.why, "remedy": skip.remedy}))
        else:  # nothing is wrong with a folder that a wide glob matches
            self._news.append((EventKind.NOTICE, {"text": f"{path} {skip.why} and is not followed: {skip.remedy}"}))

    def due(self, now_ms: int) -> list[str]:
        """Paths to try again."""
        return [path for path, retry_ms in self._retries.items() if retry_ms <= now_ms]

    def next_tick_ms(self) -> int | None:
        """When the next one is due."""
        return min(self._retries.values(), default=None)

    @property
    def has_news(self) -> bool:
        """Whether `news` has something to say."""
        return bool(self._news)

    def news(self) -> list[tuple[str, dict[str, Field]]]:
        """Kinds and fields of events to send; empties the list."""
        news, self._news = self._news, []
        if len(news) > SENTENCES:
            rest = len(news) - SENTENCES
            text = f"{rest} more paths that match are not followed; `fleetglass-agent sources` names them"
            news = [*news[:SENTENCES], (EventKind.NOTICE, {"text": text})]
        return news
