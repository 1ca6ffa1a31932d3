"""Lines that are none of the usual, from the file to the client: odd bytes, long, unfinished and rotated ones."""

import time
from pathlib import Path
from typing import Any

from harness.live import LiveClient
from harness.waiting import until

LONG = 300_000  # more than one batch
TOO_LONG = 1_500_000  # more than an agent carries of one line (max_line_bytes)
CARRIED = 1 << 20


class Reader:
    """A client in MessagePack that keeps what it gets: whole lines with their places, unfinished ones, gaps."""

    def __init__(self, client: LiveClient) -> None:
        self.client = client
        self.lines: list[tuple[int, bytes]] = []
        self.unfinished: list[tuple[int, bytes]] = []
        self.gaps: list[dict[str, Any]] = []

    def until(self, text: bytes, within_s: float = 15.0, unfinished: bool = False) -> int:
        """Read on until a line is there; its offset."""
        deadline = time.monotonic() + within_s
        while True:
            for offset, line in self.unfinished if unfinished else self.lines:
                if line == text:
                    return offset
            message = self.client.receive(max(0.01, deadline - time.monotonic()))
            if message["op"] == "gap":
                self.gaps.append(message)
            for batch in message["batches"] if message["op"] == "lines" else ():
                found = self.unfinished if batch.get("partial") else self.lines
                found += [(offset, line) for offset, line in batch["lines"]]

    def joined(self, start: int) -> bytes:
        """The line that begins at an offset, put together of its pieces: one ends where the next begins."""
        whole = b""
        for offset, piece in self.lines:
            if offset == start + len(whole):
                whole += piece
        return whole


def append(log: Path, data: bytes) -> int:
    """Write, as a program does; where it began."""
    with log.open("ab") as file:
        start = file.tell()
        file.write(data)
    return start


def test_odd_long_unfinished_and_rotated_lines_arrive_as_they_were_written(hub, start_agent, tmp_path):
    log, slow = tmp_path / "app.log", tmp_path / "slow.log"
    log.touch()
    slow.touch()
    start_agent("web-1", "--tail", str(tmp_path / "*.log"))
    hub.until_live("web-1")
    until(lambda: hub.hosts("web-1")[0]["streams"] == 2, "both logs are followed")
    with LiveClient(hub.live_url, "fleetglass.v1") as client, LiveClient(hub.live_url) as text:
        for one in (client, text):
            one.send(op="subscribe", id=1, hosts="web-1", logs={"path": "*"})
            one.next("hosts")
        reader = Reader(client)
        # An unfinished line is shown after five quiet seconds; the rest happens meanwhile.
        append(slow, b"first\nhalf a li")
        assert reader.until(b"first") == 0

        odd = b"caf\xe9 \xff\xfe \x1b[31mred\x1b[0m \xf0\x9f\x92\xa9"
        at = append(log, odd + b"\r\n")
        assert reader.until(odd) == at
        assert text.next_line("red")[1] == at

        at = append(log, b"L" * LONG + b"\nbehind the long one\n")
        assert reader.until(b"behind the long one") == at + LONG + 1
        assert reader.joined(at) == b"L" * LONG

        at = append(log, b"T" * TOO_LONG + b"\nbehind what is too long\n")
        assert reader.until(b"behind what is too long") == at + TOO_LONG + 1
        assert reader.joined(at) == b"T" * CARRIED
        assert [(gap["why"], gap["bytes"]) for gap in reader.gaps] == [("truncated", TOO_LONG - CARRIED + 1)]

        log.rename(tmp_path / "app.log.1")
        append(log, b"in a new file\n")
        assert reader.until(b"in a new file") == 0

        assert reader.until(b"half a li", unfinished=True) == 6
        append(slow, b"ne, now whole\n")
        assert reader.until(b"half a line, now whole") == 6
        assert len(reader.gaps) == 1

    page = hub.get("/api/v1/logs?filter=web-1&path=*slow.log")["lines"]
    assert [(line["offset"], line["text"]) for line in page] == [(6, "half a line, now whole"), (0, "first")]
    page = hub.get("/api/v1/logs?filter=web-1&path=*app.log")["lines"]
    found = [(line["text"][:23], len(line["text"])) for line in page]
    assert found[0] == ("in a new file", 13)
    assert ("L" * 23, LONG) in found
    assert page[-1]["text"] == odd.decode("utf-8", "replace")
