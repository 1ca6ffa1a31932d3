"""Samples, line batches and events into messages: in order, within the limits, at a pace that fits the load.

`messages` packs; `Pace` says when lines may leave again: at once where a line comes alone, a few milliseconds after
the last frame where they come faster than that, so that a busy file costs one message per turn and not one per line.
"""

from collections.abc import Iterable, Iterator, Sequence

from fleetglass_proto import codec, limits
from fleetglass_proto.messages import Event, Frame, LineBatch, Sample

# A line that follows the last frame by more than this came alone.
ALONE_MS = 10
# How long lines gather that follow each other closely. A line may take 2 ms from write() to browser at the median and 8
# at p99 (design section 8): at 1,000 lines/s they take 1.6 and 2.8 with 2 ms here, and the loop makes half as many
# turns as with 1 ms. From tens of thousands a second on, fewer and larger messages halve the cost of each line.
GATHER_MS = 2
BUSY_BYTES, BUSY_MS = 16 << 10, 5
# A frame of this size is a backlog's: the next may follow at once. A live file of 200,000 lines/s fills 120 KiB in
# `BUSY_MS`; with 96 KiB here every second frame was a small one (0.70 instead of 0.60 CPU s a million lines).
FULL_BYTES = 192 << 10
# Names and numbers of a batch beside its data, at their longest: 1 + 5 + 9 + 9 + 9 + 9 + 2 + 5, rounded up.
BATCH_HEAD_BYTES = 64


def messages(wall_ms: int, samples: Sequence[Sample], items: Iterable[LineBatch | Event]) -> Iterator[bytes]:
    """Encode what is to be sent, in the order given.

    Args:
        wall_ms: the sender's clock, for the hub's measure of its offset.
        samples: oldest first; they leave in the first frame.
        items: batches and events in the order of their streams; an event ends the frame before it.

    Returns:
        Messages, each within `limits.MESSAGE_BYTES` as long as each batch is within `limits.BATCH_BYTES`.
    """
    batches: list[LineBatch] = []
    size = 0
    for item in items:
        grown = size + len(item.data) if isinstance(item, LineBatch) else limits.MESSAGE_BYTES
        if (batches or samples) and (grown > limits.BATCH_BYTES or len(batches) == limits.BATCHES_PER_FRAME):
            yield codec.encode(Frame(wall_ms, tuple(samples), tuple(batches)))
            samples, batches, size = (), [], 0
        if isinstance(item, LineBatch):
            batches.append(item)
            size += len(item.data) + BATCH_HEAD_BYTES
        else:
            yield codec.encode(item)
    if batches or samples:
        yield codec.encode(Frame(wall_ms, tuple(samples), tuple(batches)))


class Pace:
    """When lines may leave again."""

    def __init__(self) -> None:
        self._last_ms = -ALONE_MS
        self.next_ms = 0

    def sent(self, size: int, now_ms: int) -> None:
        """A frame with so many bytes of lines was handed over."""
        if size >= FULL_BYTES or now_ms - self._last_ms > ALONE_MS:
            wait_ms = 0
        else:
            wait_ms = GATHER_MS if size < BUSY_BYTES else BUSY_MS
        self._last_ms = now_ms
        self.next_ms = now_ms + wait_ms
