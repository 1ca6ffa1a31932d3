"""A hub in memory, strict: what is refused, stored and committed follows PROTOCOL.md, and nothing is forgotten."""

from fleetglass_proto.messages import BatchFlag, Event, EventKind, KnownFile, KnownStream, LineBatch


class ToyHub:
    """Stores bytes a file; `lines` in the order in which they were stored."""

    def __init__(self) -> None:
        self.paths: dict[int, str] = {}
        self.files: dict[int, dict] = {}  # number -> {path, dev, inode, fp_count, fp}
        self.received: dict[int, int] = {}
        self.committed: dict[int, int] = {}
        self.data: list[tuple[int, int, bytes | None]] = []  # what was received and not yet committed
        self.lines: list[bytes] = []
        self.by_path: dict[str, list[bytes]] = {}
        self.gaps: list[tuple[int, int, int, str]] = []
        self.events: list[Event] = []
        self.partial: dict[int, bytes] = {}
        self._open_line: dict[int, tuple[int, bytes]] = {}

    def session(self) -> list[KnownStream]:
        """A new session: what was not committed is forgotten."""
        self.data = []
        self.paths = {}
        self.received = dict(self.committed)
        self.partial = {}
        by_path: dict[str, list[KnownFile]] = {}
        for number, one in self.files.items():
            known = KnownFile(number, one["dev"], one["inode"], one["fp_count"], one["fp"], self.committed[number])
            by_path.setdefault(one["path"], []).append(known)
        return [KnownStream(path, "file", tuple(files[-64:])) for path, files in by_path.items()]

    def take(self, messages: list[LineBatch | Event]) -> None:
        for message in messages:
            if isinstance(message, Event):
                self._event(message)
            else:
                self._batch(message)

    def commit(self) -> list[tuple[int, int, int]]:
        """Everything received is on disk now: stream, file, offset."""
        for number, start, raw in self.data:
            if raw is not None:
                self._store(number, start, raw)
            elif number in self._open_line:  # the tail of a file that ended is a line
                self._line(number, self._open_line.pop(number)[1])
        self.data = []
        answers = []
        streams = {path: stream for stream, path in self.paths.items()}
        for number, offset in self.received.items():
            self.committed[number] = offset
            path = self.files[number]["path"]
            if path in streams:
                answers.append((streams[path], number, offset))
        return answers

    def _event(self, event: Event) -> None:
        self.events.append(event)
        fields = event.fields
        if event.kind == EventKind.STREAM_UP:
            self.paths[event.stream] = fields["path"]
        elif event.kind == EventKind.FILE_UP:
            assert event.stream in self.paths, "a file before its stream"
            is_new = event.file not in self.files
            self.files[event.file] = {"path": self.paths[event.stream], **fields}
            if is_new:
                self.received[event.file] = self.committed[event.file] = fields["start"]
        elif event.kind == EventKind.GAP:
            start, end = fields["start"], fields["end"]
            assert start < end
            assert start <= self.received[event.file], "a hole before a gap"
            if end > self.received[event.file]:
                self.gaps.append((event.file, start, end, fields["why"]))
                self.received[event.file] = end
        elif event.kind == EventKind.FILE_END:
            assert fields["end"] <= self.received[event.file], "an end behind bytes that never came"
            self.data.append((event.file, fields["end"], None))

    def _batch(self, batch: LineBatch) -> None:
        assert batch.stream in self.paths, "a batch before its stream"
        assert batch.file in self.files, "a batch before its file"
        assert len(batch.data) == batch.end - batch.start > 0
        if batch.flags & BatchFlag.PARTIAL:
            assert batch.start == self.received[batch.file]
            self.partial[batch.file] = batch.data
            return
        self.partial.pop(batch.file, None)
        have = self.received[batch.file]
        assert batch.start <= have, f"a hole: has {have}, got {batch.start}"
        new = batch.data[max(have - batch.start, 0) :]
        if new:
            self.data.append((batch.file, max(have, batch.start), new))
            self.received[batch.file] = max(have, batch.end)

    def _line(self, number: int, line: bytes) -> None:
        self.lines.append(line)
        self.by_path.setdefault(self.files[number]["path"], []).append(line)

    def _store(self, number: int, start: int, raw: bytes) -> None:
        before_at, before = self._open_line.pop(number, (start, b""))
        if before_at + len(before) != start:
            self._line(number, before)
            before = b""
        *whole, rest = (before + raw).split(b"\n")
        for line in whole:
            self._line(number, line + b"\n")
        if rest:
            self._open_line[number] = (start + len(raw) - len(rest), rest)
