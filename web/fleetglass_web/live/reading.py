"""Who reads? Found out before a peer's kernel has swallowed a hundred frames.

A kernel acknowledges what its program never reads, so a client that stops would get minutes-old rows first when it
reads on. Two ways tell more than the socket does:

**Ask**: a WebSocket ping, which a client answers in order, after what came before it. It costs the hub some 60 us, ten
frames' worth, so it is for channels of up to `ASK_ALL` subscribers.

**Look**: a peer also says how much more it has room for, and the end of that room (what it acknowledged plus its
window) moves on only when its program reads. A look costs 1.5 us, but the window only shrinks when some 60 KB are
unread, so it is for frames from `LOOK_BYTES` on. Who seems to have stopped is asked.

    acknowledged ─┐           ┌─ the edge: moves by what was read
    ──────────────▼───────────▼────
                  │  window   │

Of up to `ASK_MOST`, `ASK_ALL` are asked at a time, in their turns. Small frames to more are left to the bounds of the
kernel (`transports/kernelbuffer`), which a client that reads on has read within a second: asking them would cost more
than the frames. Asked with each second frame, a client that has not answered three frames later is held back: it has at
most five frames before it (eleven of 256 subscribers), and gets the newest state when it answers.
"""

ASK_ALL = 64
ASK_MOST = 256
LOOK_BYTES = 8 << 10
ASK_EVERY = 2
HOLD_AFTER = 3
# Of equal frames it must have read nearly all; windows are told in steps of some 128 bytes.
READ_SHARE = 0.85


class Reading:
    """What was seen of one connection."""

    __slots__ = ("_edge", "_sent")

    def __init__(self) -> None:
        self._edge = self._sent = 0

    def has_stopped(self, acked: int, window: int, sent: int) -> bool:
        """Whether the client should be asked; the arguments are the connection's counters, in bytes."""
        moved = acked + window - self._edge
        told = sent - self._sent
        self._edge, self._sent = acked + window, sent
        return moved < told * READ_SHARE
