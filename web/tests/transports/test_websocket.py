"""The live route over real sockets, with a real WebSocket client."""

import asyncio
import json
import time
from contextlib import asynccontextmanager

import msgspec
import numpy as np
import pytest
import websockets
from fleetglass_web.app import create_app
from fleetglass_web.serving import serving
from fleetglass_web.testing import FakeFleet
from fleetglass_web.view import HostState


def fleet() -> FakeFleet:
    made = FakeFleet(clock=lambda: time.time() * 1_000)
    made.add_host("web-1", role="web")
    made.add_host("db-1", role="db")
    return made


@asynccontextmanager
async def connected(view, subprotocol="fleetglass.v1.json"):
    async with serving(create_app(view)) as port:
        url = f"ws://127.0.0.1:{port}/api/v1/live"
        async with websockets.connect(url, subprotocols=[subprotocol] if subprotocol else None) as client:
            yield client


async def receive(client, op=None):
    while True:
        data = await asyncio.wait_for(client.recv(), 5)
        message = json.loads(data) if isinstance(data, str) else msgspec.msgpack.decode(data)
        if op is None or message["op"] == op:
            return message


def run(story):
    asyncio.run(asyncio.wait_for(story(), 20))


def test_a_subscription_gets_its_channel_its_hosts_its_schema_and_then_samples():
    async def story():
        view = fleet()
        view.sample(0, {"cpu.user_pct": 14.48, "disk.util_pct[sda]": float("nan")})
        async with connected(view) as client:
            welcome = await receive(client)
            assert welcome["op"] == "welcome"
            assert welcome["hub"] == "hub-test"
            await client.send('{"op":"subscribe","id":7,"hosts":"role=web","series":["cpu.*","disk.util_pct"]}')
            answers = [await receive(client) for _ in range(4)]
            assert [answer["op"] for answer in answers] == ["subscribed", "hosts", "schema", "samples"]
            assert answers[0]["id"] == 7
            assert len({answer["ch"] for answer in answers}) == 1
            assert [host["name"] for host in answers[1]["upsert"]] == ["web-1"]
            assert answers[2]["series"] == ["cpu.user_pct", "disk.util_pct[sda]"]
            block = answers[3]["blocks"][0]
            assert block["hosts"] == [0]
            assert block["values"] == [14.48, None]
            at_ms = view.now_ms() + 1_000
            view.sample(0, {"cpu.user_pct": 15.5, "disk.util_pct[sda]": 2.0}, at_ms)
            view.sample(1, {"cpu.user_pct": 99.0})
            news = await receive(client, "samples")
            assert news["blocks"] == [
                {"schema": 0, "hosts": [0], "time_ms": [at_ms], "values": [15.5, 2.0]},
            ]

    run(story)


def test_in_message_pack_columns_are_little_endian_bytes():
    async def story():
        view = fleet()
        at_ms = view.now_ms()
        view.sample(0, {"cpu.user_pct": 14.48, "load.1m": float("nan")}, at_ms)
        async with connected(view, "fleetglass.v1") as client:
            request = {"op": "subscribe", "id": 1, "hosts": "*", "series": ["*"], "history_s": 0}
            await client.send(msgspec.msgpack.encode(request))
            block = (await receive(client, "samples"))["blocks"][0]
            assert np.frombuffer(block["hosts"], "<u4").tolist() == [0]
            assert np.frombuffer(block["time_ms"], "<f8").tolist() == [at_ms]
            values = np.frombuffer(block["values"], "<f4")
            assert values[0] == np.float32(14.48)
            assert np.isnan(values[1])

    run(story)


def test_a_line_is_sent_at_once_with_its_offset_and_without_its_end():
    async def story():
        view = fleet()
        async with connected(view) as client:
            await client.send('{"op":"subscribe","id":1,"logs":{"path":"*","match":"(?i)error"}}')
            await receive(client, "hosts")
            view.lines(0, "/var/log/app.log", b"all is well\nan ERROR here\r\n")
            lines = await receive(client, "lines")
            assert lines["batches"][0]["lines"] == [[12, "an ERROR here"]]
            assert lines["batches"][0]["path"] == "/var/log/app.log"
            assert lines["cursor"]

    run(story)


def test_the_tail_comes_first_and_what_does_not_match_is_not_counted():
    async def story():
        view = fleet()
        for number in range(50):
            view.lines(0, "/a.log", f"line {number}\n")
        view.lines(0, "/a.log", "other\n")
        async with connected(view) as client:
            await client.send('{"op":"subscribe","id":1,"logs":{"match":"line"},"tail":2}')
            lines = await receive(client, "lines")
            assert [line for batch in lines["batches"] for _offset, line in batch["lines"]] == ["line 48", "line 49"]

    run(story)


def test_a_resume_goes_on_right_behind_its_cursor():
    async def story():
        view = fleet()
        async with serving(create_app(view)) as port:
            url = f"ws://127.0.0.1:{port}/api/v1/live"
            async with websockets.connect(url, subprotocols=["fleetglass.v1.json"]) as client:
                await client.send('{"op":"subscribe","id":1,"logs":{"path":"*"}}')
                await receive(client, "hosts")
                view.lines(0, "/a.log", "one\n")
                cursor = (await receive(client, "lines"))["cursor"]
            view.lines(0, "/a.log", "two\n")
            view.lines(1, "/b.log", "three\n")
            async with websockets.connect(url, subprotocols=["fleetglass.v1.json"]) as client:
                await client.send(json.dumps({"op": "subscribe", "id": 1, "logs": {}, "resume": cursor}))
                lines = await receive(client, "lines")
                view.lines(0, "/a.log", "four\n")
                more = await receive(client, "lines")
                found = [line for said in (lines, more) for batch in said["batches"] for _at, line in batch["lines"]]
                assert found == ["two", "three", "four"]

    run(story)


