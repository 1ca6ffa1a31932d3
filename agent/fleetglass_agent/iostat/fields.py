"""The normalised names of what iostats print, with their units, and which column header means which.

A column's header (in lower case) maps to (field, factor): the printed number times the factor is the field's value, in
the unit of the field's name. A header that stands in no table has no field. Two tables, because short words mean
different things in the two families of layouts: TALL has a row a device, WIDE a line a report.

Sources: the programs' own printf calls and manual pages (sysstat 4 to 12.7, busybox, toybox, FreeBSD, NetBSD, OpenBSD,
macOS, illumos, AIX), and shared/samples/iostat.
"""

KB = 1024.0
MB = 1024.0 * 1024
GB = 1024.0 * 1024 * 1024
SECTOR = 512.0  # sysstat's sector and Blk, whatever the device's own size

# As much of a foreign line as a sentence about it shows.
QUOTED_CHARACTERS = 60

Column = tuple[str, float]

# A number with a suffix is in bytes, and the suffix says more than the header: `222.1k` below kB_read/s (--human).
BINARY_SUFFIXES = {"B": 1.0, "k": KB, "K": KB, "M": MB, "G": GB, "T": GB * 1024, "P": GB * 1024 * 1024}
# AIX -D writes 4.1K for 4,100 bytes (its manual: K is 1000 bytes).
DECIMAL_SUFFIXES = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
# ... and 1.5S for a service time of 1.5 seconds.
TIME_SUFFIXES = {"S": 1e3, "M": 60e3, "H": 3600e3}

CPU: dict[str, str] = {
    "%user": "user_pct", "%usr": "user_pct", "us": "user_pct", "user": "user_pct",
    "%nice": "nice_pct", "ni": "nice_pct", "nice": "nice_pct",
    "%system": "system_pct", "%sys": "system_pct", "sy": "system_pct", "system": "system_pct",
    "%iowait": "iowait_pct", "%wio": "iowait_pct", "wt": "iowait_pct", "iowait": "iowait_pct",
    "%steal": "steal_pct", "st": "steal_pct", "steal": "steal_pct",
    "%idle": "idle_pct", "id": "idle_pct", "idle": "idle_pct",
    "in": "interrupt_pct", "sp": "spin_pct",
}  # fmt: skip

# sysstat's order since version 3, for headers in a language we do not know.
CPU_ORDERS: dict[int, tuple[str, ...]] = {
    4: ("user_pct", "nice_pct", "system_pct", "idle_pct"),
    5: ("user_pct", "nice_pct", "system_pct", "iowait_pct", "idle_pct"),
    6: ("user_pct", "nice_pct", "system_pct", "iowait_pct", "steal_pct", "idle_pct"),
}

TTY = {"tin": "in_per_s", "tout": "out_per_s"}
LOAD = {"1m": "1m", "5m": "5m", "15m": "15m"}

# Words beside the numbers of a tall table's first row: FreeBSD -x and Solaris -xtc put tty and cpu there.
BESIDE = frozenset({"tin", "tout", "us", "ni", "sy", "in", "id", "wt", "st", "sp", "dt"})


def _sysstat() -> dict[str, Column]:
    table: dict[str, Column] = {}
    units = {"kb": KB, "mb": MB, "gb": GB, "blk": SECTOR, "sec": SECTOR, "b": 1.0}
    for unit, size in units.items():
        for word, verb in (("read", "read"), ("wrtn", "write"), ("dscd", "discard")):
            table[f"{unit}_{word}/s"] = table[f"{unit}_{word}_per_sec"] = (f"{verb}_bytes_per_s", size)
            table[f"{unit}_{word}"] = (f"{verb}_bytes", size)
        for letter, verb in (("r", "read"), ("w", "write"), ("d", "discard")):
            table[f"{letter}{unit}/s"] = (f"{verb}_bytes_per_s", size)
        table[f"{unit}/s"] = ("bytes_per_s", size)
        # NFS rows of sysstat 8 and 9: _svr is what went over the wire; _nor and _dir are how programs asked for it.
        table[f"r{unit}_svr/s"] = ("read_bytes_per_s", size)
        table[f"w{unit}_svr/s"] = ("write_bytes_per_s", size)
    for letter, verb in (("r", "read"), ("w", "write"), ("d", "discard")):
        table[f"{letter}/s"] = (f"{verb}s_per_s", 1.0)
        table[f"{letter}rqm/s"] = (f"{verb}_merges_per_s", 1.0)
        table[f"%{letter}rqm"] = (f"{verb}_merge_pct", 1.0)
        table[f"{letter}_await"] = (f"{verb}_await_ms", 1.0)
        table[f"{letter}areq-sz"] = (f"{verb}_request_bytes", KB)
    return table | {
        "tps": ("transfers_per_s", 1.0),
        "ops/s": ("transfers_per_s", 1.0), "rops/s": ("reads_per_s", 1.0), "wops/s": ("writes_per_s", 1.0),
        "f/s": ("flushes_per_s", 1.0), "f_await": ("flush_await_ms", 1.0),
        "rqm/s": ("merges_per_s", 1.0), "await": ("await_ms", 1.0), "svctm": ("service_ms", 1.0),
        "avgrq-sz": ("request_bytes", SECTOR), "areq-sz": ("request_bytes", KB),
        "avgqu-sz": ("queue_depth", 1.0), "aqu-sz": ("queue_depth", 1.0),
        "%util": ("util_pct", 1.0),
    }  # fmt: skip


