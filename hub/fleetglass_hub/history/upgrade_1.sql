-- Format 1 -> 2: chunks of samples, and where retention has cut a stream.

-- Lines of the stream up to this time were deleted by retention.
ALTER TABLE stream ADD COLUMN expired_ms REAL NOT NULL DEFAULT 0;

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