def test_a_cursor_that_nobody_knows_gets_a_gap():
    async def story():
        view = fleet()
        async with connected(view) as client:
            await client.send('{"op":"subscribe","id":1,"logs":{},"resume":"bm9uc2Vuc2U"}')
            gap = await receive(client, "gap")
            assert gap["why"] == "retention"
            assert gap["lines"] is None

    run(story)


def test_hosts_move_in_and_out_of_a_filter_live():
    async def story():
        view = fleet()
        async with connected(view) as client:
            await client.send('{"op":"subscribe","id":1,"hosts":"role=db","series":[]}')
            first = await receive(client, "hosts")
            assert [host["host"] for host in first["upsert"]] == [1]
            view.change_host(0, labels={"role": "db"})
            joined = await receive(client, "hosts")
            assert [host["name"] for host in joined["upsert"]] == ["web-1"]
            view.change_host(1, labels={"role": "web"})
            left = await receive(client, "hosts")
            assert (left["upsert"], left["remove"]) == ([], [1])
            view.change_host(0, state=HostState.LOST)
            assert (await receive(client, "hosts"))["upsert"][0]["state"] == "lost"
            view.remove_host(0)
            assert (await receive(client, "hosts"))["remove"] == [0]

    run(story)


def test_nothing_comes_after_unsubscribe_and_the_id_is_free_again():
    async def story():
        view = fleet()
        async with connected(view) as client:
            await client.send('{"op":"subscribe","id":1,"logs":{"path":"*"}}')
            await receive(client, "hosts")
            await client.send('{"op":"unsubscribe","id":1}')
            await client.send('{"op":"subscribe","id":1,"hosts":"*","series":["cpu.*"]}')
            await receive(client, "subscribed")
            await receive(client, "hosts")
            view.lines(0, "/a.log", "one\n")
            view.sample(0, {"cpu.user_pct": 1.0})
            assert (await receive(client))["op"] in ("hosts", "schema")

    run(story)


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ('{"op":"subscribe","id":1,"hosts":"web-* &","series":[]}', "ends after '&'"),
        ('{"op":"subscribe","id":1}', '"series":["cpu.*"]'),
        ('{"op":"subscribe","id":"x","series":[]}', "id: expected int"),
        ('{"op":"subscribe","id":1,"series":[],"intervall_ms":5}', "did you mean 'interval_ms'"),
        ('{"op":"subscribe","id":1,"series":[],"interval_ms":5}', "interval_ms: 5 is outside 100"),
        ('{"op":"subscribe","id":1,"logs":{"match":"(a"}}', "missing )"),
        ('{"op":"subscribe","id":1,"logs":{"match":"a(?=b)"}}', "look-around"),
        ('{"op":"unsubscribe","id":5}', "id 5 is not subscribed"),
        ('{"op":"dance"}', "'subscribe' or 'unsubscribe'"),
        ("[1,2", "not JSON"),
        ("[" * 20_000, "not JSON"),
        (b"\xc1", "not MessagePack"),
        (b"\x91" * 20_000, "not MessagePack"),
        ('{"op":"subscribe","id":1,"series":["' + "a" * 70_000 + '"]}', "longer than"),
    ],
)
def test_what_is_wrong_is_answered_and_the_connection_goes_on(message, says):
    async def story():
        async with connected(fleet()) as client:
            await client.send(message)
            assert says in (await receive(client, "error"))["message"]
            await client.send('{"op":"subscribe","id":3,"hosts":"*","series":["cpu.*"]}')
            assert (await receive(client, "subscribed"))["id"] == 3

    run(story)


def test_nothing_but_rubbish_is_closed_with_a_reason():
    async def story():
        async with connected(fleet()) as client:
            for _ in range(20):
                await client.send("rubbish")
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await receive(client, "never")
            assert closed.value.rcvd.code == 1008
            assert "20 messages in a row were errors" in closed.value.rcvd.reason

    run(story)


def test_a_browser_that_vanishes_costs_nobody_anything(caplog):
    async def story():
        view = fleet()
        async with serving(create_app(view)) as port:
            url = f"ws://127.0.0.1:{port}/api/v1/live"
            async with websockets.connect(url) as stays:
                await stays.send('{"op":"subscribe","id":1,"logs":{"path":"*"}}')
                await receive(stays, "hosts")
                for _ in range(5):
                    goes = await websockets.connect(url)
                    await goes.send('{"op":"subscribe","id":1,"logs":{"path":"*"}}')
                    await receive(goes, "hosts")
                    goes.transport.abort()
                view.lines(0, "/a.log", "one\n")
                view.lines(0, "/a.log", "two\n")
                assert (await receive(stays, "lines"))["batches"][0]["lines"] == [[0, "one"]]

    run(story)
    assert [record for record in caplog.records if record.levelname not in ("DEBUG", "INFO")] == []


def test_a_refused_handshake_is_answered_and_no_error_of_ours(caplog):
    async def story():
        async with serving(create_app(fleet())) as port:
            url = f"ws://127.0.0.1:{port}/api/v1/live"
            for options in ({"origin": "http://evil.example.org"}, {"subprotocols": ["chat"]}):
                with pytest.raises(websockets.InvalidStatus) as refused:
                    await websockets.connect(url, **options)
                problem = json.loads(refused.value.response.body)
                assert problem["status"] == refused.value.response.status_code
                assert problem["detail"]

    run(story)
    assert [record for record in caplog.records if record.levelname not in ("DEBUG", "INFO")] == []
