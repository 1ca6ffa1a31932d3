"""What a stranger may do to a live connection: each fault is told, and none of them costs the hub or anybody else."""

import asyncio
import json
import time
from contextlib import asynccontextmanager

import httpx
import pytest
from fleetglass_web.app import create_app
from fleetglass_web.live import exchange as exchange_module
from fleetglass_web.serving import serving
from fleetglass_web.settings import WebSettings
from fleetglass_web.testing import FakeFleet
from fleetglass_web.transports import http as http_module
from fleetglass_web.transports import manners

TEXT, BINARY, CONTINUED, CLOSE, PING, PONG, LAST = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA, 0x80
LOGS = b'{"op":"subscribe","id":1,"hosts":"*","logs":{"path":"*"}}'


def frame(first, payload, is_masked=True):
    """A frame as a client sends it (RFC 6455, section 5.2); the mask is zero."""
    size, mask = len(payload), 0x80 if is_masked else 0
    if size < 126:
        head = bytes([first, mask | size])
    elif size < 1 << 16:
        head = bytes([first, mask | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, mask | 127]) + size.to_bytes(8, "big")
    return head + (bytes(4) if is_masked else b"") + payload


def text(payload):
    return frame(LAST | TEXT, payload)


class Stranger:
    """A connection that sends whatever bytes it likes."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def open(self, headers=""):
        self.writer.write(
            "GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n".encode()
        )
        return (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)).decode()

    def send(self, *frames):
        self.writer.write(b"".join(frames))

    async def message(self):
        """The next message: its map; of a close the code and the reason; of a pong its bytes."""
        while True:
            first, length = await asyncio.wait_for(self.reader.readexactly(2), 5)
            if length == 126:
                length = int.from_bytes(await self.reader.readexactly(2), "big")
            payload = await self.reader.readexactly(length)
            if first == LAST | TEXT:
                return json.loads(payload)
            if first == LAST | CLOSE:
                return {"op": "close", "code": int.from_bytes(payload[:2], "big"), "reason": payload[2:].decode()}
            if first == LAST | PONG:
                return {"op": "pong", "bytes": payload}

    async def until(self, *ops):
        while (message := await self.message())["op"] not in ops:
            pass
        return message


@asynccontextmanager
async def hub(**settings):
    view = FakeFleet(clock=lambda: time.time() * 1_000)
    view.add_host("web-1")
    app = create_app(view, WebSettings(**settings))
    async with serving(app) as port:
        yield view, app, port


@asynccontextmanager
async def stranger(port, headers=""):
    connection = Stranger(*await asyncio.open_connection("127.0.0.1", port))
    try:
        connection.head = await connection.open(headers)
        yield connection
    finally:
        connection.writer.transport.abort()


def run(story):
    asyncio.run(asyncio.wait_for(story(), 20))


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        ([text(b'{"op":"\xff"}')], "the byte 0xff at character 8 is not"),
        ([text(b"")], "not JSON"),
        ([frame(LAST | BINARY, b"\x81\xa2op\xa5dance")], "'dance' is not known"),
        ([frame(TEXT, b'{"op":"\xc3'), frame(LAST | CONTINUED, b'\xa4"}')], "'ä' is not known"),
        ([frame(TEXT, b'{"op'), frame(LAST | PING, b"x"), frame(LAST | CONTINUED, b'":1}')], "'1' is not known"),
        ([text(b'{"op":"subscribe","id":1,"series":[],"interval_ms":NaN}')], "invalid character"),
        ([text(b'{"op":"subscribe","id":1,"series":[],"history_s":1e999}')], "out of range"),
        ([text(b'{"op":"subscribe","id":-1,"series":[]}')], "id: -1 is outside 0 to 2^53 - 1"),
        ([text(b'{"op":"subscribe","id":9007199254740992,"series":[]}')], "outside 0 to 2^53 - 1"),
        ([text(b'{"op":"subscribe","id":1,"series":[],"history_s":-1}')], "history_s: -1 is outside 0 to 300"),
        ([text(b'{"a":' * 5_000)], "recursion"),
        ([text(b'{"op":"unsubscribe","id":7}')], "id 7 is not subscribed"),
        ([text(LOGS), text(LOGS)], "id 1 is already subscribed"),
        ([text(b"x" * 70_000)], "longer than 65,536 bytes"),
    ],
)
def test_what_is_wrong_with_a_message_is_told_and_the_connection_goes_on(frames, says, caplog):
    async def story():
        async with hub() as (view, _, port), stranger(port) as client:
            client.send(*frames)
            assert says in (await client.until("error", "close"))["message"]
            client.send(text(LOGS.replace(b'"id":1', b'"id":2')))
            while (await client.until("subscribed"))["id"] != 2:
                pass
            await client.until("hosts")
            view.lines(0, "/a.log", "it goes on\n")
            assert (await client.until("lines"))["batches"][0]["lines"] == [[0, "it goes on"]]

    run(story)
    assert [record for record in caplog.records if record.levelname not in ("DEBUG", "INFO")] == []


@pytest.mark.parametrize(
    ("frames", "code", "says"),
    [
        ([frame(LAST | TEXT, LOGS, is_masked=False)], 1002, "incorrect masking"),
        ([frame(LAST | CONTINUED, b"x")], 1002, "unexpected continuation frame"),
        ([frame(TEXT, b"x"), text(b"y")], 1002, "expected a continuation frame"),
        ([frame(LAST | PING, b"x" * 126)], 1002, "control frame too long"),
        ([frame(PING, b"x")], 1002, "fragmented control frame"),
        ([frame(LAST | 0x40 | TEXT, b"x")], 1002, "reserved bits must be 0"),
        ([frame(LAST | CLOSE, b"\x00")], 1002, "close frame too short"),
        # What follows is not read by the hub: its last words arrive all the same.
        ([text(b"x" * 400_000)], 1009, "exceeds limit of 131072 bytes"),
        ([bytes([LAST | TEXT, 0xFF]), b"\xff" * 8, bytes(4), b"x" * 100_000], 1009, "exceeds limit of 131072 bytes"),
        ([frame(TEXT, b"x"), *[frame(CONTINUED, b"x" * 60_000)] * 3], 1009, "exceeds limit of"),
        ([frame(LAST | PING, b"")] * 20_000, 1008, "more than 1,000 frames in a second"),
        ([text(b'{"op":"unsubscribe","id":1}')] * 60, 1008, "messages in a row were errors"),
        ([text(LOGS), text(b'{"op":"unsubscribe","id":1}')] * 100, 1008, "more than 50 messages in a second"),
    ],
)
def test_what_is_no_message_ends_the_connection_with_a_reason_that_arrives(frames, code, says, caplog):
    async def story():
        async with hub() as (view, app, port), stranger(port) as other, stranger(port) as client:
            other.send(text(LOGS))
            await other.until("hosts")
            client.send(*frames)
            closed = await client.until("close")
            assert (closed["code"], says in closed["reason"]) == (code, True), closed
            view.lines(0, "/a.log", "for the other\n")
            assert await other.until("lines")
            client.writer.close()
            while len(app.state.pulse.exchange.subscribers) != 1:
                await asyncio.sleep(0.005)

    run(story)
    assert [record for record in caplog.records if record.levelname not in ("DEBUG", "INFO")] == []


@pytest.mark.parametrize(
    "early", [frame(LAST | CONTINUED, b"x"), frame(LAST | TEXT, LOGS, is_masked=False), b"\xff" * 40]
)
def test_rubbish_that_comes_with_the_handshake_is_answered_in_its_place(early, caplog):
    async def story():
        async with hub() as (_, app, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n" + early
            )
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert "before the handshake was answered" in json.loads(answer.partition(b"\r\n\r\n")[2])["detail"]
            while app.state.places.taken:
                await asyncio.sleep(0.005)

    run(story)
    assert [record for record in caplog.records if record.levelname not in ("DEBUG", "INFO")] == []


def test_a_message_in_endless_fragments_is_ended(monkeypatch):
    async def story():
        monkeypatch.setattr(manners, "FRAGMENTS_MAX", 10)
        async with hub() as (_, _, port), stranger(port) as client:
            client.send(frame(TEXT, b""), *[frame(CONTINUED, b"")] * 10)
            assert "fragments" in (await client.until("close"))["reason"]

    run(story)


def test_pings_are_answered_until_nobody_reads_the_answers(monkeypatch):
    async def story():
        monkeypatch.setattr(manners, "FRAMES_PER_S", 10**9)
        async with hub() as (_, app, port), stranger(port) as client:
            client.send(frame(LAST | PING, b"hello"))
            assert (await client.until("pong"))["bytes"] == b"hello"
            client.reader._transport.pause_reading()
            exchange = app.state.pulse.exchange
            while exchange.subscribers:
                client.send(*[frame(LAST | PING, b"x" * 125)] * 500)
                await client.writer.drain()
                held = [subscriber.sink.waiting_bytes() for subscriber in exchange.subscribers]
                assert max(held, default=0) < 2 * manners.PONG_BYTES_MAX

    run(story)


def test_the_sixty_fifth_subscription_is_refused_and_one_that_ends_makes_room():
    async def story():
        async with hub() as (_, _, port), stranger(port) as client:
            for number in range(65):
                client.send(text(json.dumps({"op": "subscribe", "id": number, "series": []}).encode()))
                if number % 40 == 39:  # fewer than 50 messages a second
                    await asyncio.sleep(1.05)
            assert "64 subscriptions a connection" in (await client.until("error"))["message"]
            client.send(text(b'{"op":"unsubscribe","id":3}'), text(b'{"op":"subscribe","id":99,"series":[]}'))
            assert (await client.until("subscribed", "error"))["id"] == 99

    run(story)


@pytest.mark.parametrize(
    ("settings", "status", "says"),
    [
        ({"connections_max": 2}, "503", "all 2 places for live connections are taken"),
        ({"connections_per_address_max": 2}, "429", "2 live connections from 127.0.0.1 are open"),
    ],
)
def test_places_are_counted_over_all_carriers_in_all_and_by_address(settings, status, says):
    async def story():
        async with (
            hub(**settings) as (_, app, port),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5) as client,
            client.stream("GET", "/api/v1/stream/logs"),
        ):
            async with stranger(port) as one:
                assert " 101 " in one.head
                async with stranger(port) as refused:
                    assert f" {status} " in refused.head
                    assert "retry-after: 5" in refused.head.lower()
                answer = await client.get("/api/v1/stream/metrics")
                assert (str(answer.status_code), says in answer.json()["detail"]) == (status, True)
            while app.state.places.taken > 1:
                await asyncio.sleep(0.005)
            async with stranger(port) as later:
                assert " 101 " in later.head

    run(story)


def test_behind_a_proxy_on_loopback_places_are_counted_by_the_clients_own_address():
    async def story():
        async with hub(connections_per_address_max=1) as (_, _, port):
            here, there = ("X-Forwarded-For: 192.0.2.7\r\n", "X-Forwarded-For: 192.0.2.8\r\n")
            async with stranger(port, here) as one, stranger(port, there) as two, stranger(port, here) as three:
                assert [client.head.split()[1] for client in (one, two, three)] == ["101", "101", "429"]

    run(story)


def test_who_subscribes_to_nothing_is_told_after_a_while_and_who_answers_no_ping_is_gone(monkeypatch):
    async def story():
        for name, value in {"CHECK_MS": 20, "PING_MS": 60, "IDLE_CLOSE_MS": 300}.items():
            monkeypatch.setattr(exchange_module, name, value)
        async with hub() as (_, _, port), stranger(port) as idle, stranger(port) as deaf:
            deaf.send(frame(LAST | PONG, b""), text(LOGS))
            await deaf.until("hosts")
            closed = await deaf.until("close")
            assert (closed["code"], "a ping was not answered" in closed["reason"]) == (1011, True)

            async def pongs():
                while True:
                    idle.send(frame(LAST | PONG, b""))
                    await asyncio.sleep(0.02)

            answering = asyncio.create_task(pongs())
            closed = await idle.until("close")
            answering.cancel()
            assert (closed["code"], closed["reason"]) == (1000, "nothing was subscribed for five minutes")

    run(story)


SLOW = b"POST /api/v1/live/say?session=SESSION HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc"


@pytest.mark.parametrize(
    "sent", [b"", b"GET /api/v1/ho", SLOW, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /"]
)
def test_a_request_that_never_becomes_whole_holds_no_connection(sent, monkeypatch, caplog):
    async def story():
        monkeypatch.setattr(http_module, "REQUEST_S", 0.2)
        async with hub() as (_, _, port), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            session = (await client.get("/api/v1/live/poll?wait=0")).json()["session"]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent.replace(b"SESSION", session.encode()))
            if b"healthz" in sent:
                await reader.readuntil(b"}")
                writer.write(b"hea")
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            assert not sent or b" 408 Request Timeout" in answer
            assert not sent or "must be whole within 20 s" in json.loads(answer.partition(b"\r\n\r\n")[2])["detail"]

    run(story)
    assert [record for record in caplog.records if record.levelname not in ("DEBUG", "INFO")] == []


def test_what_stays_open_is_not_taken_for_a_slow_request(monkeypatch):
    async def story():
        monkeypatch.setattr(http_module, "REQUEST_S", 0.1)
        async with (
            hub() as (view, _, port),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5) as client,
            stranger(port) as live,
            client.stream("GET", "/api/v1/stream/logs") as answer,
        ):
            live.send(text(LOGS))
            await live.until("hosts")
            polled = await client.get("/api/v1/live/poll")
            waited = await client.get(f"/api/v1/live/poll?session={polled.json()['session']}&since=1&wait=1")
            assert waited.status_code == 200
            view.lines(0, "/a.log", "still here\n")
            assert await live.until("lines")
            assert await anext(answer.aiter_lines()) == "still here"

    run(story)


def test_a_request_whose_sender_goes_away_is_no_fault_of_ours(caplog):
    async def story():
        async with hub() as (_, app, port), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            session = (await client.get("/api/v1/live/poll?wait=0")).json()["session"]
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(SLOW.replace(b"SESSION", session.encode()))
            await asyncio.sleep(0.05)
            writer.close()
            assert (await client.get("/healthz")).status_code == 200
            assert len(app.state.pulse.exchange.subscribers) == 1

    run(story)
    assert [record for record in caplog.records if record.levelname not in ("DEBUG", "INFO")] == []


def test_a_binary_connection_understands_text_and_answers_in_its_own_form():
    async def story():
        async with hub() as (_, _, port), stranger(port, "Sec-WebSocket-Protocol: fleetglass.v1\r\n") as client:
            client.send(text(b'{"op":"dance"}'))
            while True:
                first, size = await client.reader.readexactly(2)
                payload = await client.reader.readexactly(size)
                if b"dance" in payload:
                    break
            assert first == LAST | BINARY
            assert payload.startswith(b"\x82\xa2op\xa5error")

    run(story)
