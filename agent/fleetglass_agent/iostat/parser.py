"""Bytes of any iostat -> reports.

    parser = Parser()
    for data in pieces:
        for report in parser.feed(data): ...
    for report in parser.close(): ...

No exception on any input, bounded memory, and the same reports for any cut of the bytes. A report comes out with its
last byte where the format marks its end; where only the next report would tell, `idle` may be called when nothing has
come for some 100 ms, so that a stream of one report a second is not always one behind.
"""

import re

from fleetglass_agent.iostat.jsonform import JsonForm
from fleetglass_agent.iostat.report import Report
from fleetglass_agent.iostat.tables import Tables

# NetBSD's widest line is 110 KB (5,000 disks); a longer one is not iostat's.
LINE_BYTES = 256 * 1024
# As much as is looked at in one go: a piece of 100 MB is not copied as a whole.
PIECE_BYTES = 64 * 1024

_ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][0-9A-Za-z]|\x0f")
_JSON_BEGINS = re.compile(rb'^[ \t\r]*\{[ \t\r]*(?:"|$)|\{\s*"sysstat"', re.MULTILINE)


class Parser:
    """The incremental parser. `feed` and `close` give what has become complete, oldest first."""

    def __init__(self) -> None:
        self._tables = Tables()
        self._json: JsonForm | None = None
        self._rest: list[bytes] = []  # the line that has not ended yet
        self._rest_bytes = 0
        self._is_skipping = False  # the line that has not ended yet is longer than any line of an iostat

    def feed(self, data: bytes) -> list[Report]:
        """Take the next bytes, in any cut."""
        for start in range(0, len(data), PIECE_BYTES):
            piece = data if len(data) <= PIECE_BYTES else data[start : start + PIECE_BYTES]
            while piece:
                piece = self._feed_json(self._json, piece) if self._json is not None else self._feed_text(piece)
        return self._take()

    def idle(self) -> list[Report]:
        """Nothing has come for a while: gives the last report if it has all that the one before it had."""
        if self._json is None and not self._rest:
            self._tables.idle()
        return self._take()

    def close(self) -> list[Report]:
        """The input has ended: gives the last report, with its problem if it is cut off."""
        if self._json is not None:
            self._json.close()
            self._tables.reports += self._json.reports
            self._json = None
        rest = b"".join(self._rest)
        self._rest, self._rest_bytes = [], 0
        self._tables.close("" if self._is_skipping else _text(rest))
        self._is_skipping = False
        return self._take()

    def _take(self) -> list[Report]:
        reports, self._tables.reports = self._tables.reports, []
        return reports

    def _feed_json(self, document: JsonForm, piece: bytes) -> bytes:
        rest = document.feed(piece)
        if document.reports:
            self._tables.reports += document.reports
            document.reports = []
        if document.is_over:
            self._json = None
        return rest

    def _feed_text(self, piece: bytes) -> bytes:
        """Take lines; gives back what must be read as JSON."""
        end = piece.rfind(b"\n") + 1
        if not end:
            return self._keep_rest(piece)
        whole = b"".join([*self._rest, piece[:end]]) if self._rest else piece[:end]
        self._rest, self._rest_bytes = [], 0
        if self._is_skipping:
            self._is_skipping = False
            whole = whole[whole.index(b"\n") + 1 :]
        if b"{" in whole:
            begin = _JSON_BEGINS.search(whole)
            if begin is not None:
                return self._begin_json(whole[: begin.start()], whole[begin.start() :] + piece[end:])
        self._lines(whole)
        return self._keep_rest(piece[end:])

    def _keep_rest(self, piece: bytes) -> bytes:
        if not piece or self._is_skipping:
            return b""
        self._rest.append(piece)
        self._rest_bytes += len(piece)
        if self._rest_bytes > LINE_BYTES:
            self._rest, self._rest_bytes, self._is_skipping = [], 0, True
            self._tables.complain(f"a line is longer than {LINE_BYTES} bytes")
        elif b'"' in piece:
            # JSON without line ends must not wait for one
            whole = b"".join(self._rest)
            begin = _JSON_BEGINS.search(whole)
            if begin is not None and whole[begin.start() :].strip() != b"{":
                self._rest, self._rest_bytes = [], 0
                return self._begin_json(whole[: begin.start()], whole[begin.start() :])
        return b""

    def _begin_json(self, before: bytes, document: bytes) -> bytes:
        self._lines(before)
        self._tables.close("")
        self._json = JsonForm()
        return document

    def _lines(self, data: bytes) -> None:
        lines = _text(data).split("\n")
        if not lines[-1]:
            lines.pop()
        self._tables.lines(lines)


def _text(data: bytes) -> str:
    if b"\x1b" in data or b"\x0f" in data:
        data = _ESCAPE.sub(b"", data)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    return data.decode("utf-8", "replace").replace("\x00", " ").removeprefix("\ufeff")
