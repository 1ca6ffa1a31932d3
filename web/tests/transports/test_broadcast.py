"""A frame for many sockets: who takes it, who takes no more, and who must not be waited for."""

import socket
from collections.abc import Iterator

import pytest
from fleetglass_web.transports.broadcast import BroadcastProtocol, write_all

FRAME = bytes(1 << 20)


class Transport:
    """What uvloop's transport does when the kernel has room again: it writes at once, and nothing waits."""

    def __init__(self, sock: socket.socket, peer: socket.socket, takes_rest: bool) -> None:
        self._sock, self._peer, self._takes_rest = sock, peer, takes_rest
        self.buffer = b""

    def write(self, data: bytes | memoryview) -> None:
        self.buffer = bytes(data)
        while self._takes_rest and self.buffer:
            self._peer.recv(1 << 20)
            self.buffer = self.buffer[self._sock.send(self.buffer) :]

    def get_write_buffer_size(self) -> int:
        return len(self.buffer)

    def is_closing(self) -> bool:
        return False


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    with ours, peer:
        yield ours, peer


def protocol(sockets: tuple[socket.socket, socket.socket], takes_rest: bool) -> BroadcastProtocol:
    made = object.__new__(BroadcastProtocol)
    made.transport = Transport(*sockets, takes_rest)  # type: ignore[assignment]  # the part that `write_all` calls
    made.fd = sockets[0].fileno()
    made.close_sent = False
    return made


def test_a_socket_that_takes_half_a_frame_is_full(sockets: tuple[socket.socket, socket.socket]) -> None:
    assert write_all([protocol(sockets, takes_rest=False)], FRAME) == [0]


def test_a_socket_that_takes_the_rest_at_once_is_not_waited_for(sockets: tuple[socket.socket, socket.socket]) -> None:
    # The loop calls `resume_writing` only where something waited; a subscriber marked full here would stall for ever.
    assert write_all([protocol(sockets, takes_rest=True)], FRAME) == []
