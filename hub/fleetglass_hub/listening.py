"""Where the hub listens for browsers, and what this machine is called there.

A shell: it binds a socket, so that a port in use is said in one sentence before anything else has begun, and asks the
system for this machine's names and addresses.
"""

import contextlib
import errno
import fcntl
import socket
import struct

from fleetglass_hub.config import Address

BACKLOG = 4_096
# An address of nobody (RFC 5737): to ask the kernel's routes, never to send to.
_ANY_OTHER = ("198.51.100.1", 9)
_SIOCGIFADDR = 0x8915  # linux/sockios.h


class HttpListenError(Exception):
    """The hub cannot listen for browsers; the text says why and what to do."""


def bind(address: Address) -> socket.socket:
    """A listening socket.

    Raises:
        HttpListenError: see there.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address.host, address.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise HttpListenError(f"cannot serve on {address}: {_why_not(error)}") from error
    listener.setblocking(False)
    return listener


def _why_not(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "the port is in use; is another hub running? Choose another with --http"
        case errno.EACCES:
            return "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE. Choose another with --http"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address; choose one that it has with --http"
    if isinstance(error, socket.gaierror):
        return "there is no such name; choose an address of this machine with --http"
    return str(error.strerror or error)


def own_name() -> str:
    """What other machines most likely reach this one by: its full name, else the address it would speak from."""
    name = socket.getfqdn()
    if "." in name and not name.startswith("localhost"):
        return name
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(_ANY_OTHER)  # sends nothing; the kernel chooses the address
        return str(probe.getsockname()[0])
    return socket.gethostname()


def own_names() -> list[str]:
    """The names and addresses that this machine may be called by in a browser."""
    found = {socket.gethostname(), own_name(), *_addresses_4(), *_addresses_6()}
    return sorted(name for name in found if name)


def _addresses_4() -> list[str]:
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            with contextlib.suppress(OSError):
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)
                found.append(socket.inet_ntoa(answer[20:24]))
    return found


def _addresses_6() -> list[str]:
    try:
        with open("/proc/net/if_inet6", encoding="ascii") as file:
            return [socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0])) for line in file]
    except (OSError, ValueError):
        return []
