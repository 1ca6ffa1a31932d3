"""Which layout a line opens: headers name the columns, so that the order and the set of columns may be any.

Two families. Tall: a header with a name column ("Device", first or last) and a row a device: sysstat, busybox, AIX, and
-x of FreeBSD, NetBSD and Solaris. Wide: two header lines (names above, columns below) and a whole report a line: macOS,
BSD and Solaris without -x. In: one line. Out: the layout that it opens, or None.
"""

import re
from collections.abc import Sequence

from fleetglass_agent.iostat import cells, fields
from fleetglass_agent.iostat.fields import Column

_WORD = re.compile(r"% \S+|(?:read|write) KB/t|\S+")
_NAMES = frozenset(
    {"device", "devices", "disk", "disks", "filesystem", "adapter", "vadapter", "paths", "paths/disks", "drive"}
)
_BANNER = re.compile(r"\s*\S+ \S+ \(.*\)\s+\S*\d|\s*System configuration:")
_CLOCK = re.compile(r"(?<!\d)\d{1,2}\s?[:.h時时시]\s?\d{2}(?!\d)|\A\s*\d{9,11}\s*\Z")
_BAR = re.compile(r"\|_*\Z|_*\|\Z")


class Tall:
    """A table with a row a device."""

    __slots__ = (
        "beside", "columns", "ends", "factors", "fields", "has_gaps", "is_aix", "is_name_last", "is_nameless",
        "is_netbsd", "key", "length", "may_precede_nfs", "separator", "width",
    )  # fmt: skip

    def __init__(self, words: list[str], ends: list[int], line: str) -> None:
        self.key = tuple(words)  # the same header again: the next report
        self.length = len(line.rstrip())
        self.separator: str | None = None
        self.is_aix = any(word in {"kbps", "mbps", "%tm_act"} for word in words)
        self.is_netbsd = "read kb/t" in words
        self.is_nameless = self.is_name_last = False
        position = _name_position(words)
        if position is None:
            self.is_nameless = True
        else:
            self.is_name_last = position == len(words) - 1
            del words[position], ends[position]
        tail = len(words)
        while tail > 1 and words[tail - 1] in fields.BESIDE:
            tail -= 1
        self.beside = words[tail:]
        self.ends = ends
        self.columns = [TALL_UNKNOWN if column is None else column for column in _columns(words[:tail])]
        self.width = len(self.columns) + (not self.is_nameless)
        self.fields = [column[0] for column in self.columns]
        self.has_gaps = "" in self.fields
        self.factors = [(index, column[1]) for index, column in enumerate(self.columns) if column[1] != 1.0]
        # sysstat 8 and 9 printed a table of NFS mounts behind that of the disks; they knew no r_await.
        self.may_precede_nfs = self.key[0] == "device:" and "r_await" not in words

    @property
    def is_last_of_report(self) -> bool:
        """Whether a blank line behind this table ends the report, as far as a header can tell."""
        if self.is_name_last:  # --pretty -x prints reads, writes, discards and the rest one below the other
            return "util_pct" in self.fields or "transfers_per_s" in self.fields
        return self.key[0] in {"device", "device:", "filesystem:"} and not self.is_aix


# A column without a field: its cell may be any word.
TALL_UNKNOWN: Column = ("", 1.0)


class Wide:
    """A layout with a whole report in each line."""

    __slots__ = ("columns", "ends", "has_devices", "is_whole", "key", "leaves_blanks", "length")

    def __init__(self, words: list[str], ends: list[int], names: list[str], length: int) -> None:
        self.key = (*names, *words)
        self.ends = ends
        self.length = length
        self.leaves_blanks = "t/s" in words or "xfr" in words  # NetBSD -z: nothing where it would print a zero
        # (block, name, column): block is device, cpu, tty or load
        self.columns: list[tuple[str, str, Column]] = []
        remaining = iter(names)
        self.is_whole = True
        name, seen = "", set[str]()
        for word in words:
            if word in fields.WIDE:
                if not seen or word in seen:
                    name, seen = next(remaining, ""), set()
                    self.is_whole = self.is_whole and name != ""
                seen.add(word)
                self.columns.append(("device", name, fields.WIDE[word]))
            elif word in fields.CPU:
                self.columns.append(("cpu", "", (fields.CPU[word], 1.0)))
            elif word in fields.TTY:
                self.columns.append(("tty", "", (fields.TTY[word], 1.0)))
            elif word in fields.LOAD:
                self.columns.append(("load", "", (fields.LOAD[word], 1.0)))
            else:
                self.columns.append(("", "", TALL_UNKNOWN))
        self.has_devices = any(block == "device" for block, _, _ in self.columns)


