"""The promise of live lines: each once, in order, or a gap that speaks of it; whoever dies, stalls or comes back.

A model: agents append, rotate, lose and send lines; the hub commits some, is killed (what was flushed survives), or its
machine goes down (what was committed survives); clients of every carrier stop reading, are cut off inside a frame and
come back with what they hold. Ingest, ring, view, exchange, backlog and renderers are the real ones; bounds are small,
so that everything that is large in life overflows here.
"""

import json
from collections import defaultdict
from contextlib import ExitStack
from types import SimpleNamespace
from unittest.mock import patch

from fleetglass_hub.fleet import linering
from fleetglass_hub.fleet.linering import LineRing
from fleetglass_hub.history.recorder import FileRecord, Loaded
from fleetglass_proto import codec, messages
from fleetglass_web.live import backlog, encode, lines, render
from fleetglass_web.live.exchange import Exchange
from fleetglass_web.live.subscription import Subscribe, ask_logs
from fleetglass_web.query import cursor
from fleetglass_web.transports import poll
from fleetglass_web.transports.unasked import Unasked
from harness.rooms import Book, Recorder, Rooms
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

SMALL = (
    (backlog, "QUEUE_BYTES_MAX", 700),
    (backlog, "GAPS_MAX", 2),
    (lines, "CATCH_UP_BYTES", 60),
    (linering, "GAPS_PER_STREAM", 2),
)
RING_STREAM_BYTES = 8 * (linering.BATCH_COST_BYTES + 40)
RING_TOTAL_BYTES = 14 * (linering.BATCH_COST_BYTES + 40)
SOCKET_BYTES = 400
# What a client follows: path, match.
QUESTIONS = (("*", None), ("/log/1", None), ("*", "E"))
STREAMS = 3
GONE_BYTES = 1_000_000  # of a gap's range: from here on, so that its size names it


class Lines(Recorder):
    """A history that remembers in order what was appended, and how much of it would survive what."""

    def __init__(self, fleet):
        super().__init__(fleet)
        self.items, self.streams, self.files, self.hosts = [], {}, {}, {}

    def put_host(self, record):
        self.hosts[record.host] = record

    def put_stream(self, record):
        self.streams[record.host, record.stream] = record

    def put_file(self, record):
        self.files.setdefault((record.host, record.stream, record.file), record)

    def append_lines(self, batch):
        self.items.append((batch.seq, batch, batch.file, batch.start + len(batch.data)))
        return super().append_lines(batch)

    def append_gap(self, gap, file, end, seq):
        self.items.append((seq, gap, file, end))
        return super().append_gap(gap, file, end, seq)


class Log:
    """What one stream of the agent wrote: entries in order, each a line or a hole, in files that rotate."""

    def __init__(self, path):
        self.path = path
        self.entries = []  # (file, start, end, text or None)
        self.file, self.end = 1, 0
        self.sent = 0  # entries that the hub got in this session

    def append(self, text):
        data = text.encode() + b"\n"
        self.entries.append((self.file, self.end, self.end + len(data), text))
        self.end += len(data)

    def lose(self, size):
        self.entries.append((self.file, self.end, self.end + size, None))
        self.end += size

    def rotate(self):
        self.file, self.end = self.file + 1, 0


class Socket(Unasked):
    """A client's transport: takes some bytes, and then no more until the client reads."""

    def __init__(self):
        self.frames, self.closed = [], False

    def write(self, data):
        self.frames.append(data)
        return sum(map(len, self.frames)) < SOCKET_BYTES

    def waiting_bytes(self):
        return 0

    def close(self, code, reason):
        self.closed = True


class Client:
    """What one client has seen, and what it is owed. `carrier`: socket, events, ndjson or poll."""

    def __init__(self, carrier, question):
        self.carrier, self.question = carrier, question
        self.place = None  # what it would resume with
        self.next = {}  # stream -> the entry that it is owed next
        self.joined = {}  # the same when it came; `is_fresh`: streams of which it may get earlier ones, its tail
        self.is_fresh = set()
        self.excused = defaultdict(int)  # stream -> lines that a gap with their number has spoken of
        self.open = {}  # stream -> frames with its lines for which a gap of unknown size still speaks
        self.in_frame = set()  # streams with lines in the present frame
        self.may_repeat = set()  # streams of which a gap said that lines may come again
        self.told = set()  # sizes of the holes that it was told, one by one
        self.untold = defaultdict(int)  # stream -> holes that it passed, less those that were told in one
        self.subscriber = self.socket = None

    def wants(self, path, text):
        glob, match = QUESTIONS[self.question]
        return glob in ("*", path) and text is not None and (match is None or match in text)


