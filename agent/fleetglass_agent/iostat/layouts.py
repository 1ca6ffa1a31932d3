"""The layouts of iostats: what a header says of the lines below it.

Two families. Tall: a header with a name column ("Device", first or last) and a row a device. Wide: names above, columns
below them, and a whole report a line. Beside them the two lines of a cpu block, and the small tables of AIX -D.
In: the words of a header, in lower case, and the positions where they end. Out: columns with their fields and factors.
"""

import re
from collections.abc import Sequence

from fleetglass_agent.iostat import fields
from fleetglass_agent.iostat.fields import Column

_NAMES = frozenset(
    {"device", "devices", "disk", "disks", "filesystem", "adapter", "vadapter", "paths", "paths/disks", "drive"}
)
# A column without a field: its cell may be any word.
NO_COLUMN: Column = ("", 1.0)


class Tall:
    """A table with a row a device."""

    __slots__ = (
        "beside", "columns", "ends", "factors", "fields", "has_gaps", "has_open_end", "is_aix", "is_name_last",
        "is_nameless", "is_netbsd", "key", "may_precede_nfs", "separator", "width",
    )  # fmt: skip

    def __init__(self, words: list[str], ends: list[int]) -> None:
        self.key = tuple(words)  # the same header again: the next report
        self.separator: str | None = None
        self.is_aix = any(word in {"kbps", "mbps", "%tm_act"} for word in words)
        self.is_netbsd = "read kb/t" in words
        # FreeBSD, NetBSD and Solaris print no blank line behind it
        self.has_open_end = self.is_netbsd or "%b" in words or "sb/i" in words or self.is_aix
        self.is_nameless = self.is_name_last = False
        position = name_position(words)
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
        self.columns = [NO_COLUMN if column is None else column for column in _columns(words[:tail])]
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


class Wide:
    """A layout with a whole report in each line."""

    __slots__ = ("columns", "ends", "has_devices", "is_whole", "key", "leaves_blanks", "separator")

    def __init__(self, words: list[str], ends: list[int], names: list[str]) -> None:
        self.key = (*names, *words)
        self.ends = ends
        self.separator: str | None = None
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
                self.columns.append(("", "", NO_COLUMN))
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


class AixSection:
    """One of the four small tables that AIX -D prints for a device."""

    __slots__ = ("columns", "name")

    def __init__(self, name: str, label: str, words: list[str]) -> None:
        self.name = name  # "" in the second to fourth
        self.columns = [fields.AIX[label].get(word, NO_COLUMN) for word in words]


def aix_long() -> Tall:
    """The table of AIX -Dl: its header of three lines says little, its order is fixed."""
    served = "{0} avgserv minserv maxserv timeouts fails"
    words = ["disks:", "%tm_act", "bps", "tps", "bread", "bwrtn"]
    words += [*served.format("rps").split(), *served.format("wps").split()]
    words += ["avgtime", "mintime", "maxtime", "avgwqsz", "avgsqsz", "sqfull"]
    table = Tall(words, list(range(1, len(words) + 1)))
    labels = ["xfer"] * 5 + ["read"] * 6 + ["write"] * 6 + ["queue"] * 6
    table.columns = [fields.AIX[label].get(word, NO_COLUMN) for label, word in zip(labels, words, strict=True)]
    table.fields = [column[0] for column in table.columns]
    table.has_gaps = True
    table.factors = []
    return table


Layout = Tall | Wide | Cpu | AixSection


def name_position(words: Sequence[str]) -> int | None:
    """Where a header names its devices; None if nowhere."""
    for index in (0, len(words) - 1):
        if words[index].rstrip(":") in _NAMES:
            return index
    if words[0].endswith(":") or (words[0] not in fields.TALL and words[0] not in fields.NO_FIELD):
        return 0
    if words[-1] not in fields.TALL and words[-1] not in fields.NO_FIELD and words[-1] not in fields.BESIDE:
        return len(words) - 1
    return None


def _columns(words: Sequence[str]) -> list[Column | None]:
    columns: list[Column | None] = []
    taken: dict[str, int] = {}
    for word in named_columns(words):
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


def named_columns(words: Sequence[str]) -> Sequence[str]:
    """The words of a header under the names of `fields`: other languages, and NetBSD's halves, made plain."""
    return _netbsd(_translated(words))


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
