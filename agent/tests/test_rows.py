from itertools import pairwise

from fleetglass_agent.rows import Rows


def written(rows: Rows, *moments: int) -> list[int]:
    """Write each row when it is due, between the moments at which reports come; all times of rows until the last."""
    times = []
    for moment in moments:
        while rows.next_ms < moment:
            times.append(rows.next_ms)
            rows.written(rows.next_ms)
        rows.report(moment)
        times.append(moment)
        rows.written(moment)
    return times


def test_without_reports_a_timer_writes_a_row_each_interval_and_does_not_drift():
    rows = Rows(1_000, 100, now_ms=0)
    times = []
    for _ in range(4):
        times.append(rows.next_ms)
        rows.written(rows.next_ms + 3)
    assert times == [0, 1_000, 2_000, 3_000]


def test_with_reports_a_row_is_written_when_each_arrives_and_not_besides():
    rows = Rows(1_000, 100, now_ms=0)
    assert written(rows, 10, 1_012, 2_009, 3_200) == [0, 10, 1_012, 2_009, 3_200]


def test_a_report_that_is_late_by_a_quarter_does_not_keep_the_row_waiting():
    rows = Rows(1_000, 100, now_ms=0)
    assert written(rows, 10, 1_010, 2_500) == [0, 10, 1_010, 2_260, 2_500]


def test_when_reports_end_the_timer_goes_on_at_the_interval():
    rows = Rows(1_000, 100, now_ms=0)
    rows.report(1_000)
    times = []
    for _ in range(6):
        times.append(rows.next_ms)
        rows.written(rows.next_ms)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[0] == 1_250
    assert gaps[-1] == 1_000


def test_a_watched_host_is_read_ten_times_a_second_and_reports_still_make_rows():
    rows = Rows(1_000, 100, now_ms=0)
    rows.report(0)
    rows.written(0)
    rows.want(100, now_ms=200)
    assert written(rows, 1_000) == [*range(300, 1_000, 100), 1_000]
    assert rows.next_ms == 1_100


def test_when_nobody_watches_it_goes_back_to_its_own_rate():
    rows = Rows(1_000, 100, now_ms=0)
    rows.want(100, now_ms=0)
    rows.written(0)
    assert rows.next_ms == 100
    rows.want(0, now_ms=100)
    rows.written(100)
    assert rows.next_ms == 1_100


def test_a_hub_cannot_ask_for_more_than_allowed_nor_for_less_than_the_agents_own_rate():
    rows = Rows(1_000, 200, now_ms=0)
    rows.want(1, now_ms=0)
    rows.written(0)
    assert rows.next_ms == 200
    rows.want(60_000, now_ms=200)
    rows.written(200)
    assert rows.next_ms == 1_200


def test_a_machine_that_slept_does_not_make_up_for_the_rows_it_missed():
    rows = Rows(1_000, 100, now_ms=0)
    rows.written(0)
    rows.written(3_600_000)
    assert rows.next_ms == 3_601_000
