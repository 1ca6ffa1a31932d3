"""The sockets that agents speak to: a ROUTER under CurveZMQ, and the handler of its handshakes (ZAP, RFC 27).

libzmq tells of new messages by one edge on a descriptor: whoever is woken must read until nothing is left, and any
call that looks into the socket, a send too, may swallow the edge. So a pass drains both sockets, sends what is to be
    reader(fd) ─► drain ─► intake.receive ... ─► intake.finish ─► send ─► anything left? ─► the next turn
loop, so that browsers are served in between.

    reader(fd) ─► drain ─► intake.receive ... ─► intake.finish ─► send what is outgoing ─► anything left? ─► again

The second frame is received without a copy, because only so it tells who sent it (0.6 us more): the key is checked for
each message, not for each connection.

A shell: everything that it reads goes to `Intake`. Runs on the event loop's thread.
"""

import asyncio
import errno
import logging
import threading
from collections.abc import Callable

import zmq
from fleetglass_proto import limits, z85

from fleetglass_hub.ingest.gate import Gate
from fleetglass_hub.ingest.intake import PLACE_MS, Intake
from fleetglass_hub.ingest.keys import KeyPair

log = logging.getLogger(__name__)

# Some 10 ms of work; a frame for a browser waits no longer than that.
PASS_MESSAGES = 1_000
PASS_MS = 8.0
# Messages that wait in either direction for one agent. A frame a second: more is an agent or a hub in trouble.
AGENT_HWM = 1_000
HANDSHAKE_MS = 10_000
# A connection whose machine died without a word is noticed after two of these.
HEARTBEAT_MS = 20_000
TICK_MS = 250
# Passes stand so far apart where messages come by the thousand a second: fewer of them are cheaper. One agent with a
# busy log sends some 800 (`agent/uplink/batch.py`): its lines do not wait (1.5 instead of 2.4 ms to a browser, p50).
GAP_S = 0.002
BUSY_WINDOW_S = 0.02
BUSY_MESSAGES = 20
# For the last messages to leave, when the hub ends.
END_S = 0.3
# As plain ints: an enum is made anew at each `|`.
_SEND_MORE, _SEND_LAST = int(zmq.SNDMORE | zmq.DONTWAIT), int(zmq.DONTWAIT)
_AGAIN = errno.EAGAIN
_GONE = errno.EHOSTUNREACH


class ListenError(Exception):
    """The hub cannot listen for agents; the text says why and what to do."""


