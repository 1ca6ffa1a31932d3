"""Rows as wide as their header, of plain numbers: the hot path of reading tables.

Most disks of most machines are idle, and an idle disk prints the same row each second: it is known by its text. 0.4 us
for such a row of 22 columns and 3.5 us for a new one, against 17 us by `rows.read` (tests/bench/iostat_parser.py).
In: lines below a tall header. Out: devices, as many as stand there in this form.
"""

from collections.abc import Sequence

from fleetglass_agent.iostat.layouts import Tall

# More rows than any machine has disks and partitions: a table without end must not fill the memory.
DEVICES = 20_000


class PlainRows:
    """Reads rows, and knows those of the report before by their text."""

    def __init__(self) -> None:
        # line -> name, values, table; of this report and of the one before
        self._rows: dict[str, tuple[str, dict[str, float], Tall]] = {}
        self._rows_before: dict[str, tuple[str, dict[str, float], Tall]] = {}

    def turn(self) -> None:
        """The report has ended."""
        self._rows_before, self._rows = self._rows, {}

    def take(
        self, table: Tall, lines: Sequence[str], start: int, devices: dict[str, dict[str, float]], first: str
    ) -> tuple[int, str, str]:
        """Take lines as long as they are plain rows.

        Args:
            devices: of the report so far; new ones are put in.
            first: the name in the table's first row, "" if this is it; the same name again is not taken.

        Returns:
            How many lines, and the first and the last name in them.
        """
        if table.is_aix or table.is_nameless or table.separator:
            return 0, "", ""
        known_before, seen = self._rows_before.get, self._rows
        fields, factors, width, has_gaps = table.fields, table.factors, table.width, table.has_gaps
        place = -1 if table.is_name_last else 0
        begin, name, end = first, "", min(len(lines), start + DEVICES - len(devices))
        at = start
        for at in range(start, end):
            line = lines[at]
            known = known_before(line)
            if known is None or known[2] is not table:
                words = line.split()
                if len(words) != width:
                    break
                word = words.pop(place)
                try:
                    values = [*map(float, words)]
                except ValueError:
                    break
                # float() reads 1_0 and nan, too: those go the slow way
                total = sum(values)
                if total - total != 0.0 or ("_" in line and "_" in line.replace(word, "", 1)):
                    break
                for index, factor in factors:
                    values[index] *= factor
                device = dict(zip(fields, values))  # noqa: B905 - as many as `width` says; strict costs 100 ns
                if has_gaps:
                    del device[""]
                known = (word, device, table)
            row_name = known[0]
            if row_name not in devices:
                devices[row_name] = known[1]
            elif row_name == begin:
                break
            else:
                devices[row_name] = {**devices[row_name], **known[1]}
            name = row_name
            begin = begin or name
            seen[line] = known
        else:
            at = max(start, end)
        return at - start, begin, name