class LivePromise(RuleBasedStateMachine):
    """See the module."""

    def __init__(self):
        super().__init__()
        self.ends = ExitStack()
        for module, name, value in SMALL:
            self.ends.enter_context(patch.object(module, name, value))
        self.book, self.logs, self.clients = Book(), [Log(f"/log/{number}") for number in range(STREAMS)], []
        self.kept, self.committed = [], 0  # history: items, and the number of those that are safe from everything
        self.lives, self.life, self.seq = [], 100, 0
        self.now_ms, self.count, self.gone = 1_700_000_000_000.0, 0, GONE_BYTES
        self.rooms = None

    @initialize(
        clients=st.lists(
            st.tuples(
                st.sampled_from(["socket", "socket", "events", "ndjson", "poll"]),
                st.integers(0, len(QUESTIONS) - 1),
                st.sampled_from([0, 0, 3]),
            ),
            min_size=3,
            max_size=3,
        )
    )
    def begin(self, clients):
        self.start(1 << 20)
        self.the_agent_works([(number, 2, True) for number in range(STREAMS)])
        for carrier, question, tail in clients:
            client = Client(carrier, question)
            self.clients.append(client)
            self.connect(client, tail)

    def teardown(self):
        try:
            if self.rooms is not None:
                self.settle()
        finally:
            self.ends.close()

    # -- the hub ------------------------------------------------------------------------------------------------

    def start(self, tail_bytes):
        """A hub with what its history has kept."""
        old, self.life = self.rooms, self.life + 1
        next_seq = max([seq for seq, *_ in self.kept], default=0) + 1
        ends = [seq for _, seq in self.lives[1:]] + [next_seq - 1]
        lives = {life: end for (life, _), end in zip(self.lives, ends, strict=False)}
        self.lives.append((self.life, next_seq - 1))
        tail, size = [], 0
        for _seq, item, _file, _end in reversed(self.kept):
            if isinstance(item, linering.LineBatch):
                if size >= tail_bytes:
                    break
                tail.append(item)
                size += len(item.data)
        tail.reverse()
        floor = tail[0].seq if tail else next_seq
        gaps = [(seq, item) for seq, item, *_ in self.kept if not isinstance(item, linering.LineBatch) and seq >= floor]
        hosts, streams, files = ({}, {}, {}) if old is None else (
            old.recorder.hosts, old.recorder.streams, old.recorder.files
        )  # fmt: skip
        on_disk = defaultdict(int)
        for _seq, item, file, end in self.kept:
            on_disk[item.host, item.stream, file] = max(end, on_disk[item.host, item.stream, file])
        known_files = [FileRecord(*record[:7], on_disk[key], record.ended) for key, record in files.items()]
        loaded = Loaded(
            tuple(hosts.values()), tuple(streams.values()), known_files, {}, {}, next_seq, tail, (), self.life, lives,
            gaps,
        )  # fmt: skip
        ring = LineRing.loaded(loaded, self.now_ms, RING_STREAM_BYTES, RING_TOTAL_BYTES)
        with patch("harness.rooms.Recorder", Lines):
            self.rooms = Rooms(self.book, self.life, loaded, ring, self.now_ms)
        self.rooms.recorder.hosts, self.rooms.recorder.streams, self.rooms.recorder.files = hosts, streams, files
        self.exchange = Exchange(self.rooms.view)
        self.rooms.view.watch(self)
        self.agent = None

    def hosts_changed(self, upsert, remove):
        self.exchange.hosts_changed(upsert, remove)

    def rows_arrived(self):
        pass

    def lines_arrived(self, batches):
        self.exchange.lines_arrived(batches, self.rooms.now_ms)

    def gaps_found(self, gaps):
        self.exchange.gaps_found(gaps)

    @rule(is_power_cut=st.sampled_from([False, False, False, True]), tail_bytes=st.sampled_from([0, 60, 300, 1 << 20]))
    def the_hub_dies(self, is_power_cut, tail_bytes):
        self.remember()
        if is_power_cut:
            del self.kept[self.committed :]
        self.committed = len(self.kept)
        for client in self.clients:
            self.lose_connection(client)
        self.start(tail_bytes)

    def remember(self):
        self.kept += self.rooms.recorder.items
        self.rooms.recorder.items = []

    @rule()
    def the_hub_commits(self):
        self.remember()
        self.committed = len(self.kept)
        self.rooms.commit()

    # -- the agent ----------------------------------------------------------------------------------------------

    @rule(stream=st.integers(0, STREAMS - 1), is_lost=st.booleans())
    def a_log_is_rotated(self, stream, is_lost):
        if is_lost:
            self.gone += 1
            self.logs[stream].lose(self.gone)
        self.logs[stream].rotate()

    @rule()
    def the_agent_begins_anew(self):
        if self.agent is not None:
            self.rooms.cut_off.add(self.agent.routing_id)
        self.agent = None

    @rule(
        works=st.lists(
            st.tuples(st.integers(0, STREAMS - 1), st.sampled_from([1, 2, 7]), st.sampled_from([True, True, False])),
            min_size=1,
            max_size=6,
        )
    )
    def the_agent_works(self, works):
        """Lines are written to some streams, and sent or not, in batches of one pass of the hub."""
        self.rooms.now_ms = self.now_ms = self.now_ms + 10
        if self.agent is None:
            self.join()
        for stream, many, is_sent in works:
            for _ in range(many):
                self.logs[stream].append(f"{'E' if self.count % 3 == 0 else 'i'} {self.count}")
                self.count += 1
            if is_sent:
                self.send(stream, many)
        self.rooms.intake.finish(self.now_ms)
        self.rooms._collect()

    def join(self):
        self.agent = self.rooms.agent(name="web-1", agent_id=bytes(16), key=bytes(32))
        self.agent.hello()
        welcome = next(said for said in self.agent.told() if isinstance(said, messages.Welcome))
        self.announced = set()
        for number, log in enumerate(self.logs):
            self.agent.event("stream_up", number, path=log.path, kind="file")
            stands = {
                file.file: file.committed for one in welcome.streams if one.path == log.path for file in one.files
            }
            log.sent = sum(end <= stands.get(self.file_number(number, file), 0) for file, _, end, _ in log.entries)

    @staticmethod
    def file_number(stream, file):
        return stream * 1_000 + file

    def send(self, stream, many):
        log = self.logs[stream]
        for _ in range(many):
            if log.sent == len(log.entries):
                return
            file, start, end, text = log.entries[log.sent]
            number = self.file_number(stream, file)
            if number not in self.announced:
                self.announced.add(number)
                self.feed(messages.Event(0, "file_up", stream, number, {"start": start}))
            if text is None:
                fields = {"start": start, "end": end, "why": "file-gone"}
                self.feed(messages.Event(int(self.now_ms), "gap", stream, number, fields))
                log.sent += 1
                continue
            data = b""
            while (
                many and log.sent < len(log.entries) and log.entries[log.sent][0] == file and log.entries[log.sent][3]
            ):
                data += log.entries[log.sent][3].encode() + b"\n"
                log.sent += 1
                many -= 1
            batch = messages.LineBatch(stream, number, start, start + len(data), int(self.now_ms), 0, data)
            self.feed(messages.Frame(int(self.now_ms), (), (batch,)))

    def feed(self, message):
        self.rooms.intake.receive(self.agent.routing_id, codec.encode(message), self.agent.peer, self.now_ms)

    # -- clients ------------------------------------------------------------------------------------------------

    def connect(self, client, tail=0):
        if client.place is None:
            self.begin_anew(client, tail)
        if client.carrier == "poll":
            if client.place is None:
                self.poll(client, tail, is_lost=False)
            return
        client.socket = Socket()
        name, write = {
            "socket": (encode.BARE[encode.JSON], encode.ENCODERS[encode.BARE[encode.JSON]]),
            "events": (render.EVENTS, render.RENDERERS[render.EVENTS]),
            "ndjson": (render.NDJSON, render.RENDERERS[render.NDJSON]),
        }[client.carrier]
        client.subscriber = self.exchange.open(name, write, client.socket, self.now_ms)
        path, match = QUESTIONS[client.question]
        position = None if client.place is None else cursor.position(client.place)
        if client.carrier == "ndjson" and client.place is None:
            client.place = cursor.to_text(self.rooms.view.cursor())  # a header of the answer
        self.exchange.act(client.subscriber, Subscribe(1, ask_logs("*", path, match), tail=tail, resume=position))

    def begin_anew(self, client, tail):
        """It is owed all that arrives from now on, and up to `tail` lines of before."""
        client.excused.clear()
        client.open.clear()
        client.may_repeat.clear()
        here = defaultdict(lambda: (0, 0))
        for _seq, item, file, end in self.kept + self.rooms.recorder.items:
            here[item.path] = max(here[item.path], (file, end))
        for number, log in enumerate(self.logs):
            client.next[number] = sum(
                (self.file_number(number, file), end) <= here[log.path] for file, _, end, _ in log.entries
            )
        client.joined = dict(client.next)
        client.is_fresh = set(client.next) if tail else set()

    @rule(which=st.integers(0, 2), pieces=st.sampled_from([1, 2, 5, 1_000]))
    def a_client_reads(self, which, pieces):
        self.read(self.clients[which], pieces)

    @rule(which=st.integers(0, 2), pieces=st.sampled_from([0, 1, 3, 8]))
    def a_client_is_cut_off(self, which, pieces):
        client = self.clients[which]
        if client.subscriber is not None:
            self.read(client, pieces, is_last=True)
            self.lose_connection(client)

    def lose_connection(self, client):
        if client.subscriber is not None:
            self.exchange.close(client.subscriber)
            client.subscriber = client.socket = None

    def read(self, client, pieces, is_last=False):
        """Read some events, lines or messages; the socket takes more when all before was read."""
        if client.carrier == "poll":
            self.poll(client, 0, is_lost=pieces == 2)
            return
        if client.subscriber is None:
            self.connect(client)
        while pieces and client.socket.frames:
            for piece in self.pieces_of(client.carrier, client.socket.frames.pop(0)):
                if not pieces:
                    break  # the rest of a frame is lost with the connection, or read on
                pieces -= 1
                self.got(client, piece)
            else:
                if not client.socket.frames:
                    client.subscriber.drained(self.now_ms)
                continue
            if not is_last:
                self.lose_connection(client)
            return

    @staticmethod
    def pieces_of(carrier, data):
        if carrier == "socket":
            return [json.loads(data)]
        if carrier == "ndjson":
            return [json.loads(line) for line in data.splitlines()]
        return [dict(line.split(b": ", 1) for line in event.splitlines()) for event in data.split(b"\n\n") if event]

    def got(self, client, piece):
        if client.carrier == "socket":
            if piece["op"] == "subscribed" and client.place is None:
                client.place = piece["cursor"]
            elif piece["op"] == "lines":
                for batch in piece["batches"]:
                    for offset, text in batch["lines"]:
                        self.got_line(client, batch["path"], offset, text)
                client.place = piece["cursor"]
                self.frame_ends(client)
            elif piece["op"] == "gap":
                self.got_gap(client, piece)
        elif client.carrier == "ndjson":
            if "gap" in piece:
                self.got_gap(client, piece["gap"])
            else:
                self.got_line(client, piece["path"], piece["offset"], piece["text"])
                client.place = piece.get("cursor", client.place)
                self.frame_ends(client, piece.get("cursor", "~"))
        elif piece.get(b"event") == b"gap":
            self.got_gap(client, json.loads(piece[b"data"]))
        else:
            line = json.loads(piece[b"data"])
            self.got_line(client, line["path"], line["offset"], line["text"])
            client.place = piece[b"id"].decode() if b"id" in piece else client.place
            self.frame_ends(client, piece.get(b"id", b"~").decode())

    def poll(self, client, tail, is_lost):
        """One answer, which is lost on the way sometimes."""
        path, match = QUESTIONS[client.question]
        question = poll._Question(ask_logs("*", path, match), None, tail)
        since = None if client.place is None else cursor.poll_from_text(client.place)
        news = poll._news(SimpleNamespace(view=self.rooms.view, boot="boot"), question, since)
        if not is_lost:
            body = json.loads(news.answer().body)
            self.saw(client, body)
            for gap in body["gaps"]:
                self.got_gap(client, gap)
            for line in body["lines"]:
                self.got_line(client, line["path"], line["offset"], line["text"])
            client.place = body["cursor"]
            self.frame_ends(client)

    @staticmethod
    def frame_ends(client, place=""):
        """A gap comes before the lines of its step: it speaks for that step and the next."""
        if "~" not in place:
            for number in client.in_frame & client.open.keys():
                client.open[number] -= 1
                if not client.open[number]:
                    del client.open[number]
            client.in_frame.clear()

    def saw(self, client, body):
        """For whoever debugs."""

    # -- what a client may see ----------------------------------------------------------------------------------

    def got_line(self, client, path, offset, text):
        number = int(path.rpartition("/")[2])
        entries = self.logs[number].entries
        at = next(place for place, entry in enumerate(entries) if entry[3] == text)
        assert entries[at][1] == offset, f"{text!r} has the offset {offset}"
        assert client.wants(path, text), f"{text!r} was not asked for"
        client.in_frame.add(number)
        owed = client.next[number]
        if number in client.is_fresh:
            client.is_fresh.discard(number)
            owed = client.next[number] = min(owed, at)
        if at < owed:
            assert number in client.may_repeat, f"{text!r} came twice"
            return
        self.passed(client, number, at)
        client.next[number] = at + 1

    def passed(self, client, number, upto):
        """What lies before an entry and did not come: a gap must have spoken of it."""
        log = self.logs[number]
        # A tail that was cut off is not made up for: its place is behind it.
        between = log.entries[max(client.next[number], client.joined[number]) : upto]
        skipped = [entry[3] for entry in between if client.wants(log.path, entry[3])]
        told = client.excused.pop(number, 0)
        if number in client.open:
            return
        assert told == len(skipped), f"{skipped} missed, gaps speak of {told} lines"
        untold = [entry for entry in between if entry[3] is None and entry[2] - entry[1] not in client.told]
        if QUESTIONS[client.question][0] in ("*", log.path):
            client.untold[number] += len(untold)

    def got_gap(self, client, gap):
        if gap["why"] == "file-gone":
            # More holes than memory keeps are told in one.
            client.told.add(gap["bytes"])
            if gap["bytes"] >= 2 * GONE_BYTES:
                client.untold[int(gap["path"].rpartition("/")[2])] -= gap["bytes"] // GONE_BYTES
            return
        numbers = range(STREAMS) if gap["stream"] is None else [int(gap["path"].rpartition("/")[2])]
        for number in numbers:
            # Holes that were dropped with the lines are in the bytes.
            if gap["stream"] is None or gap["lines"] is None or gap["bytes"] >= GONE_BYTES:
                client.open[number] = 2
            else:
                client.excused[number] += gap["lines"]
            if gap["why"] == "agent-away":
                client.may_repeat.add(number)

    def settle(self):
        """Everybody is back and reads to the end."""
        while any(log.sent < len(log.entries) for log in self.logs) or self.agent is None:
            if self.agent is None:
                self.join()
            for number in range(STREAMS):
                self.send(number, 1_000)
            self.rooms.intake.finish(self.now_ms)
        for client in self.clients:
            self.read(client, 1_000_000)
            while client.carrier == "poll":
                before = client.place
                self.poll(client, 0, is_lost=False)
                if cursor.poll_from_text(client.place).lines == cursor.poll_from_text(before).lines:
                    break
            assert client.carrier == "poll" or not client.subscriber.is_behind()
            for number in range(STREAMS):
                self.passed(client, number, len(self.logs[number].entries))
                assert client.untold[number] <= 0, f"{client.untold[number]} holes in /log/{number}, and no gap"


# Without `explain`, which takes minutes to say what a shrunk story says by itself.
PHASES = [phase for phase in Phase if phase is not Phase.explain]

TestLivePromise = LivePromise.TestCase
TestLivePromise.settings = settings(
    max_examples=150,
    stateful_step_count=60,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    phases=PHASES,
)
