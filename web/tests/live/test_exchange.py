"""Delivery without sockets and clocks: who gets which frame, when, and what a slow one gets later."""

import json

import pytest
from fleetglass_web.live import encode, render
from fleetglass_web.live.backlog import QUEUE_BYTES_MAX
from fleetglass_web.live.exchange import Exchange
from fleetglass_web.live.subscriber import STALL_CLOSE_MS
from fleetglass_web.testing import FakeFleet
from fleetglass_web.transports.unasked import Unasked
from fleetglass_web.view import Gap


class ListSink(Unasked):
    """Takes everything until it is told to be full."""

    def __init__(self):
        self.frames, self.is_full, self.closed, self.waiting, self.pings = [], False, None, 0, 0

    def write(self, data):
        self.frames.append(data)
        return not self.is_full

    def ping(self):
        self.pings += 1
        return True

    def waiting_bytes(self):
        return self.waiting

    def close(self, code, reason):
        self.closed = (code, reason)


class AskedSink(ListSink):
    """One that can be asked whether it reads."""

    reads, asked = True, 0

    def ask(self):
        self.asked += 1
        return True

    def hold(self):
        return not self.reads


class World:
    """A fleet, its exchange, and clients that speak JSON."""

    def __init__(self):
        self.view = FakeFleet()
        self.exchange = Exchange(self.view)
        self.view.watch(self)
        self.sinks = []

    def hosts_changed(self, upsert, remove):
        self.exchange.hosts_changed(upsert, remove)

    def rows_arrived(self):
        self.exchange.rows_arrived(self.view.now_ms())

    def lines_arrived(self, batches):
        self.exchange.lines_arrived(batches, self.view.now_ms())

    def gaps_found(self, gaps):
        self.exchange.gaps_found(gaps)

    def client(self, sink=None, **subscription):
        sink = sink or ListSink()
        bare = encode.BARE[encode.JSON]
        client = self.exchange.open(bare, encode.ENCODERS[bare], sink, self.view.now_ms())
        client.test_sink = sink
        if subscription:
            self.say(client, {"op": "subscribe", "id": 1, **subscription})
        return client

    def say(self, client, message):
        self.exchange.receive(client, json.dumps(message), self.view.now_ms())

    def wait(self, ms):
        end = self.view.clock_ms + ms
        while (due := self.exchange.next_tick_ms()) is not None and due <= end:
            self.view.clock_ms = max(due, self.view.clock_ms)
            self.exchange.tick(self.view.clock_ms)
        self.view.clock_ms = end

    @staticmethod
    def got(client, op=None):
        messages = [json.loads(frame) for frame in client.test_sink.frames]
        client.test_sink.frames.clear()
        return messages if op is None else [message for message in messages if message["op"] == op]


@pytest.fixture
def world():
    made = World()
    made.view.add_host("web-1", role="web")
    made.view.add_host("db-1", role="db")
    return made


def values_of(messages):
    return [value for message in messages for block in message["blocks"] for value in block["values"]]


def test_equal_questions_share_one_channel_and_the_same_bytes(world):
    one = world.client(hosts="role=web | db-1", series=["load.1m", "cpu.*"])
    two = world.client(hosts="db-1|role=web", series=["cpu.*", "load.1m"])
    other = world.client(hosts="web-1", series=["cpu.*"])
    channels = [world.got(client, "subscribed")[0]["ch"] for client in (one, two, other)]
    assert channels[0] == channels[1] != channels[2]
    world.view.sample(0, {"cpu.user_pct": 1.0})
    world.wait(100)
    assert one.test_sink.frames[-1] is two.test_sink.frames[-1]


def test_a_tick_gathers_the_rows_of_a_second_and_comes_at_most_once_an_interval(world):
    client = world.client(series=["cpu.*"], history_s=0)
    for value in range(3):
        world.view.sample(0, {"cpu.user_pct": float(value)})
        world.view.sample(1, {"cpu.user_pct": 10.0 + value})
        world.wait(1_000)
    assert [values_of([message]) for message in world.got(client, "samples")] == [[0.0, 10.0], [1.0, 11.0], [2.0, 12.0]]


