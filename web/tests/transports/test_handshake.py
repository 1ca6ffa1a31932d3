"""How a live connection is refused: always a problem that says what to change, whatever was wrong."""

import asyncio
import json

import pytest
from fleetglass_web.app import create_app
from fleetglass_web.serving import serving
from fleetglass_web.testing import FakeFleet
from fleetglass_web.transports import handshake

KEY = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
VERSION = "Sec-WebSocket-Version: 13\r\n"


async def answer_to(port, headers, path="/api/v1/live", method="GET"):
    """Status and body of the answer to a request with the headers of an upgrade and these."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        upgrade = "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        writer.write(f"{method} {path} HTTP/1.1\r\n{upgrade}{headers}\r\n".encode("latin-1"))
        head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode("latin-1").lower(), body
    finally:
        writer.close()


def refused(headers, **how):
    async def story():
        async with serving(create_app(FakeFleet())) as port:
            return await answer_to(port, headers, **how)

    status, head, body = asyncio.run(asyncio.wait_for(story(), 20))
    assert "content-type: application/problem+json" in head
    problem = json.loads(body)
    assert problem["status"] == status
    return status, problem["detail"]


@pytest.mark.parametrize(
    ("headers", "status", "says"),
    [
        (VERSION, 400, "missing Sec-WebSocket-Key header"),
        (KEY, 400, "missing Sec-WebSocket-Version header"),
        (KEY + "Sec-WebSocket-Version: 8\r\n", 400, "invalid Sec-WebSocket-Version header: 8"),
        (VERSION + "Sec-WebSocket-Key: short\r\n", 400, "invalid Sec-WebSocket-Key header"),
        (KEY + VERSION + "Sec-WebSocket-Protocol: a b\r\n", 400, "invalid Sec-WebSocket-Protocol header"),
        (KEY + VERSION + "Sec-WebSocket-Protocol: fleetglass.v2\r\n", 400, "ask for fleetglass.v1 or fleetglass.v1."),
        (KEY + VERSION + "Origin: http://evil.example.org\r\n", 403, "pages of 'http://evil.example.org' may not"),
        (KEY + VERSION + "X-Long: " + "a" * 9_000 + "\r\n", 431, "cookies of other services"),
        (KEY + VERSION + "".join(f"X-{number}: 1\r\n" for number in range(200)), 431, "no more than 128 headers"),
    ],
)
def test_a_wrong_handshake_is_answered_with_a_problem(headers, status, says):
    found, detail = refused(headers)
    assert found == status
    assert says in detail


def test_an_address_that_is_too_long_or_another_is_named():
    status, detail = refused(KEY + VERSION, path="/api/v1/live?series=" + "a" * 9_000)
    assert (status, "subscribe by messages" in detail) == (414, True)
    status, detail = refused(KEY + VERSION, path="/api/v1/hosts")
    assert (status, detail) == (404, "no WebSocket is at '/api/v1/hosts'; the live protocol is at /api/v1/live")
    assert refused(KEY + VERSION, method="POST")[0] == 405


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
def test_the_address_by_plain_http_says_what_to_do(connection):
    async def story():
        async with serving(create_app(FakeFleet())) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET /api/v1/live HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n".encode())
            head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).decode().lower()
            size = int(head.partition("content-length: ")[2].split()[0])
            problem = json.loads(await asyncio.wait_for(reader.readexactly(size), 5))
            writer.close()
            return head, problem

    head, problem = asyncio.run(asyncio.wait_for(story(), 20))
    assert head.startswith("http/1.1 426 ")
    assert "upgrade: websocket" in head
    assert "content-type: application/problem+json" in head
    for word in ("fleetglass.v1.json", "a proxy on the way", "/api/v1/stream/logs", "/api/v1/poll"):
        assert word in problem["detail"]


PLAIN = (
    b"GET /api/v1/live HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux)\r\n\r\n"
)


def test_the_handshake_of_browsers_is_plain_also_with_a_message_behind_it():
    assert handshake.is_plain(PLAIN)
    assert handshake.is_plain(PLAIN + b"\x81\x80\x00\x00\x00\x00")


@pytest.mark.parametrize(
    "data",
    [
        PLAIN[:-1],
        PLAIN.replace(b"Host: a\r\n", b""),
        PLAIN.replace(b"Host: a", b"Host: a\r\nhOST: b"),
        PLAIN.replace(b"Host: a", b"Host : a"),
        PLAIN.replace(b"Host: a", b"Host: a\r\n folded"),
        PLAIN.replace(b"Host: a", b"Host: a\xff"),
        PLAIN.replace(b"\r\n", b"\n"),
        PLAIN.replace(b"Host: a", b"Host: a\r\nContent-Length: 3"),
        PLAIN.replace(b"Host: a", b"Host: a\r\nTransfer-Encoding: chunked"),
        PLAIN.replace(b"GET", b"POST"),
        PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
        PLAIN.replace(b"websocket", b"h2c"),
        PLAIN.replace(b"keep-alive, Upgrade", b"close"),
        PLAIN.replace(b"Linux", b"Linux" * 2_000),
    ],
)
def test_what_is_unusual_in_a_handshake_goes_the_long_way(data):
    assert not handshake.is_plain(data)
