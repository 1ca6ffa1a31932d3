"""What is too old or too much goes, the oldest first, and it is said that it went."""

import asyncio
import os

import pytest
from fleetglass_hub.history import keeping, lines
from fleetglass_hub.history.disk import DiskHistory
from fleetglass_hub.history.keeping import Keep, Keeping
from fleetglass_hub.history.levels import DAY_MS, HOUR_MS

START_MS = 16_000 * DAY_MS


def noise(count):
    return b"".join(os.urandom(32).hex().encode() + b"\n" for _ in range(count))


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(lines, "PACK_BYTES", 4_000)


class Clock:
    now_ms = float(START_MS)

    def __call__(self):
        return self.now_ms


async def fill(hands, clock, hours):
    hands.host()
    hands.file()
    for _ in range(hours):
        hands.lines(noise(100), clock.now_ms)
        await hands.until_committed()
        clock.now_ms += HOUR_MS


def test_old_lines_go_and_a_search_says_so(tmp_path, make_hands, small_chunks):
    async def story():
        clock = Clock()
        hands = make_hands(DiskHistory(str(tmp_path), clock, Keeping(Keep(10 * HOUR_MS), {}))).start()
        await fill(hands, clock, 24)
        await hands.recorder.tidy()
        page = await hands.ask(limit=10_000)
        assert {line.time_ms for line in page.lines} == {START_MS + hour * HOUR_MS for hour in range(14, 24)}
        (gap,) = page.gaps
        assert (gap.why, gap.path, gap.to_ms) == ("retention", "/var/log/app.log", START_MS + 13 * HOUR_MS)
        assert (await hands.ask(from_ms=START_MS + 13 * HOUR_MS)).gaps == []
        await hands.recorder.close()

    asyncio.run(story())


def test_lines_beyond_the_size_go_oldest_first_and_room_is_given_back(tmp_path, make_hands, small_chunks, monkeypatch):
    monkeypatch.setattr("fleetglass_hub.history.retention.FREE_PAGES", 1)

    async def story():
        clock = Clock()
        hands = make_hands(DiskHistory(str(tmp_path), clock, Keeping(Keep(None, 20_000), {}))).start()
        await fill(hands, clock, 24)
        await hands.recorder.tidy()
        found = await hands.all_pages()
        assert 300 <= len(found) < 700
        assert found[0].time_ms == START_MS + 23 * HOUR_MS
        assert hands.recorder._store.connection.execute("PRAGMA freelist_count").fetchone()[0] <= 1
        await hands.recorder.close()

    asyncio.run(story())


def test_pages_are_whole_while_the_oldest_lines_expire(tmp_path, make_hands, small_chunks):
    async def story():
        clock = Clock()
        hands = make_hands(DiskHistory(str(tmp_path), clock, Keeping(Keep(30 * HOUR_MS), {}))).start()
        await fill(hands, clock, 24)
        clock.now_ms = START_MS + 24 * HOUR_MS
        found, cursor = [], None
        while True:
            page = await hands.ask(limit=250, cursor=cursor)
            found += page.lines
            cursor = page.next
            clock.now_ms += 2 * HOUR_MS
            await hands.recorder.tidy()
            if cursor is None:
                break
        offsets = [line.offset for line in found]
        assert offsets == sorted(set(offsets), reverse=True)
        assert offsets == list(range(offsets[-1], offsets[0] + 65, 65))[::-1]
        assert len(offsets) > 1_000
        await hands.recorder.close()

    asyncio.run(story())


def test_each_level_of_samples_has_its_age(tmp_path, make_hands):
    async def story():
        clock = Clock()
        keep = {0: Keep(DAY_MS), 1: Keep(3 * DAY_MS), 2: Keep(90 * DAY_MS), 3: Keep()}
        hands = make_hands(DiskHistory(str(tmp_path), clock, Keeping(Keep(), keep))).start()
        hands.host()
        hands.recorder.put_schema(1, ("cpu.user_pct",))
        hands.samples([START_MS + 1_000.0, START_MS + 50_000.0], [[1], [3]])
        await hands.until_committed()

        async def at(days, step_ms):
            clock.now_ms = START_MS + days * DAY_MS
            await hands.recorder.tidy()
            (series,) = await hands.metrics(step_ms=step_ms)
            return series.max.tolist()[:1] + series.max.tolist()[-1:]

        assert await at(0.5, 1_000) == [1, 3]
        assert await at(2.5, 10_000) == [1, 3]
        levels = hands.recorder._store.connection.execute("SELECT DISTINCT level FROM sample_bucket").fetchall()
        assert levels == [(1,), (2,)]
        assert await at(40, 60_000) == [3, 3]
        assert await at(200, 3_600_000) == [3, 3]
        levels = hands.recorder._store.connection.execute("SELECT DISTINCT level FROM sample_bucket").fetchall()
        assert levels == [(3,)]
        await hands.recorder.close()

    asyncio.run(story())


def test_a_forgotten_host_leaves_nothing_behind(tmp_path, make_hands, small_chunks):
    async def story():
        clock = Clock()
        hands = make_hands(DiskHistory(str(tmp_path), clock)).start()
        await fill(hands, clock, 3)
        hands.recorder.put_schema(1, ("cpu.user_pct",))
        hands.samples([START_MS + 1_000.0], [[1]])
        clock.now_ms += 2 * HOUR_MS
        await hands.until_committed()
        await hands.recorder.forget(1)
        await hands.recorder.close()
        again = make_hands(DiskHistory(str(tmp_path), clock))
        assert (again.loaded.hosts, again.loaded.files) == ([], [])
        connection = again.recorder._store.connection
        for table in ("line_chunk", "line_body", "sample_minute", "sample_series", "stream", "forgotten"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table

    asyncio.run(story())


@pytest.mark.parametrize(
    ("text", "keep"),
    [
        ("30d", Keep(30 * DAY_MS)),
        ("20GiB", Keep(None, 20 << 30)),
        ("7d 500MB", Keep(7 * DAY_MS, 500_000_000)),
        ("1TiB, 1y", Keep(365 * DAY_MS, 1 << 40)),
    ],
)
def test_ages_and_sizes_are_read(text, keep):
    assert keeping.parse(text) == keep


@pytest.mark.parametrize("text", ["", "30", "d", "30 d", "1d 2d", "1GiB 2GiB", "-1d", "1h", "1MiB", "30days", "1d x"])
def test_what_is_no_age_or_size_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r"30d|at least"):
        keeping.parse(text)
