"""Lines of text -> reports: the state of a reader who walks down the tables.

A report has no end mark that all iostats share. It ends where the next one begins (a time stamp, a banner, a header
that this report has had already), or earlier where the layout says so: a wide line is a whole report, and sysstat
prints a blank line behind its last table. Where neither is there (Solaris -x, a table of cpu alone), `idle` ends it:
the caller says that nothing has come for a while, and a report that has all that the one before had is complete.

In: lines without their ends, without colours. Out: `reports`, oldest first; the caller empties it.
"""

from collections.abc import Sequence

from fleetglass_agent.iostat import cells, endings, rows
from fleetglass_agent.iostat.dialect import is_aix_long_header, is_banner, is_row_like, layout, looks_like_time
from fleetglass_agent.iostat.layouts import AixSection, Cpu, Layout, Tall, Wide
from fleetglass_agent.iostat.plainrows import DEVICES, PlainRows
from fleetglass_agent.iostat.report import Report, quoted

# Different headers of one stream that are kept in mind; no iostat has more.
HEADERS = 32


class Tables:
    """Reads tables line by line."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self._report: Report | None = None
        self._order: list[tuple[str, ...]] = []  # the headers of this report so far
        # What the next line may be a row of.
        self._table: Tall | None = None
        self._closed: Tall | None = None  # the table that the last blank line ended
        self._cpu: Cpu | None = None
        self._has_cpu_header = False
        self._saw_nfs = False
        self._wide: Wide | None = None
        self._section: AixSection | None = None
        # The last line not understood: a name whose values follow, a time stamp, names of disks, or rubbish.
        self._stray = ""
        self._plain = PlainRows()
        self._time = ""  # a time stamp whose report has not begun yet
        self._row = ""  # the last row of the open table, and its first and last name
        self._first_name = self._last_name = ""
        self._aix_name = ""
        # What the report before looked like; empty where there was none.
        self._learned: list[tuple[str, ...]] = []
        self._learned_names: tuple[str, ...] = ()
        self._before: Report | None = None
        self._has_nfs: bool | None = None
        self._headers: dict[tuple[str, str], Layout] = {}
        self._is_first = True  # no report since the start, or since a banner
        self._blanks_after_banner: int | None = None

    def lines(self, lines: Sequence[str]) -> None:
        """Take lines, in their order."""
        at, end = 0, len(lines)
        while at < end:
            if self._table is not None:
                at += self._plain_rows(self._table, lines, at)
                if at == end:
                    return
            self._line(lines[at])
            at += 1

    def _plain_rows(self, table: Tall, lines: Sequence[str], start: int) -> int:
        if self._stray:
            return 0
        count, first, last = self._plain.take(table, lines, start, self._current().devices, self._first_name)
        if count:
            self._row, self._first_name, self._last_name = lines[start + count - 1], first, last
        return count

    def _line(self, line: str) -> None:
        if not line or line.isspace():
            self._blank()
        elif self._table is None or not self._slow_row(self._table, line):
            self._other(line)

    def idle(self) -> None:
        """Nothing has come for a while: end the report if it has all that the one before it had."""
        if self._report is None or self._cpu is not None or self._section is not None or self._stray:
            return
        if self._order == self._learned:
            names = self._learned_names
            if self._table is None or (names and self._last_name == names[-1]):
                self._finish(by_time=True)
        elif not self._learned and self._closed is not None and self._closed.is_last_of_report:
            self._finish(by_time=True)

    def close(self, rest: str) -> None:
        """No more lines. `rest` is what stood behind the last line end."""
        if rest.strip():
            self._last_line(rest)
        self._judge_end()
        self._finish()
        self._table = self._cpu = self._wide = self._section = None
        self._stray = ""

    def complain(self, sentence: str) -> None:
        """Something between the lines was lost: the report that stands open is not whole."""
        self._current().complain(sentence)

    # -- what a line is

    def _other(self, line: str) -> None:
        if self._cpu is not None and self._cpu_row(self._cpu, line):
            return
        if self._section is not None and self._section_row(self._section, line):
            return
        if self._wide is not None and self._wide_row(self._wide, line):
            return
        found = self._headers.get((line, self._stray))
        if found is None:
            if self._is_furniture(line):
                return
            found = self._layout(line)
        if found is not None:
            self._open(found)
        elif is_banner(line):
            self._take_stray()
            self._finish()
            self._table = self._cpu = self._wide = None
            self._learned, self._learned_names, self._before, self._has_nfs, self._time = [], (), None, None, ""
            self._is_first, self._blanks_after_banner = True, 0
        else:
            self._not_understood(line)

    def _layout(self, line: str) -> Layout | None:
        # The same headers come every second: 40 us to understand one, 0.2 us to know it again.
        found = layout(line, self._stray)
        if found is not None:
            if len(self._headers) >= HEADERS:
                self._headers.clear()
            self._headers[line, self._stray] = found
        return found

    def _is_furniture(self, line: str) -> bool:
        """Lines that carry no values: rules, state changes, titles."""
        text = line.strip()
        if text.startswith("<<") or not text.strip("-=_ "):
            return True
        if self._table is not None and is_aix_long_header(line):
            return True
        if "extended device statistics" in text or text.startswith("---- errors"):
            # FreeBSD and Solaris print it above each table; with -C a cpu line of the same report may stand before it
            self._take_stray()
            if self._report is not None and (self._report.devices or self._table is not None):
                self._finish()
            self._table = None
            if self._stray:
                self._begin(())
            return True
        if "Errors: " in text and "Soft" in text:  # Solaris -E: an inventory, no figures of an interval
            self._table = None
            return True
        return False

    def _not_understood(self, line: str) -> None:
        if self._cpu is not None:
            self._cpu = None
            self._current().complain(f"the cpu's values are not numbers: {quoted(line.strip())}")
            return
        words = line.split()
        if self._table is None and self._wide is None and not looks_like_time(line) and is_row_like(words):
            self._current().complain(f"values without a header above them: {quoted(line.strip())}")
            return
        if self._stray and looks_like_time(self._stray):
            self._time = self._stray  # Solaris -T: the names of the disks come between it and the header
        elif self._stray and self._table is not None:
            self._end_stray()
        elif self._wide is not None and cells.count_numbers(words) * 2 > len(words):
            self._begin(()).complain(f"a line does not fit its header: {quoted(line.strip())}")
            self._finish()
            return
        self._stray = line

    def _complain_of(self, line: str) -> None:
        if self._report is not None:
            self._report.complain(f"a line in it was not understood: {quoted(line.strip())}")

    def _take_stray(self) -> None:
        """A line not understood turned out to be no part of what follows: only a time stamp is kept."""
        if self._stray and not looks_like_time(self._stray):
            self._end_stray()

    def _end_stray(self) -> None:
        """A line not understood, and no row behind it: part of a row, or somebody else's text behind the table."""
        words = self._stray.split()
        is_known = words[0] in self._learned_names
        is_part = is_known or (len(words) > 1 and cells.count_numbers(words[1:]) * 2 >= len(words))
        if is_part and self._table is not None and not looks_like_time(self._stray):
            self._complain_of(self._stray)
        self._stray = ""

    # -- headers

    def _open(self, found: Layout) -> None:
        if isinstance(found, Wide):
            if self._stray and not looks_like_time(self._stray):
                self._stray = ""  # the names of the disks
        else:
            self._take_stray()
        if isinstance(found, AixSection):
            self._open_section(found)
            return
        key = found.key
        repeated = key in self._order
        if repeated and isinstance(found, Tall) and found.is_aix and self._order[0] != key:
            repeated = False  # AIX -a: a table of disks behind each adapter
        if isinstance(found, Wide):
            self._table = self._cpu = None
            if found.has_devices or repeated or (self._report is not None and self._report.devices):
                self._finish()
            self._wide = found
            if not found.has_devices:
                self._begin(key)
            return
        if isinstance(found, Cpu) and self._has_cpu_header:
            repeated = True  # the same in another language
        if repeated or self._stray:
            self._finish()
        report = self._begin(key)
        if isinstance(found, Cpu):
            self._table, self._cpu, self._wide = None, found, None
            self._has_cpu_header = True
            return
        if self._cpu is not None:
            report.complain("its cpu header has no values below it")
            self._cpu = None
        self._table = found
        self._row = self._first_name = self._last_name = ""
        if self._wide is not None and self._wide.has_devices:
            self._wide = None
        self._saw_nfs = self._saw_nfs or found.key[0].startswith("filesystem")
        if found.key[0] == "device:":
            report.since_boot = None  # sysstat 10 and 11 know -y and leave no sign of it

    def _open_section(self, section: AixSection) -> None:
        if section.name:
            if self._report is not None and section.name in self._report.devices:
                self._finish()
            self._aix_name = section.name
            report = self._begin(("aix -D",))
            report.devices.setdefault(section.name, {})
        self._table = None
        self._section = section

    def _begin(self, key: tuple[str, ...]) -> Report:
        """The report that a header belongs to, begun if there is none; a time stamp above it is its time."""
        stamp = self._time
        if self._stray and looks_like_time(self._stray):
            stamp, self._stray = self._stray, ""
        if stamp and self._report is not None:
            self._finish()
        report = self._current()
        if stamp:
            report.time_text = stamp.strip().removeprefix("Time: ").strip()
            self._time = ""
        if key and key not in self._order:
            self._order.append(key)
        return report

    def _current(self) -> Report:
        if self._report is None:
            self._report = Report()
            if self._is_first and self._blanks_after_banner is not None:
                # sysstat 12 prints a second blank line below the banner where -y left out the report since boot
                self._report.since_boot = self._blanks_after_banner == 1
            elif not self._is_first:
                self._report.since_boot = False
            self._is_first = False
            self._blanks_after_banner = None
        return self._report

    # -- rows

    def _store(self, name: str, device: dict[str, float], line: str) -> None:
        if name == self._first_name and self._row:
            # the first name again without a header between: somebody filtered the headers out
            key = self._order[-1] if self._order else ()
            self._finish()
            self._begin(key)
            self._row = ""
        devices = self._current().devices
        if name in devices:
            devices[name] = {**devices[name], **device}
        elif len(devices) < DEVICES:
            devices[name] = device
        else:
            self._current().complain(f"more than {DEVICES} devices; the rest is left out")
        if not self._row:
            self._first_name = name
        self._row = line
        self._last_name = name

    def _slow_row(self, table: Tall, line: str) -> bool:
        found = rows.read(table, line, self._stray, self._learned_names)
        if found is None:
            return False
        if found.uses_name_above:
            self._stray = ""
        elif self._stray:
            self._complain_of(self._stray)
            self._stray = ""
        if found.beside and (beside := rows.read_wide(wide := Wide(table.beside, [], []), " ".join(found.beside))):
            self._spread(wide, beside)
        if found.time_text and not self._current().time_text:
            self._current().time_text = found.time_text
        if not table.is_nameless:
            self._store(found.name, found.device, line)
        return True

    def _cpu_row(self, cpu: Cpu, line: str) -> bool:
        found = rows.read_cpu(cpu, line)
        if found is None:
            return False
        report = self._current()
        report.cpu, report.tty = found[0], found[1]
        report.time_text = report.time_text or found[2]
        self._cpu, self._stray = None, ""
        return True

    def _section_row(self, section: AixSection, line: str) -> bool:
        found = rows.read_section(section, line)
        if found is None:
            return False
        self._current().devices.setdefault(self._aix_name, {}).update(found)
        self._section, self._last_name = None, self._aix_name
        return True

    def _wide_row(self, wide: Wide, line: str) -> bool:
        values = rows.read_wide(wide, line)
        if values is None:
            return False
        if self._stray and not looks_like_time(self._stray):
            self._stray = ""
        if wide.has_devices or (self._report is not None and (self._report.cpu or self._report.tty)):
            self._finish()
        is_first = self._is_first
        report = self._begin(wide.key)
        if is_first:
            report.since_boot = True  # all of them begin with the averages since boot
        self._spread(wide, values)
        if wide.has_devices:
            self._finish()
        return True

    def _spread(self, wide: Wide, values: Sequence[float]) -> None:
        report = self._current()
        blocks = {"cpu": report.cpu, "tty": report.tty, "load": report.load}
        for (block, name, column), value in zip(wide.columns, values, strict=True):
            target = report.devices.setdefault(name, {}) if block == "device" else blocks.get(block)
            if target is not None and value == value:
                target[column[0]] = value * column[1]

    # -- ends

    def _blank(self) -> None:
        if self._blanks_after_banner is not None:
            self._blanks_after_banner += 1
        if self._stray and self._table is not None and not looks_like_time(self._stray):
            self._end_stray()
        table, self._table = self._table, None
        if table is None:
            return
        self._closed = table
        if table.is_last_of_report and not (table.may_precede_nfs and self._has_nfs is not False):
            self._finish()

    def _finish(self, *, by_time: bool = False) -> None:
        report, self._report = self._report, None
        if report is None:
            return
        if not by_time:
            self._has_nfs = self._saw_nfs
        self._learned = self._order
        self._learned_names = tuple(report.devices)
        self._order = []
        self._has_cpu_header = self._saw_nfs = False
        self._closed = None
        self._before = report
        self._plain.turn()
        self.reports.append(report)

    def _last_line(self, rest: str) -> None:
        """A line without its end: whole only if it is as long as its header and as precise as its neighbours."""
        text = rest.strip()
        if self._is_whole(rest):
            self.lines([rest])
            return
        if self._table is not None or self._cpu is not None or self._section is not None:
            self._current().complain(f"the input ends inside it: {quoted(text)}")
            self._cpu = self._section = None
        elif self._wide is not None and cells.count_numbers(text.split()):
            if self._report is not None and not self._report.is_empty():
                self._finish()
            self._current().complain(f"the input ends inside it: {quoted(text)}")
        elif layout(rest, self._stray) is not None:
            self._take_stray()
            if self._stray:
                self._begin(())
            self._current().complain(f"the input ends inside a header: {quoted(text)}")

    def _is_whole(self, rest: str) -> bool:
        if self._cpu is not None:
            return endings.is_whole_cpu(rest, self._cpu)
        if self._table is not None:
            return endings.is_whole_row(rest, self._table, self._row, self._next_name(rest.split()[-1]))
        return self._wide is not None and endings.is_whole_wide(rest, self._wide)

    def _next_name(self, name: str) -> str:
        """The device that should come now: as in the table above if `name` is there, else as in the report before."""
        devices = self._current().devices
        names = tuple(devices) if name in devices else self._learned_names
        at = names.index(self._last_name) + 1 if self._last_name in names else 0
        return names[at] if at < len(names) else ""

    def _judge_end(self) -> None:
        """The input has ended: is the last report as whole as the one before it?"""
        report = self._report
        if report is None:
            return
        if self._stray and self._table is not None:
            self._end_stray()
        is_bare = (
            self._wide is not None and report.is_empty() and self._table is None and self._order == [self._wide.key]
        )
        if self._cpu is not None or self._section is not None or is_bare:
            report.complain("the input ends where its values should follow")
        elif self._table is not None and not self._row and not self._table.has_open_end:
            report.complain("the input ends behind the header of its table")
        sentence = endings.cut(report, self._order, self._before, self._learned, self._table)
        if sentence and not report.problem:
            report.complain(sentence)
