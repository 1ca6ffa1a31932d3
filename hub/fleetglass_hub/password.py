"""The hub's password and the secret that signs sessions, on disk.

    DATA/password       the Argon2id hash of the password, mode 600; written by `fleetglass-hub passwd`
    DATA/session.key    32 random bytes, mode 600; made at the first start that needs it

A shell: it reads and writes files. A hub that runs sees a new password at the next request.
"""

import contextlib
import os
import secrets

SECRET_BYTES = 32


class PasswordFile:
    """The hash in its file, read again whenever the file has changed."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, "password")
        self._seen: tuple[int, int, int] | None = None
        self._kept = ""

    def hash(self) -> str:
        """The kept hash; "" while no password is set or the file cannot be read."""
        try:
            status = os.stat(self._path)
            now = (status.st_mtime_ns, status.st_ino, status.st_size)
            if now != self._seen:
                with open(self._path, encoding="ascii") as file:
                    self._kept = file.read(1_024).strip()
                self._seen = now
        except (OSError, UnicodeDecodeError):
            self._seen, self._kept = None, ""
        return self._kept

    def set(self, kept: str) -> None:
        """Replace the hash, whole or not at all; may raise OSError."""
        _replace(self._path, kept.encode("ascii") + b"\n")

    def remove(self) -> None:
        """Forget the password: nobody can sign in until another is set; may raise OSError."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)


def session_secret(folder: str) -> bytes:
    """The secret that signs sessions; may raise OSError."""
    path = os.path.join(folder, "session.key")
    try:
        with open(path, "rb") as file:
            secret = file.read(SECRET_BYTES)
        if len(secret) == SECRET_BYTES:
            return secret
    except FileNotFoundError:
        pass
    secret = secrets.token_bytes(SECRET_BYTES)
    _replace(path, secret)
    return secret


def _replace(path: str, content: bytes) -> None:
    temporary = f"{path}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
