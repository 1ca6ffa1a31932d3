"""Uvicorn's server, less restless: it looks at the clock once a second instead of ten times.

Ten wake-ups a second are a millisecond of CPU each second, which is what two hundred browsers cost. What the look is
for needs no more: the `Date` header, and whether to end; the latter is told here by an event, at once.
"""

import asyncio
import gc

import uvicorn

TICK_S = 1.0
# A connection is some hundred objects that live long. At the interpreter's 700 the collector walks them again and again
# while ten thousand browsers join: 650 us of CPU each instead of 500 (`python -m tests.bench browsers`).
GC_THRESHOLDS = (20_000, 20, 100)


class QuietServer(uvicorn.Server):
    """A `uvicorn.Server` to use in its place."""

    def __init__(self, config: uvicorn.Config) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ends = asyncio.Event()
        self._should_exit = False
        super().__init__(config)

    @property
    def should_exit(self) -> bool:
        """Set it to end the server; also from a signal handler or another thread."""
        return self._should_exit

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self._should_exit = value
        if value and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ends.set)

    async def main_loop(self) -> None:
        """Tick until it shall end."""
        gc.set_threshold(*GC_THRESHOLDS)
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            try:
                async with asyncio.timeout(TICK_S):
                    await self._ends.wait()
            except TimeoutError:
                pass