class Cpu:
    """A header whose next line is the cpu's (on AIX also the tty's)."""

    __slots__ = ("cpu", "fields", "key", "tty", "width")

    def __init__(self, words: list[str], cpu: dict[int, str]) -> None:
        self.key = tuple(words)
        self.width = len(words)
        self.cpu = cpu
        self.fields = list(cpu.values())
        self.tty = {index: fields.TTY[word] for index, word in enumerate(words) if word in fields.TTY}


def aix_long() -> Tall:
    """The table of AIX -Dl: its header of three lines says little, its order is fixed."""
    served = "{0} avgserv minserv maxserv timeouts fails"
    words = ["disks:", "%tm_act", "bps", "tps", "bread", "bwrtn"]
    words += [*served.format("rps").split(), *served.format("wps").split()]
    words += ["avgtime", "mintime", "maxtime", "avgwqsz", "avgsqsz", "sqfull"]
    table = Tall(words, list(range(1, len(words) + 1)), "")
    labels = ["xfer"] * 5 + ["read"] * 6 + ["write"] * 6 + ["queue"] * 6
    table.columns = [fields.AIX[label].get(word, TALL_UNKNOWN) for label, word in zip(labels, words, strict=True)]
    table.fields = [column[0] for column in table.columns]
    table.has_gaps = True
    table.factors = []
    return table


class AixSection:
    """One of the four small tables that AIX -D prints for a device."""

    __slots__ = ("columns", "name")

    def __init__(self, name: str, label: str, words: list[str]) -> None:
        self.name = name  # "" in the second to fourth
        self.columns = [fields.AIX[label].get(word, TALL_UNKNOWN) for word in words]


_AIX_LONG_HEADER = frozenset(
    [
        "%tm",
        "bps",
        "tps",
        "bread",
        "bwrtn",
        "rps",
        "wps",
        "avg",
        "min",
        "max",
        "time",
        "fail",
        "act",
        "serv",
        "outs",
        "wqsz",
        "sqsz",
        "qfull",
    ]
)


def is_aix_long_header(line: str) -> bool:
    """The second and third line above the table of AIX -Dl."""
    return set(line.lower().split()) <= _AIX_LONG_HEADER


Layout = Tall | Wide | Cpu | AixSection


def layout(line: str, above: str) -> Layout | None:
    """What the line opens.

    Args:
        line: without its end and without colours.
        above: the last line before it that nobody understood; names the disks of a wide layout.
    """
    found = [(match.group().replace("% ", "%").lower(), match.end()) for match in _WORD.finditer(line)]
    words, ends = [word for word, _ in found], [end for _, end in found]
    if len(words) == 1 and "," in line:
        return _comma_separated(line, above)
    if not words or any(word[0].isdigit() and word not in fields.LOAD for word in words):
        return None
    if words == ["disks:", "xfers", "read", "write", "queue"]:
        return aix_long()
    return (
        _wide(words, ends, above, len(line.rstrip()))
        or _aix_section(words, line)
        or _cpu(words)
        or (Tall(words, ends, line) if _is_tall(words) else None)
    )


def is_banner(line: str) -> bool:
    """The line that sysstat, busybox and AIX print once at their start."""
    return _BANNER.match(line) is not None


def looks_like_time(line: str) -> bool:
    """Whether a line that stands alone above a report is its time stamp, in whatever language."""
    if len(line) >= 100 or "iostat" in line or _CLOCK.search(line) is None:
        return False
    # 1.00 may be a time of day in Norway, and a value everywhere
    return ":" in line or not is_row_like(line.split())


def is_row_like(words: Sequence[str]) -> bool:
    """Whether it could be a row of some table: numbers, but for a name."""
    numbers = cells.count_numbers(words)
    return numbers >= 3 and numbers + 1 >= len(words)


def _is_tall(words: list[str]) -> bool:
    position = _name_position(words)
    columns = _netbsd(_translated([word for index, word in enumerate(words) if index != position]))
    known = sum(1 for word in columns if word in fields.TALL or word in fields.NO_FIELD or word in fields.BESIDE)
    real = sum(1 for word in columns if word in fields.TALL)
    if position is None:
        return known == len(columns) >= 2 and real >= 2
    return known >= 2 and known * 2 > len(columns)


def _name_position(words: Sequence[str]) -> int | None:
    for index in (0, len(words) - 1):
        if words[index].rstrip(":") in _NAMES:
            return index
    if words[0].endswith(":") or (words[0] not in fields.TALL and words[0] not in fields.NO_FIELD):
        return 0
    if words[-1] not in fields.TALL and words[-1] not in fields.NO_FIELD and words[-1] not in fields.BESIDE:
        return len(words) - 1
    return None


