"""Standard output instead of a hub: the same events as JSON lines (docs/agent.md says their shape).

    {"type":"sample","time_ms":1700000000000,"values":{"cpu.user_pct":14.5,"disk.util_pct[sda]":null}}
    {"type":"lines","time_ms":...,"path":"/var/log/app.log","file":"...","offset":1024,"lines":["hello"]}
    {"type":"event","time_ms":...,"kind":"source_down","fields":{"source":"iostat","why":"...","remedy":"..."}}

A shell. What was written counts as committed. A reader that is slow slows the agent, as a hub without credit would.
"""

import json
import os
import struct
from collections.abc import Collection, Sequence

from fleetglass_proto import limits
from fleetglass_proto.messages import BatchFlag, Event, EventKind, LineBatch

from fleetglass_agent.outlet import Told
from fleetglass_agent.uplink.session import Committed, Welcomed


class Stdout:
    """Writes JSON lines."""

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._paths: dict[int, str] = {}
        self._told: list[Told] = [Welcomed(())]
        self._offsets: dict[tuple[int, int], int] = {}
        self._text: list[str] = []

    def polled(self) -> Sequence[tuple[object, int]]:
        return []

    def turn(self, _readable: Collection[object], _now_ms: int, _wall_ms: int) -> Sequence[Told]:
        if self._offsets:
            self._told.append(Committed(tuple((*key, offset) for key, offset in self._offsets.items())))
            self._offsets.clear()
        told, self._told = self._told, []
        return told

    def next_tick_ms(self) -> int | None:
        return 0 if self._told or self._offsets else None

    def sample(self, series: tuple[str, ...], time_ms: int, values: bytes) -> None:
        numbers = struct.unpack(f"<{len(series)}f", values)
        self._write(
            type="sample",
            time_ms=time_ms,
            values={name: _short(number) for name, number in zip(series, numbers, strict=True)},
        )

    def event(self, event: Event) -> None:
        names = {"stream": event.stream, "file": None if event.file is None else str(event.file)}
        self._write(
            type="event",
            time_ms=event.time_ms,
            kind=event.kind,
            **{key: value for key, value in names.items() if value is not None},
            fields={key: value.hex() if isinstance(value, bytes) else value for key, value in event.fields.items()},
        )

    def budget(self) -> int:
        return limits.BATCH_BYTES

    def lines(self, items: Sequence[LineBatch | Event]) -> int:
        size = 0
        for item in items:
            if isinstance(item, Event):
                self._stream_event(item)
                continue
            size += len(item.data)
            self._batch(item)
            if not item.flags & BatchFlag.PARTIAL:
                self._offsets[item.stream, item.file] = item.end
        return size

    def flush(self, _wall_ms: int) -> None:
        data = memoryview("".join(self._text).encode("utf-8", "backslashreplace"))
        self._text.clear()
        while data:
            data = data[os.write(self._descriptor, data) :]

    def introduce(self, _labels: dict[str, str], _now_ms: int) -> None:
        pass

    def begin_anew(self, _now_ms: int) -> None:
        pass  # each line says its time as it is

    def end(self, wall_ms: int, _why: str) -> None:
        self.flush(wall_ms)

    def _stream_event(self, event: Event) -> None:
        if event.kind == EventKind.STREAM_UP and event.stream is not None:
            self._paths[event.stream] = str(event.fields.get("path", ""))
        end = event.fields.get("end")
        if event.kind == EventKind.GAP and event.stream is not None and event.file is not None and isinstance(end, int):
            self._offsets[event.stream, event.file] = end
        self.event(event)

    def _batch(self, batch: LineBatch) -> None:
        lines = batch.data.split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        partial = {"partial": True} if batch.flags & BatchFlag.PARTIAL else {}
        cut = {"cut": True} if batch.flags & BatchFlag.CUT else {}
        self._write(
            type="lines",
            time_ms=batch.read_ms,
            path=self._paths.get(batch.stream, ""),
            file=str(batch.file),
            offset=batch.start,
            lines=[line.removesuffix(b"\r").decode("utf-8", "replace") for line in lines],
            **partial,
            **cut,
        )

    def _write(self, **fields: object) -> None:
        self._text.append(json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n")


def _short(number: float) -> float | None:
    """A float32 as people would write it; what is not known or not finite is null."""
    return None if number != number or number in (float("inf"), float("-inf")) else float(f"{number:.7g}")
