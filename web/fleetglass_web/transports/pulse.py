"""The shell of the exchange: the event loop's clock, and the view's news.

One timer for all channels. The view calls in here (`Watcher`); nothing that happens while a frame is delivered may
fall back on whoever delivered the news, so what goes wrong is logged and ends here.
"""

import asyncio
import logging
import math
import secrets
from collections.abc import Callable, Sequence

from fleetglass_web.live.exchange import Exchange
from fleetglass_web.view import FleetView, Gap, Host, LineBatch

CLOSE_ENDING = 1012  # service restart

log = logging.getLogger(__name__)


class Pulse:
    """Runs an `Exchange` on the running event loop, from `start` to `stop`."""

    def __init__(self, view: FleetView, exchange: Exchange) -> None:
        self.view = view
        self.exchange = exchange
        self.listeners: set[Callable[[], None]] = set()  # called when anything arrived; see `poll`
        self.boot = secrets.token_hex(4)  # marks of samples mean something in this life only
        self.moment = 0  # another number after each piece of news
        self.is_ending = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0.0
        self._unwatch: Callable[[], None] | None = None

    def start(self) -> None:
        """Listen to the view."""
        self._unwatch = self.view.watch(self)

    def stop(self) -> None:
        """Listen no more."""
        if self._unwatch:
            self._unwatch()
            self._unwatch = None
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def end(self) -> None:
        """The server ends: so do the answers that would never end."""
        self.is_ending = True
        for subscriber in list(self.exchange.subscribers):
            subscriber.close(CLOSE_ENDING, "the hub ends; connect again in a moment")
        for listener in list(self.listeners):
            listener()

    # -- Watcher ------------------------------------------------------------------------------------------------

    def hosts_changed(self, upsert: Sequence[Host], remove: Sequence[int]) -> None:
        """See `Watcher`."""
        self._guarded(lambda: self.exchange.hosts_changed(upsert, remove))

    def rows_arrived(self) -> None:
        """See `Watcher`."""
        self._guarded(lambda: self.exchange.rows_arrived(self.view.now_ms()))

    def lines_arrived(self, batches: Sequence[LineBatch]) -> None:
        """See `Watcher`."""
        self._guarded(lambda: self.exchange.lines_arrived(batches, self.view.now_ms()))

    def gaps_found(self, gaps: Sequence[Gap]) -> None:
        """See `Watcher`."""
        self._guarded(lambda: self.exchange.gaps_found(gaps))

    def _guarded(self, act: Callable[[], None]) -> None:
        self.moment += 1
        try:
            act()
        except Exception:  # a broken promise of ours must not stop the hub's ingest
            log.exception("live delivery failed for one piece of news; the next goes on")
        for listener in list(self.listeners):
            listener()
        self.arm()

    # -- the timer ----------------------------------------------------------------------------------------------

    def arm(self) -> None:
        """Set the timer for the exchange's next tick; call after whatever may have changed it."""
        due_ms = self.exchange.next_tick_ms()
        if due_ms is None or (self._timer is not None and self._timer_ms <= due_ms):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ms = due_ms
        # Timers are whole milliseconds: one that fires a little early finds nothing due, and would be set again.
        delay_s = (math.ceil(max(0.0, due_ms - self.view.now_ms())) + 1) / 1_000
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        try:
            self.exchange.tick(self.view.now_ms())
        except Exception:  # as above
            log.exception("a live tick failed; the next goes on")
        self.arm()
