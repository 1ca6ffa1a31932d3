import pytest
from fleetglass_agent.uplink.ring import Ring
from fleetglass_agent.uplink.session import (
    BACKOFF_MAX_MS,
    OPEN_TIMEOUT_MS,
    REJECTED_MS,
    Close,
    Committed,
    IntervalWanted,
    Open,
    Say,
    Session,
    State,
    Welcomed,
)
from fleetglass_proto import codec, limits
from fleetglass_proto.messages import (
    VERSION,
    Bye,
    Commit,
    Event,
    EventKind,
    Frame,
    Hello,
    Interest,
    KnownFile,
    KnownStream,
    LineBatch,
    Reject,
    RejectCode,
    Sample,
    SchemaMessage,
    Welcome,
)

WALL = 1_700_000_000_000
HELLO = Hello(VERSION, bytes(16), bytes(16), "web-1", {"role": "db"}, {}, "0.1.0", 1_000, 0, "tok-3")
STREAMS = (KnownStream("/var/log/app.log", "file", (KnownFile(7, 1, 2, 0, b"", 1_024),)),)
SERIES = ("cpu.user_pct",)


def welcome(credit=1_000, samples_ms=0, streams=()):
    return codec.encode(Welcome(VERSION, bytes(16), "0.1.0", WALL, WALL, credit, samples_ms, streams))


def new_session() -> Session:
    return Session(HELLO, "tcp://hub:7400", Ring(3_600_000, 1 << 20), lambda: 1.0)


def ready_session(**options) -> Session:
    session = new_session()
    session.tick(0)
    session.opened(10, WALL)
    session.receive(welcome(**options), 20, WALL)
    session.events()
    session.outgoing(WALL)
    return session


def sent(session: Session) -> list:
    return [codec.decode(data) for data in session.outgoing(WALL)]


def said(session: Session) -> list[str]:
    return [event.text for event in session.events() if isinstance(event, Say)]


def test_a_session_opens_says_hello_and_hands_over_what_the_hub_knows():
    session = new_session()
    session.tick(0)
    assert session.events() == [Open()]
    assert sent(session) == []
    session.opened(10, WALL)
    assert sent(session) == [HELLO._replace(time_ms=WALL)]
    session.receive(welcome(streams=STREAMS), 20, WALL)
    assert Welcomed(STREAMS) in session.events()
    assert session.budget() == 1_000


def test_the_token_is_said_once_and_not_again_after_the_welcome():
    session = ready_session()
    session.closed(30, "it ended")
    session.tick(10_000)
    session.opened(10_010, WALL)
    assert sent(session)[0].token is None


def test_a_sample_leaves_at_once_behind_its_schema_and_the_schema_only_once():
    session = ready_session()
    session.sample(SERIES, WALL, bytes(4))
    assert sent(session) == [SchemaMessage(1, SERIES), Frame(WALL, (Sample(1, WALL, bytes(4)),), ())]
    session.sample(SERIES, WALL + 1, bytes(4))
    assert sent(session) == [Frame(WALL, (Sample(1, WALL + 1, bytes(4)),), ())]


def test_other_series_are_another_schema_and_old_rows_keep_theirs():
    session = new_session()
    session.sample(SERIES, WALL, bytes(4))
    more = ("cpu.user_pct", "disk.util_pct[sdb]")
    session.sample(more, WALL + 1, bytes(8))
    session.tick(0)
    session.opened(10, WALL)
    session.receive(welcome(), 20, WALL)
    assert sent(session)[-3:] == [
        SchemaMessage(1, SERIES),
        SchemaMessage(2, more),
        Frame(WALL, (Sample(1, WALL, bytes(4)), Sample(2, WALL + 1, bytes(8))), ()),
    ]


def test_schemas_are_announced_anew_in_each_session():
    session = ready_session()
    session.sample(SERIES, WALL, bytes(4))
    session.outgoing(WALL)
    session.closed(100, "it ended")
    session.tick(10_000)
    session.opened(10_010, WALL)
    session.receive(welcome(samples_ms=WALL), 10_020, WALL)
    session.sample(SERIES, WALL + 1, bytes(4))
    assert SchemaMessage(1, SERIES) in sent(session)


