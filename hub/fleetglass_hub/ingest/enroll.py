"""Who may send: which key belongs to which agent, and how a new one comes in.

| the connection comes from | its key is unknown | its key came by a token | its key came from loopback |
| --- | --- | --- | --- |
| this machine (loopback) | enrolled by itself | taken | taken |
| anywhere else | needs a token | taken | needs a token: a local join lets nobody in from outside |

A token is a random text, given out once, kept only as a hash, used once, and dead after its time or when it is revoked.
An agent_id belongs to one key: another key that claims it is refused, so that nobody can send in another host's name.
An agent that is known and brings a token that waits takes its labels: the line was typed there for a reason.

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
# A rack, or a data centre; more is a program that makes lines and looks at none.
WAITING_MAX = 1_000
_USED_KEPT_MS = 7 * 86_400_000


class KeyRecord(NamedTuple):
    """A key that the hub knows."""

    key: bytes
    agent_id: bytes
    is_local: bool  # enrolled from loopback, without a token
    labels: Mapping[str, str]
    enrolled_ms: float


class TokenRecord(NamedTuple):
    """A token that was given out. `used_ms` None: nobody has joined with it."""

    digest: bytes
    labels: Mapping[str, str]
    expires_ms: float
    used_ms: float | None
    created_ms: float | None = None  # None: by a hub that did not note it
    agent_id: bytes | None = None  # who has used it
    revoked_ms: float | None = None

    @property
    def id(self) -> str:
        """What an operator calls it by: a part of the hash, which lets nobody in."""
        return self.digest[:8].hex()

    def waits(self, now_ms: float) -> bool:
        """Whether an agent may still come in by it."""
        return self.used_ms is None and self.revoked_ms is None and self.expires_ms > now_ms


class Turned(NamedTuple):
    """An agent that was not let in."""

    time_ms: float
    address: str
    why: str


class DoorError(Exception):
    """As things stand it cannot be done; the text says why and what to do."""


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


class Door:
    """The hub's door."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self.refused = 0
        self.last_refused: Turned | None = None

    def give_token(self, labels: Mapping[str, str], ttl_ms: float, now_ms: float) -> str:
        """A new token, for one agent.

        Raises:
            DoorError: too many wait for somebody.
        """
        self._book.drop_tokens(now_ms - _USED_KEPT_MS)
        if sum(token.waits(now_ms) for token in self._book.tokens()) >= WAITING_MAX:
            raise DoorError(f"{WAITING_MAX:,} lines wait for an agent already; revoke some, or let them expire")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._book.put_token(TokenRecord(digest(token), dict(labels), now_ms + ttl_ms, None, now_ms))
        return token

    def given(self, token: str) -> TokenRecord | None:
        """What is kept of a token that was given out."""
        return self._book.token(digest(token))

    def tokens(self) -> list[TokenRecord]:
        """Those that were given out and not revoked, the newest first."""
        kept = [token for token in self._book.tokens() if token.revoked_ms is None]
        return sorted(kept, key=lambda token: token.created_ms or 0.0, reverse=True)

    def revoke(self, wanted: str, now_ms: float) -> None:
        """Let nobody in by a token any more.

        Raises:
            LookupError: there is none of this id.
            DoorError: somebody is in already.
        """
        record = next((token for token in self._book.tokens() if token.id == wanted), None)
        if record is None:
            raise LookupError(wanted)
        if record.used_ms is not None:
            raise DoorError("an agent has joined with it already; forget the host to keep it out")
        self._book.put_token(record._replace(revoked_ms=record.revoked_ms or now_ms))

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
        except Refusal as refusal:
            self.refused += 1
            self.last_refused = Turned(now_ms, address, str(refusal))
            raise

    def _admit(
        self, key: bytes, is_local: bool, agent_id: bytes, token: str | None, now_ms: float
    ) -> Mapping[str, str]:
        known = self._book.key(key)
        if known is not None and known.agent_id != agent_id:
            raise _refusal("this key belongs to another agent_id; delete the agent's state folder and start it again")
        if known is not None and (is_local or not known.is_local):
            return self._again(known, token, now_ms)
        owner = self._book.key_of(agent_id)
        if owner is not None and owner.key != key and not (is_local and owner.is_local):
            raise _refusal(
                "this agent_id belongs to another key. If the agent lost its key, run 'fleetglass-hub forget' for the "
                "host and join again; if the machine is a copy, delete its state folder"
            )
        labels: Mapping[str, str] = {}
        if token is not None or not is_local:
            labels = self._use(token, agent_id, now_ms)
        self._book.put_key(KeyRecord(key, agent_id, is_local and token is None, labels, now_ms))
        return labels

    def _again(self, known: KeyRecord, token: str | None, now_ms: float) -> Mapping[str, str]:
        """One that is known comes back. The token of its first start stays on its command line and means nothing."""
        record = None if token is None else self._book.token(digest(token))
        if record is None or not record.waits(now_ms):
            return known.labels
        self._book.put_token(record._replace(used_ms=now_ms, agent_id=known.agent_id))
        labels = record.labels or known.labels
        self._book.put_key(known._replace(is_local=False, labels=labels, enrolled_ms=now_ms))
        return labels

    def _use(self, token: str | None, agent_id: bytes, now_ms: float) -> Mapping[str, str]:
        if token is None:
            raise _refusal(
                "this hub does not know the agent's key, or was told to forget it; run 'fleetglass-hub enroll' on the "
                "hub for a join string"
            )
        record = self._book.token(digest(token))
        again = "run 'fleetglass-hub enroll' on the hub for a new one"
        if record is None:
            raise _refusal(f"the token is not one of this hub; {again}")
        if record.revoked_ms is not None:
            raise _refusal(f"the token was revoked on the hub; {again}")
        if record.used_ms is not None and record.agent_id == agent_id:
            raise _refusal(f"this host was forgotten on the hub; {again}")
        if record.used_ms is not None:
            raise _refusal(f"the token was used already, each is for one agent; {again}")
        if record.expires_ms <= now_ms:
            raise _refusal(f"the token has expired; {again}")
        self._book.put_token(record._replace(used_ms=now_ms, agent_id=agent_id))
        return record.labels

    def forget(self, agent_id: bytes) -> None:
        """Its key opens nothing any more."""
        self._book.drop_keys(agent_id)


def _refusal(text: str) -> Refusal:
    return Refusal(RejectCode.TOKEN, text, None)
