"""A frame for many sockets: who takes it, who takes no more, and who must not be waited for."""

import contextlib
import socket
from collections.abc import Iterator

import pytest
from fleetglass_web.live.channel import Group
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
    made.direct = sockets[0]
    made.close_sent = False
    return made


def test_a_socket_that_takes_half_a_frame_is_full(sockets: tuple[socket.socket, socket.socket]) -> None:
    assert write_all(Group(sinks=[protocol(sockets, takes_rest=False)]), FRAME) == [0]


def test_a_socket_that_takes_the_rest_at_once_is_not_waited_for(sockets: tuple[socket.socket, socket.socket]) -> None:
    # The loop calls `resume_writing` only where something waited; a subscriber marked full here would stall for ever.
    assert write_all(Group(sinks=[protocol(sockets, takes_rest=True)]), FRAME) == []


def test_a_full_socket_between_two_others_costs_them_nothing() -> None:
    pairs = [socket.socketpair() for _ in range(3)]
    for ours, _peer in pairs:
        ours.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            pairs[1][0].send(bytes(1 << 16))
    sinks = [protocol(pair, takes_rest=False) for pair in pairs]
    assert write_all(Group(sinks=sinks), b"frame") == [1]
    assert [pairs[at][1].recv(100) for at in (0, 2)] == [b"frame", b"frame"]
    assert sinks[1].transport.get_write_buffer_size() == len(b"frame")
    for ours, peer in pairs:
        ours.close()
        peer.close()