def test_an_hour_without_a_hub_is_sent_after_it():
    session = new_session()
    for second in range(3_600):
        session.sample(SERIES, WALL + second * 1_000, bytes(4))
    session.tick(0)
    session.opened(10, WALL)
    session.receive(welcome(), 20, WALL)
    got = []
    for _ in range(40):
        got += [sample.time_ms for message in sent(session) if isinstance(message, Frame) for sample in message.samples]
    assert sorted(got) == [WALL + second * 1_000 for second in range(3_600)]


def test_what_the_ring_had_to_drop_is_told_when_the_hub_is_back():
    session = Session(HELLO, "tcp://hub:7400", Ring(2_000, 1 << 20), lambda: 0.0)
    for second in range(10):
        session.sample(SERIES, WALL + second * 1_000, bytes(4))
    session.tick(0)
    session.opened(10, WALL)
    session.receive(welcome(), 20, WALL)
    events = [message for message in sent(session) if isinstance(message, Event)]
    assert [(event.kind, event.fields) for event in events] == [
        (EventKind.SAMPLES_DROPPED, {"count": 7, "from_ms": WALL, "to_ms": WALL + 6_000})
    ]


def test_no_more_lines_are_asked_for_than_there_is_credit():
    session = ready_session(credit=100)
    line = LineBatch(0, 7, 0, 90, WALL, 0, b"x" * 89 + b"\n")
    assert session.lines([line]) == 90
    assert session.budget() == 10
    assert sent(session) == [Frame(WALL, (), (line,))]
    session.receive(codec.encode(Commit(WALL, 1 << 30, 0, ((0, 7, 90),))), 30, WALL)
    assert session.budget() == limits.BATCH_BYTES
    assert Committed(((0, 7, 90),)) in session.events()


def test_credit_never_falls():
    session = ready_session(credit=100)
    session.receive(codec.encode(Commit(WALL, 50, 0, ())), 30, WALL)
    assert session.budget() == 100


def test_what_the_hub_says_of_itself_is_repeated_once_until_it_is_over():
    session = ready_session()
    full = codec.encode(Commit(WALL, 50, 0, (), "it commits nothing: no space left"))
    heard = []
    for message in (full, full, codec.encode(Commit(WALL, 50, 0, ())), codec.encode(Commit(WALL, 50, 0, ()))):
        session.receive(message, 30, WALL)
        heard.append(said(session))
    assert heard == [
        ["the hub at tcp://hub:7400 says: it commits nothing: no space left"],
        [],
        ["the hub at tcp://hub:7400 commits again"],
        [],
    ]


def test_before_the_welcome_and_after_the_end_nothing_is_read():
    session = new_session()
    assert session.budget() == 0
    session.tick(0)
    session.opened(10, WALL)
    assert session.budget() == 0
    ready = ready_session()
    ready.closed(30, "it ended")
    assert ready.budget() == 0


def test_interest_changes_the_interval_and_ends_with_the_connection():
    session = ready_session()
    session.receive(codec.encode(Interest(100)), 30, WALL)
    assert session.events() == [IntervalWanted(100)]
    session.closed(40, "it ended")
    assert IntervalWanted(0) in session.events()


def test_a_hub_that_is_silent_for_five_seconds_is_left():
    session = ready_session()
    session.receive(codec.encode(Commit(WALL, 1_000, 0, ())), 1_000, WALL)
    session.events()
    assert session.next_tick_ms() == 1_000 + limits.SILENCE_MS
    session.tick(1_000 + limits.SILENCE_MS)
    assert Close() in session.events()
    assert session.state is State.CLOSED


def test_a_connection_that_does_not_come_about_is_given_up():
    session = new_session()
    session.tick(0)
    session.events()
    session.tick(OPEN_TIMEOUT_MS)
    assert Close() in session.events()


def test_a_missing_hub_is_said_once_and_its_return_too():
    session = new_session()
    now = 0
    texts = []
    for _ in range(5):
        session.tick(now)
        session.closed(now + 1, "nobody answers there")
        texts += said(session)
        now += BACKOFF_MAX_MS + 1
    assert texts == ["cannot reach the hub at tcp://hub:7400: nobody answers there; retrying"]
    session.tick(now)
    session.opened(now, WALL)
    session.receive(welcome(), now, WALL)
    assert said(session) == ["connected to the hub at tcp://hub:7400 again (version 0.1.0)"]
    session.closed(now + 1, "nobody answers there")
    assert said(session) == ["lost the hub at tcp://hub:7400: nobody answers there; retrying"]


