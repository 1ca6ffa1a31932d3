"""Whose requests are answered: the `Host` header, and the `Origin` of pages.

A page on another site must not reach a hub on somebody's loopback. DNS rebinding makes such a page's own name point
here, but its `Host` header still says that name; a cross-site WebSocket carries the page's `Origin`. So a request must
name a host that we are called by, and an origin, where one is sent, must be one of ours.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def split_host(header: str) -> tuple[str, str] | None:
    """A `Host` header as (name in lower case, port or ""); None if it is none. IPv6 keeps its brackets."""
    header = header.strip().lower()
    if header.startswith("["):
        name, bracket, rest = header.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            return None
        name, port = name + "]", rest[1:]
    else:
        name, colon, port = header.partition(":")
        if ":" in port or (colon and not port):
            return None
    name = name.rstrip(".")
    if not name or (port and not port.isdigit()) or any(character in name for character in "/@ \\,"):
        return None
    return name, port


class OriginPolicy:
    """Decides from headers alone."""

    def __init__(self, hosts: Sequence[str] = (), origins: Sequence[str] = ()) -> None:
        self._all = "*" in hosts
        self._names: set[tuple[str, str]] = {(name, "") for name in LOOPBACK}
        for host in hosts:
            split = split_host(_bracketed(host))
            if split:
                self._names.add(split)
        self._origins = {origin.lower().rstrip("/") for origin in origins}

    def host_problem(self, header: str | None) -> str | None:
        """None, or what is wrong with a `Host` header."""
        if self._all:
            return None
        split = split_host(header) if header else None
        if split is None:
            return "the Host header is missing or no host; name the hub as in its URL"
        if split in self._names or (split[0], "") in self._names:
            return None
        return (
            f"the hub is not known as {split[0][:80]!r}; open it by a name it has, or start it with "
            f"--host-name {split[0][:80]}"
        )

    def origin_problem(self, origin: str | None, host: str | None) -> str | None:
        """None, or why a page of this origin may not ask. No origin: not a page, or the page's own plain request."""
        if origin is None:
            return None
        if origin.lower().rstrip("/") in self._origins:
            return None
        parts = urlsplit(origin) if origin.startswith(("http://", "https://")) else None
        own = split_host(host or "")
        if parts is not None and own is not None and split_host(parts.netloc) is not None:
            name, port = split_host(parts.netloc) or ("", "")
            default = {"http": "80", "https": "443"}[parts.scheme]
            # Behind a TLS proxy the page is https on 443, and Host may say no port.
            if name == own[0] and (port or default) in (own[1] or default, own[1] or "80", own[1] or "443"):
                return None
        return (
            f"pages of {origin[:120]!r} may not use this hub; open the hub's own page, or start it with "
            f"--origin {origin[:120]}"
        )


def _bracketed(host: str) -> str:
    return f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
