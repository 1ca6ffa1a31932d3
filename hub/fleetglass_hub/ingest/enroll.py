"""Who may send: which key belongs to which agent, and how a new one comes in.

| the connection comes from | its key is unknown | its key came by a token | its key came from loopback |
| --- | --- | --- | --- |
| this machine (loopback) | enrolled by itself | taken | taken |
| anywhere else | needs a token | taken | needs a token: a local join lets nobody in from outside |

A token is a random text, given out once, kept only as a hash, used once, and dead after its time. An agent_id belongs
to one key: another key that claims it is refused, so that nobody can send in another host's name.

In: keys that CurveZMQ has proven, addresses, tokens and the hub's clock. Out: the labels of the enrolment, or
`Refusal` with a sentence for the agent's log. `keys` keeps the book on disk.
"""

import hashlib
import ipaddress
import secrets
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from fleetglass_proto.messages import RejectCode

from fleetglass_hub.ingest.refusal import Refusal

# 192 bits: nobody guesses one, and the join string stays on one line.
TOKEN_BYTES = 24
TTL_MIN_MS = 1_000
TTL_MAX_MS = 30 * 86_400_000
TTL_DEFAULT_MS = 3_600_000
_USED_KEPT_MS = 7 * 86_400_000


class KeyRecord(NamedTuple):
    """A key that the hub knows."""

    key: bytes
    agent_id: bytes
    is_local: bool  # enrolled from loopback, without a token
    labels: Mapping[str, str]
    enrolled_ms: float


class TokenRecord(NamedTuple):
    """A token that was given out. `used_ms` None: it still waits."""

    digest: bytes
    labels: Mapping[str, str]
    expires_ms: float
    used_ms: float | None


class Book(Protocol):
    """Keys and tokens, kept."""

    def key(self, key: bytes) -> KeyRecord | None:
        """What is known of a key."""

    def key_of(self, agent_id: bytes) -> KeyRecord | None:
        """The key of an agent."""

    def put_key(self, record: KeyRecord) -> None:
        """Keep a key; another one of the same agent is dropped."""

    def drop_keys(self, agent_id: bytes) -> None:
        """Forget the keys of an agent."""

    def token(self, digest: bytes) -> TokenRecord | None:
        """What is known of a token."""

    def put_token(self, record: TokenRecord) -> None:
        """Keep a token, or that it was used."""

    def tokens(self) -> list[TokenRecord]:
        """All tokens."""

    def drop_tokens(self, before_ms: float) -> None:
        """Forget tokens that expired before a time."""


def digest(token: str) -> bytes:
    """How a token is kept: what is read from the disk lets nobody in."""
    return hashlib.blake2b(token.encode("utf-8"), digest_size=32, person=b"fleetglass-token").digest()


def is_loopback(address: str) -> bool:
    """Whether a peer's address is this machine's own."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


class Enrolment:
    """The hub's door."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self.refused = 0

    def give_token(self, labels: Mapping[str, str], ttl_ms: float, now_ms: float) -> str:
        """A new token, for one agent."""
        self._book.drop_tokens(now_ms - _USED_KEPT_MS)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._book.put_token(TokenRecord(digest(token), dict(labels), now_ms + ttl_ms, None))
        return token

    def waits_for_somebody(self, now_ms: float) -> bool:
        """Whether a token is out that was not used yet."""
        return any(token.used_ms is None and token.expires_ms > now_ms for token in self._book.tokens())

    def knows(self, key: bytes, address: str) -> bool:
        """Whether a connection with this key needs no token."""
        if is_loopback(address):
            return True
        known = self._book.key(key)
        return known is not None and not known.is_local

    def admit(self, key: bytes, address: str, agent_id: bytes, token: str | None, now_ms: float) -> Mapping[str, str]:
        """Let an agent in, or raise `Refusal`; the labels that its enrolment gave it."""
        try:
            return self._admit(key, is_loopback(address), agent_id, token, now_ms)
        except Refusal:
            self.refused += 1
            raise

    def _admit(
        self, key: bytes, is_local: bool, agent_id: bytes, token: str | None, now_ms: float
    ) -> Mapping[str, str]:
        known = self._book.key(key)
        if known is not None and known.agent_id != agent_id:
            raise _refusal("this key belongs to another agent_id; delete the agent's state folder and start it again")
        if known is not None and (is_local or not known.is_local):
            return known.labels
        owner = self._book.key_of(agent_id)
        if owner is not None and owner.key != key and not (is_local and owner.is_local):
            raise _refusal(
                "this agent_id belongs to another key. If the agent lost its key, run 'fleetglass-hub forget' for the "
                "host and join again; if the machine is a copy, delete its state folder"
            )
        labels: Mapping[str, str] = {}
        if token is not None or not is_local:
            labels = self._use(token, now_ms)
        self._book.put_key(KeyRecord(key, agent_id, is_local and token is None, labels, now_ms))
        return labels

    def _use(self, token: str | None, now_ms: float) -> Mapping[str, str]:
        if token is None:
            raise _refusal(
                "this hub does not know the agent's key; run 'fleetglass-hub enroll' on the hub for a join string"
            )
        record = self._book.token(digest(token))
        again = "run 'fleetglass-hub enroll' on the hub for a new one"
        if record is None:
            raise _refusal(f"the token is not one of this hub; {again}")
        if record.used_ms is not None:
            raise _refusal(f"the token was used already, each is for one agent; {again}")
        if record.expires_ms <= now_ms:
            raise _refusal(f"the token has expired; {again}")
        self._book.put_token(record._replace(used_ms=now_ms))
        return record.labels

    def forget(self, agent_id: bytes) -> None:
        """Its key opens nothing any more."""
        self._book.drop_keys(agent_id)


def _refusal(text: str) -> Refusal:
    return Refusal(RejectCode.TOKEN, text, None)
