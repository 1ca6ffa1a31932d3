"""All conversations together: what the agents say becomes the present and the past, and they are told what was kept.

    receive, receive, ... (one pass of the router) ── finish ──► lines ─► history.flush ─► memory ─► browsers
                                    every 100 ms ──── place ───► rows ─► fleet, history ─► browsers
    committed(mark) ─► offsets and credit of each agent ─► outgoing

A pass is whatever was waiting at the socket: what is cheap together (flushes, calls to browsers) is done once a pass.
What was appended to history is owed to its agent (`owed`) until history says that it is on disk.

In: messages with the routing id and the authenticated peer of each, and the hub's clock. Out: messages to agents, in
`outgoing`; news for the watchers. No socket and no clock is touched here.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from fleetglass_proto import codec, limits, typed
from fleetglass_proto.errors import ProtocolError
from fleetglass_proto.messages import VERSION, Interest, RejectCode, Welcome
from fleetglass_web.view import Gap, LineBatch

from fleetglass_hub import __version__
from fleetglass_hub.fleet.fleet import Fleet
from fleetglass_hub.fleet.linering import LineRing
from fleetglass_hub.history.recorder import EventRecord, FileRecord, Recorder, StreamRecord
from fleetglass_hub.ingest.enroll import Door
from fleetglass_hub.ingest.owed import Owed
from fleetglass_hub.ingest.refusal import Refusal
from fleetglass_hub.ingest.refusals import Refusals
from fleetglass_hub.ingest.session import Session
from fleetglass_hub.ingest.streams import FileState, HostStreams, StreamState

log = logging.getLogger(__name__)

AGENTS_MAX = 20_000
# Rows are put into their arrays together: 27 us a row alone, 4 in a hundred (tests/bench/hub_ingest.py). Nobody sees a
# sample of a second 100 ms later; lines do not wait.
PLACE_MS = 100
PLACE_FRAMES = 500
# Log bytes that all agents together may have under way; each gets its share, at least one full frame of lines.
CREDIT_TOTAL_BYTES = 512 << 20
CREDIT_MIN_BYTES = 2 * limits.BATCH_BYTES
# A machine that has agent_id of another tries again so often; the hub names it for a while after its last attempt.
DUPLICATE_RETRY_MS = 10_000
DUPLICATE_SHOWN_MS = 30_000


class News(Protocol):
    """Who is told what has arrived: the view."""

    def rows_arrived(self) -> None:
        """New rows are in the fleet."""

    def lines_arrived(self, batches: Sequence[LineBatch]) -> None:
        """New lines are in the ring."""

    def gaps_found(self, gaps: Sequence[Gap]) -> None:
        """Something is missing."""


class Intake:
    """The hub's side of all conversations.

    Args:
        door: who may send.
        probe: sends a message to a routing id; whether the connection still stands.
    """

    def __init__(
        self,
        hub_id: bytes,
        fleet: Fleet,
        ring: LineRing,
        recorder: Recorder,
        door: Door,
        news: News,
        probe: Callable[[bytes, bytes], bool],
    ) -> None:
        self.hub_id = hub_id
        self.fleet = fleet
        self.sessions: dict[bytes, Session] = {}
        self.frames = 0
        self.bytes = 0
        self._ring = ring
        self._recorder = recorder
        self._door = door
        self._news = news
        self._probe = probe
        self._by_host: dict[int, Session] = {}
        self._streams: dict[int, HostStreams] = {}
        self._seq = ring.last_seq
        self._owed = Owed()
        self._outgoing: list[tuple[bytes, bytes]] = []
        self._heard: list[int] = []
        self._shown: list[LineBatch | tuple[int, Gap]] = []
        self._told_mark = 0
        self._duplicates: dict[int, float] = {}
        self._refusals = Refusals()
        self._interest: dict[int, int] = {}
        self._deaf = ""
        self._notice_text = ""  # for the agents, in each commit

    def load(self, streams: Iterable[StreamRecord], files: Iterable[FileRecord], samples_ms: dict[int, int]) -> None:
        """Take what history knows, at the start."""
        states: dict[tuple[int, int], StreamState] = {}
        for record in streams:
            states[record.host, record.stream] = self._streams_of(record.host).load(record)
            self._ring.know(record.host, record.stream, record.path)
        for file in files:
            stream = states.get((file.host, file.stream))
            if stream is not None:
                state, _ = stream.file(file.file, file.committed)
                state.dev, state.inode, state.fp_count, state.fp = file.dev, file.inode, file.fp_count, file.fp
                state.ended = file.ended
        for host, raw_ms in samples_ms.items():
            self._owed.set_samples_ms(host, raw_ms)

    def _streams_of(self, host: int) -> HostStreams:
        streams = self._streams.get(host)
        if streams is None:
            streams = self._streams[host] = HostStreams(host)
        return streams

    @property
    def refused(self) -> int:
        """Messages that were refused so far."""
        return self._refusals.total

    @property
    def refused_by_code(self) -> Mapping[str, int]:
        """The same, by the code of the answer."""
        return self._refusals.by_code

    # One message

    def receive(self, routing_id: bytes, data: bytes, peer: str, now_ms: float) -> None:
        """Take one message.

        Args:
            peer: the authenticated key and address of the connection, as the ZAP handler wrote them.
        """
        session = self.sessions.get(routing_id)
        try:
            message = typed.decode(data)
            if session is None or session.peer != peer:
                self._first(routing_id, message, peer, now_ms)
                return
            session.heard_ms = now_ms
            match message:
                case typed.Frame():
                    self.frames += 1
                    self.bytes += len(data)
                    self._heard.append(session.member.host)
                    session.frame(message, now_ms)
                    if now_ms - session.commit_sent_ms >= limits.HEARTBEAT_MS - 100:
                        self._send_commit(session, now_ms)
                case typed.Event():
                    session.event(message, now_ms)
                case typed.SchemaMessage():
                    session.schema(message)
                case typed.Hello():
                    self._hello(routing_id, message, peer, now_ms)
                case typed.Bye():
                    self._bye(session, message, now_ms)
        except ProtocolError as problem:
            self._refuse(routing_id, peer, Refusal(RejectCode.MALFORMED, str(problem), 1_000), now_ms)
        except Refusal as refusal:
            self._refuse(routing_id, peer, refusal, now_ms)

    def _first(self, routing_id: bytes, message: typed.Up, peer: str, now_ms: float) -> None:
        if not isinstance(message, typed.Hello):
            raise Refusal(RejectCode.HELLO_FIRST, "this hub does not know the connection: say hello", 0)
        self._hello(routing_id, message, peer, now_ms)

    def _refuse(self, routing_id: bytes, peer: str, refusal: Refusal, now_ms: float) -> None:
        self._refusals.count(refusal)
        session = self.sessions.get(routing_id)
        if session is not None:
            log.warning("host %s: session ended, %s: %s", session.member.name, refusal.code, refusal)
            self._end(session)
        elif self._refusals.may_answer():
            self._refusals.say(peer, refusal, now_ms)
        else:
            return
        self._send(routing_id, codec.encode(refusal.reject()))

    def _bye(self, session: Session, message: typed.Bye, now_ms: float) -> None:
        # Its last frame may still wait: placed after the goodbye it would make the host live again.
        self.place(now_ms)
        log.info("host %s left: %s", session.member.name, message.why[:200])
        self._end(session)
        self.fleet.left(session.member.host)
        self._recorder.put_host(self.fleet.record(session.member.host))

    def _end(self, session: Session) -> None:
        session.is_over = True
        if self.sessions.get(session.routing_id) is session:
            del self.sessions[session.routing_id]
        if self._by_host.get(session.member.host) is session:
            del self._by_host[session.member.host]

    # Hello

    def _hello(self, routing_id: bytes, hello: typed.Hello, peer: str, now_ms: float) -> None:
        if hello.version != VERSION:
            raise Refusal(
                RejectCode.VERSION,
                f"this hub ({__version__}) speaks protocol {VERSION}, the agent {hello.version}: "
                f"upgrade the {'hub' if hello.version > VERSION else 'agent'}",
                None,
            )
        key, _, address = peer.partition(" ")
        labels = self._door.admit(bytes.fromhex(key), address, hello.agent_id, hello.token, now_ms)
        host = self.fleet.by_agent.get(hello.agent_id)
        before = None if host is None else self._by_host.get(host)
        if before is None and len(self.sessions) >= AGENTS_MAX:
            raise Refusal(RejectCode.FULL, f"this hub has {AGENTS_MAX} agents; it takes no more", 60_000)
        if before is not None:
            self._take_over(before, hello, address, routing_id)
        elif (old := self.sessions.get(routing_id)) is not None:
            self._end(old)
        member = self.fleet.member(hello.agent_id, now_ms, hello.name)
        member.name, member.platform = hello.name, hello.platform
        member.labels = {**hello.labels, **labels}
        member.agent_version, member.interval_ms, member.address = hello.agent_version, hello.interval_ms, address
        member.problems.clear()
        member.streams = 0
        member.clock.restart()
        self.fleet.greeted(member, now_ms)
        self._recorder.put_host(self.fleet.record(member.host))
        self._welcome(routing_id, hello, peer, member.host, now_ms)
        log.info("host %s is here: agent %s from %s", member.name, member.agent_version, address)

    def _lives(self, session: Session) -> bool:
        """Whether the process behind a session is still connected: the socket is asked, with a commit without news."""
        told = typed.encode_commit(int(session.heard_ms), session.credit, session.samples_told_ms, [])
        return self._probe(session.routing_id, told)

    def _take_over(self, before: Session, hello: typed.Hello, address: str, routing_id: bytes) -> None:
        """End the session that a host has, unless another process lives in it."""
        if before.routing_id != routing_id and before.run_id != hello.run_id and self._lives(before):
            self._duplicates[before.member.host] = before.heard_ms
            text = (
                f"two agents run with the agent_id {hello.agent_id.hex()}: {before.member.name} at "
                f"{before.member.address} and {hello.name} at {address}. One machine is a copy of the other: on the "
                f"copy, stop the agent, delete its state folder and start it again"
            )
            if before.member.set_problem("duplicate", text):
                log.warning("%s", text)
                self.fleet.changed(before.member.host)
            raise Refusal(RejectCode.DUPLICATE, text, DUPLICATE_RETRY_MS)
        self._end(before)

    def _welcome(self, routing_id: bytes, hello: typed.Hello, peer: str, host: int, now_ms: float) -> None:
        self.place(now_ms)
        streams = self._streams_of(host)
        session = Session(
            self,
            routing_id,
            peer,
            hello.run_id,
            self.fleet.members[host],
            streams,
            self._window(),
            self._owed.uncommitted(host),
            now_ms,
        )
        session.samples_told_ms = self._owed.samples_ms(host)
        self.sessions[routing_id] = self._by_host[host] = session
        welcome = Welcome(
            VERSION,
            self.hub_id,
            __version__,
            int(now_ms),
            hello.time_ms,
            session.credit,
            session.samples_told_ms,
            streams.known(),
        )
        self._send(routing_id, codec.encode(welcome))
        if self._interest.get(host):
            self._send(routing_id, codec.encode(Interest(self._interest[host])))

    def _window(self) -> int:
        share = CREDIT_TOTAL_BYTES // max(1, len(self.sessions) + 1)
        return max(CREDIT_MIN_BYTES, min(limits.CREDIT_BYTES, share))

    # What sessions let through (see session.Intake)

    def next_seq(self) -> int:
        """The arrival number of the next batch or gap."""
        self._seq += 1
        return self._seq

    def take_lines(self, batch: LineBatch, state: FileState, session: Session, sent_bytes: int) -> None:
        """Lines to show and to keep."""
        if not batch.partial:
            mark = self._recorder.append_lines(batch)
            self._owed.owe_lines(mark, state, batch.start + len(batch.data), session, sent_bytes)
        self._shown.append(batch)

    def take_gap(self, gap: Gap, state: FileState, end: int, session: Session) -> None:
        """News of missing bytes, to show and to keep."""
        seq = self.next_seq()
        mark = self._recorder.append_gap(gap, state.file, end, seq)
        self._owed.owe_lines(mark, state, end, session, 0)
        self._shown.append((seq, gap))

    def take_event(self, event: EventRecord) -> None:
        """Something to keep for the operator."""
        self._recorder.append_event(event)

    def stream_is_new(self, stream: StreamState) -> None:
        """A stream that was never met before."""
        self._recorder.put_stream(stream.record())

    def file_changed(self, state: FileState) -> None:
        """A file that is new, has another fingerprint, or has ended."""
        self._recorder.put_file(state.record())

    def schema_is_new(self, schema: int, names: tuple[str, ...]) -> None:
        """A list of series that was never met before."""
        self._recorder.put_schema(schema, names)

    # The end of a pass, and time

    def finish(self, now_ms: float) -> None:
        """Everything that was waiting has been received: lines are shown at once, rows may wait for `place`."""
        if len(self._heard) >= PLACE_FRAMES:
            self.place(now_ms)
        if self._shown:
            shown, self._shown = self._shown, []
            self._recorder.flush()
            self._show(shown)
        self.fleet.tell_changes()

    def place(self, now_ms: float) -> None:
        """Put the rows that came into their places; call it every `PLACE_MS`."""
        if not self._heard:
            return
        heard, self._heard = self._heard, []
        self.fleet.heard(heard, now_ms)
        placed = self.fleet.flush(now_ms)
        self._owed.owe_samples([self._recorder.append_rows(rows) for rows in placed], placed)
        self.fleet.tell_changes()
        if self.fleet.mark != self._told_mark:
            self._told_mark = self.fleet.mark
            self._news.rows_arrived()

    def _show(self, shown: list[LineBatch | tuple[int, Gap]]) -> None:
        """Tell lines and gaps in the order of their arrival; memory takes each before it is told and none after it,
        because its end is the cursor that goes with the news."""
        batches: list[LineBatch] = []
        for item in shown:
            if isinstance(item, LineBatch):
                if not item.partial:
                    self._ring.add(item)
                batches.append(item)
                continue
            if batches:
                self._news.lines_arrived(batches)
                batches = []
            self._ring.add_gap(*item)
            self._news.gaps_found([item[1]])
        if batches:
            self._news.lines_arrived(batches)

    def committed(self, mark: int, now_ms: float) -> None:
        """History says that everything up to a mark is on disk: tell the agents whose lines it holds."""
        for host in self._owed.committed(mark):
            # The lines may have come in a session that is over; the present one wants to know.
            session = self._by_host.get(host)
            if session is not None:
                self._send_commit(session, now_ms)

    def _send_commit(self, session: Session, now_ms: float) -> None:
        if self._recorder.pending_bytes < CREDIT_TOTAL_BYTES:
            session.credit = max(session.credit, session.committed_bytes + self._window())
        session.samples_told_ms = self._owed.samples_ms(session.member.host)
        session.commit_sent_ms = now_ms
        offsets = session.offsets() if session.untold else []
        self._send(
            session.routing_id,
            typed.encode_commit(int(now_ms), session.credit, session.samples_told_ms, offsets, self._notice_text),
        )

    def tick(self, now_ms: float, elapsed_ms: float) -> None:
        """Time has passed; call it a few times a second."""
        self.place(now_ms)
        self._refusals.refill(elapsed_ms)
        due_ms = now_ms - limits.HEARTBEAT_MS
        for session in list(self.sessions.values()):
            if session.commit_sent_ms <= due_ms:
                self._send_commit(session, now_ms)
        for host, seen_ms in list(self._duplicates.items()):
            if now_ms - seen_ms > DUPLICATE_SHOWN_MS:
                del self._duplicates[host]
                if host in self.fleet.members and self.fleet.members[host].set_problem("duplicate", ""):
                    self.fleet.changed(host)
        self.fleet.tick(now_ms)
        self._notice(self._recorder.problem)

    # Orders

    def order(self, orders: Collection[tuple[int, int]]) -> None:
        """Tell agents how often they shall sample: (host, interval_ms), 0 for their own rate."""
        for host, interval_ms in orders:
            self._interest[host] = interval_ms
            session = self._by_host.get(host)
            if session is not None:
                self._send(session.routing_id, codec.encode(Interest(interval_ms)))

    def forget(self, host: int, now_ms: float) -> None:
        """Drop a host: its session, its key and what is in memory of it."""
        self.place(now_ms)
        session = self._by_host.get(host)
        agent_id = self.fleet.members[host].agent_id
        self._door.forget(agent_id)
        if session is not None:
            refusal = Refusal(
                RejectCode.TOKEN, "this host was forgotten on the hub; enrol it again to bring it back", None
            )
            self._send(session.routing_id, codec.encode(refusal.reject()))
            self._end(session)
        self._streams.pop(host, None)
        self._interest.pop(host, None)
        self._owed.set_samples_ms(host, 0)
        self._ring.forget(host)
        self.fleet.forget(host)
        self.fleet.tell_changes()

    def end(self, now_ms: float) -> None:
        """The hub ends: tell every agent, with the last offsets that are on disk."""
        self._notice_text = "it ends now; what it has not acknowledged is kept here until it is back"
        for session in list(self.sessions.values()):
            self._send_commit(session, now_ms)

    def is_connected(self, host: int) -> bool:
        """Whether a session of the host is open."""
        return host in self._by_host

    def gone(self, routing_id: bytes) -> None:
        """A connection does not stand any more."""
        session = self.sessions.get(routing_id)
        if session is not None:
            self._end(session)

    def _notice(self, text: str) -> None:
        """Say once when history stops committing, and when it goes on; agents hear it with their next commit."""
        if text != self._deaf:
            self._deaf = text
            self._notice_text = f"it commits nothing: {text[:1_000]}" if text else ""
            if text:
                log.error("nothing is committed: %s", text)
            else:
                log.info("commits go on")

    def _send(self, routing_id: bytes, data: bytes) -> None:
        self._outgoing.append((routing_id, data))

    def outgoing(self) -> list[tuple[bytes, bytes]]:
        """What to send now, (routing id, message); empties the list."""
        sent, self._outgoing = self._outgoing, []
        return sent
