"""Who a file is, and which bytes of it are known.

A path is a name that rotation hands on; a file is its device, its inode and its first bytes. An inode is used again
by the next file, so the fingerprint decides: a hash over the first `count` bytes, `count` growing with the file up to
`limits.FINGERPRINT_BYTES`.
"""

# Not `from hashlib`: that loads OpenSSL, 3.6 MB resident in an agent of 19 MB. hashlib's own blake2b is this one.
from _blake2 import blake2b
from typing import NamedTuple

from fleetglass_proto import limits


class Fingerprint(NamedTuple):
    """BLAKE2b, 8 bytes, over the first `count` bytes of a file."""

    count: int  # type: ignore[assignment]  # hides the count() of tuples, which nobody wants here
    digest: bytes

    def matches(self, head: bytes) -> bool:
        """Whether a file that now starts with `head` can be the one that was fingerprinted."""
        return len(head) >= self.count and fingerprint(head[: self.count]).digest == self.digest


def fingerprint(head: bytes) -> Fingerprint:
    """Hash the first bytes of a file; only the first `limits.FINGERPRINT_BYTES` count."""
    head = head[: limits.FINGERPRINT_BYTES]
    return Fingerprint(len(head), blake2b(head, digest_size=8).digest())
