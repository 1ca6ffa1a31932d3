"""The one password of a hub: kept as an Argon2id hash (RFC 9106), with the library's current parameters.

In: what a person typed. Out: a hash to keep, or whether it was the right one. Hashing takes some 50 ms of CPU by
design: callers with an event loop use a thread.
"""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

CHARACTERS_MIN = 8
# Nobody types more; without a bound a stranger could make the hub hash megabytes.
CHARACTERS_MAX = 256

_hasher = PasswordHasher()


class PasswordError(ValueError):
    """A password that cannot be set; the text says what to change."""


def hash_password(password: str) -> str:
    """What to keep of a new password.

    Raises:
        PasswordError: it is too short or too long.
    """
    if len(password) < CHARACTERS_MIN:
        raise PasswordError(f"a password has at least {CHARACTERS_MIN} characters; this one has {len(password)}")
    if len(password) > CHARACTERS_MAX:
        raise PasswordError(f"a password has at most {CHARACTERS_MAX} characters; this one has {len(password)}")
    return _hasher.hash(password)


def is_right(kept: str, password: str) -> bool:
    """Whether this is the password that was kept. A damaged hash lets nobody in."""
    if len(password) > CHARACTERS_MAX:
        return False
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