def test_rows_that_come_faster_than_the_interval_are_thinned_to_the_newest_report(world):
    client = world.client(hosts="web-1", series=["cpu.*"], history_s=0)
    for tenth in range(20):
        age = 0.0 if tenth % 10 == 4 else 100.0
        world.view.sample(0, {"cpu.user_pct": float(tenth), "iostat.age_ms": age})
        world.wait(100)
    world.wait(1_000)
    assert {4.0, 14.0} <= set(values_of(world.got(client, "samples")))


def test_a_new_schema_is_said_before_its_first_samples_and_only_where_it_concerns(world):
    cpu = world.client(hosts="web-1", series=["cpu.*"])
    disk = world.client(hosts="web-1", series=["disk.*"])
    other = world.client(hosts="db-1", series=["disk.*"])
    for client in (cpu, disk, other):
        world.got(client)
    world.view.sample(0, {"cpu.user_pct": 1.0, "disk.util_pct[sda]": 2.0})
    world.wait(100)
    world.view.clock_ms += 1_000
    world.view.sample(0, {"cpu.user_pct": 1.0, "disk.util_pct[sda]": 2.0, "disk.util_pct[sdb]": 3.0})
    world.wait(100)
    kinds = [(message["op"], message.get("series")) for message in world.got(disk) if message["op"] != "hosts"]
    assert kinds == [
        ("schema", ["disk.util_pct[sda]"]),
        ("samples", None),
        ("schema", ["disk.util_pct[sda]", "disk.util_pct[sdb]"]),
        ("samples", None),
    ]
    assert [message["op"] for message in world.got(other)] == []


def test_the_first_answer_has_the_recent_past_and_the_next_frame_only_what_is_new(world):
    watching = world.client(hosts="web-1", series=["cpu.*"])
    for value in range(5):
        world.view.sample(0, {"cpu.user_pct": float(value)})
        world.wait(1_000)
    late = world.client(hosts="web-1", series=["cpu.*"], history_s=3)
    assert values_of(world.got(late, "samples")) == [2.0, 3.0, 4.0]
    world.view.sample(0, {"cpu.user_pct": 5.0})
    world.wait(1_000)
    assert values_of(world.got(late, "samples")) == [5.0]
    assert values_of(world.got(watching, "samples")) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_full_socket_gets_the_newest_state_once_when_it_drains(world):
    client = world.client(hosts="role=web", series=["cpu.*"], history_s=0)
    world.view.sample(0, {"cpu.user_pct": 0.0})
    client.test_sink.is_full = True
    world.wait(1_000)
    world.got(client)
    for value in range(1, 60):
        world.view.sample(0, {"cpu.user_pct": float(value)})
        world.view.change_host(1, labels={"role": "web" if value % 2 else "db"})
        world.wait(100)
    world.view.remove_host(0)
    assert world.got(client) == []
    client.test_sink.is_full = False
    client.drained(world.view.now_ms())
    messages = world.got(client)
    assert [message["op"] for message in messages][:1] == ["hosts"]
    hosts = next(message for message in messages if message["op"] == "hosts")
    assert [host["host"] for host in hosts["upsert"]] == [1]
    assert hosts["remove"] == [0]
    assert len(messages) <= 4
    world.view.sample(1, {"cpu.user_pct": 99.0})
    world.wait(1_000)
    assert values_of(world.got(client, "samples")) == [99.0]


def test_a_full_socket_that_missed_no_host_gets_no_host_again_and_the_only_one_that_left_is_told(world):
    client = world.client(series=["cpu.*"], history_s=0)
    client.test_sink.is_full = True
    world.view.sample(0, {"cpu.user_pct": 1.0})
    world.wait(1_000)
    world.got(client)
    world.view.sample(0, {"cpu.user_pct": 2.0})
    world.wait(1_000)
    client.drained(world.view.now_ms())
    assert world.got(client, "hosts") == []
    world.view.remove_host(1)
    client.test_sink.is_full = False
    client.drained(world.view.now_ms())
    assert [(hosts["upsert"], hosts["remove"]) for hosts in world.got(client, "hosts")] == [([], [1])]


