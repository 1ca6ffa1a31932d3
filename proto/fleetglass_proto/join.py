"""The join string: everything an agent needs to meet a hub, in one word that no shell touches.

    fg1.k6x0Y3A6Ly9odWIuZXhhbXBsZS5vcmc6NzQwMMQg...
    |   base64url without padding of the MessagePack array
    |   [endpoint: str, hub's public key: bin 32, token: str]
    the version of this form

It holds a one-time token, so it is as secret as a password until it was used or has expired. In: text. Out: a `Join`,
or `JoinError` whose sentence never repeats the string. Elements after the third are left for later versions.
"""

import binascii
from typing import NamedTuple

import msgpack

from fleetglass_proto import endpoint, limits

PREFIX = "fg1."
# A key, the longest endpoint and token, and room for what a later version adds.
_TEXT_CHARACTERS = 2_048
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_KEY_BYTES = 32


class JoinError(ValueError):
    """A join string that cannot be used; the text says why and what to do."""


class Join(NamedTuple):
    """Where the hub is, how to know it, and the token that it gave out for one agent."""

    endpoint: str
    server_key: bytes  # 32 bytes, the hub's public CURVE key
    token: str


def is_join(text: str) -> bool:
    """Whether a text means to be a join string (of this version)."""
    return text.startswith(PREFIX)


def encode(join: Join) -> str:
    """Write a join string."""
    packed: bytes = msgpack.packb([join.endpoint, join.server_key, join.token], use_bin_type=True)
    return PREFIX + binascii.b2a_base64(packed, newline=False).rstrip(b"=").translate(_TO_URL).decode("ascii")


def decode(text: str) -> Join:
    """Read a join string; blanks around it, as pasting brings them, do not matter.

    Raises:
        JoinError: it is not one, was cut, or holds things that make no sense.
    """
    text = text.strip()
    if not is_join(text):
        raise JoinError(f"a join string starts with {PREFIX}; run 'fleetglass-hub enroll' on the hub for one")
    body = text[len(PREFIX) :]
    if len(body) > _TEXT_CHARACTERS or not body.isascii():
        raise _cut()
    try:
        raw = binascii.a2b_base64(body.encode("ascii").translate(_FROM_URL) + b"=" * (-len(body) % 4), strict_mode=True)
        parts = msgpack.unpackb(raw)
    except Exception as error:
        raise _cut() from error
    if not isinstance(parts, list) or len(parts) < 3:
        raise _cut()
    where, key, token = parts[:3]
    if not isinstance(where, str) or not isinstance(key, bytes) or not isinstance(token, str):
        raise _cut()
    if len(key) != _KEY_BYTES or not 0 < len(token) <= limits.NAME_BYTES:
        raise _cut()
    try:
        endpoint.parse(where)
    except endpoint.EndpointError as error:
        raise JoinError(f"the join string names an endpoint that cannot be used: {error}") from error
    return Join(where, key, token)


def _cut() -> JoinError:
    return JoinError("the join string is damaged or cut; copy the whole line that 'fleetglass-hub enroll' printed")
