"""What the hub holds of one host's streams: their numbers, their files, and how far each file has come.

    file   0 ........ committed ........ received ........
           on disk    │  live, on its way  │  what comes next starts here

A stream is known by its path and kind for as long as its host is known; a file by the agent's random number. Both
outlive sessions: the next welcome tells the agent where each stands.

In: announcements. Out: states, and what `welcome` says of them.
"""

from fleetglass_proto import limits
from fleetglass_proto.messages import KnownFile, KnownStream

from fleetglass_hub.history.recorder import FileRecord, StreamRecord

# A welcome is one message; each file takes at most so many bytes in it (numbers of 9 bytes and a fingerprint of 8).
_FILE_BYTES = 60


class FileState:
    """One file."""

    __slots__ = ("committed", "cut", "dev", "ended", "file", "fp", "fp_count", "inode", "received", "stream")

    def __init__(self, stream: "StreamState", file: int, start: int) -> None:
        self.stream = stream
        self.file = file
        self.dev = 0
        self.inode = 0
        self.fp_count = 0
        self.fp = b""
        self.received = start
        self.committed = start
        self.cut = False  # what was received last was a piece of a line: the next batch goes on with it
        self.ended = False

    def record(self) -> FileRecord:
        """What history keeps."""
        stream = self.stream
        return FileRecord(
            stream.host,
            stream.number,
            self.file,
            self.dev,
            self.inode,
            self.fp_count,
            self.fp,
            self.committed,
            self.ended,
        )

    def known(self) -> KnownFile:
        """What a welcome says."""
        return KnownFile(self.file, self.dev, self.inode, self.fp_count, self.fp, self.committed)


class StreamState:
    """One followed path or command."""

    __slots__ = ("files", "host", "kind", "number", "path")

    def __init__(self, host: int, number: int, path: str, kind: str) -> None:
        self.host = host
        self.number = number
        self.path = path
        self.kind = kind
        self.files: dict[int, FileState] = {}

    def record(self) -> StreamRecord:
        """What history keeps."""
        return StreamRecord(self.host, self.number, self.path, self.kind)

    def file(self, file: int, start: int) -> tuple[FileState, bool]:
        """The state of a file, and whether it is new here."""
        state = self.files.get(file)
        if state is not None:
            # Announced again: it is the newest of its stream now.
            self.files[file] = self.files.pop(file)
            return state, False
        state = self.files[file] = FileState(self, file, start)
        while len(self.files) > limits.FILES_PER_STREAM:
            del self.files[next(iter(self.files))]
        return state, True

    def known(self, most_files: int) -> KnownStream:
        """What a welcome says: the newest files."""
        newest = list(self.files.values())[-most_files:]
        return KnownStream(self.path, self.kind, tuple(state.known() for state in newest))


class HostStreams:
    """All streams of one host."""

    def __init__(self, host: int) -> None:
        self.host = host
        self.by_path: dict[tuple[str, str], StreamState] = {}
        self._next = 0

    def load(self, record: StreamRecord) -> StreamState:
        """Take a stream that history knows."""
        state = StreamState(record.host, record.stream, record.path, record.kind)
        self.by_path[record.path, record.kind] = state
        self._next = max(self._next, record.stream + 1)
        return state

    def stream(self, path: str, kind: str) -> tuple[StreamState, bool]:
        """The state of a stream, and whether it is new here."""
        state = self.by_path.get((path, kind))
        if state is not None:
            return state, False
        state = self.by_path[path, kind] = StreamState(self.host, self._next, path, kind)
        self._next += 1
        return state, True

    def known(self) -> tuple[KnownStream, ...]:
        """What a welcome says of all streams: as many files of each as fit into one message."""
        streams = list(self.by_path.values())[-limits.STREAMS :]
        room = limits.MESSAGE_BYTES // 2 - sum(len(stream.path.encode()) + 32 for stream in streams)
        each = max(1, min(limits.FILES_PER_STREAM, room // (_FILE_BYTES * max(1, len(streams)))))
        return tuple(stream.known(each) for stream in streams)
