"""The session with its socket: carries out what `session` decides, and finds the key that the hub is known by.

A shell. Keys, in this order: the join string's; for a hub on loopback the file that it leaves on this machine, read
again at each connection, because a hub that was set up anew has a new key; the one remembered from an earlier join.
"""

import os
from collections.abc import Collection, Sequence

from fleetglass_proto import endpoint, localkey, z85
from fleetglass_proto.messages import Event, Hello, LineBatch

from fleetglass_agent.log import Log
from fleetglass_agent.outlet import Told
from fleetglass_agent.statefolder import KnownHub, StateFolder
from fleetglass_agent.uplink.dealer import BYE_LINGER_MS, Dealer
from fleetglass_agent.uplink.ring import Ring
from fleetglass_agent.uplink.session import Close, Open, Say, Session, SessionEvent, Welcomed


class Link:
    """The way to one hub.

    Args:
        hub: where it is.
        joined_key: the key of a join string, Z85; None: local or remembered.
    """

    def __init__(
        self, hub: str, joined_key: str | None, hello: Hello, ring: Ring, state: StateFolder, log: Log
    ) -> None:
        self._endpoint = endpoint.parse(hub)
        self._joined_key = joined_key
        self._hello, self._state, self._log = hello, state, log
        self._dealer = Dealer(state.keys)
        self._session = Session(hello, hub, ring, _jitter)

    def polled(self) -> Sequence[tuple[object, int]]:
        return self._dealer.sockets()

    def turn(self, readable: Collection[object], now_ms: int, wall_ms: int) -> Sequence[Told]:
        if readable:
            messages, links = self._dealer.receive(readable)
            for message in messages:  # first: a reject says more than the end of the connection behind it
                self._session.receive(message, now_ms, wall_ms)
            for link in links:
                if link.is_up:
                    self._session.opened(now_ms, wall_ms)
                else:
                    self._session.closed(now_ms, link.why)
        self._session.tick(now_ms)
        return self._act(now_ms)

    def next_tick_ms(self) -> int | None:
        return self._session.next_tick_ms()

    def sample(self, series: tuple[str, ...], time_ms: int, values: bytes) -> None:
        self._session.sample(series, time_ms, values)

    def event(self, event: Event) -> None:
        self._session.event(event)

    def budget(self) -> int:
        return 0 if self._dealer.is_full else self._session.budget()

    def lines(self, items: Sequence[LineBatch | Event]) -> int:
        return self._session.lines(items)

    def flush(self, wall_ms: int) -> None:
        self._dealer.send([] if self._dealer.is_full else self._session.outgoing(wall_ms))

    def introduce(self, labels: dict[str, str], now_ms: int) -> None:
        self._hello = self._hello._replace(labels=labels)
        self._session.introduce(self._hello, now_ms)

    def begin_anew(self, now_ms: int) -> None:
        self._session.introduce(self._hello, now_ms)

    def end(self, wall_ms: int, why: str) -> None:
        self._session.bye(wall_ms, why)
        self._dealer.send(self._session.outgoing(wall_ms))
        self._dealer.end(BYE_LINGER_MS)

    def _act(self, now_ms: int) -> list[Told]:
        told: list[Told] = []
        while events := self._session.events():
            for event in events:
                self._do(event, now_ms, told)
        return told

    def _do(self, event: SessionEvent, now_ms: int, told: list[Told]) -> None:
        match event:
            case Open():
                try:
                    self._dealer.open(str(self._endpoint), self._key())
                except localkey.LocalKeyError as problem:
                    self._session.closed(now_ms, str(problem))
            case Close():
                self._dealer.close()
            case Say(level, text):
                self._log.say(level, text)
            case Welcomed():
                self._remember()
                told.append(event)
            case _:
                told.append(event)

    def _key(self) -> str:
        if self._joined_key:
            return self._joined_key
        remembered = self._state.hub()
        known = remembered.server_key if remembered and remembered.endpoint == str(self._endpoint) else None
        if not self._endpoint.is_loopback:
            if known is None:
                raise localkey.LocalKeyError("this agent does not know its key any more; join it again")
            return known
        try:
            return z85.encode_key(localkey.read(self._endpoint.port))
        except localkey.LocalKeyError:
            if known is None:
                raise
            return known

    def _remember(self) -> None:
        """The hub took us: from now on its key is known without the join string."""
        if self._joined_key and not self._state.remember(KnownHub(str(self._endpoint), self._joined_key)):
            self._log.say("warning", "cannot remember the hub: the next start needs a join string again")


def _jitter() -> float:
    """A number in [0, 1); not the same for machines that were cloned."""
    return int.from_bytes(os.urandom(4), "big") / (1 << 32)
