"""The public key of a hub on this machine, in a file that only its owner can have written.

An agent that is told `tcp://127.0.0.1:PORT` has nothing but the port. The hub therefore leaves its public key (40
characters of Z85 and a newline, readable by all) as `hub-PORT.key` in its runtime folder:

    /run/fleetglass                 a hub that runs as root or as a service; only root can make a folder in /run
    $XDG_RUNTIME_DIR/fleetglass     a hub of this user
    /tmp/fleetglass-UID             a hub of this user, where there is no such folder

A folder counts if it belongs to root or to the reader (in /run: to anybody) and nobody else may write into it. The
newest file wins, because a hub that was killed leaves its own behind. `FLEETGLASS_RUNTIME_DIR` names one folder
instead of all three.

A shell: it reads and writes files. The hub calls `write` after it has bound its port, and again at each start.
"""

import os
import stat
from collections.abc import Mapping

from fleetglass_proto import z85

SERVICE_FOLDER = "/run/fleetglass"


class LocalKeyError(Exception):
    """There is no key that can be trusted; the text says where was looked and why it was not taken."""


def folders(environ: Mapping[str, str] | None = None) -> list[str]:
    """The runtime folders of this user, the widest first."""
    environ = os.environ if environ is None else environ
    if chosen := environ.get("FLEETGLASS_RUNTIME_DIR"):
        return [chosen]
    own = environ.get("XDG_RUNTIME_DIR")
    return [
        SERVICE_FOLDER,
        *([os.path.join(own, "fleetglass")] if own and os.path.isabs(own) else []),
        f"/tmp/fleetglass-{os.getuid()}",  # noqa: S108 - taken only if it is ours and closed to others
    ]


def paths(port: int, environ: Mapping[str, str] | None = None) -> list[str]:
    """Where the key of the hub on this port can be."""
    return [os.path.join(folder, f"hub-{port}.key") for folder in folders(environ)]


def write(port: int, key: bytes, environ: Mapping[str, str] | None = None) -> str:
    """Leave the hub's public key where local agents look for it.

    Returns:
        The path that was written.

    Raises:
        LocalKeyError: no folder could be used; names each and what is wrong with it.
    """
    problems = []
    for path in paths(port, environ):
        folder = os.path.dirname(path)
        try:
            os.makedirs(folder, mode=0o755, exist_ok=True)
            if problem := _distrust(folder):
                problems.append(problem)
                continue
            _replace(path, z85.encode_key(key) + "\n")
        except OSError as error:
            problems.append(f"{folder}: {error.strerror}")
            continue
        return path
    raise LocalKeyError(f"no folder for the key that local agents need ({'; '.join(problems)})")


def read(port: int, environ: Mapping[str, str] | None = None) -> bytes:
    """The public key of the hub that runs on this port of this machine.

    Raises:
        LocalKeyError: no hub left one, or none that can be trusted.
    """
    found: list[tuple[float, str]] = []
    problems = []
    for path in paths(port, environ):
        try:
            found.append((os.stat(path).st_mtime, path))
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
    for _, path in sorted(found, reverse=True):
        if problem := _distrust(os.path.dirname(path)):
            problems.append(problem)
            continue
        try:
            with open(path, "rb") as file:
                return z85.decode_key(file.read(256).decode("ascii", "replace").strip())
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
        except ValueError as error:
            problems.append(f"{path}: {error}")
    where = ", ".join(folders(environ))
    raise LocalKeyError("; ".join(problems) if problems else f"no hub on port {port} has left its key in {where}")


def _distrust(folder: str) -> str:
    """What is wrong with a folder, "" if a key in it can be trusted."""
    status = os.stat(folder)
    # In /run only root makes folders: whoever it gave one to (RuntimeDirectory= of systemd) runs the machine's hub.
    is_service = folder == SERVICE_FOLDER
    if status.st_uid not in (0, os.getuid()) and not is_service:
        return f"{folder} belongs to uid {status.st_uid}, not to root or to this user"
    if os.path.islink(folder) or not stat.S_ISDIR(status.st_mode):
        return f"{folder} is not a folder"
    if status.st_mode & 0o022:
        return f"{folder} can be written by others (chmod go-w {folder})"
    return ""


def _replace(path: str, text: str) -> None:
    """Write a whole file or none."""
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    try:
        os.fchmod(descriptor, 0o644)  # whatever the umask says
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)
    os.rename(temporary, path)
