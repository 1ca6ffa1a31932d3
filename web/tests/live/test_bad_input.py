"""Whatever a client sends: an `error` in words or an answer, and the rest of its connection goes on."""

import json

import msgspec
from fleetglass_web.live import encode
from fleetglass_web.live.exchange import Exchange
from fleetglass_web.testing import FakeFleet
from fleetglass_web.transports.unasked import Unasked
from hypothesis import given, settings
from hypothesis import strategies as st

FIELDS = ("op", "id", "hosts", "series", "interval_ms", "history_s", "logs", "tail", "resume", "path", "match", "x")
WORDS = st.sampled_from(["subscribe", "unsubscribe", "*", "role=", "(", "[", "cpu.*", "", "\x00", "\ud7ff", "a" * 300])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-1, 3),
    st.floats(),
    WORDS,
    st.text(max_size=9),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3)),
    max_leaves=6,
)
NEARLY = st.fixed_dictionaries(
    {"op": st.sampled_from(["subscribe", "unsubscribe"]), "id": st.one_of(st.integers(0, 3), SCALARS)},
    optional=dict.fromkeys(FIELDS[2:9], VALUES),
)
MAPS = st.one_of(NEARLY, st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5), VALUES)
MESSAGES = st.one_of(
    MAPS.map(lambda value: json.dumps(value, allow_nan=True)),
    MAPS.map(msgspec.msgpack.encode),
    st.text(max_size=40),
    st.binary(max_size=40),
)


class Sink(Unasked):
    def __init__(self):
        self.frames, self.closed = [], None

    def write(self, data):
        self.frames.append(json.loads(data))
        return True

    def waiting_bytes(self):
        return 0

    def close(self, code, reason):
        self.closed = (code, reason)


def opened():
    view = FakeFleet()
    view.add_host("web-1", role="web")
    view.sample(0, {"cpu.user_pct": 1.0})
    exchange = Exchange(view)
    sink = Sink()
    bare = encode.BARE[encode.JSON]
    return view, exchange, sink, exchange.open(bare, encode.ENCODERS[bare], sink, view.now_ms())


@settings(max_examples=400, deadline=None)
@given(st.lists(MESSAGES, max_size=8))
def test_any_message_is_answered_and_the_connection_goes_on(messages):
    view, exchange, sink, client = opened()
    for message in messages:
        before = len(sink.frames)
        active = set(client.channels)
        exchange.receive(client, message, view.now_ms())
        said = [frame for frame in sink.frames[before:] if frame["op"] in ("error", "subscribed")]
        assert said or set(client.channels) < active, message
        assert all(frame["message"] for frame in said if frame["op"] == "error")
    assert sink.closed is None
    for about in list(client.channels):
        exchange.receive(client, json.dumps({"op": "unsubscribe", "id": about}), view.now_ms())
    exchange.receive(client, '{"op":"subscribe","id":9,"hosts":"web-1","series":["cpu.*"]}', view.now_ms())
    assert [frame for frame in sink.frames if frame["op"] == "samples"]


def test_nothing_comes_after_unsubscribe():
    view, exchange, sink, client = opened()
    view.watch(Delivery(exchange, view))
    exchange.receive(client, '{"op":"subscribe","id":1,"hosts":"*","logs":{"path":"*"}}', view.now_ms())
    view.lines(0, "/a.log", "one\n")
    exchange.receive(client, '{"op":"unsubscribe","id":1}', view.now_ms())
    sink.frames.clear()
    view.lines(0, "/a.log", "two\n")
    assert sink.frames == []


class Delivery:
    def __init__(self, exchange, view):
        self.exchange, self.view = exchange, view

    def hosts_changed(self, upsert, remove):
        self.exchange.hosts_changed(upsert, remove)

    def rows_arrived(self):
        self.exchange.rows_arrived(self.view.now_ms())

    def lines_arrived(self, batches):
        self.exchange.lines_arrived(batches, self.view.now_ms())

    def gaps_found(self, gaps):
        self.exchange.gaps_found(gaps)
