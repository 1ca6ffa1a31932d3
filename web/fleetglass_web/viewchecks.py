"""The promises of `FleetView`, as checks that run over any implementation.

A test module subclasses `FleetViewChecks` and gives a fixture `stage`: a fleet that is empty, a clock that stands
still, and a way to make things happen in it. What the checks demand is what live delivery relies on.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from fleetglass_web.view import (
    AggregateQuery,
    Block,
    CursorError,
    EnrolmentStateError,
    FleetView,
    Gap,
    Host,
    LineBatch,
    LogQuery,
    MetricQuery,
    NewEnrolment,
)


class Stage(Protocol):
    """A fleet under test."""

    view: FleetView

    def join(self, name: str, labels: Mapping[str, str]) -> int:
        """An agent connects; gives its host number."""

    def join_with(self, new: NewEnrolment, name: str) -> int:
        """An agent connects that was never here, with a line that was made for it; gives its host number."""

    def sample(self, host: int, values: Mapping[str, float]) -> None:
        """A row, taken now; every host has one schema."""

    def lines(self, host: int, path: str, data: bytes) -> None:
        """Whole lines at the end of a file of the host, read now."""

    def wait(self, ms: float) -> None:
        """The clock moves."""


class Listener:
    """A `Watcher` that keeps everything."""

    def __init__(self) -> None:
        self.hosts: list[Host] = []
        self.removed: list[int] = []
        self.rows = 0
        self.batches: list[LineBatch] = []
        self.gaps: list[Gap] = []

    def hosts_changed(self, upsert: Sequence[Host], remove: Sequence[int]) -> None:
        """See `Watcher`."""
        self.hosts += upsert
        self.removed += remove

    def rows_arrived(self) -> None:
        """See `Watcher`."""
        self.rows += 1

    def lines_arrived(self, batches: Sequence[LineBatch]) -> None:
        """See `Watcher`."""
        self.batches += batches

    def gaps_found(self, gaps: Sequence[Gap]) -> None:
        """See `Watcher`."""
        self.gaps += gaps


def rows_of(view: FleetView, blocks: Sequence[Block]) -> list[tuple[int, dict[str, float]]]:
    """(host, values by name) of each row, in order."""
    return [
        (int(host), dict(zip(view.schema(block.schema), row.tolist(), strict=True)))
        for block in blocks
        for host, row in zip(block.hosts, block.values, strict=True)
    ]


def text_of(batches: Sequence[LineBatch]) -> bytes:
    """What the batches hold, one after the other."""
    return b"".join(batch.data for batch in batches)


def is_refused(view: FleetView, cursor: bytes) -> bool:
    """Whether a cursor is answered with a `CursorError` that says something."""
    try:
        view.resume(cursor, [0], None)
    except CursorError as error:
        return bool(str(error))
    return False


class FleetViewChecks:
    """Subclass it in a test module and define the fixture `stage`."""

    def test_hosts_are_listed_in_the_order_of_their_numbers_with_their_labels(self, stage: Stage) -> None:
        """`hosts`."""
        first, second = stage.join("web-1", {"role": "web"}), stage.join("web-1", {"role": "db"})
        hosts = stage.view.hosts()
        assert [host.host for host in hosts] == sorted((first, second))
        assert [(host.name, dict(host.labels)) for host in hosts] == [
            ("web-1", {"role": "web"}),
            ("web-1", {"role": "db"}),
        ]
        assert hosts[0].agent_id != hosts[1].agent_id

    def test_a_watcher_hears_of_a_new_host_and_nothing_after_it_left(self, stage: Stage) -> None:
        """`watch`."""
        listener = Listener()
        leave = stage.view.watch(listener)
        number = stage.join("web-1", {})
        assert number in [host.host for host in listener.hosts]
        leave()
        heard = len(listener.hosts)
        stage.join("web-2", {})
        assert len(listener.hosts) == heard

    def test_rows_arrive_once_and_in_order_behind_a_mark(self, stage: Stage) -> None:
        """`arrived`."""
        one, two = stage.join("web-1", {}), stage.join("web-2", {})
        stage.sample(one, {"cpu.user_pct": 1.0})
        mark, _ = stage.view.arrived(-1)
        assert list(stage.view.arrived(mark)[1]) == []
        for value in (2.0, 3.0):
            stage.wait(1_000)
            stage.sample(one, {"cpu.user_pct": value})
            stage.sample(two, {"cpu.user_pct": value * 10})
        later, blocks = stage.view.arrived(mark)
        rows = rows_of(stage.view, blocks)
        assert [row["cpu.user_pct"] for host, row in rows if host == one] == [2.0, 3.0]
        assert [row["cpu.user_pct"] for host, row in rows if host == two] == [20.0, 30.0]
        assert later > mark
        assert list(stage.view.arrived(later)[1]) == []

    def test_without_a_mark_the_newest_row_of_each_host_is_given(self, stage: Stage) -> None:
        """`arrived(-1)`."""
        one, two = stage.join("web-1", {}), stage.join("web-2", {})
        stage.join("silent", {})
        for value in (1.0, 2.0):
            stage.wait(1_000)
            stage.sample(one, {"cpu.user_pct": value})
        stage.sample(two, {"load.1m": float("nan")})
        rows = rows_of(stage.view, stage.view.arrived(-1)[1])
        assert len(rows) == 2
        assert (one, {"cpu.user_pct": 2.0}) in rows
        assert np.isnan(dict(rows)[two]["load.1m"])

    def test_hosts_that_measure_the_same_share_a_schema(self, stage: Stage) -> None:
        """`schema`."""
        one, two = stage.join("web-1", {}), stage.join("web-2", {})
        for host in (one, two):
            stage.sample(host, {"cpu.user_pct": 1.0, "disk.util_pct[sda]": 2.0})
        schemas = {block.schema for block in stage.view.arrived(-1)[1]}
        assert len(schemas) == 1
        assert stage.view.schema(schemas.pop()) == ("cpu.user_pct", "disk.util_pct[sda]")

    def test_the_recent_past_is_at_hand_oldest_first(self, stage: Stage) -> None:
        """`recent`."""
        host, other = stage.join("web-1", {}), stage.join("web-2", {})
        for value in range(10):
            stage.wait(1_000)
            stage.sample(host, {"cpu.user_pct": float(value)})
            stage.sample(other, {"cpu.user_pct": -1.0})
        rows = rows_of(stage.view, stage.view.recent([host], 3_500))
        assert [row["cpu.user_pct"] for _host, row in rows] == [6.0, 7.0, 8.0, 9.0]
        assert list(stage.view.recent([], 3_500)) == []

    def test_lines_are_told_at_once_with_rising_numbers_and_their_place(self, stage: Stage) -> None:
        """`lines_arrived`."""
        listener = Listener()
        stage.view.watch(listener)
        host = stage.join("web-1", {})
        stage.lines(host, "/var/log/a.log", b"one\n")
        stage.lines(host, "/var/log/a.log", b"two\nthree\n")
        assert text_of(listener.batches) == b"one\ntwo\nthree\n"
        assert [(batch.host, batch.path, batch.start) for batch in listener.batches] == [
            (host, "/var/log/a.log", 0),
            (host, "/var/log/a.log", 4),
        ]
        assert listener.batches[0].seq < listener.batches[1].seq

    def test_a_resume_goes_on_right_behind_its_cursor(self, stage: Stage) -> None:
        """`cursor`, `resume`."""
        host, other = stage.join("web-1", {}), stage.join("web-2", {})
        stage.lines(host, "/a.log", b"before\n")
        cursor = stage.view.cursor()
        stage.lines(host, "/a.log", b"one\n")
        stage.lines(other, "/b.log", b"of another host\n")
        stage.lines(host, "/a.log", b"two\n")
        found = stage.view.resume(cursor, [host], None)
        assert (text_of(found.batches), list(found.gaps), found.is_complete) == (b"one\ntwo\n", [], True)
        assert text_of(stage.view.resume(found.cursor, [host, other], None).batches) == b""
        assert text_of(stage.view.resume(cursor, [host, other], "/b*").batches) == b"of another host\n"

    def test_a_resume_in_steps_leaves_nothing_out(self, stage: Stage) -> None:
        """`resume` with `limit_bytes`."""
        host = stage.join("web-1", {})
        cursor = stage.view.cursor()
        for number in range(20):
            stage.lines(host, "/a.log", b"line %03d\n" % number)
        got, steps, is_complete = b"", 0, False
        while not is_complete:
            found = stage.view.resume(cursor, [host], None, 40)
            got, cursor, is_complete, steps = got + text_of(found.batches), found.cursor, found.is_complete, steps + 1
            assert steps < 30
        assert got == b"".join(b"line %03d\n" % number for number in range(20))
        assert steps > 1

    def test_a_resume_within_a_batch_begins_with_that_batch(self, stage: Stage) -> None:
        """`resume` with `partly`, and `holds`."""
        host = stage.join("web-1", {})
        cursor = stage.view.cursor()
        for number in range(4):
            stage.lines(host, "/a.log", b"line %d\nand more\n" % number)
        third = stage.view.resume(cursor, [host], None).batches[2]
        found = stage.view.resume(cursor, [host], None, partly=third.seq)
        assert (found.batches[0], found.is_known) == (third, True)
        assert text_of(found.batches) == b"line 2\nand more\nline 3\nand more\n"
        assert stage.view.holds(cursor, [host], None)

    def test_a_cursor_from_elsewhere_is_refused(self, stage: Stage) -> None:
        """`CursorError`."""
        stage.join("web-1", {})
        assert [is_refused(stage.view, cursor) for cursor in (b"", b"nonsense", bytes(64))] == [True, True, True]

    def test_the_tail_holds_the_last_lines_in_the_order_of_arrival(self, stage: Stage) -> None:
        """`tail`."""
        one, two = stage.join("web-1", {}), stage.join("web-2", {})
        stage.lines(one, "/a.log", b"1\n2\n")
        stage.lines(two, "/b.log", b"3\n")
        stage.lines(one, "/a.log", b"4\n")
        assert text_of(stage.view.tail([one, two], None, 2)).endswith(b"3\n4\n")
        assert text_of(stage.view.tail([one], None, 99)) == b"1\n2\n4\n"
        assert text_of(stage.view.tail([one, two], "/b*", 99)) == b"3\n"

    def test_a_search_finds_the_newest_first_and_pages_meet(self, stage: Stage) -> None:
        """`logs`."""
        host = stage.join("web-1", {})
        for number in range(30):
            stage.wait(10)
            stage.lines(host, "/a.log", b"GET %02d\nPOST %02d\n" % (number, number))
        found: list[bytes] = []
        query = LogQuery([host], "/a*", "GET", "GET 07", 0.0, stage.view.now_ms() + 1_000, 7, None)
        while True:
            page = asyncio.run(stage.view.logs(query))
            assert len(page.lines) <= 7
            found += [line.data for line in page.lines]
            if page.next is None:
                break
            query = query._replace(cursor=page.next)
        assert found == [b"GET %02d" % number for number in range(29, -1, -1) if number != 7]

    def test_metrics_come_in_steps_that_begin_at_their_start(self, stage: Stage) -> None:
        """`metrics`."""
        host = stage.join("web-1", {})
        stage.wait(10_000 - stage.view.now_ms() % 10_000)
        start_ms = stage.view.now_ms()
        for value in range(20):
            stage.sample(host, {"cpu.user_pct": float(value), "load.1m": 0.5})
            stage.wait(1_000)
        query = MetricQuery([host], ["cpu.*"], start_ms, start_ms + 20_000, 10_000)
        (found,) = asyncio.run(stage.view.metrics(query))
        assert (found.host, found.series) == (host, "cpu.user_pct")
        assert found.time_ms.tolist() == [start_ms, start_ms + 10_000]
        assert found.min.tolist() == [0.0, 10.0]
        assert found.avg.tolist() == [4.5, 14.5]
        assert found.max.tolist() == [9.0, 19.0]

    def test_sets_of_hosts_have_figures_now_and_what_is_unknown_does_not_count(self, stage: Stage) -> None:
        """`aggregate` of the newest rows."""
        one, two, three = (stage.join(name, {}) for name in ("a", "b", "c"))
        stage.sample(one, {"disk.util_pct[sda]": 10.0, "disk.util_pct[sdb]": 20.5, "load.1m": 1.0})
        stage.sample(two, {"disk.util_pct[sda]": 40.0, "disk.util_pct[sdb]": float("nan"), "load.1m": 1.0})
        stage.sample(three, {"disk.util_pct[vda]": 7.0, "load.1m": float("nan")})
        query = AggregateQuery([one, two, three], [0, 0, 1], ["disk.*", "load.1m"], False, [50.0, 90.0], None)
        found = asyncio.run(stage.view.aggregate(query))
        assert [(part.group, part.series, part.count.tolist(), part.sum.tolist()) for part in found] == [
            (0, "disk.util_pct", [3], [70.5]),
            (0, "load.1m", [2], [2.0]),
            (1, "disk.util_pct", [1], [7.0]),
            (1, "load.1m", [0], [0.0]),
        ]
        disks = found[0]
        assert [column.tolist() for column in (disks.min, disks.avg, disks.max)] == [[10.0], [23.5], [40.0]]
        np.testing.assert_allclose(disks.percentiles, [[20.5, 36.1]])
        assert np.isnan(found[3].avg[0])
        by_instance = asyncio.run(
            stage.view.aggregate(query._replace(hosts=[one, two], groups=[5, 5], by_instance=True))
        )
        assert [(part.group, part.series, part.sum.tolist()) for part in by_instance] == [
            (5, "disk.util_pct[sda]", [50.0]),
            (5, "disk.util_pct[sdb]", [20.5]),
            (5, "load.1m", [2.0]),
        ]

    def test_sets_of_hosts_have_figures_in_every_step_of_the_past(self, stage: Stage) -> None:
        """`aggregate` of a span."""
        one, two = stage.join("a", {}), stage.join("b", {})
        stage.wait(10_000 - stage.view.now_ms() % 10_000)
        start_ms = stage.view.now_ms()
        for value in range(20):
            stage.sample(one, {"cpu.user_pct": float(value)})
            if value >= 10:
                stage.sample(two, {"cpu.user_pct": 100.0})
            stage.wait(1_000)
        span = (start_ms, start_ms + 30_000, 10_000)
        query = AggregateQuery([one, two], [0, 0], ["cpu.*"], False, [50.0], span)
        (found,) = asyncio.run(stage.view.aggregate(query))
        assert found.time_ms.tolist() == [start_ms, start_ms + 10_000, start_ms + 20_000]
        assert found.count.tolist() == [1, 2, 0]
        assert found.sum.tolist() == [4.5, 114.5, 0.0]
        np.testing.assert_array_equal(found.min, [0.0, 10.0, np.nan])
        np.testing.assert_array_equal(found.avg, [4.5, 57.25, np.nan])
        np.testing.assert_array_equal(found.max, [9.0, 100.0, np.nan])
        np.testing.assert_array_equal(found.percentiles, [[4.5], [57.25], [np.nan]])

    def test_a_line_is_made_listed_and_says_who_joined_with_it(self, stage: Stage) -> None:
        """`enrol`, `enrolments`."""
        assert list(asyncio.run(stage.view.enrolments()).enrolments) == []
        first = asyncio.run(stage.view.enrol({"role": "db"}, 60_000, ["/var/log/my app/*.log"]))
        stage.wait(1_000)
        second = asyncio.run(stage.view.enrol({}, 3_600_000, []))
        assert first.join != second.join
        assert first.line.endswith(f"{first.join} --tail '/var/log/my app/*.log'")
        found = asyncio.run(stage.view.enrolments())
        assert [one.id for one in found.enrolments] == [second.enrolment.id, first.enrolment.id]
        assert first.join not in repr(found)
        one = found.enrolments[1]
        assert one.created_ms is not None
        assert (one.expires_ms - one.created_ms, dict(one.labels)) == (60_000, {"role": "db"})
        assert (one.used_ms, one.agent_id) == (None, None)
        host = stage.join_with(first, "db-7")
        used = asyncio.run(stage.view.enrolments()).enrolments[1]
        joined = next(one for one in stage.view.hosts() if one.host == host)
        assert (used.used_ms, used.agent_id) == (stage.view.now_ms(), joined.agent_id)
        assert dict(joined.labels) == {"role": "db"}

    def test_a_revoked_line_is_not_listed_and_a_used_one_cannot_be_revoked(self, stage: Stage) -> None:
        """`revoke`."""
        first, second = (asyncio.run(stage.view.enrol({}, 60_000, [])) for _ in range(2))
        asyncio.run(stage.view.revoke(first.enrolment.id))
        assert [one.id for one in asyncio.run(stage.view.enrolments()).enrolments] == [second.enrolment.id]
        stage.join_with(second, "db-7")
        refused = []
        for wanted in (second.enrolment.id, "nothing"):
            try:
                asyncio.run(stage.view.revoke(wanted))
            except (EnrolmentStateError, LookupError) as error:
                refused.append(type(error).__mro__[:-2])
        assert [EnrolmentStateError in kinds for kinds in refused] == [True, False]
        assert len(refused) == 2

    def test_a_forgotten_host_is_gone_and_its_watchers_know(self, stage: Stage) -> None:
        """`forget`."""
        listener = Listener()
        stage.view.watch(listener)
        host = stage.join("web-1", {})
        asyncio.run(stage.view.forget(host))
        assert [one.host for one in stage.view.hosts()] == []
        assert listener.removed == [host]

    def test_health_says_whether_the_hub_is_ready(self, stage: Stage) -> None:
        """`health`."""
        assert stage.view.health()["ready"] is True
