"""Where a hub listens for agents: `tcp://HOST:PORT`.

In: what a person typed. Out: an `Endpoint`, or `EndpointError` with a sentence that says what one looks like. Names
are not resolved here; whether one is this machine's own is judged by its text, because a name that only happens to
resolve to loopback today must not be trusted as such.
"""

import re
from typing import NamedTuple

from fleetglass_proto import limits

# RFC 1123 names, IPv4, or IPv6 in brackets with an optional zone.
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+(%[0-9A-Za-z_.-]+)?\]\Z|[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?\Z")
_LOOPBACK_4 = re.compile(r"127(\.[0-9]{1,3}){3}\Z")


class EndpointError(ValueError):
    """An endpoint that cannot be read; the text says what one looks like."""


class Endpoint(NamedTuple):
    """A host as it was written (IPv6 in brackets) and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp://{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it: then its hub's key may be read from a local file."""
        return self.host in ("localhost", "[::1]") or bool(_LOOPBACK_4.match(self.host))


def parse(text: str) -> Endpoint:
    """Read `tcp://HOST:PORT`.

    Raises:
        EndpointError: quotes the text and says what is allowed.
    """
    scheme, separator, rest = text.partition("://")
    host, colon, port = rest.rpartition(":")
    if not separator or scheme != "tcp" or not colon or rest.endswith("]"):
        raise EndpointError(f"{text[:80]!r} is not an endpoint; one looks like tcp://hub.example.org:7400")
    if len(host) > limits.NAME_BYTES or not _HOST.match(host):
        raise EndpointError(
            f"{text[:80]!r}: {host[:40]!r} is not a host name or address (IPv6 stands in brackets: [::1])"
        )
    if not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65_536:
        raise EndpointError(f"{text[:80]!r}: {port[:10]!r} is not a port; 1 to 65535 are allowed")
    return Endpoint(host, int(port))
