"""The hub's folder: one hub at a time, closed to others.

A shell: it makes the folder and holds a lock in it for as long as the process lives.
"""

import fcntl
import os
from collections.abc import Mapping

SERVICE_FOLDER = "/var/lib/fleetglass"


class DataFolderError(Exception):
    """The folder cannot be used; the text says why and what to do."""


def default_folder(environ: Mapping[str, str]) -> str:
    """Where data go when nobody said: systemd's, the service's for root, else one of this user."""
    if given := environ.get("STATE_DIRECTORY"):
        return given.partition(":")[0]
    if os.geteuid() == 0:
        return SERVICE_FOLDER
    base = environ.get("XDG_DATA_HOME") or os.path.join(environ.get("HOME") or "/", ".local", "share")
    return os.path.join(base, "fleetglass")


class DataFolder:
    """The folder, locked.

    Raises:
        DataFolderError: it cannot be made, written or locked.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        try:
            os.makedirs(self.path, mode=0o700, exist_ok=True)
            self._descriptor = os.open(os.path.join(self.path, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DataFolderError(
                f"cannot use the folder {self.path}: {error.strerror}. Choose another with --data, or give this user "
                f"the right to write there"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise DataFolderError(
                f"another hub runs with the folder {self.path}; end it, or choose another folder with --data"
            ) from error

    def close(self) -> None:
        """Let another hub have it."""
        os.close(self._descriptor)
