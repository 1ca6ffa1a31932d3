"""Every bound of the protocol, each with its reason.

A bound is checked before anything of that size is allocated. A peer that passes one is told so by name.
"""

# One ZeroMQ message. Large enough for a batch and its frame, small enough that ten thousand agents cannot fill a hub.
MESSAGE_BYTES = 1 << 20
# Log bytes in one batch. CurveZMQ moves most bytes a CPU second at this size; a frame carries at most one of this size.
BATCH_BYTES = 256 << 10
# Names, labels, paths. 4,096 is PATH_MAX of Linux (limits.h).
STRING_BYTES = 4_096
NAME_BYTES = 255
LABELS = 64
# A host with 1,000 disks of 21 fields stays below; a row of so many float32 is 128 KiB.
SERIES = 32_768
SAMPLES_PER_FRAME = 4_096
BATCHES_PER_FRAME = 1_024
STREAMS = 1_000
# Rotated generations of one stream that the hub still tells an agent about: the newest, the rest are finished.
FILES_PER_STREAM = 64
OFFSETS_PER_COMMIT = STREAMS * FILES_PER_STREAM
EVENT_FIELDS = 32

INTERVAL_MIN_MS = 100
INTERVAL_MAX_MS = 3_600_000
# The last millisecond of the year 9999: later than every clock, and exact in a float64.
TIME_MAX_MS = 253_402_300_799_999
OFFSET_MAX = (1 << 63) - 1
FINGERPRINT_BYTES = 1_024

# The hub answers at least this often while an agent is connected; an agent that hears nothing for
# `SILENCE_MS` opens a new connection.
HEARTBEAT_MS = 2_000
SILENCE_MS = 5_000
# How many bytes of log an agent may have under way. Two batches a commit interval at 50 MB/s.
CREDIT_BYTES = 16 << 20
# Groups of log bytes are committed at most this far apart (design section 4).
COMMIT_INTERVAL_MS = 250
