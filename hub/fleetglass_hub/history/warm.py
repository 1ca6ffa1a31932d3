"""What a hub takes from its last life: the newest lines without a hole, and the journal's records that fit.

In: what the database and the journal hold. Out: what may be used. Nothing is read here.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence

from fleetglass_web.view import LineBatch

from fleetglass_hub.history.recorder import FileRecord
from fleetglass_hub.history.records import GapRecord, Item


def contiguous_lines(
    waiting: Iterable[LineBatch],
    chunks: Iterable[tuple[int, Callable[[], list[LineBatch]]]],
    most_bytes: int,
) -> list[LineBatch]:
    """The newest batches in the order of their numbers, none left out between the first and the last.

    Args:
        waiting: all batches that are in no chunk.
        chunks: from the highest last number down: that number, and how to get the batches.
    """
    # From the highest number down; a chunk's batches join when no later chunk can hold a higher one.
    ahead = [(-batch.seq, batch) for batch in waiting]
    heapq.heapify(ahead)
    found: list[LineBatch] = []
    size = 0
    for last_seq, batches in chunks:
        while ahead and -ahead[0][0] > last_seq and size < most_bytes:
            found.append(heapq.heappop(ahead)[1])
            size += len(found[-1].data)
        if size >= most_bytes:
            break
        for batch in batches():
            heapq.heappush(ahead, (-batch.seq, batch))
    while ahead and size < most_bytes:
        found.append(heapq.heappop(ahead)[1])
        size += len(found[-1].data)
    found.reverse()
    return found


def follows(items: Sequence[Item], files: Iterable[FileRecord]) -> list[Item]:
    """Items without the lines that do not stand right behind what is committed of their file.

    A record is lost where the disk was full when it was written, and its lines' agents send them again.
    """
    ends = {(file.host, file.stream, file.file): file.committed for file in files}
    found: list[Item] = []
    for item in items:
        match item:
            case FileRecord():
                ends.setdefault((item.host, item.stream, item.file), item.committed)
            case LineBatch():
                key = (item.host, item.stream, item.file)
                if ends.get(key) != item.start:
                    continue
                ends[key] = item.start + len(item.data)
            case GapRecord():
                key = (item.gap.host, item.gap.stream, item.file)
                # Bytes that were truncated unseen have no range: their gap ends where the file stands already.
                if key not in ends or ends[key] > item.end:
                    continue
                ends[key] = item.end
            case _:
                pass
        found.append(item)
    return found
