"""Who has signed in: tokens that say until when, signed with the hub's secret and bound to its password.

A token is `EXPIRES_MS.NONCE.SIGNATURE`. Nothing is kept on the hub: a restart signs nobody out, a new password signs
everybody out, since the hash of the password is part of the key.

In: the secret, the hash, and times as arguments.
"""

import secrets

from itsdangerous import BadSignature, Signer

# A fortnight: an operator on call signs in once a shift cycle.
LIFETIME_MS = 14 * 86_400_000
TOKEN_CHARACTERS_MAX = 200


class Sessions:
    """Issues and checks tokens of one password."""

    def __init__(self, secret: bytes, password_hash: str) -> None:
        self._signer = Signer(secret, salt=f"fleetglass session {password_hash}".encode())

    def issue(self, now_ms: float) -> tuple[str, int]:
        """A new token, and when it expires."""
        expires_ms = int(now_ms) + LIFETIME_MS
        return self._signer.sign(f"{expires_ms}.{secrets.token_urlsafe(8)}").decode("ascii"), expires_ms

    def is_valid(self, token: str, now_ms: float) -> bool:
        """Whether a token is ours and not expired."""
        if len(token) > TOKEN_CHARACTERS_MAX:
            return False
        try:
            said = self._signer.unsign(token).decode("ascii")
        except (BadSignature, UnicodeError):
            return False
        return now_ms < int(said.partition(".")[0])
