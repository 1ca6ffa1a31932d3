"""What `iostat -x` says about disks, from /proc/diskstats, by its formulas and under its names.

Which disks: iostat's choice. Whole devices (no partitions) that have done something since boot.
Where there was no request in the interval, a share, a size and a waiting time are 0, because iostat prints 0.00;
`reads_per_s` and its like beside them say so.

In: the file's bytes. Out: for each disk the columns of `iostat -x`, NaN in its first interval.
"""

from collections.abc import Callable, Sequence

from fleetglass_agent.metrics.rates import Counters
from fleetglass_agent.metrics.source import Off, Reader
from fleetglass_proto.series import clean_instance

# The kernel counts sectors of 512 bytes, whatever the device's own size (Documentation/block/stat.rst).
SECTOR_BYTES = 512

READ_WRITE = (
    "reads_per_s",
    "read_bytes_per_s",
    "read_merges_per_s",
    "read_merge_pct",
    "read_await_ms",
    "read_request_bytes",
    "writes_per_s",
    "write_bytes_per_s",
    "write_merges_per_s",
    "write_merge_pct",
    "write_await_ms",
    "write_request_bytes",
    "transfers_per_s",
    "await_ms",
    "queue_depth",
    "util_pct",
)
DISCARDS = (
    "discards_per_s",
    "discard_bytes_per_s",
    "discard_merges_per_s",
    "discard_merge_pct",
    "discard_await_ms",
    "discard_request_bytes",
)
FLUSHES = ("flushes_per_s", "flush_await_ms")

# Counters after the name: 11 since Linux 2.6, 15 with discards (4.18), 17 with flushes (5.5).
WITH_DISCARDS = 15
WITH_FLUSHES = 17


class Disk:
    """One whole device: its series and its last reading."""

    __slots__ = ("_counters", "columns", "series")

    def __init__(self, name: str, columns: int) -> None:
        discards = DISCARDS if columns >= WITH_DISCARDS else ()
        fields = READ_WRITE + discards + (FLUSHES if columns >= WITH_FLUSHES else ())
        instance = clean_instance(name)
        self.series = tuple(f"disk.{field}[{instance}]" for field in fields)
        self.columns = columns
        self._counters = Counters()

    def read(self, counters: list[int], now_ms: int) -> list[float]:
        seconds, d = self._counters.deltas(counters, now_ms)
        requests = d[0] + d[4]
        ticks = d[3] + d[7]
        rest: list[float] = []
        if len(d) >= WITH_DISCARDS:
            requests += d[11]
            ticks += d[14]
            rest = _direction(d[11], d[12], d[13], d[14], seconds)
        if len(d) >= WITH_FLUSHES:
            rest += (d[15] / seconds, d[16] / d[15] if d[15] else 0.0)
        return [
            *_direction(d[0], d[1], d[2], d[3], seconds),
            *_direction(d[4], d[5], d[6], d[7], seconds),
            requests / seconds,
            ticks / requests if requests else 0.0,
            d[10] / seconds / 1_000,
            d[9] / seconds / 10,
            *rest,
        ]


def _direction(requests: float, merges: float, sectors: float, ticks_ms: float, seconds: float) -> list[float]:
    size = sectors * SECTOR_BYTES
    share = 100 * merges / (requests + merges) if requests + merges else 0.0
    if not requests:
        return [0.0, size / seconds, merges / seconds, share, 0.0, 0.0]
    return [requests / seconds, size / seconds, merges / seconds, share, ticks_ms / requests, size / requests]


class DiskSource:
    """disk.*[device]."""

    name = "disk"

    def __init__(self, diskstats: Reader, is_whole: Callable[[str], bool]) -> None:
        self.series: tuple[str, ...] = ()
        self._diskstats = diskstats
        self._is_whole = is_whole
        self._disks: dict[bytes, Disk] = {}
        self._order: list[Disk] = []
        self._partitions: set[bytes] = set()
        self._unused = b""

    def read(self, now_ms: int) -> Sequence[float]:
        values: list[float] = []
        seen: dict[bytes, Disk] = {}
        data = self._diskstats.read()
        if not self._unused:
            # How the line of a device ends that was never used: loop devices and RAM disks stand there in dozens.
            self._unused = b" 0" * max(11, len(data.partition(b"\n")[0].split()) - 3)
        for line in data.split(b"\n"):
            if line.endswith(self._unused):
                continue
            words = line.split()
            if len(words) < 14 or words[2] in self._partitions or words[2] in seen:
                continue
            try:
                counters = [int(word) for word in words[3:20]]
            except ValueError:
                raise Off("/proc/diskstats is not what a Linux kernel prints") from None
            disk = self._disks.get(words[2])
            if disk is None or disk.columns != len(counters):
                disk = self._meet(words[2], len(counters))
            if disk:
                seen[words[2]] = disk
                values += disk.read(counters, now_ms)
        if (order := list(seen.values())) != self._order:
            self._disks, self._order = seen, order
            # A name that went may come back as another kind of device.
            self._partitions.clear()
            self.series = tuple(name for disk in order for name in disk.series)
        return values

    def _meet(self, name: bytes, columns: int) -> Disk | None:
        text = name.decode("utf-8", "replace")
        if self._is_whole(text):
            return Disk(text, columns)
        self._partitions.add(name)
        return None

    def close(self) -> None:
        self._diskstats.close()
