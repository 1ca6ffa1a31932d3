"""Log to committed history, MB/s and CPU; references: zstd -1 and -3 of the same file. Also the group commit's p99.

`MIB=1024 make bench ARGS=history_lines` takes a gigabyte; the default is 128 MiB.
"""

import asyncio
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from bench.loglines import blocks
from fleetglass_hub.history.disk import DiskHistory
from fleetglass_hub.history.keeping import EVERYTHING
from fleetglass_hub.history.recorder import FileRecord, HostRecord, StreamRecord
from fleetglass_web.view import LineBatch

MIB = int(os.environ.get("MIB", "128"))
# As much as an agent may have under way.
CREDIT_BYTES = 16 << 20
SLOW_S = 4.0
SLOW_STREAMS = 20


def open_history(folder, streams=1):
    history = DiskHistory(folder, keeping=EVERYTHING)
    history.load(0)
    history.put_host(HostRecord(1, b"1" * 16, "web-1", {}, {}, "1", 1_000, "", 0.0, 0.0, False))
    for stream in range(streams):
        history.put_stream(StreamRecord(1, stream, f"/var/log/app-{stream}.log", "file"))
        history.put_file(FileRecord(1, stream, stream + 1, 1, stream, 0, b"", 0, False))
    return history


async def fill(history, data, pause_s=0.0, streams=1):
    """Append blocks within the credit, until all is committed."""
    told = asyncio.Event()
    done = [0]

    def committed(mark):
        done[0] = mark
        told.set()

    history.start(committed)
    ends = [0] * streams
    mark = 0
    for seq, block in enumerate(data, 1):
        while history.pending_bytes > CREDIT_BYTES:
            told.clear()
            await told.wait()
        stream = seq % streams
        now_ms = time.time() * 1_000
        path = f"/var/log/app-{stream}.log"
        batch = LineBatch(seq, 1, stream, path, stream + 1, ends[stream], now_ms, now_ms, block, False, False)
        mark = history.append_lines(batch)
        ends[stream] += len(block)
        history.flush()
        await asyncio.sleep(pause_s)
    while done[0] < mark:
        told.clear()
        await told.wait()


def cpu_of(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - began


def main():
    data = list(blocks(MIB << 20))
    total = sum(map(len, data))
    count = sum(block.count(b"\n") for block in data)
    with tempfile.TemporaryDirectory() as folder:
        history = open_history(folder)
        began, before = time.monotonic(), time.process_time()
        asyncio.run(whole(history, data))
        took_s, cpu_s = time.monotonic() - began, time.process_time() - before
        stored = sum(path.stat().st_size for path in Path(folder).iterdir())
        raw = Path(folder, "raw")
        raw.write_bytes(b"".join(data))
        for level in (1, 3):
            reference_s, took_reference_s = cpu_of(["zstd", f"-{level}", "-q", "-f", str(raw), "-o", f"{raw}.{level}"])
            size = Path(f"{raw}.{level}").stat().st_size
            name = f"zstd -{level} of the file"
            print(
                f"log to committed history, CPU: {cpu_s / total * 1e9:.2f} s/GB (reference {name} "
                f"{reference_s / total * 1e9:.2f} s/GB, ratio {cpu_s / reference_s:.2f})"
            )
            print(
                f"log to committed history: {total / took_s / 1e6:.0f} MB/s (reference {name} "
                f"{total / took_reference_s / 1e6:.0f} MB/s, ratio {took_reference_s / took_s:.2f})"
            )
            print(
                f"log history on disk: {stored / total:.3f} of the raw size (reference {name} {size / total:.3f}, "
                f"ratio {stored / size:.2f})"
            )
    print(f"hub CPU a million lines of {total // count} bytes, history alone: {cpu_s / count * 1e6:.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        history = open_history(folder, SLOW_STREAMS)
        lines = (b"a quiet line of %d\n" % at for at in range(int(SLOW_S * 200)))
        asyncio.run(whole(history, lines, 0.005, SLOW_STREAMS))
        p99_ms = history.figures()["history_commit_p99_ms"]
        print(f"group commit, append to disk, p99: {p99_ms:.0f} ms (reference the design's interval 250 ms, "
              f"ratio {p99_ms / 250:.2f})")  # fmt: skip


async def whole(history, data, pause_s=0.0, streams=1):
    await fill(history, data, pause_s, streams)
    await history.close()


if __name__ == "__main__":
    main()
