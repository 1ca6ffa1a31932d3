"""The exchange: every channel, every subscriber, and what happens between them.

It turns client messages into subscriptions, the view's news into frames, and the passing of time into ticks. Channels
live as long as somebody is subscribed. It is the one delivery core below WebSocket, events, text and polling.

In: client messages, the view's `Watcher` calls, `now_ms`. Out: bytes to sinks, and `view.want`. The shell calls `tick`
at `next_tick_ms`.
"""

import logging
from collections.abc import Callable, Sequence

from fleetglass_web.live import interest
from fleetglass_web.live import messages as m
from fleetglass_web.live.channel import Channel, WriteAll, write_all_plain
from fleetglass_web.live.lines import LinesChannel
from fleetglass_web.live.metrics import MetricsChannel
from fleetglass_web.live.subscriber import Sink, Subscriber
from fleetglass_web.live.subscription import (
    ClientError,
    LogsQuestion,
    MetricsQuestion,
    Question,
    Subscribe,
    Unsubscribe,
    read,
)
from fleetglass_web.query import cursor
from fleetglass_web.query.cursor import Position
from fleetglass_web.view import Block, FleetView, Gap, Host, LineBatch

log = logging.getLogger(__name__)

SUBSCRIPTIONS_MAX = 64  # a connection; the dashboard has about five
# Rubbish is answered; a client that sends nothing else is closed.
ERRORS_MAX = 20
# A client that subscribes and unsubscribes without end would make the hub build states without end.
MESSAGES_PER_S = 50
# How often stalled clients are looked for; a look at ten thousand costs some 10 ms.
CHECK_MS = 5_000
# Clients that get no samples may hear nothing for hours: they are pinged, which proxies also take for life (nginx cuts
# after 60 s of silence). Who has not answered by the next ping is gone.
PING_MS = 25_000
# A client that asks for nothing.
IDLE_CLOSE_MS = 300_000

# A client whose socket has not been empty for longer does not see the present second.
BEHIND_MS = 1_000

CLOSE_RUBBISH = 1008
CLOSE_IDLE = 1000
CLOSE_NO_PONG = 1011