def _unix() -> dict[str, Column]:
    return {
        # FreeBSD -x, Solaris -x; /i with -I: amounts of the interval
        "kr/s": ("read_bytes_per_s", KB), "kw/s": ("write_bytes_per_s", KB),
        "mr/s": ("read_bytes_per_s", MB), "mw/s": ("write_bytes_per_s", MB),
        "r/i": ("reads", 1.0), "w/i": ("writes", 1.0),
        "kr/i": ("read_bytes", KB), "kw/i": ("write_bytes", KB),
        "mr/i": ("read_bytes", MB), "mw/i": ("write_bytes", MB),
        "ms/r": ("read_await_ms", 1.0), "ms/w": ("write_await_ms", 1.0), "ms/o": ("other_await_ms", 1.0),
        "ms/t": ("await_ms", 1.0), "svc_t": ("await_ms", 1.0), "qlen": ("queue_depth", 1.0), "%b": ("util_pct", 1.0),
        "sb/i": ("busy_s", 1.0),
        "wait": ("wait_queue_depth", 1.0), "actv": ("active_queue_depth", 1.0), "%w": ("wait_pct", 1.0),
        "wsvc_t": ("wait_service_ms", 1.0), "asvc_t": ("active_service_ms", 1.0),
        # AIX
        "%tm_act": ("util_pct", 1.0), "kbps": ("bytes_per_s", KB), "mbps": ("bytes_per_s", MB),
        "kb_read": ("read_bytes", KB), "kb_wrtn": ("write_bytes", KB),
        # NetBSD -x and -y; `dialect` names the columns by their half
        "read kb/t": ("read_request_bytes", KB), "write kb/t": ("write_request_bytes", KB),
        "read xfr": ("reads", 1.0), "write xfr": ("writes", 1.0),
        "read mb": ("read_bytes", MB), "write mb": ("write_bytes", MB),
        "read mb/s": ("read_bytes_per_s", MB), "write mb/s": ("write_bytes_per_s", MB),
        # its time is seconds a second in a rate table, seconds in a table of totals
        "busy share": ("util_pct", 100.0), "wait share": ("wait_pct", 100.0), "busy seconds": ("busy_s", 1.0),
    }  # fmt: skip


TALL: dict[str, Column] = _sysstat() | _unix()

# Columns that are known and have no field; a header may be recognised by them.
NO_FIELD = frozenset(
    {
        *("s/w", "h/w", "trn", "tot", "tsvc_t/i"),  # Solaris -e, FreeBSD -x -I
        *("time", "wtime", "xfr", "mb"),  # NetBSD, see `dialect`; time also ends the rows of AIX -T
        *("bkread", "bkwrtn", "partition-id", "physc", "%entc", "minserv", "maxserv", "timeouts", "fails"),  # AIX
        *(f"{way}{unit}_{kind}/s" for way in "rw" for unit in ("blk", "kb", "mb") for kind in ("nor", "dir")),  # NFS
    }
)

WIDE: dict[str, Column] = {
    "kb/t": ("request_bytes", KB), "tps": ("transfers_per_s", 1.0), "t/s": ("transfers_per_s", 1.0),
    "mb/s": ("bytes_per_s", MB), "xfr": ("transfers", 1.0), "xfrs": ("transfers", 1.0),
    "mb": ("bytes", MB), "kb": ("bytes", KB), "time": ("busy_s", 1.0),
    "sps": ("bytes_per_s", SECTOR), "blk": ("bytes", SECTOR), "msps": ("await_ms", 1.0),
    "kps": ("bytes_per_s", KB), "mps": ("bytes_per_s", MB), "kpi": ("bytes", KB), "mpi": ("bytes", MB),
    "tpi": ("transfers", 1.0), "serv": ("await_ms", 1.0),
    "rps": ("reads_per_s", 1.0), "wps": ("writes_per_s", 1.0), "rpi": ("reads", 1.0), "wpi": ("writes", 1.0),
    "util": ("util_pct", 1.0),
}  # fmt: skip

# AIX -D prints four small tables a device; the label before a header says which.
AIX: dict[str, dict[str, Column]] = {
    "xfer": {
        "%tm_act": ("util_pct", 1.0), "bps": ("bytes_per_s", 1.0), "kbps": ("bytes_per_s", KB),
        "tps": ("transfers_per_s", 1.0), "bread": ("read_bytes_per_s", 1.0), "bwrtn": ("write_bytes_per_s", 1.0),
    },
    "read": {"rps": ("reads_per_s", 1.0), "avgserv": ("read_await_ms", 1.0)},
    "write": {"wps": ("writes_per_s", 1.0), "avgserv": ("write_await_ms", 1.0)},
    "queue": {
        "avgtime": ("wait_service_ms", 1.0),
        "avgwqsz": ("wait_queue_depth", 1.0), "avgsqsz": ("active_queue_depth", 1.0),
    },
}  # fmt: skip
AIX["wait"] = AIX["queue"]