def test_who_knows_the_hosts_hears_only_the_numbers_of_those_that_match(world):
    knowing = world.client(hosts="role=web", series=["cpu.*"], numbers=True)
    lines = world.client(hosts="role=web", logs={}, numbers=True)
    telling = world.client(hosts="role=web", series=["cpu.*"])
    world.view.change_host(1, labels={"role": "web"})
    world.view.change_host(0, labels={"role": "db"})
    hosts = [{key: said for key, said in one.items() if key != "ch"} for one in world.got(knowing, "hosts")]
    assert hosts == [
        {"op": "hosts", "numbers": [0], "remove": []},
        {"op": "hosts", "numbers": [1], "remove": []},
        {"op": "hosts", "numbers": [], "remove": [0]},
    ]
    assert [one["numbers"] for one in world.got(lines, "hosts")] == [[0], [1], []]
    assert [[host["name"] for host in one["upsert"]] for one in world.got(telling, "hosts")] == [
        ["web-1"],
        ["db-1"],
        [],
    ]


def test_lines_behind_a_full_socket_wait_and_the_oldest_become_a_gap_once_memory_has_let_go_of_them(world):
    client = world.client(logs={"path": "*"})
    client.test_sink.is_full = True
    world.view.lines(0, "/a.log", "taken\n")
    world.got(client)
    line = "x" * 1_000 + "\n"
    count = QUEUE_BYTES_MAX // 1_000 * 3
    for _ in range(count):
        world.view.lines(0, "/a.log", line)
        world.view.clock_ms += 1
    world.view.gap(Gap(1, 1, "/b.log", 1.0, 2.0, 7, 70, "agent-away"))
    world.view.forget_lines(count)
    client.test_sink.is_full = False
    client.drained(world.view.now_ms())
    messages = world.got(client)
    assert messages[0]["op"] == "gap"
    assert (messages[0]["why"], messages[0]["host"], messages[0]["path"]) == ("slow-reader", 0, "/a.log")
    lines = [line for message in messages if message["op"] == "lines" for line in message["batches"][0]["lines"]]
    assert messages[0]["lines"] + len(lines) == count
    assert lines[-1][0] == len("taken\n") + (count - 1) * len(line)
    assert [message["why"] for message in messages if message["op"] == "gap"] == ["slow-reader", "agent-away"]