class AgentSockets:
    """The hub's ROUTER and its door. `start` it on a running loop, `close` it before the loop ends."""

    def __init__(self, endpoint: str, keys: KeyPair, gate: Gate, now_ms: Callable[[], float]) -> None:
        self._now_ms = now_ms
        self._gate = gate
        self._context = zmq.Context()
        # One descriptor an agent, one a browser.
        self._context.max_sockets = 64
        self._zap = self._context.socket(zmq.ROUTER)
        self._zap.linger = 0
        self._zap.bind("inproc://zeromq.zap.01")
        self._router = router = self._context.socket(zmq.ROUTER)
        router.linger = int(END_S * 1_000)
        router.router_mandatory = True
        router.maxmsgsize = limits.MESSAGE_BYTES
        router.handshake_ivl = HANDSHAKE_MS
        router.rcvhwm = router.sndhwm = AGENT_HWM
        router.heartbeat_ivl = HEARTBEAT_MS
        router.heartbeat_timeout = HEARTBEAT_MS
        router.backlog = 1_024
        router.ipv6 = "[" in endpoint
        router.curve_server = True
        router.curve_secretkey = z85.encode_key(keys.secret).encode()
        try:
            router.bind(endpoint)
        except zmq.ZMQError as error:
            self._context.destroy(linger=0)
            raise ListenError(_why_not(endpoint, error)) from error
        self.endpoint = _endpoint(router)
        self._fd = _number(router, zmq.FD)
        self._intake: Intake | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_due = False
        self._passed_s = 0.0
        self._window_s = 0.0
        self._window_messages = 0
        self._is_busy = False
        self._timer: asyncio.TimerHandle | None = None
        self._ticked_ms = now_ms()
        self.passes = 0
        self.slowest_pass_ms = 0.0

    @property
    def port(self) -> int:
        """The TCP port that is listened on."""
        return int(self.endpoint.rpartition(":")[2])

    def start(self, intake: Intake) -> None:
        """Serve from now on."""
        self._intake = intake
        self._loop = loop = asyncio.get_running_loop()
        loop.add_reader(self._fd, self._on_edge)
        loop.add_reader(_number(self._zap, zmq.FD), self._on_handshake)
        self._timer = loop.call_later(PLACE_MS / 1_000, self._tick)
        self.wake()
        self._on_handshake()

    def wake(self) -> None:
        """Look at the socket soon: there may be something to read or to send."""
        if not self._is_due and self._loop is not None:
            self._is_due = True
            self._loop.call_soon(self._pass)

    def _on_edge(self) -> None:
        loop = self._loop
        if loop is None:
            return
        rest_s = self._passed_s + GAP_S - loop.time()
        if rest_s <= 0 or not self._is_busy:
            self._pass()
        else:
            # Messages come faster than passes are worth: let some gather, and do not be woken for each meanwhile.
            loop.remove_reader(self._fd)
            loop.call_later(rest_s, self._resume)

    def _resume(self) -> None:
        if self._loop is not None and not self._router.closed:
            self._loop.add_reader(self._fd, self._on_edge)
            self._pass()

    def _pass(self) -> None:
        self._is_due = False
        intake, router, loop = self._intake, self._router, self._loop
        if intake is None or loop is None or router.closed:
            return
        began_s = loop.time()
        self._window_messages += self._drain(intake, self._now_ms(), began_s + PASS_MS / 1_000)
        if began_s - self._window_s >= BUSY_WINDOW_S:
            self._is_busy = self._window_messages >= BUSY_MESSAGES
            self._window_s, self._window_messages = began_s, 0
        intake.finish(self._now_ms())
        self._send(intake)
        self.passes += 1
        self._passed_s = loop.time()
        self.slowest_pass_ms = max(self.slowest_pass_ms, (self._passed_s - began_s) * 1_000)
        # Sending has looked into the socket and may have swallowed the edge of what came meanwhile.
        if _number(router, zmq.EVENTS) & zmq.POLLIN:
            self.wake()

    def _drain(self, intake: Intake, now_ms: float, until: float) -> int:
        """Give what is there to the intake, some of it if it is much; how many messages."""
        receive, read, clock = self._router.recv, intake.receive, asyncio.get_running_loop().time
        flags, more = _SEND_LAST, zmq.RCVMORE
        for count in range(PASS_MESSAGES):
            try:
                routing_id = receive(flags)
            except zmq.Again:
                return count
            frame = receive(flags, copy=False)
            peer = frame.get("User-Id")
            if frame.more:
                # A message of this protocol has one part: what follows is read and dropped.
                while self._router.getsockopt(more):
                    receive(flags)
                read(routing_id, b"", str(peer), now_ms)
            else:
                read(routing_id, frame.bytes, str(peer), now_ms)
            if count % 16 == 15:
                now_ms = self._now_ms()
                if clock() > until:
                    return count + 1
        return PASS_MESSAGES

    def _send(self, intake: Intake) -> None:
        send = self._router.send
        for routing_id, message in intake.outgoing():
            try:
                send(routing_id, _SEND_MORE)
                send(message, _SEND_LAST)
            except zmq.ZMQError as error:
                # Gone, or it has not read for a thousand messages: it will say hello again.
                if error.errno not in (_GONE, _AGAIN):
                    log.warning("cannot answer an agent: %s", error)
                intake.gone(routing_id)

    def probe(self, routing_id: bytes, message: bytes) -> bool:
        """Send a message at once; whether the connection still stands."""
        self._router.getsockopt(zmq.EVENTS)  # lets libzmq notice what was closed meanwhile
        self.wake()
        try:
            self._router.send(routing_id, _SEND_MORE)
            self._router.send(message, _SEND_LAST)
        except zmq.ZMQError as error:
            return error.errno != _GONE
        return True

    def _on_handshake(self) -> None:
        while _number(self._zap, zmq.EVENTS) & zmq.POLLIN:
            self._handshakes(self._now_ms())

    def _handshakes(self, now_ms: float) -> None:
        """Answer ZAP requests: [routing id, "", version, request id, domain, address, identity, mechanism, key]."""
        for _ in range(PASS_MESSAGES):
            try:
                request = self._zap.recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            if len(request) != 9 or request[2] != b"1.0":
                continue
            address, mechanism, key = request[5].decode("ascii", "replace"), request[7], request[8]
            is_admitted = mechanism == b"CURVE" and self._gate.admits(key, address, now_ms)
            status, text = (b"200", b"OK") if is_admitted else (b"400", b"not admitted")
            user = f"{key.hex()} {address}".encode("ascii", "replace")
            self._zap.send_multipart([request[0], b"", b"1.0", request[3], status, text, user, b""])

    def _tick(self) -> None:
        now_ms = self._now_ms()
        if self._intake is not None and self._loop is not None:
            self._intake.place(now_ms)
            if now_ms - self._ticked_ms >= TICK_MS or now_ms < self._ticked_ms:
                self._intake.tick(now_ms, max(0.0, now_ms - self._ticked_ms))
                self._ticked_ms = now_ms
                self.wake()
            self._timer = self._loop.call_later(PLACE_MS / 1_000, self._tick)

    def close(self) -> None:
        """Send what is waiting, and listen no more."""
        if self._router.closed:
            return
        if self._timer is not None:
            self._timer.cancel()
        if self._intake is not None:
            self._send(self._intake)
        if self._loop is not None:
            self._loop.remove_reader(self._fd)
            self._loop.remove_reader(_number(self._zap, zmq.FD))
        self._intake = None
        self._router.close()
        self._zap.close()
        # libzmq takes seconds to end ten thousand connections; the last commits are out long before.
        ending = threading.Thread(target=self._context.term, daemon=True)
        ending.start()
        ending.join(END_S)


# pyzmq types an option's value as whatever any option may have.
def _endpoint(socket: zmq.Socket[bytes]) -> str:
    value = socket.getsockopt(zmq.LAST_ENDPOINT)
    assert isinstance(value, bytes)
    return value.rstrip(b"\0").decode()


def _number(socket: zmq.Socket[bytes], option: int) -> int:
    value = socket.getsockopt(option)
    assert isinstance(value, int)
    return value


def _why_not(endpoint: str, error: zmq.ZMQError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            why = "the port is in use; is another hub running? Choose another with --agents"
        case errno.EACCES:
            why = "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE. Choose another with --agents"
        case errno.EADDRNOTAVAIL | errno.ENODEV:
            why = "this machine has no such address; --agents tcp://0.0.0.0:7400 listens on all"
        case _:
            why = str(error.strerror or error)
    return f"cannot listen for agents on {endpoint}: {why}"
