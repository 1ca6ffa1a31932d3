"""How many lines and errors a second a host's row says, fed without sockets and clocks."""

import struct
from math import isnan
from pathlib import Path

import pytest
from fleetglass_hub.ingest import linerate
from fleetglass_proto import messages
from fleetglass_proto.messages import BatchFlag
from fleetglass_web.live.severity import count_errors
from harness.rooms import Rooms

GOOD, BAD = b"GET / took 3 ms\n", b"ERROR db: query failed\n"


@pytest.fixture
def rooms():
    return Rooms()


@pytest.fixture
def agent(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.schema(1, "load.1m")
    return agent


def row(agent, after_ms=1_000, time_ms=None):
    """Time passes, and a sample comes; what its row says then: (lines/s, errors/s)."""
    agent.rooms.now_ms += after_ms
    agent.sample(1, struct.pack("<f", 0.5), time_ms)
    rows = agent.rooms.recorder.rows[-1]
    series = agent.rooms.view.schema(rows.schema)
    values = dict(zip(series, rows.values[-1].tolist(), strict=True))
    assert values["load.1m"] == 0.5
    return values.get("log.lines_per_s"), values.get("log.errors_per_s")


def lines(agent, data, start=0, flags=0, stream=0, file=7):
    agent.lines(start, data, stream, file, flags)
    return start + len(data)


def test_a_row_has_the_lines_and_errors_since_the_row_before(agent):
    row(agent)
    lines(agent, GOOD * 90 + BAD * 10)
    assert row(agent) == (100.0, 10.0)
    assert row(agent) == (0.0, 0.0)
    lines(agent, BAD, start=len(GOOD) * 90 + len(BAD) * 10)
    assert row(agent, after_ms=2_000) == (0.5, 0.5)


def test_a_host_that_follows_nothing_has_no_such_series(rooms):
    agent = rooms.agent().hello()
    agent.schema(1, "load.1m")
    row(agent)
    assert row(agent) == (None, None)
    agent.follow()
    assert isnan(row(agent)[0])
    assert row(agent) == (0.0, 0.0)


def test_a_host_whose_last_stream_went_down_is_not_called_quiet(agent):
    row(agent)
    assert row(agent) == (0.0, 0.0)
    agent.event("stream_down", 0, why="deleted")
    assert all(isnan(value) for value in row(agent))
    agent.follow(file=8)
    lines(agent, GOOD * 4, file=8)
    assert row(agent) == (4.0, 0.0)


def test_the_first_row_of_a_session_is_not_known_and_the_next_one_is(agent):
    assert all(isnan(value) for value in row(agent))
    assert row(agent) == (0.0, 0.0)
    agent.hello()
    agent.follow()
    agent.schema(1, "load.1m")
    assert all(isnan(value) for value in row(agent))
    assert row(agent) == (0.0, 0.0)


def test_rows_that_waited_while_the_agent_was_away_do_not_get_the_lines_of_now(rooms, agent):
    row(agent)
    lines(agent, GOOD * 30)
    now_ms = int(rooms.now_ms) + 1_000
    rooms.now_ms += 1_000
    samples = [messages.Sample(1, at, struct.pack("<f", 0.5)) for at in (now_ms - 60_000, now_ms - 59_000, now_ms)]
    agent.send(messages.Frame(now_ms, tuple(samples), ()))
    said = rooms.recorder.rows[-1].values[:, 1].tolist()
    assert [isnan(value) for value in said] == [True, True, False]
    assert said[-1] == 30.0


def test_rows_ten_times_a_second_say_what_came_in_most_of_a_second(agent):
    for _ in range(10):
        row(agent, after_ms=100)
    lines(agent, GOOD * 8)
    said = [row(agent, after_ms=100)[0] for _ in range(9)]
    assert said == [10.0] * 8 + [0.0]


def test_rows_closer_than_that_at_the_start_are_not_known(agent):
    row(agent)
    assert all(isnan(row(agent, after_ms=100)[0]) for _ in range(7))
    assert row(agent, after_ms=100)[0] == 0.0


def test_a_clock_that_is_set_back_costs_one_row(rooms, agent):
    row(agent)
    row(agent)
    assert isnan(row(agent, time_ms=int(rooms.now_ms) - 3_600_000)[0])
    lines(agent, GOOD * 5)
    assert row(agent, time_ms=int(rooms.now_ms) - 3_600_000) == (5.0, 0.0)


def test_an_unfinished_line_counts_once_when_it_is_whole(agent):
    row(agent)
    lines(agent, b"ERROR ha", flags=BatchFlag.PARTIAL)
    assert row(agent) == (0.0, 0.0)
    lines(agent, b"ERROR half of it\n")
    assert row(agent) == (1.0, 1.0)


def test_a_line_longer_than_a_batch_counts_once_and_by_its_start(agent):
    row(agent)
    end = lines(agent, b"ERROR " + b"x" * 1_000, flags=BatchFlag.CUT)
    end = lines(agent, b"y" * 1_000, end, BatchFlag.CUT)
    lines(agent, b"the rest ERROR\n" + GOOD, end)
    assert row(agent) == (2.0, 1.0)


def test_what_was_sent_before_is_not_counted_again(agent):
    row(agent)
    lines(agent, GOOD * 3)
    lines(agent, GOOD * 3)
    lines(agent, GOOD * 4)
    assert row(agent) == (4.0, 0.0)


def test_lines_that_waited_in_the_file_for_the_session_are_shown_and_are_no_rate_of_now(rooms, agent):
    row(agent)
    end = lines(agent, GOOD * 10_000, flags=BatchFlag.LATE)
    lines(agent, GOOD * 3, end)
    assert row(agent) == (3.0, 0.0)
    assert sum(batch.data.count(b"\n") for batch in rooms.watcher.batches) == 10_003


def test_an_agent_that_measures_these_series_itself_keeps_its_own(rooms):
    agent = rooms.agent().hello()
    agent.follow()
    agent.schema(1, "load.1m", "log.lines_per_s")
    agent.sample(1, struct.pack("<2f", 0.5, 77.0))
    assert rooms.recorder.rows[-1].values.tolist() == [[0.5, 77.0]]


def test_a_schema_as_wide_as_the_protocol_allows_is_not_made_wider():
    full = tuple(f"cpu.core_util_pct[{number}]" for number in range(32_768))
    assert linerate.widened(full) is None
    assert linerate.widened(full[:-2]) == (*full[:-2], "log.lines_per_s", "log.errors_per_s")


def test_a_flood_is_counted_on_the_way_and_not_kept_until_the_row(rooms, agent):
    row(agent)
    end = 0
    for _ in range(40):
        end = lines(agent, GOOD * 1_000 + BAD * 10, end)
    session = next(iter(rooms.intake.sessions.values()))
    assert sum(map(len, session._rate._pending)) < linerate.PENDING_BYTES
    assert row(agent) == (40_400.0, 400.0)


def test_every_line_of_a_storm_is_counted_and_its_errors_are_estimated_from_a_part(agent, monkeypatch):
    searched = []
    monkeypatch.setattr(linerate, "count_errors", lambda block: searched.append(len(block)) or count_errors(block))
    row(agent)
    piece = (GOOD * 9 + BAD) * 1_500
    end = 0
    for _ in range(64):
        end = lines(agent, piece, end)
    said = row(agent)
    assert said[0] == 64 * 15_000
    assert said[1] == pytest.approx(64 * 1_500, rel=0.02)
    assert linerate.SEARCHED_BYTES < sum(searched) < end / 2


def test_the_page_of_series_has_these_with_their_unit():
    page = (Path(__file__).parents[3] / "docs/METRICS.md").read_text()
    section = page.partition("## From the hub\n")[2].partition("\n## ")[0]
    assert [line.split(" | ")[:2] for line in section.splitlines() if line.startswith("| `")] == [
        [f"| `{name}`", "1/s"] for name in linerate.SERIES
    ]
