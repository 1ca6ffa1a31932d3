"""Rows in the order of their arrival."""

import numpy as np
from fleetglass_hub.fleet import rowlog
from fleetglass_hub.fleet.rowlog import Latest, RowLog


def add(log, mark, now_ms, hosts, times=None):
    hosts = np.array(hosts, np.uint32)
    times = np.full(len(hosts), now_ms) if times is None else np.array(times, np.float64)
    values = np.column_stack((hosts, np.arange(mark, mark + len(hosts)))).astype(np.float32)
    log.append(hosts, times, values, mark, now_ms)


def marks(slices):
    return [int(value) for part in slices for value in part.values[:, 1]]


def test_rows_after_a_mark_come_oldest_first_and_each_once():
    log = RowLog(2)
    for mark in range(1, 301, 3):
        add(log, mark, mark * 10.0, [0, 1, 2])
    assert marks(log.after(0)) == list(range(1, 301))
    assert marks(log.after(298)) == [299, 300]
    assert marks(log.after(300)) == []


def test_what_was_handed_out_does_not_change_when_more_comes():
    log = RowLog(2)
    add(log, 1, 0.0, [7])
    before = list(log.after(0))
    add(log, 2, 1.0, [8])
    assert marks(before) == [1]
    assert not before[0].values.flags.writeable


def test_five_minutes_are_kept_and_little_more():
    log = RowLog(2)
    kept = []
    for second in range(900):
        add(log, second + 1, second * 1_000.0, [0])
        log.expire(second * 1_000.0)
        kept.append(len(marks(log.after(0))))
    assert min(kept[300:]) >= 300
    assert max(kept) <= 365


def test_a_schema_of_one_host_takes_little_memory():
    log = RowLog(40)
    for second in range(300):
        log.append(np.zeros(1, np.uint32), np.zeros(1), np.zeros((1, 40), np.float32), second + 1, second * 1_000.0)
    taken = sum(segment.values.nbytes for segment in log._segments)
    assert taken < 1.3 * 300 * 160


def test_a_thousand_rows_at_once_are_spread_over_segments():
    log = RowLog(2)
    add(log, 1, 0.0, [0] * 1_000)
    assert marks(log.after(0)) == list(range(1, 1_001))


def test_the_rows_of_some_hosts_come_host_by_host_in_the_order_of_their_times():
    log = RowLog(2)
    add(log, 1, 5_000.0, [1, 0, 1], [5_000, 5_000, 4_000])
    add(log, 4, 6_000.0, [1, 2], [3_000, 6_000])
    chosen = np.array([True, True, False])
    rows = log.of_hosts(chosen, 3_500.0)
    assert list(zip(rows.hosts.tolist(), rows.time_ms.tolist(), strict=True)) == [
        (0, 5_000.0),
        (1, 4_000.0),
        (1, 5_000.0),
    ]
    assert log.of_hosts(chosen, 7_000.0) is None
    assert len(log.of_hosts(chosen, 0.0, 5_000.0).hosts) == 2


def test_the_newest_rows_survive_growth_and_the_leaving_of_others():
    latest = Latest(1)
    slots = {host: latest.add(host) for host in range(20)}
    for host, slot in slots.items():
        latest.time_ms[slot], latest.values[slot] = host * 1.0, host
    moved = latest.remove(slots[3])
    assert moved == 19
    rows = latest.rows()
    assert sorted(rows.hosts.tolist()) == [host for host in range(20) if host != 3]
    assert rows.values[:, 0].tolist() == rows.hosts.tolist()


def test_a_host_without_a_row_is_left_out():
    latest = Latest(1)
    latest.add(5)
    assert len(latest.rows().hosts) == 0


def test_keep_is_what_the_contract_says():
    assert rowlog.KEEP_MS == 300_000
