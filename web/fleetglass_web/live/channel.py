"""A channel: one question, one frame for everybody who asked it.

It knows which hosts its filter matches now and which subscribers it has, and hands each frame to all of them: those
whose sinks take more get the same bytes in one loop (`write_all`), the others keep what they must (`_offer`).
`metrics` and `lines` are its two kinds.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fleetglass_web.live import messages as m
from fleetglass_web.live.messages import Frame
from fleetglass_web.live.reading import ASK_ALL, ASK_EVERY, ASK_MOST, HOLD_AFTER, LOOK_BYTES
from fleetglass_web.live.subscriber import Sink, Subscriber
from fleetglass_web.live.subscription import LogsQuestion, MetricsQuestion
from fleetglass_web.query import hostfilter
from fleetglass_web.view import FleetView, Host


@dataclass(slots=True)
class Group:
    """The subscribers of a channel that take frames now and read the same encoding.

    A group is never changed: when a sink becomes full, free or gone, a new one is made. `direct` is the transport's.
    """

    people: list[Subscriber] = field(default_factory=list)
    sinks: list[Sink] = field(default_factory=list)
    direct: list[Any] | None = None  # any: cores know no sockets


# Writes the same bytes to every sink of a group; returns the positions of those that take no more for now.
WriteAll = Callable[[Group, bytes], list[int]]


def write_all_plain(group: Group, data: bytes) -> list[int]:
    """`WriteAll` for any sink."""
    return [at for at, sink in enumerate(group.sinks) if not sink.write(data)]


class Channel:
    """Members and subscribers of one question."""

    def __init__(
        self, number: int, question: MetricsQuestion | LogsQuestion, view: FleetView, write_all: WriteAll
    ) -> None:
        self.number = number
        self._is_brief = question.numbers
        self.view = view
        self.version = 0  # grows with each change of membership
        self.members: dict[int, Host] = {}
        self.subscribers: dict[Subscriber, int] = {}  # -> how many of its subscriptions ask this
        self._matches = hostfilter.parse(question.hosts).matches
        self._write_all = write_all
        self._told: dict[int, int] = {}  # member -> version at which it entered or changed
        self._left: dict[int, int] = {}  # host -> version at which it left
        self._turn = 0
        self._asked: deque[tuple[int, Subscriber]] = deque()  # at which turn, whom
        self._next_asked = 0  # whose turn it is where not all can be asked
        self._ready: dict[str, Group] | None = None
        for host in view.hosts():
            if self._matches(host.name, host.labels):
                self._enter(host)

    # -- hosts --------------------------------------------------------------------------------------------------

    def hosts_changed(self, upsert: Sequence[Host], remove: Sequence[int]) -> None:
        """Let hosts in and out as the filter says, and tell it to the subscribers."""
        entered: list[Host] = []
        left = [host for host in remove if host in self.members]
        for host in upsert:
            if self._matches(host.name, host.labels):
                entered.append(host)
            elif host.host in self.members:
                left.append(host.host)
        if not entered and not left:
            return
        self.version += 1
        for host in entered:
            self._enter(host)
        for number in left:
            self._leave(number)
        self.send(self._hosts_frame(entered, left))

    def _enter(self, host: Host) -> None:
        self.members[host.host] = host
        self._told[host.host] = self.version
        self._left.pop(host.host, None)

    def _leave(self, number: int) -> None:
        del self.members[number], self._told[number]
        self._left[number] = self.version

    def name_of(self, host: int) -> str:
        """The display name; empty for a host that left."""
        member = self.members.get(host)
        return member.name if member else ""

    def hosts_frame(self) -> Frame:
        """All members."""
        return self._hosts_frame(list(self.members.values()), ())

    def _hosts_frame(self, upsert: Sequence[Host], remove: Sequence[int]) -> Frame:
        return Frame(m.Hosts(self.number, upsert, remove, self._is_brief))

    def state_since(self, version: int) -> Sequence[Frame]:
        """What a subscriber needs that missed everything after `version`: here the hosts that changed."""
        if version == self.version:
            return ()
        changed = [self.members[host] for host, told in self._told.items() if told > version]
        return (self._hosts_frame(changed, [host for host, left in self._left.items() if left > version]),)

    # -- subscribers --------------------------------------------------------------------------------------------

    def add(self, subscriber: Subscriber) -> None:
        """One more subscription of this subscriber."""
        self.subscribers[subscriber] = self.subscribers.get(subscriber, 0) + 1
        self._ready = None

    def discard(self, subscriber: Subscriber) -> None:
        """One subscription less; with the last one nothing more is sent."""
        left = self.subscribers.get(subscriber, 0) - 1
        if left > 0:
            self.subscribers[subscriber] = left
        elif self.subscribers.pop(subscriber, None) is not None:
            subscriber.forget(self)
        self._ready = None

    def readiness_changed(self) -> None:
        """A subscriber's sink became full or free."""
        self._ready = None

    def _ready_by_encoding(self) -> dict[str, Group]:
        if self._ready is None:
            self._ready = {}
            for subscriber in self.subscribers:
                if subscriber.takes_frames_of(self):
                    group = self._ready.setdefault(subscriber.encoding, Group())
                    group.people.append(subscriber)
                    group.sinks.append(subscriber.sink)
        return self._ready

    def send_state(self, frame: Frame) -> None:
        """Give a frame to every subscriber; the next will make it old, so only those who read get many (`reading`)."""
        self._turn += 1
        while self._asked and self._asked[0][0] <= self._turn - HOLD_AFTER:
            subscriber = self._asked.popleft()[1]
            if not subscriber.is_closed and subscriber.sink.hold():
                subscriber.blocked()
        if not self._turn % ASK_EVERY:
            for encoding, group in self._ready_by_encoding().items():
                self._ask(group, len(frame.encoded(encoding, group.people[0].encode)))
        self.send(frame)

    def _ask(self, group: Group, frame_bytes: int) -> None:
        if len(group.people) <= ASK_ALL:
            asked = [subscriber for subscriber in group.people if subscriber.sink.ask()]
        elif frame_bytes >= LOOK_BYTES:
            asked = [subscriber for subscriber in group.people if subscriber.sink.look()]
        elif len(group.people) > ASK_MOST:
            return
        else:
            people = group.people
            chosen = [people[(self._next_asked + at) % len(people)] for at in range(ASK_ALL)]
            self._next_asked = (self._next_asked + ASK_ALL) % len(people)
            asked = [subscriber for subscriber in chosen if subscriber.sink.ask()]
        self._asked.extend((self._turn, subscriber) for subscriber in asked)

    def send(self, frame: Frame) -> None:
        """Give a frame to every subscriber."""
        ready = self._ready_by_encoding()
        if sum(len(group.people) for group in ready.values()) != len(self.subscribers):
            for subscriber in list(self.subscribers):
                if not subscriber.takes_frames_of(self):
                    self._offer(subscriber, frame)
        for encoding, group in ready.items():
            data = frame.encoded(encoding, group.people[0].encode)
            if data:
                for at in self._write_all(group, data):
                    group.people[at].blocked()

    def _offer(self, subscriber: Subscriber, frame: Frame) -> None:
        """Give a frame to a subscriber that does not take all of them now; the next one makes it old."""
        known = self.version - 1 if isinstance(frame.message, m.Hosts) else self.version
        subscriber.offer_state(self, frame, known)
