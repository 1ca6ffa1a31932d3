"""A client that stops reading, over real sockets: what it gets when it reads on, and what the others notice."""

import asyncio
import json
import socket
import time

import httpx
import pytest
from fleetglass_web.app import create_app
from fleetglass_web.live.backlog import QUEUE_BYTES_MAX
from fleetglass_web.serving import serving
from fleetglass_web.testing import FakeFleet


def run(story):
    asyncio.run(asyncio.wait_for(story(), 30))


HANDSHAKE = (
    "GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class RawClient:
    """A WebSocket client without a buffer of its own: what it has not read lies in the kernels."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.pending = b""

    async def open(self, subscription):
        await self._send(HANDSHAKE.encode())
        while b"\r\n\r\n" not in self.pending:
            self.pending += await self._receive(4_096)
        self.pending = self.pending.partition(b"\r\n\r\n")[2]
        await self._send(self._frame(0x81, json.dumps(subscription).encode()))

    @staticmethod
    def _frame(first, payload):
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
        return bytes([first]) + length + bytes(4) + payload

    async def _send(self, data):
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def _receive(self, size):
        data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.socket, size), 5)
        if not data:
            raise EOFError
        return data

    async def _exactly(self, size):
        while len(self.pending) < size:
            self.pending += await self._receive(size - len(self.pending))
        data, self.pending = self.pending[:size], self.pending[size:]
        return data

    async def message(self):
        """The next message; pings are answered, a close is ('close', code, reason)."""
        while True:
            first, length = await self._exactly(2)
            if length == 126:
                length = int.from_bytes(await self._exactly(2), "big")
            elif length == 127:
                length = int.from_bytes(await self._exactly(8), "big")
            payload = await self._exactly(length)
            if first == 0x89:
                await self._send(self._frame(0x8A, payload))
            elif first == 0x88:
                return {"op": "close", "code": int.from_bytes(payload[:2], "big"), "reason": payload[2:].decode()}
            else:
                return json.loads(payload)

    async def until(self, op):
        while (message := await self.message())["op"] != op:
            pass
        return message


def fleet(hosts=1):
    made = FakeFleet(clock=lambda: time.time() * 1_000)
    for number in range(hosts):
        made.add_host(f"web-{number}")
    return made


async def ticks(view, count, hosts=1, series=40):
    """Rows faster than the channel's interval; the newest value is the number of the last tick."""
    for tick in range(count):
        for host in range(hosts):
            view.sample(host, {f"cpu.a{number}_pct": float(tick) for number in range(series)})
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(("hosts", "name"), [(1, "small frames"), (60, "large frames")])
def test_after_a_stop_at_most_five_old_messages_come_before_the_newest_state(hosts, name):
    async def story():
        view = fleet(hosts)
        async with serving(create_app(view)) as port:
            client = RawClient(port)
            await client.open({"op": "subscribe", "id": 1, "hosts": "*", "series": ["*"], "interval_ms": 100})
            await client.until("subscribed")
            is_reading = True

            async def read():
                while is_reading:
                    await client.message()

            reading = asyncio.create_task(read())
            await ticks(view, 10, hosts)
            is_reading = False
            await ticks(view, 60, hosts)
            await reading
            old, started = 0, time.monotonic()
            while True:
                message = await client.message()
                if message["op"] == "samples" and message["blocks"]:
                    if message["blocks"][-1]["values"][0] == 59.0:
                        break
                    old += 1
            assert old <= 5
            assert time.monotonic() - started < 1

    run(story)


def test_lines_that_memory_holds_no_more_become_a_gap_with_their_number_and_nobody_else_misses_any():
    async def story():
        view = fleet()
        async with serving(create_app(view)) as port:
            slow, quick = RawClient(port), RawClient(port)
            for client in (slow, quick):
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
                await client.open({"op": "subscribe", "id": 1, "logs": {}})
                await client.until("hosts")
            got = {"quick": []}

            async def read_all():
                while True:
                    for batch in (await quick.until("lines"))["batches"]:
                        got["quick"] += [offset for offset, _line in batch["lines"]]

            reading = asyncio.create_task(read_all())
            batches, per_batch, line = 200, 100, "x" * 119 + "\n"
            for _ in range(batches):
                view.lines(0, "/a.log", line * per_batch)
                await asyncio.sleep(0.002)
            while len(got["quick"]) < batches * per_batch:
                await asyncio.sleep(0.01)
            reading.cancel()
            view.forget_lines(batches)
            seen, missed, offsets = 0, 0, []
            while seen + missed < batches * per_batch:
                message = await slow.message()
                if message["op"] == "lines":
                    offsets += [offset for batch in message["batches"] for offset, _line in batch["lines"]]
                    seen = len(offsets)
                elif message["op"] == "gap":
                    assert message["why"] == "slow-reader"
                    assert (message["host"], message["path"]) == (0, "/a.log")
                    missed += message["lines"]
            assert missed > 0
            assert offsets == sorted(set(offsets))
            assert offsets[-1] == (batches * per_batch - 1) * len(line)
            assert got["quick"] == [number * len(line) for number in range(batches * per_batch)]
            # What the hub kept for the slow one: its queue, not the two megabytes.
            assert seen * len(line) < QUEUE_BYTES_MAX + 600_000

    run(story)


def test_a_client_that_knows_no_pings_gets_every_frame():
    class Deaf(RawClient):
        @staticmethod
        def _frame(first, payload):
            return b"" if first == 0x8A else RawClient._frame(first, payload)

    async def story():
        view = fleet()
        async with serving(create_app(view)) as port:
            client = Deaf(port)
            await client.open({"op": "subscribe", "id": 1, "hosts": "*", "series": ["*"], "interval_ms": 100})
            await client.until("subscribed")
            sending = asyncio.create_task(ticks(view, 60))
            values = []
            while len(values) < 12:
                values += [block["values"][0] for block in (await client.until("samples"))["blocks"]]
            assert values == sorted(set(values))
            sending.cancel()

    run(story)


class RawStream:
    """An HTTP client without a buffer of its own, and with a small one in its kernel."""

    def __init__(self, port, path, accept):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n".encode())
        self.socket.setblocking(False)

    async def read(self):
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.socket, 1 << 16), 5)

    async def read_until(self, text):
        """What comes before a text, and with it."""
        found = b""
        while text not in found:
            data = await self.read()
            assert data, "the answer has ended"
            found += data
        return found


