"""The paths that the globs name now, and whether that may have changed since the last look.

Folders are watched before they are read, so that no name slips between. In: globs and excludes. Out: paths, first glob
first; sentences about what cannot be looked at.
"""

from collections.abc import Callable

from fleetglass_agent.logs import names
from fleetglass_agent.logs.files import Files
from fleetglass_agent.logs.globs import FOLDERS_MAX, Found, Glob
from fleetglass_agent.logs.settings import TailSettings

# A walk that took long is not made again before this many times its own length: rescans cost 2 % of a core at most.
REST_FACTOR = 50
# ... and a step of the clock while it went on must not stop them. Short walks are made as often as something changes.
REST_MS_MAX, QUICK_MS = 1_200, 50
# A folder that changed less than this ago may change again within the same tick of the file system's clock.
SAME_TICK_NS = 2_000_000_000


class Paths:
    """Expands the globs of the settings.

    Args:
        watch: is told all folders that matter; True if one was not watched before.
        unlistable: is told a folder that cannot be read, and why.
        note: gets a sentence for the operator.
    """

    def __init__(
        self,
        settings: TailSettings,
        files: Files,
        wall_ms: Callable[[], int],
        *,
        watch: Callable[[set[str]], bool],
        unlistable: Callable[[str, OSError], None],
        note: Callable[[str], None],
    ) -> None:
        self.met: set[str] = set()  # patterns whose files were there at their first look: what comes now is new
        self.unlistable: set[str] = set()  # folders that could not be read, the last time
        self._files = files
        self._wall_ms = wall_ms
        self._watch = watch
        self._tell_unlistable = unlistable
        self._note = note
        self.expand_again_ms = 0  # before, only the names that the kernel tells are taken
        self._cut_told: set[str] = set()
        self._folders: dict[str, int | None] = {}
        self.set(settings)

    def set(self, settings: TailSettings) -> None:
        """Other globs."""
        self._globs = [Glob(one) for one in settings.globs]
        self._excludes = [Glob(one) for one in settings.excludes]

    def wants(self, path: str) -> bool:
        """Whether a glob names this path and none excludes it."""
        return any(one.matches(path) for one in self._globs) and not self._is_excluded(path)

    def is_first_met(self, path: str) -> bool:
        """Whether only globs name it that were never expanded before: it may have been there for long."""
        return not any(one.matches(path) for one in self._globs if one.pattern in self.met)

    def meet_all(self) -> bool:
        """From now on what appears is new; True if a glob was new."""
        before = len(self.met)
        self.met |= {one.pattern for one in self._globs}
        return len(self.met) > before

    def expand(self, now_ms: int) -> list[str]:
        """All paths that match now."""
        found: list[Found] = []
        began_ms = self._wall_ms()
        for _ in range(3):
            found = [self._files.expand(glob) for glob in self._globs]
            folders = {folder for one in found for folder in one.folders}
            self._folders = {folder: self._changed_ns(folder) for folder in folders}
            if not self._watch(folders):
                break  # else a name may have come before the watch: read once more
        self.unlistable = {folder for one in found for folder in one.unlistable}
        paths: dict[str, None] = {}
        for glob, one in zip(self._globs, found, strict=True):
            if one.is_cut and glob.pattern not in self._cut_told:
                self._cut_told.add(glob.pattern)
                self._note(f"{names.shown(glob.pattern)} crosses over {FOLDERS_MAX} folders: the rest is not looked at")
            for path in one.paths:
                if not self._is_excluded(path):
                    paths[path] = None
            for folder, error in one.unlistable.items():
                self._tell_unlistable(folder, error)
        took_ms = min(self._wall_ms() - began_ms, REST_MS_MAX)
        self.expand_again_ms = now_ms + took_ms * REST_FACTOR if took_ms > QUICK_MS else 0
        return list(paths)

    def is_changed(self) -> bool:
        """Whether names came or went in a folder since `expand`, as far as its time of change tells."""
        return any(
            changed_ns is None or self._changed_ns(folder) != changed_ns for folder, changed_ns in self._folders.items()
        )

    def _is_excluded(self, path: str) -> bool:
        return any(one.matches(path) for one in self._excludes)

    def _changed_ns(self, folder: str) -> int | None:
        changed_ns = self._files.changed_ns(folder)
        is_fresh = abs(self._wall_ms() * 1_000_000 - changed_ns) < SAME_TICK_NS
        return None if is_fresh else changed_ns
