"""kill -9 at any instant: every line once, in order, and nothing that was told is taken back.

`KILLS=200 pytest hub/tests/history/test_kill.py` kills more often than `make test` does.
"""

import asyncio
import importlib.util
import os
import random
import subprocess
import sys
import time
from pathlib import Path

WRITER = Path(__file__).parent / "writer_process.py"
KILLS = int(os.environ.get("KILLS", "8"))
FILES = 6


def load_writer():
    spec = importlib.util.spec_from_file_location("writer_process", WRITER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def live_and_die(folder, seed, span_s):
    """Let a writer live for a while behind its first words; what it told before its death."""
    child = subprocess.Popen(
        [sys.executable, WRITER, folder, str(seed)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    first = child.stdout.readline()
    assert first == b"ready\n", child.stderr.read().decode()
    time.sleep(span_s)
    child.kill()
    out, err = child.communicate()
    assert not err, err.decode()
    told = {"f": {}, "c": {}}
    for line in out.decode().splitlines(keepends=True):
        if line.endswith("\n"):
            kind, file, end = line.split()
            told[kind][int(file)] = int(end)
    return told


async def check(hands, told, text):
    """Everything that was flushed is there; each file's lines are those that were written, each once."""
    ends = {file.file: file.committed for file in hands.loaded.files}
    for kind in ("f", "c"):
        for file, end in told[kind].items():
            assert ends[file] >= end, f"file {file}: told {kind} {end}, on disk {ends[file]}"
    pages = await hands.all_pages(hosts=(0, 1), limit=10_000)
    by_file = {}
    for line in reversed(pages):
        by_file.setdefault(line.file, []).append(line)
    for file, own in by_file.items():
        at = 0
        for number, line in enumerate(own):
            assert (line.offset, line.data + b"\n") == (at, text(file, number))
            at += len(line.data) + 1
        assert at == ends[file], f"file {file}: lines up to {at}, committed {ends[file]}"
    assert sum(map(len, by_file.values())) == len(pages)


def test_a_writer_killed_at_any_instant_loses_nothing_and_doubles_nothing(tmp_path, disk):
    chance = random.Random(os.environ.get("SEED", "fleetglass"))
    text = load_writer().text
    for kill in range(KILLS):
        told = live_and_die(tmp_path, kill, chance.choice((0.01, 0.2, 0.3, 0.6)) * chance.random())

        async def look(told=told):
            hands = disk().start()
            await check(hands, told, text)
            await hands.recorder.close()

        # Every third time the next writer finds the history as the dead one left it.
        if kill % 3 or kill == KILLS - 1:
            asyncio.run(look())