class _Manners:
    """How a client behaves: errors in a row of messages, and messages in the running second."""

    __slots__ = ("errors", "messages", "second")

    def __init__(self) -> None:
        self.errors = self.messages = self.second = 0

    def is_flood(self, now_ms: float) -> bool:
        second = int(now_ms // 1_000)
        if second != self.second:
            self.second, self.messages = second, 0
        self.messages += 1
        return self.messages > MESSAGES_PER_S


class Exchange:
    """All live delivery of one hub."""

    def __init__(self, view: FleetView, write_all: WriteAll = write_all_plain) -> None:
        self.view = view
        self.channels: dict[tuple[Question, int], Channel] = {}
        self.subscribers: dict[Subscriber, _Manners] = {}
        self._write_all = write_all
        self._gone_frames = self._gone_lines = 0
        self._next_number = 1
        self._wanted: dict[int, int] = {}
        self._check_ms = 0.0
        self._ping_ms = 0.0

    # -- clients ------------------------------------------------------------------------------------------------

    def open(self, encoding: str, encode: Callable[[m.Message], bytes], sink: Sink, now_ms: float) -> Subscriber:
        """Greet a new client."""
        subscriber = Subscriber(encoding, encode, sink, self.view.now_ms)
        self.subscribers[subscriber] = _Manners()
        subscriber.say(m.Welcome(self.view.hub_id, self.view.version, now_ms))
        return subscriber

    def close(self, subscriber: Subscriber) -> None:
        """A client is gone, in whatever way."""
        subscriber.is_closed = True
        subscriber.is_ready = False
        if self.subscribers.pop(subscriber, None) is not None:
            self._gone_frames += subscriber.sent_frames
            self._gone_lines += subscriber.dropped_lines
        for about in list(subscriber.channels):
            self._end(subscriber, about)
        self._interest_changed()

    def figures(self, now_ms: float) -> dict[str, float]:
        """What is delivered live, for /metrics, and how late the latest client is."""
        waits_ms = [now_ms - one.blocked_ms for one in self.subscribers if not one.is_ready and not one.is_closed]
        return {
            "subscribers_behind": sum(waited_ms >= BEHIND_MS for waited_ms in waits_ms),
            "subscriber_lag_seconds": max(0.0, *waits_ms) / 1_000 if waits_ms else 0.0,
            "channels": len(self.channels),
            "subscribers": len(self.subscribers),
            "sent_frames_total": self._gone_frames + sum(one.sent_frames for one in self.subscribers),
            'dropped_lines_total{reason="slow-reader"}': self._gone_lines
            + sum(one.dropped_lines for one in self.subscribers),
        }

    def receive(self, subscriber: Subscriber, data: str | bytes, now_ms: float) -> None:
        """Act on one message of a client; what is wrong with it is answered with an `error`."""
        manners = self.subscribers.get(subscriber)
        if manners is None or subscriber.is_closed:
            return
        if manners.is_flood(now_ms):
            subscriber.close(CLOSE_RUBBISH, f"more than {MESSAGES_PER_S} messages in a second; subscribe once")
            return
        try:
            self.act(subscriber, read(data))
            manners.errors = 0
        except ClientError as error:
            manners.errors += 1
            subscriber.say(m.Error(error.id, str(error)))
            if manners.errors >= ERRORS_MAX:
                subscriber.close(
                    CLOSE_RUBBISH, f"{ERRORS_MAX} messages in a row were errors; the last: {str(error)[:60]}"
                )

    def act(self, subscriber: Subscriber, message: Subscribe | Unsubscribe) -> None:
        """Subscribe or unsubscribe.

        Raises:
            ClientError: the id is taken, unknown, or one too many.
        """
        if isinstance(message, Subscribe):
            self._subscribe(subscriber, message)
        elif message.id not in subscriber.channels:
            raise ClientError(f"id {message.id} is not subscribed; nothing to end", message.id)
        else:
            self._end(subscriber, message.id)
        self._interest_changed()

    def _subscribe(self, subscriber: Subscriber, said: Subscribe) -> None:
        if said.id in subscriber.channels:
            raise ClientError(f"id {said.id} is already subscribed; unsubscribe it first or take another", said.id)
        if len(subscriber.channels) >= SUBSCRIPTIONS_MAX:
            raise ClientError(f"{SUBSCRIPTIONS_MAX} subscriptions a connection are the most; end one first", said.id)
        if isinstance(said.question, LogsQuestion):
            self._subscribe_lines(subscriber, said, said.question)
            return
        channel = self._metrics(said.question)
        subscriber.channels[said.id] = channel
        subscriber.say(m.Subscribed(said.id, channel.number))
        state = list(channel.first_state(said.history_s))
        channel.add(subscriber)
        subscriber.send_state(channel, state)

    def _subscribe_lines(self, subscriber: Subscriber, said: Subscribe, question: LogsQuestion) -> None:
        channel = self._lines(subscriber, question)
        subscriber.channels[said.id] = channel
        begins = Position(self.view.cursor()) if said.resume is None else said.resume
        subscriber.say(m.Subscribed(said.id, channel.number, cursor.position_text(begins)))
        state = [channel.hosts_frame()]
        if said.resume is None:
            state += channel.tail(said.tail)
        channel.add(subscriber)
        subscriber.send_state(channel, state)
        if said.resume is not None:
            subscriber.catch_up(channel, said.resume)
            channel.readiness_changed()

    def _metrics(self, question: MetricsQuestion) -> MetricsChannel:
        channel = self.channels.get((question, 0))
        if channel is None:
            channel = MetricsChannel(self._number(), question, self.view, self._write_all)
            self.channels[question, 0] = channel
        assert isinstance(channel, MetricsChannel)
        return channel

    def _lines(self, subscriber: Subscriber, question: LogsQuestion) -> LinesChannel:
        """The channel of a question that this client has not yet: each of its subscriptions has a place of its own, and
        on a shared channel one would get the other's past."""
        copy = 0
        while (channel := self.channels.get((question, copy))) is not None and subscriber in channel.subscribers:
            copy += 1
        if channel is None:
            channel = LinesChannel(self._number(), question, self.view, self._write_all)
            self.channels[question, copy] = channel
        assert isinstance(channel, LinesChannel)
        return channel

    def _number(self) -> int:
        self._next_number += 1
        return self._next_number - 1

    def _end(self, subscriber: Subscriber, about: int) -> None:
        channel = subscriber.channels.pop(about)
        channel.discard(subscriber)
        if not channel.subscribers:
            for key, known in list(self.channels.items()):
                if known is channel:
                    del self.channels[key]

    def _interest_changed(self) -> None:
        wanted = interest.wanted(channel for channel in self.channels.values() if isinstance(channel, MetricsChannel))
        if wanted != self._wanted:
            self._wanted = wanted
            self.view.want(wanted)

    # -- news from the fleet ------------------------------------------------------------------------------------

    def hosts_changed(self, upsert: Sequence[Host], remove: Sequence[int]) -> None:
        """Hosts came, went or changed."""
        for channel in list(self.channels.values()):
            channel.hosts_changed(upsert, remove)
        self._interest_changed()

    def rows_arrived(self, now_ms: float) -> None:
        """New samples can be asked for."""
        for channel in self.channels.values():
            if isinstance(channel, MetricsChannel):
                channel.rows_arrived(now_ms)

    def lines_arrived(self, batches: Sequence[LineBatch], now_ms: float) -> None:
        """New lines: sent at once."""
        here = self._here()
        for channel in list(self.channels.values()):
            if isinstance(channel, LinesChannel):
                channel.lines_arrived(batches, now_ms, here)

    def gaps_found(self, gaps: Sequence[Gap]) -> None:
        """Something is missing."""
        here = self._here()
        for channel in list(self.channels.values()):
            if isinstance(channel, LinesChannel):
                channel.gaps_found(gaps, here)

    def _here(self) -> Callable[[], str]:
        """The cursor of the present, made when the first channel needs it."""
        made: list[str] = []

        def here() -> str:
            if not made:
                made.append(cursor.to_text(self.view.cursor()))
            return made[0]

        return here

    # -- time ---------------------------------------------------------------------------------------------------

    def next_tick_ms(self) -> float | None:
        """When to call `tick`; None: when something happens."""
        if not self.subscribers:
            return None
        due = [self._check_ms + CHECK_MS]
        for channel in self.channels.values():
            if isinstance(channel, MetricsChannel):
                due.append(channel.next_tick_ms())
            elif isinstance(channel, LinesChannel) and (ends_ms := channel.next_tick_ms()) is not None:
                due.append(ends_ms)
        return min(due)

    def tick(self, now_ms: float) -> None:
        """Send what is due."""
        arrived: dict[int, tuple[int, Sequence[Block]]] = {}
        for channel in list(self.channels.values()):
            if isinstance(channel, MetricsChannel):
                if channel.next_tick_ms() <= now_ms:
                    if channel.mark not in arrived:
                        arrived[channel.mark] = self.view.arrived(channel.mark)
                    channel.tick(now_ms, *arrived[channel.mark])
            elif isinstance(channel, LinesChannel):
                channel.tick(now_ms)
        if now_ms >= self._check_ms + CHECK_MS:
            self._check_ms = now_ms
            for subscriber in [one for one in self.subscribers if not one.is_ready]:
                subscriber.check(now_ms)
            if now_ms >= self._ping_ms + PING_MS:
                self._ping_ms = now_ms
                self._ping_silent(now_ms)

    def _ping_silent(self, now_ms: float) -> None:
        for subscriber in list(self.subscribers):
            if subscriber.channels:
                subscriber.idle_since_ms = now_ms
            elif now_ms - subscriber.idle_since_ms >= IDLE_CLOSE_MS:
                subscriber.close(CLOSE_IDLE, "nothing was subscribed for five minutes")
                continue
            if any(isinstance(channel, MetricsChannel) for channel in subscriber.channels.values()):
                continue
            if subscriber.awaits_pong:
                subscriber.close(CLOSE_NO_PONG, f"a ping was not answered for {PING_MS // 1_000} s")
            elif subscriber.is_ready:
                subscriber.ping()
