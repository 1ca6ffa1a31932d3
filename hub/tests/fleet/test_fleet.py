"""The present of all hosts."""

import struct

import numpy as np
import pytest
from fleetglass_hub.fleet.fleet import Fleet
from fleetglass_hub.history.recorder import HostRecord, Rows
from fleetglass_web.view import HostState

NOW = 1_700_000_000_000.0


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


class Told:
    def __init__(self):
        self.changed, self.gone = [], []

    def __call__(self, changed, gone):
        self.changed += changed
        self.gone += gone


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def fleet(told):
    fleet = Fleet(told)
    for number in range(3):
        fleet.greeted(fleet.member(bytes([number]) * 16, NOW, f"web-{number}"), NOW)
    fleet.tell_changes()
    return fleet


def newest(fleet):
    _, blocks = fleet.arrived(-1)
    return {
        int(host): (float(time), row.tolist())
        for block in blocks
        for host, time, row in zip(block.hosts, block.time_ms, block.values, strict=True)
    }


def test_numbers_are_given_in_order_and_a_host_keeps_its_own(fleet):
    assert list(fleet.members) == [0, 1, 2]
    assert fleet.member(bytes([1]) * 16, NOW, "another name").host == 1


def test_a_list_of_series_has_one_number(fleet):
    assert fleet.intern(("a", "b")) == (0, True)
    assert fleet.intern(("b", "a")) == (1, True)
    assert fleet.intern(("a", "b")) == (0, False)
    assert fleet.schema(1) == ("b", "a")


def test_rows_of_a_pass_come_together_and_the_latest_time_is_the_newest(fleet):
    schema, _ = fleet.intern(("a",))
    for host, time, value in [(0, NOW, 1.0), (1, NOW - 10, 2.0), (0, NOW - 5, 3.0)]:
        fleet.add_row(host, schema, int(time), floats(value))
    rows = fleet.flush(NOW)
    assert [len(part.hosts) for part in rows] == [3]
    assert newest(fleet) == {0: (NOW, [1.0]), 1: (NOW - 10, [2.0])}
    mark, blocks = fleet.arrived(0)
    assert (mark, blocks[0].values[:, 0].tolist()) == (3, [1.0, 2.0, 3.0])
    assert fleet.arrived(mark) == (mark, [])


def test_backfill_never_hides_the_newest_row(fleet):
    schema, _ = fleet.intern(("a",))
    fleet.add_row(0, schema, int(NOW), floats(9.0))
    fleet.flush(NOW)
    for second in range(100, 0, -1):
        fleet.add_row(0, schema, int(NOW) - second * 1_000, floats(second))
    fleet.flush(NOW + 100)
    assert newest(fleet)[0] == (NOW, [9.0])
    times = fleet.recent([0], NOW - 300_000)[0].time_ms
    assert len(times) == 101
    assert (np.diff(times) > 0).all()


def test_backfill_of_a_long_outage_goes_to_history_alone(fleet):
    schema, _ = fleet.intern(("a",))
    for minutes in (50, 4):
        fleet.add_row(0, schema, int(NOW) - minutes * 60_000, floats(minutes))
    rows = fleet.flush(NOW)
    assert rows[0].raw_ms.tolist() == [int(NOW) - 3_000_000, int(NOW) - 240_000]
    assert [block.values.tolist() for block in fleet.recent([0], 0.0)] == [[[4.0]]]


def test_nothing_was_measured_later_than_now(fleet):
    schema, _ = fleet.intern(("a",))
    fleet.add_row(0, schema, int(NOW) + 86_400_000, floats(1.0))
    fleet.flush(NOW)
    fleet.add_row(0, schema, int(NOW) + 1_000, floats(2.0))
    fleet.flush(NOW + 1_000)
    assert newest(fleet)[0] == (NOW + 1_000, [2.0])


