"""The hub's sockets against real agents under CURVE, in one process: the hub's loop here, each agent in a thread."""

import asyncio
import os
import random
import socket
import time

import pytest
import zmq
from fleetglass_hub.ingest.gate import Gate
from fleetglass_hub.ingest.intake import Intake
from fleetglass_hub.ingest.keys import KeyPair
from fleetglass_hub.ingest.router import AgentSockets, ListenError
from fleetglass_proto import limits, messages, z85
from harness.fake_agent import FakeAgent
from harness.rooms import Rooms


def key_pair():
    public, secret = zmq.curve_keypair()
    return KeyPair(z85.decode_key(public.decode()), z85.decode_key(secret.decode()))


class Served:
    """A hub's sockets over rooms, on the running loop, until the context ends."""

    def __init__(self):
        self.rooms = Rooms()
        self.keys = key_pair()
        self.gate = Gate(self.rooms.door.knows)
        self.sockets = AgentSockets("tcp://127.0.0.1:0", self.keys, self.gate, self.clock)
        rooms = self.rooms
        self.intake = rooms.intake = Intake(
            rooms.view.hub_id.encode()[:16], rooms.fleet, rooms.ring, rooms.recorder, rooms.door, rooms.view,
            self.sockets.probe,
        )  # fmt: skip
        self.agents = []

    def clock(self):
        self.rooms.now_ms = time.time() * 1_000
        return self.rooms.now_ms

    def agent(self, **options):
        agent = FakeAgent(self.sockets.endpoint, options.pop("hub_key", self.keys.public), **options)
        self.agents.append(agent)
        return agent

    async def __aenter__(self):
        self.sockets.start(self.intake)
        return self

    async def __aexit__(self, *_):
        self.sockets.close()
        for agent in self.agents:
            await asyncio.to_thread(agent.close)


def served(test):
    """Run an async test over a served hub, within 20 s."""

    def run():
        async def inside():
            async with Served() as hub:
                await asyncio.wait_for(test(hub), 20)

        asyncio.run(inside())

    run.__name__ = test.__name__
    return run


async def until(look, what, within_s=5.0):
    deadline = time.monotonic() + within_s
    while not look():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.005)


@served
async def test_an_agent_on_loopback_joins_by_itself_and_its_lines_and_samples_arrive(hub):
    agent = hub.agent(name="web-1")
    await asyncio.to_thread(agent.join)
    agent.sample({"cpu.user_pct": 12.5})
    agent.lines("/var/log/app.log", b"hello\n")
    await until(lambda: hub.rooms.watcher.batches and hub.rooms.watcher.rows, "a line and a row arrive")
    hub.intake.committed(hub.rooms.recorder.mark, hub.clock())
    hub.sockets.wake()
    await asyncio.to_thread(agent.until_committed, "/var/log/app.log", 6)
    assert [host.name for host in hub.rooms.view.hosts()] == ["web-1"]


@served
async def test_ten_thousand_messages_of_ten_agents_are_drained_without_one_being_left(hub):
    agents = [hub.agent(name=f"web-{number}") for number in range(10)]

    def speak(agent):
        agent.join()
        agent.follow("/var/log/app.log")
        for _ in range(1_000):
            agent.lines("/var/log/app.log", b"0123456789\n")

    await asyncio.gather(*(asyncio.to_thread(speak, agent) for agent in agents))
    await until(lambda: len(hub.rooms.watcher.batches) == 10_000, "all lines arrive", 10)
    assert sum(len(batch.data) for batch in hub.rooms.watcher.batches) == 110_000


@served
async def test_a_killed_agent_that_comes_back_is_welcomed_at_once_and_a_copy_is_not(hub):
    agent = hub.agent(name="web-1")
    await asyncio.to_thread(agent.join)
    copy = hub.agent(name="copy", agent_id=agent.agent_id, keys=agent.keys)
    refusal = await asyncio.to_thread(copy.refused)
    assert refusal.code == "duplicate"
    agent.disconnect()
    again = hub.agent(name="web-1", agent_id=agent.agent_id, keys=agent.keys)
    await asyncio.to_thread(again.join, 2.0)