def _columns(words: Sequence[str]) -> list[Column | None]:
    words = _netbsd(words)
    columns: list[Column | None] = []
    taken: dict[str, int] = {}
    for word in _translated(words):
        column = fields.TALL.get(word)
        if word == "wait" and "actv" not in words:
            column = ("queue_depth", 1.0)  # FreeBSD before 8 called the length of its one queue so
        if column is not None and column[0] in taken:
            # sysstat 5 prints the same rate in sectors and in kB: the finer unit of the two is the better reading
            if column[1] == fields.SECTOR:
                column = None
            else:
                columns[taken[column[0]]] = None
        if column is not None:
            taken[column[0]] = len(columns)
        columns.append(column)
    return columns


def _netbsd(words: Sequence[str]) -> Sequence[str]:
    """Tell the reads' columns from the writes', which have the same names."""
    if "read kb/t" not in words:
        return words
    is_total = "xfr" in words
    half, named = "read", list[str]()
    for word in words:
        half = "write" if word == "write kb/t" else half
        if word in {"xfr", "mb", "mb/s"}:
            named.append(f"{half} {word}")
        elif word == "time":
            # the disk's busy time, printed in both halves with the same value
            named.append(("busy seconds" if is_total else "busy share") if half == "read" or "actv" in words else "")
        else:
            named.append("wait share" if word == "wtime" else word)
    return named


_AMOUNT = re.compile(r"(blk|kb|mb)_\w+(/s)?\Z")


def _translated(words: Sequence[str]) -> Sequence[str]:
    """The plain table of sysstat in another language, `tps kB_lus/s kB_écr/s kB_lus kB_écr`: its order stands."""
    amounts = [word for word in words if _AMOUNT.match(word)]
    if words[:1] != ["tps"] or not amounts or all(word in fields.TALL for word in amounts):
        return words
    verbs = ("read", "wrtn", "dscd")
    named, rates, totals = list[str](), 0, 0
    for word in words:
        match = _AMOUNT.match(word)
        if match is None:
            named.append(word)
        elif match.group(2):
            named.append(f"{match.group(1)}_{verbs[min(rates, 2)]}/s")
            rates += 1
        else:
            named.append(f"{match.group(1)}_{verbs[min(totals, 2)]}")
            totals += 1
    return named


def _wide(words: list[str], ends: list[int], above: str, length: int) -> Wide | None:
    blocks = (fields.WIDE, fields.CPU, fields.TTY, fields.LOAD)
    if not all(any(word in block for block in blocks) or word == "dt" for word in words) or len(words) < 2:
        return None
    if any(word.startswith("%") for word in words):
        return None  # sysstat's cpu header
    if any(word in fields.CPU for word in words) and not {"us", "id"} <= set(words):
        return None  # prose: "in time"
    names = [
        name for name in above.split() if name not in {"tty", "cpu", "CPU", "load", "average"} and not _BAR.match(name)
    ]
    wide = Wide(words, ends, names, length)
    # "time tps" in some text is no header: disks have their names above them
    return wide if wide.is_whole else None


def _cpu(words: list[str]) -> Cpu | None:
    labelled = any(word.endswith(":") for word in words)
    columns = [word for word in words if not word.endswith(":")]
    if columns and not labelled and columns[0] not in fields.CPU:
        columns = columns[1:]  # a label without its colon
    known = {index: fields.CPU[word] for index, word in enumerate(columns) if word in fields.CPU}
    if labelled and len(known) < len(columns) in fields.CPU_ORDERS and all(word.startswith("%") for word in columns):
        # another language, in which %util may be the user's share
        return Cpu(columns, dict(enumerate(fields.CPU_ORDERS[len(columns)])))
    if any(word in fields.TALL for word in columns) or not any(word.startswith("%") for word in columns):
        return None
    return Cpu(columns, known) if len(known) >= 2 else None


def _aix_section(words: list[str], line: str) -> AixSection | None:
    for position in (0, 1):
        label = words[position].rstrip(":") if len(words) > position + 1 else ""
        if words[position : position + 1] == [f"{label}:"] and label in fields.AIX:
            columns = words[position + 1 :]
            if any(word in fields.AIX[label] for word in columns):
                return AixSection(line.split()[0] if position else "", label, columns)
    return None


def _comma_separated(line: str, above: str) -> Tall | Wide | None:
    """Solaris -r."""
    words = [word.strip().lower() for word in line.split(",") if word.strip()]
    ends = list(range(1, len(words) + 1))
    if len(words) < 2 or any(word[0].isdigit() for word in words):
        return None
    wide = _wide(words, ends, above.replace(",", " "), 0)
    if wide is not None:
        return wide
    if not _is_tall(words):
        return None
    table = Tall(words, ends, "")
    table.separator = ","
    return table
