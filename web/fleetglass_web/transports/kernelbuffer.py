"""Bound what the kernel keeps for a client that has stopped reading."""

import logging
import os
import socket
from asyncio import BaseTransport

log = logging.getLogger(__name__)

# The kernel would swallow some 4 MB for a client that stopped reading, and a conflated client would read minutes-old
# data first. Doubled by the kernel (socket(7)): 256 KiB with its bookkeeping, enough for 2.5 MB/s at 100 ms.
SEND_BUFFER_BYTES = 128 << 10
# Not yet sent bytes in the kernel (tcp(7), TCP_NOTSENT_LOWAT): beyond it a write waits here, where it can be conflated.
NOT_SENT_BYTES = 16 << 10
# A peer that vanished without a word, on a connection where we never write, is found after some two minutes.
KEEPALIVE_S = 60


def descriptor(transport: BaseTransport) -> int:
    """The socket's descriptor; -1 where there is none."""
    found = transport.get_extra_info("socket")
    return found.fileno() if found is not None else -1


def bound(transport: BaseTransport) -> None:
    """Set the bounds on a connection's socket; a kernel that does not know one of them goes without it."""
    fd = descriptor(transport)
    if fd < 0:
        return
    try:
        with socket.socket(fileno=os.dup(fd)) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            if same.family in (socket.AF_INET, socket.AF_INET6):
                same.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                same.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                for name, value in (("TCP_KEEPIDLE", KEEPALIVE_S), ("TCP_NOTSENT_LOWAT", NOT_SENT_BYTES)):
                    if hasattr(socket, name):
                        same.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    except OSError as error:
        log.debug("cannot bound the send buffer of a connection: %s", error)
