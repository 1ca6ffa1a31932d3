"""The DEALER socket: one connection to the hub, always CURVE, opened anew for each session.

A shell: it touches ZeroMQ and decides nothing. ZeroMQ's own reconnection is off, because a connection is a session here
and `session` says when the next one is due. What happened to the connection comes from ZeroMQ's socket monitor, so a
hub that ends is noticed at once and not after a time-out.

In: `open`, `send`, `close`. Out: messages, and `Link` changes with a reason in words.
"""

import struct
from collections.abc import Collection, Iterator
from typing import NamedTuple

import zmq
from fleetglass_proto import limits

# Enough to keep the connection busy between two turns of the loop; what is more waits in its file.
SEND_MESSAGES = 8
RECEIVE_MESSAGES = 256
CONNECT_TIMEOUT_MS = 5_000
HANDSHAKE_MS = 5_000
# A goodbye may take this long at the end: with the 0.4 s of commands that end, SIGTERM to exit stays below a second.
BYE_LINGER_MS = 300
# Half-open connections (a cable pulled at night) also end by TCP: idle, interval (s), tries.
KEEPALIVE = (30, 10, 3)

_WATCHED = (
    zmq.EVENT_CLOSED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)
# As plain ints: these are used in every turn, and each use of an enum costs a call.
_READABLE, _EITHER, _NOW = int(zmq.POLLIN), int(zmq.POLLIN | zmq.POLLOUT), int(zmq.DONTWAIT)
_EVENT = struct.Struct("=HI")  # native order: from this process to itself (zmq_socket_monitor)
_WHY = {
    int(zmq.EVENT_CLOSED): "nobody answers there (connection refused)",
    int(zmq.EVENT_DISCONNECTED): "the connection was closed",
    int(zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL): "it does not have the key that this agent knows it by; "
    "if the hub was set up anew, run 'fleetglass-hub enroll' there and start this agent with --join",
    int(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL): "what answers there is no fleetglass hub",
    int(zmq.EVENT_HANDSHAKE_FAILED_AUTH): "it does not accept this agent's key; run 'fleetglass-hub enroll' there",
}


class Link(NamedTuple):
    """The connection is up, or it is gone and why."""

    is_up: bool
    why: str


class Keys(NamedTuple):
    """A CURVE key pair as Z85 text."""

    public: str
    secret: str


def new_keys() -> Keys:
    """Make a key pair."""
    public, secret = zmq.curve_keypair()
    return Keys(public.decode("ascii"), secret.decode("ascii"))


class Dealer:
    """A connection that can be opened again and again. Everything on the loop's thread; nothing here waits."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._context = zmq.Context(io_threads=1)
        self._socket: zmq.Socket[bytes] | None = None
        self._monitor: zmq.Socket[bytes] | None = None
        self._unsent: list[bytes] = []
        self._opened = 0

    def open(self, endpoint: str, server_key: str) -> None:
        """Connect in the background; a `Link` tells how it went.

        Args:
            endpoint: `tcp://HOST:PORT`.
            server_key: the hub's public key, Z85.
        """
        self.close()
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SNDHWM, SEND_MESSAGES)
        socket.setsockopt(zmq.RCVHWM, RECEIVE_MESSAGES)
        socket.setsockopt(zmq.MAXMSGSIZE, limits.MESSAGE_BYTES)
        socket.setsockopt(zmq.RECONNECT_IVL, -1)
        socket.setsockopt(zmq.IMMEDIATE, 1)
        socket.setsockopt(zmq.CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS)
        socket.setsockopt(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        socket.setsockopt(zmq.IPV6, 1)
        socket.setsockopt(zmq.TCP_KEEPALIVE, 1)
        for option, value in zip((zmq.TCP_KEEPALIVE_IDLE, zmq.TCP_KEEPALIVE_INTVL, zmq.TCP_KEEPALIVE_CNT), KEEPALIVE):  # noqa: B905
            socket.setsockopt(option, value)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self._keys.public.encode("ascii"))
        socket.setsockopt(zmq.CURVE_SECRETKEY, self._keys.secret.encode("ascii"))
        socket.setsockopt(zmq.CURVE_SERVERKEY, server_key.encode("ascii"))
        self._socket = socket
        self._watch(socket)
        socket.connect(endpoint)

    def close(self, linger_ms: int = 0) -> None:
        """End the connection; what is under way gets `linger_ms`."""
        if self._socket is not None:
            self._socket.monitor(None, 0)
            self._socket.close(linger_ms)
        if self._monitor is not None:
            self._monitor.close(0)
        self._socket = self._monitor = None
        self._unsent.clear()

    def end(self, linger_ms: int) -> None:
        """Close for good. Waits up to `linger_ms` for the last messages to leave."""
        self.close(linger_ms)
        self._context.term()

    def sockets(self) -> list[tuple["zmq.Socket[bytes]", int]]:
        """What to poll, and for what."""
        if self._socket is None or self._monitor is None:
            return []
        return [(self._socket, _EITHER if self._unsent else _READABLE), (self._monitor, _READABLE)]

    @property
    def is_full(self) -> bool:
        """Whether messages wait for room: hand over nothing more until it is False."""
        return bool(self._unsent)

    def send(self, messages: list[bytes]) -> None:
        """Hand messages over in order; those without room are kept and go first at the next call."""
        self._unsent += messages
        if not self._unsent:
            return
        sent = 0
        if self._socket is not None:
            try:
                for message in self._unsent:
                    self._socket.send(message, _NOW)
                    sent += 1
            except zmq.Again:
                pass
        del self._unsent[:sent]

    def receive(self, readable: Collection[object]) -> tuple[list[bytes], list[Link]]:
        """What has come on those of `sockets` that are readable: messages and changes, each oldest first."""
        messages: list[bytes] = []
        links: list[Link] = []
        if self._socket in readable:
            messages = [parts[-1] for parts in _drain(self._socket)]
        if self._monitor in readable:
            for parts in _drain(self._monitor):
                kind, _ = _EVENT.unpack_from(parts[0])
                is_up = kind == zmq.EVENT_HANDSHAKE_SUCCEEDED
                links.append(Link(is_up, "" if is_up else _WHY.get(kind, "the connection failed")))
        return messages, links

    def _watch(self, socket: "zmq.Socket[bytes]") -> None:
        # Each monitor has its own address: the last one's may not be free yet.
        self._opened += 1
        address = f"inproc://monitor-{self._opened}"
        socket.monitor(address, int(_WATCHED))
        self._monitor = self._context.socket(zmq.PAIR)
        self._monitor.setsockopt(zmq.LINGER, 0)
        self._monitor.connect(address)


def _drain(socket: "zmq.Socket[bytes] | None") -> Iterator[list[bytes]]:
    """The messages that are there, in parts; not more at once than the queue holds, so that a turn ends."""
    try:
        for _ in range(RECEIVE_MESSAGES if socket is not None else 0):
            assert socket is not None
            yield socket.recv_multipart(_NOW)
    except zmq.Again:
        return
