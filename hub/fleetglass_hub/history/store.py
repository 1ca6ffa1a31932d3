"""What stands in the tables of the history, in and out: SQL, and nothing that decides.

In: records, plans and rows. Out: the same. A shell: it works on the one connection that writes, within a transaction
that the caller began.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from fleetglass_web.view import Gap, LineBatch

from fleetglass_hub.history import hotsamples, lines, records
from fleetglass_hub.history.content import ContentError
from fleetglass_hub.history.recorder import EventRecord, FileRecord, HostRecord, Rows, StreamRecord
from fleetglass_hub.history.records import Forget, GapRecord, SchemaRecord
from fleetglass_hub.history.waiting import Plan, StreamKey

FileKey = tuple[int, int, int]


class Store:
    """Tables of one history."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    # Small things

    def meta(self, name: str, default: Any = None) -> Any:  # any: a value of SQLite
        """A value by its name."""
        row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else default

    def set_meta(self, name: str, value: Any) -> None:  # any: a value of SQLite
        """Keep a value."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def put_host(self, record: HostRecord) -> None:
        """Keep what is known of a host."""
        self.connection.execute(
            "INSERT INTO host VALUES (?, ?, ?, 0) ON CONFLICT (host) DO UPDATE SET record = excluded.record, "
            "last_ms = max(last_ms, excluded.last_ms)",
            (record.host, records.encode_host(record), record.last_ms),
        )

    def put_stream(self, record: StreamRecord) -> None:
        """Keep a stream."""
        self.connection.execute(
            "INSERT INTO stream (host, stream, path, kind) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (host, stream) DO UPDATE SET path = excluded.path, kind = excluded.kind",
            record,
        )

    def put_file(self, record: FileRecord) -> None:
        """Keep a file; its committed offset counts only if it is new."""
        self.connection.execute(
            "INSERT INTO file (host, stream, file, dev, inode, fp_count, fp, committed, ended) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (host, stream, file) DO UPDATE SET dev = excluded.dev, "
            "inode = excluded.inode, fp_count = excluded.fp_count, fp = excluded.fp, ended = excluded.ended",
            (record.host, record.stream, record.file, str(record.dev), str(record.inode), record.fp_count, record.fp,
             record.committed, record.ended),
        )  # fmt: skip

    def put_schema(self, record: SchemaRecord) -> None:
        """Keep a list of series."""
        self.connection.execute(
            "INSERT OR REPLACE INTO schema VALUES (?, ?)", (record.schema, records.encode_names(record.series))
        )

    def put_gap(self, record: GapRecord) -> None:
        """Keep a gap."""
        gap = record.gap
        self.connection.execute(
            "INSERT OR REPLACE INTO gap VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (record.seq, gap.host, gap.stream, record.file, record.end, gap.from_ms, gap.to_ms, gap.lines, gap.bytes,
             gap.why),
        )  # fmt: skip

    def put_event(self, record: EventRecord) -> None:
        """Keep an event."""
        self.connection.execute("INSERT INTO event (host, stream, time_ms, kind, text) VALUES (?, ?, ?, ?, ?)", record)

    def forget(self, record: Forget) -> None:
        """Make a host unknown; its chunks are deleted bit by bit afterwards."""
        for table in ("host", "stream", "file", "gap", "event"):
            self.connection.execute(f"DELETE FROM {table} WHERE host = ?", (record.host,))  # noqa: S608 - our names
        self.connection.execute("INSERT OR REPLACE INTO forgotten VALUES (?)", (record.host,))

    # Lines

    def move_offsets(self, ends: Mapping[FileKey, int]) -> None:
        """Files are on disk up to these offsets."""
        self.connection.executemany(
            "UPDATE file SET committed = max(committed, ?) WHERE host = ? AND stream = ? AND file = ?",
            [(end, *key) for key, end in ends.items()],
        )

    def put_lines(self, plan: Plan) -> tuple[int, int]:
        """Chunks and a hot row; the row's id and bytes, 0 and 0 if there is none."""
        for key, pieces in plan.packed.items():
            for piece in pieces:
                self._put_chunk(lines.encode(piece))
            self.connection.execute(
                "UPDATE stream SET packed_seq = ? WHERE host = ? AND stream = ?", (pieces[-1][-1].seq, *key)
            )
        self.connection.executemany("DELETE FROM line_hot WHERE id = ?", [(row,) for row in plan.empty_rows])
        if not plan.hot:
            return 0, 0
        raw = records.encode_batches(plan.hot)
        body = lines.compress(raw)
        row = self.connection.execute(
            "INSERT INTO line_hot (raw_bytes, body) VALUES (?, ?)", (len(raw), body)
        ).lastrowid
        assert row is not None
        return row, len(raw)

    def _put_chunk(self, chunk: lines.Chunk) -> None:
        stored = len(chunk.entries) + len(chunk.data)
        row = self.connection.execute(
            "INSERT INTO line_chunk (host, stream, first_seq, last_seq, first_ms, last_ms, raw_bytes, stored_bytes) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (chunk.host, chunk.stream, chunk.first_seq, chunk.last_seq, chunk.first_ms, chunk.last_ms, chunk.raw_bytes,
             stored),
        ).lastrowid  # fmt: skip
        self.connection.execute("INSERT INTO line_body VALUES (?, ?, ?)", (row, chunk.entries, chunk.data))

    # Samples

    def put_rows(self, group: Sequence[Rows]) -> None:
        """Samples as they came."""
        self.connection.executemany(
            "INSERT INTO sample_hot (shard, schema, rows, body) VALUES (?, ?, ?, ?)", hotsamples.encode(group)
        )

    # Everything, at a start

    def hosts(self) -> list[HostRecord]:
        """All hosts, with the newest time that their rows know."""
        return [
            record._replace(last_ms=max(last_ms, record.last_ms))
            for body, last_ms in self.connection.execute("SELECT record, last_ms FROM host ORDER BY host")
            for record in (records.decode_host(body),)
        ]

    def streams(self) -> list[StreamRecord]:
        """All streams."""
        return [
            StreamRecord(*row)
            for row in self.connection.execute("SELECT host, stream, path, kind FROM stream ORDER BY host, stream")
        ]

    def files(self) -> list[FileRecord]:
        """All files, in the order of their announcement."""
        return [
            FileRecord(host, stream, file, int(dev), int(inode), fp_count, fp, committed, bool(ended))
            for host, stream, file, dev, inode, fp_count, fp, committed, ended in self.connection.execute(
                "SELECT host, stream, file, dev, inode, fp_count, fp, committed, ended FROM file ORDER BY id"
            )
        ]

    def schemas(self) -> dict[int, tuple[str, ...]]:
        """All lists of series."""
        found = self.connection.execute("SELECT schema, series FROM schema ORDER BY schema")
        return {schema: records.decode_names(names) for schema, names in found}

    def packed(self) -> dict[StreamKey, int]:
        """Up to which number each stream is in chunks."""
        found = self.connection.execute("SELECT host, stream, packed_seq FROM stream")
        return {(host, stream): seq for host, stream, seq in found}

    def hot_lines(self, paths: Mapping[StreamKey, str]) -> Iterable[tuple[int, int, list[LineBatch]]]:
        """Rows of lines that wait for a chunk: row, its bytes, what of it still waits."""
        packed = self.packed()
        rows = self.connection.execute("SELECT id, raw_bytes, body FROM line_hot ORDER BY id").fetchall()
        for row, raw_bytes, body in rows:
            batches = records.decode_batches(lines.decompress(body), paths)
            yield (
                row,
                raw_bytes,
                [batch for batch in batches if batch.seq > packed.get((batch.host, batch.stream), -1)],
            )

    def hot_rows(self) -> list[Rows]:
        """Samples that wait for a chunk, in the order of their arrival."""
        found = self.connection.execute("SELECT schema, rows, body FROM sample_hot ORDER BY id")
        return [hotsamples.decode(schema, count, body) for schema, count, body in found]

    def gaps(self, from_seq: int, paths: Mapping[StreamKey, str]) -> list[tuple[int, Gap]]:
        """Gaps from a number on, in order."""
        found = self.connection.execute(
            "SELECT seq, host, stream, from_ms, to_ms, lines, bytes, why FROM gap WHERE seq >= ? ORDER BY seq",
            (from_seq,),
        )
        return [(seq, Gap(host, stream, paths.get((host, stream), ""), *rest)) for seq, host, stream, *rest in found]

    def samples_ms(self, hot: Iterable[Rows]) -> dict[int, int]:
        """The newest sample of each host that is on disk, by the host's clock."""
        found = {
            int(host): int(raw_ms)
            for host, raw_ms in self.connection.execute("SELECT host, samples_ms FROM host WHERE samples_ms > 0")
        }
        for rows in hot:
            order = np.argsort(rows.raw_ms, kind="stable")
            for host, raw_ms in zip(rows.hosts[order].tolist(), rows.raw_ms[order].tolist(), strict=True):
                if raw_ms > found.get(host, 0):
                    found[host] = raw_ms
        return found

    def last_seq(self) -> int:
        """The highest number that any chunk or gap has."""
        found = self.connection.execute(
            "SELECT max((SELECT coalesce(max(last_seq), 0) FROM line_chunk), (SELECT coalesce(max(seq), 0) FROM gap), "
            "(SELECT coalesce(max(packed_seq), 0) FROM stream))"
        )
        return int(found.fetchone()[0])

    def newest_batches(
        self, paths: Mapping[int, Mapping[int, str]]
    ) -> Iterator[tuple[int, Callable[[], list[LineBatch]]]]:
        """Chunks from the highest number down: their last number, and how to get their batches."""
        found = self.connection.execute(
            "SELECT id, host, stream, last_seq FROM line_chunk ORDER BY last_seq DESC"
        ).fetchall()
        for chunk, host, stream, last_seq in found:
            path = paths.get(host, {}).get(stream)
            if path is not None:
                yield last_seq, partial(self._batches, chunk, lines.Source(host, stream, path))

    def _batches(self, chunk: int, source: lines.Source) -> list[LineBatch]:
        row = self.connection.execute("SELECT entries, data FROM line_body WHERE id = ?", (chunk,)).fetchone()
        if row is None:
            raise ContentError(f"chunk {chunk} has no lines")
        return lines.batches_of(lines.decode(source, *row))