@served
async def test_an_agent_with_another_hubs_key_gets_nothing(hub):
    stranger = hub.agent(hub_key=key_pair().public)
    stranger.send(stranger.hello())
    assert await asyncio.to_thread(stranger.is_silent, 0.5)
    assert hub.rooms.view.hosts() == []


@served
async def test_a_peer_without_curve_gets_nothing(hub):
    context = zmq.Context()
    plain = context.socket(zmq.DEALER)
    plain.linger = 0
    monitor = plain.get_monitor_socket(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_DISCONNECTED)
    plain.connect(hub.sockets.endpoint)
    plain.send(b"hello")
    assert await asyncio.to_thread(monitor.poll, 5_000), "the hub ends the connection"
    plain.disable_monitor()
    monitor.close(0)
    plain.close()
    context.term()
    assert hub.intake.refused == 0


@served
async def test_a_message_of_several_parts_or_of_no_bytes_is_refused(hub):
    agent = hub.agent()
    agent._socket.send_multipart([b"one", b"two", b"three"])
    assert (await asyncio.to_thread(agent.next, messages.Reject)).code == "malformed"
    agent.send_bytes(b"")
    assert (await asyncio.to_thread(agent.next, messages.Reject)).code == "malformed"
    await asyncio.to_thread(agent.join)


@served
async def test_a_message_over_the_limit_cuts_the_connection_and_nothing_else(hub):
    agent, other = hub.agent(name="big"), hub.agent(name="other")
    await asyncio.to_thread(agent.join)
    await asyncio.to_thread(other.join)
    agent.send_bytes(bytes(limits.MESSAGE_BYTES + 1))
    other.sample({"cpu.user_pct": 1.0})
    await until(lambda: hub.rooms.watcher.rows, "the other one's sample arrives")
    await asyncio.to_thread(agent.join)  # libzmq has opened a new connection by itself


@served
async def test_rubbish_on_the_port_harms_nobody(hub):
    agent = hub.agent()
    await asyncio.to_thread(agent.join)
    for data in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(2_000), b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE" + bytes(60)):
        with socket.create_connection(("127.0.0.1", hub.sockets.port)) as raw:
            raw.sendall(data)
    agent.sample({"cpu.user_pct": 1.0})
    await until(lambda: hub.rooms.watcher.rows, "a sample arrives")


# ZMTP 3.1: signature, version, mechanism, as-server, filler; then a HELLO command of CURVE.
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE" + bytes(15) + b"\0" + bytes(31)
HELLO = b"\x04\xc8\x05HELLO\x01\x00" + bytes(72) + bytes(32) + bytes(8) + bytes(80)


@served
async def test_whatever_a_raw_socket_says_the_agents_go_on(hub):
    agent = hub.agent()
    await asyncio.to_thread(agent.join)
    luck = random.Random(20_261_124)

    def attack():
        for _ in range(300):
            data = bytearray(luck.choice((GREETING, GREETING + HELLO, HELLO, luck.randbytes(300))))
            for _ in range(luck.randrange(4)):
                data[luck.randrange(len(data))] = luck.randrange(256)
            with socket.create_connection(("127.0.0.1", hub.sockets.port)) as raw:
                try:
                    raw.sendall(data[: luck.randrange(len(data) + 1)])
                    raw.sendall(luck.randbytes(luck.randrange(2_000)))
                except OSError:
                    pass  # the hub has hung up, as it may

    await asyncio.to_thread(attack)
    agent.lines("/var/log/app.log", b"still here\n")
    await until(lambda: hub.rooms.watcher.batches, "the agent's line arrives")
    assert hub.intake.refused == 0


def test_a_port_in_use_is_said_in_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        endpoint = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ListenError, match="port is in use"):
            AgentSockets(endpoint, key_pair(), Gate(lambda _key, _address: True), time.time)


@served
async def test_a_handshake_that_the_gate_refuses_leaves_no_trace(hub):
    hub.gate.admits = lambda _key, _address, _now_ms: False
    agent = hub.agent()
    agent.send(agent.hello())
    assert await asyncio.to_thread(agent.is_silent, 0.5)
    assert (hub.intake.refused, hub.rooms.view.hosts()) == (0, [])