def test_a_new_schema_takes_the_host_along_and_the_others_stay(fleet, told):
    first, _ = fleet.intern(("a",))
    second, _ = fleet.intern(("a", "b"))
    for host in range(3):
        fleet.add_row(host, first, int(NOW), floats(host))
    fleet.flush(NOW)
    fleet.tell_changes()
    assert fleet.host(0).schema == first
    fleet.add_row(0, second, int(NOW) + 1_000, floats(7, 8))
    fleet.flush(NOW + 1_000)
    fleet.add_row(2, first, int(NOW) + 1_000, floats(22))
    fleet.flush(NOW + 1_000)
    fleet.tell_changes()
    assert newest(fleet) == {0: (NOW + 1_000, [7.0, 8.0]), 1: (NOW, [1.0]), 2: (NOW + 1_000, [22.0])}
    assert fleet.host(0).schema == second
    assert told.changed[-1] == 0


def test_old_rows_of_the_schema_before_do_not_bring_it_back(fleet):
    first, _ = fleet.intern(("a",))
    second, _ = fleet.intern(("a", "b"))
    fleet.add_row(0, second, int(NOW), floats(7, 8))
    fleet.flush(NOW)
    fleet.add_row(0, first, int(NOW) - 5_000, floats(1))
    fleet.flush(NOW)
    assert fleet.host(0).schema == second


def test_a_mark_that_is_older_than_what_is_kept_gives_the_newest_rows(fleet):
    schema, _ = fleet.intern(("a",))
    for second in range(800):
        now_ms = NOW + second * 1_000
        fleet.add_row(0, schema, int(now_ms), floats(second))
        fleet.flush(now_ms)
        fleet.tick(now_ms)
    mark, blocks = fleet.arrived(5)
    assert (mark, blocks[0].values.tolist()) == (800, [[799.0]])
    assert sum(len(block.values) for block in fleet.arrived(700)[1]) == 100


def test_a_forgotten_host_leaves_no_row_and_its_number_is_not_used_again(fleet, told):
    schema, _ = fleet.intern(("a",))
    for host in range(3):
        fleet.add_row(host, schema, int(NOW), floats(host))
    fleet.flush(NOW)
    fleet.forget(0)
    fleet.tell_changes()
    assert told.gone == [0]
    assert sorted(newest(fleet)) == [1, 2]
    assert fleet.recent([0], 0.0) == []
    assert fleet.member(bytes(16), NOW, "again").host == 3


def test_hosts_of_history_are_lost_or_left_until_they_speak():
    fleet = Fleet(Told())
    records = [
        HostRecord(number, bytes([number]) * 16, f"h{number}", {}, {}, "", 1_000, "", 0.0, NOW - 100, number == 1)
        for number in (0, 1, 40)
    ]
    rows = Rows(7, np.array([40], np.uint32), np.array([1]), np.array([NOW - 100]), np.array([[5.0]], np.float32))
    fleet.load(records, {7: ("a",)}, NOW)
    fleet.load_rows([rows], NOW)
    fleet.tick(NOW)
    assert [fleet.host(host).state for host in (0, 1, 40)] == [HostState.LOST, HostState.LEFT, HostState.LOST]
    assert newest(fleet) == {40: (NOW - 100, [5.0])}
    fleet.heard([0, 40], NOW)
    assert fleet.host(40).state is HostState.LIVE
    assert fleet.intern(("b",)) == (8, True)
    assert fleet.member(b"n" * 16, NOW, "new").host == 41


def test_a_host_is_told_of_only_when_it_has_changed(fleet, told):
    schema, _ = fleet.intern(("a",))
    fleet.add_row(0, schema, int(NOW), floats(1))
    fleet.flush(NOW)
    fleet.tell_changes()
    told.changed.clear()
    for second in range(1, 5):
        fleet.add_row(0, schema, int(NOW) + second * 1_000, floats(1))
        fleet.heard([0, 1, 2], NOW + second * 1_000)
        fleet.flush(NOW + second * 1_000)
        fleet.tick(NOW + second * 1_000)
    assert told.changed == []