def test_a_burst_that_memory_still_holds_reaches_a_full_socket_whole_and_in_order_when_it_drains(world):
    client = world.client(logs={"path": "*"})
    client.test_sink.is_full = True
    line = "x" * 1_000 + "\n"
    world.view.lines(0, "/a.log", "taken\n")
    world.got(client)
    world.view.lines(0, "/a.log", line * (QUEUE_BYTES_MAX // 500))
    for _ in range(QUEUE_BYTES_MAX // 500):
        world.view.lines(0, "/a.log", line)
    client.test_sink.is_full = False
    client.drained(world.view.now_ms())
    world.view.lines(0, "/a.log", "and on it goes\n")
    messages = [message for message in world.got(client) if message["op"] in ("lines", "gap")]
    assert {message["op"] for message in messages} == {"lines"}
    lines = [line for message in messages for batch in message["batches"] for line in batch["lines"]]
    count = QUEUE_BYTES_MAX // 500 * 2
    assert [offset for offset, _ in lines] == [len("taken\n") + at * len(line) for at in range(count + 1)]


@pytest.mark.parametrize(("many", "most"), [(64, 5), (128, 2 * 2 + 3), (256, 2 * 4 + 3)])
def test_of_many_who_stops_reading_is_found_and_gets_the_newest_state_when_it_answers(world, many, most):
    clients = [world.client(AskedSink(), series=["cpu.*"], history_s=0) for _ in range(many)]
    stopped = clients[many // 2]
    stopped.test_sink.reads = False
    for client in clients:
        world.got(client)
    for value in range(40):
        world.view.sample(0, {"cpu.user_pct": float(value)})
        world.wait(1_000)
    seen = values_of(world.got(stopped, "samples"))
    assert 0 < len(seen) <= most
    assert values_of(world.got(clients[0], "samples")) == [float(value) for value in range(40)]
    assert max(client.test_sink.asked for client in clients) <= 20
    stopped.drained(world.view.now_ms())
    assert values_of(world.got(stopped, "samples")) == [39.0]


@pytest.mark.parametrize("subscription", [{"logs": {"path": "*"}}, {"series": ["cpu.*"]}])
def test_a_change_of_hosts_that_a_full_socket_missed_reaches_it_also_when_it_was_the_only_one(world, subscription):
    client = world.client(hosts="role=web", **subscription)
    client.test_sink.is_full = True
    world.view.change_host(0, name="web-9")
    world.got(client)
    world.view.remove_host(0)
    client.test_sink.is_full = False
    client.drained(world.view.now_ms())
    assert world.got(client, "hosts")[-1]["remove"] == [0]


def test_a_subscription_to_lines_says_where_they_begin(world):
    first = world.client(logs={"path": "*"})
    begins = world.got(first, "subscribed")[0]["cursor"]
    world.exchange.close(first)
    world.view.lines(0, "/a.log", "nobody was there\n")
    again = world.client(logs={"path": "*"}, resume=begins)
    messages = world.got(again)
    assert next(m["cursor"] for m in messages if m["op"] == "subscribed") == begins
    assert [m["batches"][0]["lines"] for m in messages if m["op"] == "lines"] == [[[0, "nobody was there"]]]
    assert "cursor" not in world.got(world.client(series=["cpu.*"]), "subscribed")[0]


def test_two_subscriptions_of_one_client_to_the_same_lines_keep_their_places_apart(world):
    client = world.client(logs={"path": "*"})
    first = world.got(client, "subscribed")[0]
    channel, begins = first["ch"], first["cursor"]
    world.view.lines(0, "/a.log", "one\n")
    world.got(client)
    world.say(client, {"op": "subscribe", "id": 2, "logs": {"path": "*"}, "resume": begins})
    world.view.lines(0, "/a.log", "two\n")
    got = {channel: []}
    for message in world.got(client, "lines"):
        got.setdefault(message["ch"], []).extend(line for _, line in message["batches"][0]["lines"])
    assert got.pop(channel) == ["two"]
    assert list(got.values()) == [["one", "two"]]


def test_what_one_overflow_lost_of_a_stream_is_told_although_the_next_is_read_from_memory(world):
    client = world.client(logs={"path": "*"})
    client.test_sink.is_full = True
    world.view.lines(0, "/a.log", "taken\n")
    long = "x" * 1_000 + "\n"
    for _ in range(QUEUE_BYTES_MAX // 1_000):
        world.view.lines(0, "/a.log", long, stream=1)
        world.view.lines(1, "/b.log", long, stream=2)
    world.view.forget_lines(QUEUE_BYTES_MAX // 1_000 * 2 + 1)
    world.got(client)
    client.drained(world.view.now_ms())  # takes one message, the first of two gaps, and is full again
    for _ in range(QUEUE_BYTES_MAX // 1_000 * 2):
        world.view.lines(0, "/a.log", long, stream=1)
    client.test_sink.is_full = False
    client.drained(world.view.now_ms())
    gaps = [(m["path"], m["why"]) for m in world.got(client, "gap")]
    assert ("/a.log", "slow-reader") in gaps
    assert ("/b.log", "slow-reader") in gaps


def test_a_client_that_takes_nothing_for_a_minute_is_closed_with_a_reason(world):
    client = world.client(series=["cpu.*"])
    client.test_sink.is_full = True
    client.test_sink.waiting = 100_000
    world.view.sample(0, {"cpu.user_pct": 0.0})
    world.wait(STALL_CLOSE_MS - 10_000)
    client.test_sink.waiting = 50_000  # it reads, slowly
    world.wait(STALL_CLOSE_MS - 10_000)
    assert client.test_sink.closed is None
    world.wait(20_000)
    assert client.test_sink.closed[0] == 1013
    assert "resume" in client.test_sink.closed[1]


def test_a_client_that_floods_is_closed_and_one_that_never_reads_its_answers_too(world):
    flooding = world.client()
    for number in range(100):
        world.say(flooding, {"op": "unsubscribe", "id": number})
    assert flooding.test_sink.closed[0] == 1008
    mute = world.client()
    mute.test_sink.is_full = True
    for number in range(4_000):
        world.say(mute, {"op": "subscribe", "id": number, "hosts": "x" * 100 if number % 2 else "(", "series": []})
        world.view.clock_ms += 25
        if mute.test_sink.closed:
            break
    assert mute.test_sink.closed[0] == 1008


def test_the_number_of_subscriptions_is_bounded_and_an_id_is_used_once(world):
    client = world.client()
    for number in range(70):
        world.say(client, {"op": "subscribe", "id": number, "hosts": "web-1", "series": [f"cpu.{number}"]})
        world.view.clock_ms += 30
    errors = [message["message"] for message in world.got(client, "error")]
    assert len(errors) == 6
    assert "64 subscriptions" in errors[0]
    world.say(client, {"op": "subscribe", "id": 1, "hosts": "web-1", "series": ["cpu.*"]})
    assert "already subscribed" in world.got(client, "error")[0]["message"]


def test_fast_watchers_raise_few_hosts_and_leaving_lowers_them(world):
    for number in range(2, 60):
        world.view.add_host(f"web-{number}", role="web")
    everyone = world.client(hosts="role=web", series=["cpu.*"], interval_ms=100)
    assert len(world.view.wanted) == 20
    one = world.client(hosts="db-1", series=["cpu.*"], interval_ms=200)
    assert world.view.wanted[1] == 200
    world.exchange.close(everyone)
    assert world.view.wanted == {1: 200}
    world.say(one, {"op": "unsubscribe", "id": 1})
    assert world.view.wanted == {}


def test_all_fast_watchers_together_raise_at_most_two_hundred_hosts(world):
    for number in range(2, 400):
        world.view.add_host(f"h-{number:03}", role="web")
    for tens in range(30):
        world.client(hosts=f"h-{tens:02}*", series=["cpu.*"], interval_ms=100)
    assert len(world.view.wanted) == 200


def test_above_its_limit_a_channel_sends_a_sample_and_exact_counts(world):
    client = world.client(logs={"max_lines_per_s": 50})
    every = world.client(logs={})
    for _second in range(3):
        for number in range(100):
            world.view.lines(0, "/a.log", "INFO fine\n" * 9 + f"ERROR {number}\n")
            world.wait(10)
    world.wait(1_000)
    messages = world.got(client)
    counts = [message for message in messages if message["op"] == "counts"]
    assert [(one["info"], one["error"]) for one in counts] == [(900, 100)] * 3
    gaps = [message for message in messages if message["op"] == "gap"]
    assert {gap["why"] for gap in gaps} == {"sampled"}
    sent = sum(len(batch["lines"]) for message in messages if message["op"] == "lines" for batch in message["batches"])
    assert sent + sum(gap["lines"] for gap in gaps) == 3_000
    assert 40 * 3 <= sent <= 50 * 3
    assert counts[-1]["one_in"] == pytest.approx(1_000 / 50, rel=0.3)
    lines = [line for message in world.got(every, "lines") for batch in message["batches"] for line in batch["lines"]]
    assert len(lines) == 3_000
    for number in range(20):
        world.view.lines(0, "/a.log", f"slow {number}\n")
        world.wait(50)
    messages = world.got(client)
    assert {message["op"] for message in messages} == {"lines"}
    assert sum(len(message["batches"][0]["lines"]) for message in messages) == 20


def test_silent_clients_are_pinged_and_who_does_not_answer_is_gone(world):
    logs, metrics, idle = world.client(logs={}), world.client(series=["cpu.*"]), world.client()
    for _ in range(20):
        world.wait(5_000)
        logs.awaits_pong = idle.awaits_pong = False
    assert logs.test_sink.pings >= 3
    assert metrics.test_sink.pings == 0
    assert len(world.got(metrics, "samples")) >= 15  # "nothing new"
    world.wait(60_000)
    assert logs.test_sink.closed[0] == 1011


def test_a_broken_listener_does_not_stop_the_others(world):
    client = world.client(logs={})
    world.view.lines(0, "/a.log", b"\xff\xfe\x00 \xe2\x80\xa8 odd\n\n\r\nlast")
    (message,) = world.got(client, "lines")
    assert message["batches"][0]["lines"] == [
        [0, "\ufffd\ufffd\x00 \u2028 odd"],
        [12, ""],
        [13, ""],
        [15, "last"],
    ]


def test_an_unfinished_line_is_shown_until_the_whole_comes_with_the_same_offset(world):
    client = world.client(logs={"path": "*"})
    world.got(client)
    world.view.lines(0, "/a.log", "first\n")
    world.view.lines(0, "/a.log", "Password", partial=True)
    world.view.lines(0, "/a.log", "Password: ok\n")
    first, unfinished, whole = world.got(client, "lines")
    assert unfinished["batches"][0]["lines"] == [[6, "Password"]]
    assert unfinished["batches"][0]["partial"] is True
    assert unfinished["cursor"] == first["cursor"]
    assert whole["batches"][0]["lines"] == [[6, "Password: ok"]]
    assert "partial" not in whole["batches"][0]


def test_who_resumes_behind_an_unfinished_line_gets_the_whole(world):
    client = world.client(logs={"path": "*"})
    world.view.lines(0, "/a.log", "half", partial=True)
    cursor = world.got(client, "lines")[0]["cursor"]
    world.view.lines(0, "/a.log", "half and half\n")
    again = world.client(logs={"path": "*"}, resume=cursor)
    assert [batch["lines"] for message in world.got(again, "lines") for batch in message["batches"]] == [
        [[0, "half and half"]]
    ]


def test_an_unfinished_line_is_no_match_yet(world):
    client = world.client(logs={"path": "*", "exclude": "healthz"})
    world.view.lines(0, "/a.log", "GET /heal", partial=True)
    world.view.lines(0, "/a.log", "GET /healthz\n")
    assert world.got(client, "lines") == []


def test_an_unfinished_line_that_is_dropped_for_a_slow_reader_is_not_missing(world):
    client = world.client(logs={"path": "*"})
    client.test_sink.is_full = True
    world.view.lines(0, "/a.log", "taken\n")
    world.got(client)
    for _ in range(3):
        world.view.lines(0, "/a.log", "x" * QUEUE_BYTES_MAX, partial=True)
    client.test_sink.is_full = False
    client.drained(world.view.now_ms())
    assert [message["op"] for message in world.got(client)] == ["lines"]


@pytest.mark.parametrize("form", [render.TEXT, render.PREFIXED, render.NDJSON, render.EVENTS])
def test_forms_that_take_nothing_back_leave_unfinished_lines_out(world, form):
    sink = ListSink()
    client = world.exchange.open(form, render.RENDERERS[form], sink, world.view.now_ms())
    world.say(client, {"op": "subscribe", "id": 1, "logs": {"path": "*"}})
    world.view.lines(0, "/a.log", "half", partial=True)
    assert sink.frames == []
    world.view.lines(0, "/a.log", "half and half\n")
    assert b"half and half" in sink.frames[0]


def test_what_waits_for_a_full_socket_is_never_sent_after_unsubscribe(world):
    world.view.sample(0, {"cpu.user_pct": 1.0})
    client = world.client(hosts="*", logs={"path": "*"})
    world.say(client, {"op": "subscribe", "id": 2, "hosts": "*", "series": ["cpu.*"]})
    world.say(client, {"op": "subscribe", "id": 3, "hosts": "web-*", "logs": {"path": "*"}})
    client.test_sink.is_full = True
    for number in range(3):
        world.view.lines(0, "/a.log", f"line {number}\n")
        world.view.sample(0, {"cpu.user_pct": float(number)})
        world.wait(1_000)
    world.view.change_host(0, labels={"role": "web"})
    world.view.gap(Gap(0, 1, "/a.log", 0.0, 1_000.0, 12, None, "file-gone"))
    client.test_sink.frames.clear()
    for about in (1, 2):
        world.say(client, {"op": "unsubscribe", "id": about})
    client.test_sink.is_full = False
    client.drained(world.view.now_ms())
    world.wait(5_000)
    got = world.got(client)
    assert {message["ch"] for message in got} == {client.channels[3].number}
    assert [message["op"] for message in got].count("lines") == 3


def test_one_of_two_equal_subscriptions_ends_and_the_other_goes_on(world):
    client = world.client(hosts="*", logs={"path": "*"})
    world.say(client, {"op": "subscribe", "id": 2, "hosts": "*", "logs": {"path": "*"}})
    world.say(client, {"op": "unsubscribe", "id": 1})
    client.test_sink.frames.clear()
    world.view.lines(0, "/a.log", "one\n")
    assert [message["op"] for message in world.got(client)] == ["lines"]
    world.say(client, {"op": "unsubscribe", "id": 2})
    client.test_sink.frames.clear()
    world.view.lines(0, "/a.log", "two\n")
    assert world.got(client) == []