STREAMS = [
    ("text/event-stream", b'"cpu.a0_pct":%d.0'),
    ("application/x-ndjson", b'"cpu.a0_pct":%d.0'),
    ("text/plain", b"cpu.a0_pct=%d "),
]


@pytest.mark.parametrize(("accept", "value"), STREAMS)
def test_by_plain_http_less_than_512_kib_come_before_the_newest_state_after_a_stop(accept, value):
    async def story():
        view = fleet(60)
        async with serving(create_app(view)) as port:
            client = RawStream(port, "/api/v1/stream/metrics?interval=100ms", accept)
            await ticks(view, 2, 60)
            await client.read_until(value % 1)
            await ticks(view, 30, 60)
            before = await client.read_until(value % 29)
            assert len(before) < 512 << 10

    run(story)


@pytest.mark.parametrize(("accept", "value"), STREAMS)
def test_by_plain_http_who_takes_nothing_for_a_minute_is_cut_and_gives_its_place_back(accept, value, monkeypatch):
    monkeypatch.setattr("fleetglass_web.transports.directbody.CUT_S", 0.05)

    async def story():
        view = fleet(60)
        app = create_app(view)
        async with serving(app) as port:
            client = RawStream(port, "/api/v1/stream/metrics?interval=100ms", accept)
            await ticks(view, 2, 60)
            await client.read_until(value % 1)
            exchange = view._watchers[0].exchange
            (subscriber,) = exchange.subscribers
            while subscriber.is_ready or not subscriber.sink.waiting_bytes():
                await ticks(view, 5, 60)
            now_ms = view.now_ms()
            for seconds in range(0, 70, 5):
                subscriber.check(now_ms + seconds * 1_000)
            assert subscriber.is_closed
            while exchange.subscribers:
                await asyncio.sleep(0.01)
            with pytest.raises((AssertionError, ConnectionError)):
                await client.read_until(b"never said")

    run(story)


def test_who_polls_after_a_stop_gets_the_newest_state_and_at_most_five_older_messages():
    async def story():
        view = fleet()
        async with (
            serving(create_app(view)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5) as client,
        ):
            session = (await client.get("/api/v1/live/poll?wait=0")).json()["session"]
            asked = {"op": "subscribe", "id": 1, "series": ["*"], "interval_ms": 100}
            await client.post(f"/api/v1/live/say?session={session}", content=json.dumps(asked))
            await ticks(view, 20)
            answer = (await client.get("/api/v1/live/poll", params={"session": session, "since": 1, "wait": 0})).json()
            samples = [message for message in answer["messages"] if message["op"] == "samples"]
            assert samples[-1]["blocks"][-1]["values"][0] == 19.0
            assert len(samples) <= 6

    run(story)
