"""What the agents are owed: an acknowledgement for everything that is on its way to disk.

    owe_lines, owe_samples, with history's mark ──► │ mark 7 │ mark 8 │ mark 9 │ ──► committed(8): 7 and 8 are on disk

Lines are acknowledged by the committed offset of their file, samples by the newest committed time of their host.

In: marks, and what stands behind them. Out: offsets and times that may be told, and the hosts to tell.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleetglass_hub.history.recorder import Rows
from fleetglass_hub.ingest.session import Session
from fleetglass_hub.ingest.streams import FileState

# Samples whose acknowledgement is owed, 12 bytes each. Beyond it (a full disk for hours) the oldest are let go: the
# agents keep them an hour by themselves, and a later commit acknowledges by a later time.
SAMPLES_MAX = 8_000_000


class _Lines(NamedTuple):
    mark: int
    state: FileState
    end: int
    session: Session
    sent_bytes: int


class _Samples(NamedTuple):
    mark: int
    hosts: NDArray[np.uint32]
    raw_ms: NDArray[np.int64]


class Owed:
    """All acknowledgements that are owed."""

    def __init__(self) -> None:
        self._lines: deque[_Lines] = deque()
        self._samples: deque[_Samples] = deque()
        self._waiting = 0
        self._samples_ms = np.zeros(16, np.int64)  # host -> newest raw_ms on disk

    def samples_ms(self, host: int) -> int:
        """The newest time of a host's samples that is on disk; 0: none."""
        return int(self._samples_ms[host]) if host < len(self._samples_ms) else 0

    def set_samples_ms(self, host: int, raw_ms: int) -> None:
        """What history knows at the start, or 0 for a host that is forgotten."""
        self._grow(host)
        self._samples_ms[host] = raw_ms

    def _grow(self, host: int) -> None:
        while host >= len(self._samples_ms):
            self._samples_ms = np.concatenate((self._samples_ms, np.zeros_like(self._samples_ms)))

    def owe_lines(self, mark: int, state: FileState, end: int, session: Session, sent_bytes: int) -> None:
        """Lines or a gap: when `mark` is committed, the file stands at `end`."""
        self._lines.append(_Lines(mark, state, end, session, sent_bytes))

    def owe_samples(self, marks: Sequence[int], placed: Sequence[Rows]) -> None:
        """Samples of one placing, under one mark: a frame's backfill and its live sample, which acknowledges the whole
        frame, may have two schemas.
        """
        for rows in placed:
            self._samples.append(_Samples(marks[-1], rows.hosts, rows.raw_ms))
            self._waiting += len(rows.hosts)
            self._grow(int(rows.hosts.max()))
        while self._waiting > SAMPLES_MAX:
            self._waiting -= len(self._samples.popleft().hosts)

    def uncommitted(self, host: int) -> set[int]:
        """Times of a host's samples that are not on disk yet: it will send them again after a welcome."""
        found: set[int] = set()
        for entry in self._samples:
            found.update(entry.raw_ms[entry.hosts == host].tolist())
        return found

    def committed(self, mark: int) -> set[int]:
        """Everything up to a mark is on disk; the hosts whose lines are among it."""
        while self._samples and self._samples[0].mark <= mark:
            samples = self._samples.popleft()
            self._waiting -= len(samples.hosts)
            np.maximum.at(self._samples_ms, samples.hosts, samples.raw_ms)
        hosts: set[int] = set()
        while self._lines and self._lines[0].mark <= mark:
            entry = self._lines.popleft()
            entry.state.committed = max(entry.state.committed, entry.end)
            entry.session.committed_bytes += entry.sent_bytes
            hosts.add(entry.state.stream.host)
        return hosts
