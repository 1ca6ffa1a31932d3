"""The agent's state folder: who this agent is, its key pair, the hub it joined, and a lock.

    agent_id     a UUID, made at the first start
    curve.key    the CURVE key pair, two lines of Z85: public, secret; mode 600
    hub          the hub it joined: endpoint and public key, two lines
    lock         held while an agent runs here
    (checkpoints and spools of logs/ lie beside them)

A shell: it reads and writes files. Every file is replaced whole. Without a folder that can be written the agent still
runs; `losses` says what that costs.
"""

import fcntl
import os
from typing import NamedTuple

from fleetglass_proto import endpoint, z85

from fleetglass_agent.uplink.dealer import Keys, new_keys

SYSTEM_FOLDER = "/var/lib/fleetglass-agent"


class StateError(Exception):
    """The state folder cannot be used as it is; the text says what to do."""


class KnownHub(NamedTuple):
    """Where a hub is and how to know it."""

    endpoint: str
    server_key: str  # Z85


def default_folder() -> str:
    """The system's folder for root or where it can be written, else one in the user's home."""
    parent = SYSTEM_FOLDER if os.path.isdir(SYSTEM_FOLDER) else os.path.dirname(SYSTEM_FOLDER)
    if os.geteuid() == 0 or os.access(parent, os.W_OK | os.X_OK):
        return SYSTEM_FOLDER
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "fleetglass-agent")


class StateFolder:
    """An open state folder, or what is left to do without one (`path` is None then).

    Raises:
        StateError: another agent runs in this folder.
    """

    def __init__(self, path: str) -> None:
        self.path: str | None = path
        self.losses: list[str] = []
        self._trouble = ""
        self._lock = -1
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
            self._lock = os.open(os.path.join(path, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self._trouble = f"cannot use the state folder {path}: {_reason(error)}"
            if not os.path.isdir(path):
                self.path = None
        else:
            self._hold(path)
        is_kept, self.agent_id = self._agent_id()
        self.keys = self._keys()
        if self._trouble:
            lost = "lines written while the agent is down may be missed"
            if not is_kept:
                lost = f"this host appears as a new one at each start, and {lost}"
            self.losses.append(f"{self._trouble}. So {lost}. Give it a folder of its own with --state DIR")

    def hub(self) -> KnownHub | None:
        """The hub that this agent joined."""
        lines = self._read("hub")
        if len(lines) < 2:
            return None
        try:
            endpoint.parse(lines[0])
            z85.decode_key(lines[1])
        except ValueError:
            self.losses.append(f"{self.path}/hub is damaged; join the hub again")
            return None
        return KnownHub(lines[0], lines[1])

    def remember(self, hub: KnownHub) -> bool:
        """Keep the hub for later starts; False where that cannot be."""
        return hub == self.hub() or self._write("hub", [hub.endpoint, hub.server_key])

    def close(self) -> None:
        """Let another agent in."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _hold(self, path: str) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 20, 0).decode("ascii", "replace").strip()
            self.close()
            raise StateError(
                f"another agent{f' (process {holder})' if holder.isdigit() else ''} runs with the state folder {path}; "
                "stop it, or give this one a folder of its own with --state DIR"
            ) from None
        except OSError:
            return  # a file system without locks: better an agent than none
        try:
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, b"%d\n" % os.getpid(), 0)
        except OSError:
            pass  # a full disk: the lock holds without the number

    def _agent_id(self) -> tuple[bool, bytes]:
        """Whether the id is the same at the next start, and the id."""
        lines = self._read("agent_id")
        text = lines[0].replace("-", "") if lines else ""
        try:
            known = bytes.fromhex(text)
        except ValueError:
            known = b""
        if len(known) == 16:
            return True, known
        if lines:
            self.losses.append(f"{self.path}/agent_id is damaged: this host will appear as a new one")
        new = bytearray(os.urandom(16))
        new[6] = new[6] & 0x0F | 0x40  # a random UUID (RFC 9562, version 4)
        new[8] = new[8] & 0x3F | 0x80
        text = new.hex()
        uuid = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
        return self._write("agent_id", [uuid]), bytes(new)

    def _keys(self) -> Keys:
        lines = self._read("curve.key")
        try:
            for line in lines:
                z85.decode_key(line)
            if len(lines) == 2:
                return Keys(*lines)
        except ValueError:
            pass
        if lines:
            self.losses.append(f"{self.path}/curve.key is damaged: a hub elsewhere must enrol this agent again")
        keys = new_keys()
        self._write("curve.key", list(keys))
        return keys

    def _read(self, name: str) -> list[str]:
        if self.path is None:
            return []
        try:
            with open(os.path.join(self.path, name), "rb") as file:
                return file.read(16_384).decode("utf-8", "replace").split()
        except FileNotFoundError:
            return []
        except OSError as error:
            self._trouble = self._trouble or f"cannot read {self.path}/{name}: {_reason(error)}"
            return []

    def _write(self, name: str, lines: list[str]) -> bool:
        if self.path is None:
            return False
        path = os.path.join(self.path, name)
        try:
            descriptor = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, "".join(f"{line}\n" for line in lines).encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(f"{path}.new", path)
        except OSError as error:
            self._trouble = self._trouble or f"cannot write {path}: {_reason(error)}"
            return False
        return True


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
