"""A process that fills a history until it is killed: `writer_process.py FOLDER SEED`.

It goes on where the history says that each file stands, as agents do. On standard output it tells, a line each, what it
has flushed (`f FILE OFFSET`, after the flush) and what it was told is committed (`c FILE OFFSET`).
"""

import asyncio
import os
import random
import sys
import time

import numpy as np
from fleetglass_hub.history import lines
from fleetglass_hub.history.disk import DiskHistory
from fleetglass_hub.history.recorder import FileRecord, HostRecord, Rows, StreamRecord
from fleetglass_web.view import LineBatch

HOSTS, STREAMS = 2, 3


def text(file, number):
    """The line of a file, by its number; its length depends on it."""
    return b"%d:%08d %s\n" % (file, number, b"x" * (number * 7 % 90))


async def write(folder, seed):
    chance = random.Random(seed)
    # Small chunks, so that a second of life makes many.
    lines.PACK_BYTES = 20_000
    recorder = DiskHistory(folder)
    loaded = recorder.load(1 << 20)
    ends = {file.file: file.committed for file in loaded.files}
    seq = loaded.next_seq - 1
    pending = []

    def committed(mark):
        while pending and pending[0][0] <= mark:
            _, file, end = pending.pop(0)
            sys.stdout.write(f"c {file} {end}\n")
        sys.stdout.flush()

    recorder.start(committed)
    if not ends:
        recorder.put_schema(1, ("cpu.user_pct",))
    numbers = {}
    for host in range(HOSTS):
        recorder.put_host(HostRecord(host, bytes([host]) * 16, f"h{host}", {}, {}, "1", 1_000, "", 0.0, 0.0, False))
        for stream in range(STREAMS):
            file = host * STREAMS + stream
            if file not in ends:
                ends[file] = 0
                recorder.put_stream(StreamRecord(host, stream, f"/log/{file}", "file"))
                recorder.put_file(FileRecord(host, stream, file, 1, file, 0, b"", 0, False))
            numbers[file] = at = 0
            while at < ends[file]:
                at += len(text(file, numbers[file]))
                numbers[file] += 1
            assert at == ends[file], f"file {file} stands within a line, at {ends[file]}"
    print("ready", flush=True)
    while True:
        flushed = []
        for _ in range(chance.choice((1, 1, 3, 10))):
            file = chance.choice((0, 0, 0, 1, 2, 3, 4, 5))
            count = chance.choice((1, 1, 5, 200))
            data = b"".join(text(file, numbers[file] + k) for k in range(count))
            seq += 1
            host, stream = divmod(file, STREAMS)
            now_ms = time.time() * 1_000
            batch = LineBatch(seq, host, stream, f"/log/{file}", file, ends[file], now_ms, now_ms, data, False, False)
            mark = recorder.append_lines(batch)
            numbers[file] += count
            ends[file] += len(data)
            pending.append((mark, file, ends[file]))
            flushed.append((file, ends[file]))
        now_ms = time.time() * 1_000
        rows = Rows(
            1, np.arange(HOSTS, dtype=np.uint32), np.full(HOSTS, int(now_ms)), np.full(HOSTS, now_ms),
            np.ones((HOSTS, 1), np.float32),
        )  # fmt: skip
        recorder.append_rows(rows)
        recorder.flush()
        sys.stdout.write("".join(f"f {file} {end}\n" for file, end in flushed))
        sys.stdout.flush()
        await asyncio.sleep(chance.choice((0, 0, 0.001, 0.01)))


if __name__ == "__main__":
    os.set_blocking(1, True)
    asyncio.run(write(sys.argv[1], int(sys.argv[2])))
