"""Answers that never end, written below ASGI: in order, bounded for who does not read, and ended in every case."""

import asyncio
import gc
import time

import pytest
from fleetglass_web.app import create_app
from fleetglass_web.serving import serving
from fleetglass_web.testing import FakeFleet
from fleetglass_web.transports import stream


def fleet():
    made = FakeFleet(clock=lambda: time.time() * 1_000)
    made.add_host("web-1")
    return made


def run(story):
    asyncio.run(asyncio.wait_for(story(), 20))


async def opened(port, request, accept="text/plain", version="1.1"):
    """A raw connection behind the head of its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{request} HTTP/{version}\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n".encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert head.startswith(b"HTTP/1.1 200")
    return reader, writer, head


async def until(true):
    while not true():
        await asyncio.sleep(0.005)


class Chunks:
    """The body of an answer in chunks, line by line (RFC 9112, section 7.1)."""

    def __init__(self, reader):
        self.reader, self.rest = reader, b""

    async def line(self):
        """The next line; None at the end of the answer."""
        while b"\n" not in self.rest:
            size = int((await asyncio.wait_for(self.reader.readuntil(b"\r\n"), 5)).strip(), 16)
            piece = await asyncio.wait_for(self.reader.readexactly(size + 2), 5)
            assert piece.endswith(b"\r\n")
            if not size:
                return None
            self.rest += piece[:-2]
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode()


def test_a_reader_that_stops_and_reads_on_gets_whole_lines_in_order_and_a_gap_for_the_rest():
    async def story():
        view = fleet()
        app = create_app(view)
        async with serving(app) as port:
            reader, writer, head = await opened(port, "GET /api/v1/stream/logs")
            assert b"transfer-encoding: chunked" in head.lower()
            await until(lambda: app.state.pulse.exchange.channels)
            writer.transport.pause_reading()
            written = 400
            for number in range(written):
                view.lines(0, "/a.log", f"{number} {'x' * 8_000}\n")
                await asyncio.sleep(0.001)
            view.forget_lines(written)
            writer.transport.resume_reading()
            chunks, seen, missed = Chunks(reader), [], 0
            while len(seen) + missed < written:
                line = await chunks.line()
                if line.startswith("--- fleetglass: "):
                    missed += int(line.split()[2].replace(",", ""))
                else:
                    number, filling = line.split(" ")
                    assert filling == "x" * 8_000
                    seen.append(int(number))
            assert seen == sorted(set(seen))
            assert seen[-1] == written - 1
            assert missed > 0
            view.lines(0, "/a.log", "and on\n")
            assert await chunks.line() == "and on"
            writer.close()

    run(story)


def test_who_reads_slowly_but_always_gets_every_byte():
    async def story():
        view = fleet()
        app = create_app(view)
        async with serving(app) as port:
            reader, writer, _ = await opened(port, "GET /api/v1/stream/logs?tail=0")
            await until(lambda: app.state.pulse.exchange.channels)
            chunks = Chunks(reader)
            for number in range(60):
                view.lines(0, "/a.log", f"{number} {'y' * 60_000}\n")
                line = await chunks.line()
                assert line == f"{number} {'y' * 60_000}"
            writer.close()

    run(story)


def test_a_client_of_http_1_0_gets_the_bytes_without_chunks():
    async def story():
        view = fleet()
        app = create_app(view)
        async with serving(app) as port:
            reader, writer, head = await opened(port, "GET /api/v1/stream/logs", version="1.0")
            assert b"transfer-encoding" not in head.lower()
            await until(lambda: app.state.pulse.exchange.channels)
            view.lines(0, "/a.log", "one\n")
            assert await asyncio.wait_for(reader.readline(), 5) == b"one\n"
            writer.close()

    run(story)


def test_an_answer_that_the_hub_ends_is_whole_and_its_connection_serves_the_next():
    async def story():
        view = fleet()
        app = create_app(view)
        exchange = app.state.pulse.exchange
        async with serving(app) as port:
            reader, writer, _ = await opened(port, "GET /api/v1/stream/logs")
            for number in range(3):
                await until(lambda: exchange.channels)
                view.lines(0, "/a.log", f"{number}\n")
                chunks = Chunks(reader)
                assert await chunks.line() == str(number)
                for subscriber in list(exchange.subscribers):
                    subscriber.close(1012, "a test")
                assert await chunks.line() is None
                await until(lambda: not app.state.places.taken)
                gc.collect()  # what was left of the first answer must not close the second's descriptor
                writer.write(b"GET /api/v1/stream/logs HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 200")
            writer.close()
            await until(lambda: not exchange.subscribers)

    run(story)


@pytest.mark.parametrize(
    ("accept", "beat"),
    [("text/event-stream", b": still here\n\n"), ("application/x-ndjson", b" "), ("text/plain", b"")],
)
def test_a_silence_is_broken_by_what_means_nothing(accept, beat, monkeypatch):
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.1)

    async def story():
        view = fleet()
        app = create_app(view)
        async with serving(app) as port:
            reader, writer, _ = await opened(port, "GET /api/v1/stream/logs", accept)
            await until(lambda: app.state.pulse.exchange.channels)
            for _ in range(2 if beat else 0):
                size = int(await asyncio.wait_for(reader.readuntil(b"\r\n"), 5), 16)
                piece = await asyncio.wait_for(reader.readexactly(size + 2), 5)
                # An event's id may stand with the comment: neither is an event.
                assert piece == beat + b"\r\n" or (piece.startswith(b"id: ") and b"still here" in piece)
                assert b"data" not in piece
            if not beat:
                await asyncio.sleep(0.2)
            view.lines(0, "/a.log", "one\n")
            chunks = Chunks(reader)
            while "one" not in (await chunks.line()):
                assert beat
            writer.close()

    run(story)
