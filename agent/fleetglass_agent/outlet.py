"""Where samples and lines go, in the words of the loop: the hub (`uplink.link`) or standard output (`stdout`)."""

from collections.abc import Collection, Sequence
from typing import Protocol

from fleetglass_proto.messages import Event, LineBatch

from fleetglass_agent.uplink.session import Committed, IntervalWanted, Welcomed

Told = Welcomed | Committed | IntervalWanted


class Outlet(Protocol):
    """Takes what the agent has to say. On the loop's thread; nothing here waits."""

    def polled(self) -> Sequence[tuple[object, int]]:
        """What to poll and for what, as `zmq_poll` takes it."""

    def turn(self, readable: Collection[object], now_ms: int, wall_ms: int, /) -> Sequence[Told]:
        """Take what came in on `polled` that is readable, look at the clock; what it means, oldest first."""

    def next_tick_ms(self) -> int | None:
        """When to call `turn` at the latest."""

    def sample(self, series: tuple[str, ...], time_ms: int, values: bytes) -> None:
        """Keep a row until it is delivered."""

    def event(self, event: Event) -> None:
        """Something that belongs to no stream."""

    def budget(self) -> int:
        """How many bytes of log may be read and given to `lines` now; 0: read nothing."""

    def lines(self, items: Sequence[LineBatch | Event]) -> int:
        """Batches and stream events in their order; answers how many bytes of lines they hold."""

    def flush(self, wall_ms: int, /) -> None:
        """Let go what was given since the last flush."""

    def introduce(self, labels: dict[str, str], now_ms: int, /) -> None:
        """The host's labels changed."""

    def begin_anew(self, now_ms: int, /) -> None:
        """This host's clock was set: whoever measured it must do so again."""

    def end(self, wall_ms: int, why: str, /) -> None:
        """Say goodbye and close; takes half a second at most."""