def test_back_off_doubles_from_a_fifth_of_a_second_to_ten_and_starts_small_after_a_good_session():
    session = new_session()
    waits, now = [], 0
    for _ in range(9):
        session.tick(now)
        session.closed(now, "no")
        due = session.next_tick_ms()
        assert due is not None
        waits.append(due - now)
        now = due
    assert waits == [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]
    session.tick(now)
    session.opened(now, WALL)
    session.receive(welcome(), now, WALL)
    for second in range(1, 12):
        session.receive(codec.encode(Commit(WALL, 1_000, 0, ())), now + second * 1_000, WALL)
    session.closed(now + 11_000, "no")
    assert session.next_tick_ms() == now + 11_000 + 200


def test_jitter_halves_a_wait_at_most():
    session = Session(HELLO, "tcp://hub:7400", Ring(1, 1), lambda: 0.0)
    session.tick(0)
    session.closed(0, "no")
    assert session.next_tick_ms() == 100


@pytest.mark.parametrize(
    ("retry_ms", "wait_ms"), [(None, REJECTED_MS), (5_000, 5_000), (0, 200)], ids=["by-hand", "later", "soon"]
)
def test_a_reject_is_said_once_in_the_hubs_words_and_retried_when_it_says(retry_ms, wait_ms):
    session = new_session()
    now, texts = 0, []
    for _ in range(2):
        session.tick(now)
        session.opened(now, WALL)
        session.receive(codec.encode(Reject(RejectCode.TOKEN, "the token has expired", retry_ms)), now, WALL)
        texts += said(session)
        due = session.next_tick_ms()
        assert due is not None
        assert due - now >= wait_ms
        now = due
    assert texts == ["the hub at tcp://hub:7400 refuses this agent: the token has expired"]


def test_hello_first_is_answered_with_hello_on_the_same_connection():
    session = ready_session()
    session.receive(codec.encode(Reject(RejectCode.HELLO_FIRST, "say hello", 0)), 60_000, WALL)
    assert isinstance(sent(session)[0], Hello)
    assert Close() not in session.events()


def test_a_hole_makes_a_new_session():
    session = ready_session()
    session.receive(codec.encode(Reject(RejectCode.OFFSET, "a hole", 0)), 30, WALL)
    assert Close() in session.events()


def test_new_labels_make_a_new_session_at_once():
    session = ready_session()
    session.introduce(HELLO._replace(labels={"role": "web"}), 500)
    assert Close() in session.events()
    session.tick(500)
    session.opened(501, WALL)
    assert sent(session)[0].labels == {"role": "web"}
    assert said(session) == []


def test_bye_leaves_behind_everything_that_was_to_be_sent():
    session = ready_session()
    session.sample(SERIES, WALL, bytes(4))
    session.bye(WALL, "SIGTERM")
    assert sent(session)[-1] == Bye(WALL, "SIGTERM")
    assert session.next_tick_ms() is None


def test_a_hub_that_was_never_reached_gets_no_bye():
    session = new_session()
    session.bye(WALL, "SIGTERM")
    assert sent(session) == []


@pytest.mark.parametrize("data", [b"", b"\xff" * 50, b"\x93", codec.encode(HELLO)])
def test_rubbish_from_the_hub_never_raises(data):
    session = ready_session()
    session.receive(data, 30, WALL)
    session.outgoing(WALL)
    assert session.state in (State.READY, State.CLOSED)


def test_events_of_sources_wait_for_the_hub_the_newest_hundred():
    session = new_session()
    for number in range(150):
        session.event(Event(WALL + number, EventKind.NOTICE, None, None, {"text": "x"}))
    session.tick(0)
    session.opened(10, WALL)
    session.receive(welcome(), 20, WALL)
    notices = [message.time_ms - WALL for message in sent(session) if isinstance(message, Event)]
    assert notices == list(range(50, 150))


def test_more_series_than_a_message_can_name_are_left_out_and_told():
    session = ready_session()
    series = tuple(f"disk.read_bytes_per_s[{'x' * 60}{number}]" for number in range(20_000))
    session.sample(series, WALL, bytes(4 * len(series)))
    messages = session.outgoing(WALL)
    assert all(len(message) <= limits.MESSAGE_BYTES for message in messages)
    schema, frame = map(codec.decode, messages)
    assert series[: len(schema.series)] == schema.series
    assert len(schema.series) > 10_000
    assert len(frame.samples[0].values) == 4 * len(schema.series)
    assert said(session) == [
        f"this host has more series than one message can name; {20_000 - len(schema.series)} are left out"
    ]
