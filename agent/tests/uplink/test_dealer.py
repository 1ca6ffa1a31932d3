"""The DEALER against a real ROUTER under CURVE, in this process."""

import time

import pytest
import zmq
from fleetglass_agent.uplink.dealer import SEND_MESSAGES, Dealer, Link, new_keys
from fleetglass_proto import z85
from harness.ports import free_port


@pytest.fixture
def router():
    context = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.LINGER, 0)
    public, secret = zmq.curve_keypair()
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    socket.setsockopt(zmq.CURVE_SECRETKEY, secret)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    yield socket, public.decode(), f"tcp://127.0.0.1:{port}"
    socket.close(0)
    context.term()


@pytest.fixture
def dealer():
    dealer = Dealer(new_keys())
    yield dealer
    dealer.end(0)


def turn(dealer: Dealer, within_s: float = 10.0) -> tuple[list[bytes], list[Link]]:
    """Wait for whatever comes next."""
    readable = [ready for ready, _ in zmq.zmq_poll(dealer.sockets(), int(within_s * 1_000))]
    assert readable, f"nothing came within {within_s} s"
    return dealer.receive(readable)


def until_link(dealer: Dealer) -> Link:
    while True:
        _, links = turn(dealer)
        if links:
            return links[0]


def test_a_message_goes_there_and_one_comes_back(router, dealer):
    socket, key, endpoint = router
    dealer.open(endpoint, key)
    assert until_link(dealer) == Link(True, "")
    dealer.send([b"one", b"two"])
    assert not dealer.is_full
    peer, first = socket.recv_multipart()
    assert [first, socket.recv_multipart()[1]] == [b"one", b"two"]
    socket.send_multipart([peer, b"answer"])
    assert turn(dealer)[0] == [b"answer"]


def test_a_hub_that_is_not_there_is_known_at_once(dealer):
    dealer.open(f"tcp://127.0.0.1:{free_port()}", new_keys().public)
    link = until_link(dealer)
    assert not link.is_up
    assert "refused" in link.why


def test_a_hub_with_another_key_is_no_hub_of_ours(router, dealer):
    _, _, endpoint = router
    dealer.open(endpoint, new_keys().public)
    link = until_link(dealer)
    assert not link.is_up
    assert "fleetglass-hub enroll" in link.why


def test_a_hub_that_ends_is_known_at_once(router, dealer):
    socket, key, endpoint = router
    dealer.open(endpoint, key)
    assert until_link(dealer).is_up
    started = time.monotonic()
    socket.close(0)
    assert until_link(dealer) == Link(False, "the connection was closed")
    assert time.monotonic() - started < 2


def test_what_has_no_room_waits_and_goes_first(router, dealer):
    socket, key, endpoint = router
    dealer.send([b"early"])  # not connected: nothing is thrown away, and nothing is taken
    dealer.open(endpoint, key)
    assert not dealer.is_full, "a new connection begins with nothing to send"
    assert until_link(dealer).is_up
    piece = bytes(1 << 18)
    count = 0
    while not dealer.is_full and count < 4_000:
        dealer.send([count.to_bytes(4, "big") + piece])
        count += 1
    assert dealer.is_full
    assert count < 4_000, f"a hub that does not read must be noticed, {SEND_MESSAGES} messages are the queue"
    for expected in range(count):
        assert int.from_bytes(socket.recv_multipart()[1][:4], "big") == expected
        dealer.send([])
    assert not dealer.is_full


def test_goodbye_leaves_before_the_end(router):
    socket, key, endpoint = router
    dealer = Dealer(new_keys())
    dealer.open(endpoint, key)
    assert until_link(dealer).is_up
    dealer.send([b"bye"])
    dealer.end(500)
    assert socket.poll(5_000)
    assert socket.recv_multipart()[1] == b"bye"


def test_keys_are_z85_of_32_bytes():
    keys = new_keys()
    assert len(z85.decode_key(keys.public)) == len(z85.decode_key(keys.secret)) == 32
    assert keys.public != keys.secret
