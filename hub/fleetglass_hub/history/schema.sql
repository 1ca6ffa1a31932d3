-- The history of one hub. docs/decisions/0004-history-in-one-file.md says why it looks like this.
-- Times are ms since 1970 UTC. Large values stand in tables of their own: a scan over headers does not read them.

CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE host (
    host INTEGER PRIMARY KEY,
    record BLOB NOT NULL,      -- msgpack of HostRecord
    last_ms REAL NOT NULL,     -- newest frame on disk, by the hub's clock
    samples_ms INTEGER NOT NULL -- newest sample on disk, by the host's clock
);
-- Hosts that were forgotten and whose chunks are not deleted yet.
CREATE TABLE forgotten (host INTEGER PRIMARY KEY);

CREATE TABLE stream (
    host INTEGER NOT NULL, stream INTEGER NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL,
    packed_seq INTEGER NOT NULL DEFAULT 0, -- its lines up to here are in chunks, or were
    expired_ms REAL NOT NULL DEFAULT 0, -- its lines up to this time were deleted by retention
    PRIMARY KEY (host, stream)
) WITHOUT ROWID;

-- `committed` moves in the transaction that keeps the bytes below it. Rows stand in the order of their announcement.
CREATE TABLE file (
    id INTEGER PRIMARY KEY,
    host INTEGER NOT NULL, stream INTEGER NOT NULL, file INTEGER NOT NULL,
    dev TEXT NOT NULL, inode TEXT NOT NULL, -- unsigned 64 bits do not fit an INTEGER
    fp_count INTEGER NOT NULL, fp BLOB NOT NULL,
    committed INTEGER NOT NULL, ended INTEGER NOT NULL,
    UNIQUE (host, stream, file)
);

-- Lines that are on disk and not in a chunk yet, one row a commit: zstd of msgpack of line batches.
CREATE TABLE line_hot (id INTEGER PRIMARY KEY, raw_bytes INTEGER NOT NULL, body BLOB NOT NULL);

-- Consecutive batches of one stream.
CREATE TABLE line_chunk (
    id INTEGER PRIMARY KEY,
    host INTEGER NOT NULL, stream INTEGER NOT NULL,
    first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    first_ms REAL NOT NULL, last_ms REAL NOT NULL,
    raw_bytes INTEGER NOT NULL, stored_bytes INTEGER NOT NULL
);
CREATE INDEX line_chunk_time ON line_chunk (last_ms);
CREATE INDEX line_chunk_stream ON line_chunk (host, stream, last_ms);
CREATE INDEX line_chunk_seq ON line_chunk (last_seq);
CREATE TABLE line_body (id INTEGER PRIMARY KEY, entries BLOB NOT NULL, data BLOB NOT NULL);

-- Ranges of files that are missing, in the order of the lines.
CREATE TABLE gap (
    seq INTEGER PRIMARY KEY,
    host INTEGER NOT NULL, stream INTEGER NOT NULL, file INTEGER NOT NULL, end INTEGER NOT NULL,
    from_ms REAL NOT NULL, to_ms REAL NOT NULL, lines INTEGER, bytes INTEGER, why TEXT NOT NULL
);
CREATE INDEX gap_time ON gap (to_ms);

CREATE TABLE event (
    id INTEGER PRIMARY KEY, host INTEGER NOT NULL, stream INTEGER, time_ms REAL NOT NULL,
    kind TEXT NOT NULL, text TEXT NOT NULL
);

CREATE TABLE schema (schema INTEGER PRIMARY KEY, series BLOB NOT NULL); -- msgpack list of names

-- Samples that are on disk and not in a chunk yet: one row a commit, schema and `shard` of hosts.
CREATE TABLE sample_hot (
    id INTEGER PRIMARY KEY, shard INTEGER NOT NULL, schema INTEGER NOT NULL, rows INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX sample_hot_shard ON sample_hot (shard);

-- All series of a host in about a minute, never across an hour. Re-packed when the hour is over.
CREATE TABLE sample_minute (
    id INTEGER PRIMARY KEY,
    host INTEGER NOT NULL, schema INTEGER NOT NULL,
    first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
    rows INTEGER NOT NULL, stored_bytes INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE INDEX sample_minute_host ON sample_minute (host, last_ms, first_ms);
CREATE INDEX sample_minute_time ON sample_minute (last_ms);

CREATE TABLE series (series INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- Chunks of one series: level 0 as it came, 1 steps of 10 s, 2 of 1 min, 3 of 1 h (levels.py). Series 0 of level 0 are
-- the times of the hour's samples. Rows that are made together stand together and are deleted together.
CREATE TABLE sample_series (
    level INTEGER NOT NULL, bucket INTEGER NOT NULL, host INTEGER NOT NULL, series INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (level, bucket, host, series)
) WITHOUT ROWID;
CREATE TABLE sample_bucket (
    host INTEGER NOT NULL, level INTEGER NOT NULL, bucket INTEGER NOT NULL, stored_bytes INTEGER NOT NULL,
    PRIMARY KEY (host, level, bucket)
) WITHOUT ROWID;
CREATE INDEX sample_bucket_time ON sample_bucket (level, bucket, stored_bytes);

-- Coarser chunks to be made (again) from finer ones.
CREATE TABLE sample_due (
    host INTEGER NOT NULL, level INTEGER NOT NULL, bucket INTEGER NOT NULL, PRIMARY KEY (host, level, bucket)
) WITHOUT ROWID;
CREATE INDEX sample_due_time ON sample_due (level, bucket);
