"""One answer at every age: the same samples asked from memory, commits, minutes, hours and coarser steps."""

import asyncio

import numpy as np
from fleetglass_hub.history.disk import DiskHistory
from fleetglass_hub.history.keeping import EVERYTHING
from fleetglass_hub.history.levels import DAY_MS, HOUR_MS

HOUR = 400_000  # a full hour and a full day somewhere in 2015
START_MS = HOUR * HOUR_MS // DAY_MS * DAY_MS
NAN = float("nan")


def expected(times, values, from_ms, to_ms, step_ms):
    """The answer by the plainest means."""
    steps = {}
    for time_ms, value in zip(times, values, strict=True):
        if from_ms <= time_ms < to_ms and value == value:
            steps.setdefault(int(time_ms // step_ms * step_ms), []).append(float(value))
    return {at: (min(own), sum(own) / len(own), max(own)) for at, own in steps.items()}


def answered(series):
    known = ~np.isnan(series.avg)
    columns = (column[known].tolist() for column in (series.time_ms, series.min, series.avg, series.max))
    return {at: figures for at, *figures in zip(*columns, strict=True)}


def close_to(found, wanted):
    assert found.keys() == wanted.keys()
    own = np.array([found[at] for at in wanted]).reshape(-1, 3)
    other = np.array(list(wanted.values())).reshape(-1, 3)
    np.testing.assert_array_equal(own[:, ::2], other[:, ::2].astype(np.float32))  # extremes are exact
    np.testing.assert_allclose(own[:, 1], other[:, 1], rtol=2e-5)  # averages of steps are kept to 16 bits


class Story:
    """A history whose clock is an argument."""

    def __init__(self, folder, make_hands):
        self.now_ms = float(START_MS)
        self._folder = folder
        self._make = make_hands

    def open(self):
        self.hands = self._make(DiskHistory(str(self._folder), lambda: self.now_ms, EVERYTHING)).start()
        return self.hands

    async def later(self, now_ms):
        self.now_ms = now_ms
        await self.hands.until_committed()
        await self.hands.recorder.tidy()


def random_walk(seconds, seed=1):
    rng = np.random.default_rng(seed)
    times = START_MS + np.arange(seconds) * 1_000.0 + rng.integers(0, 40, seconds) + 0.25
    user = np.float32(np.abs(np.cumsum(rng.normal(0, 1, seconds))).round(2))
    user[seconds // 3 : seconds // 3 + 100] = NAN
    memory = np.float32(rng.normal(1e9, 1e6, seconds))
    keep = np.ones(seconds, bool)
    keep[seconds // 2 : seconds // 2 + 300] = False  # the host was away
    return times[keep], user[keep], memory[keep]


def test_every_age_gives_the_same_answer(tmp_path, make_hands):
    async def story():
        told = Story(tmp_path, make_hands)
        hands = told.open()
        hands.host()
        hands.recorder.put_schema(1, ("cpu.user_pct", "memory.used_bytes"))
        times, user, memory = random_walk(2 * 3_600 + 1_000)
        for begin in range(0, len(times), 500):
            own = slice(begin, begin + 500)
            hands.samples(times[own], np.stack((user[own], memory[own]), axis=1))
        end_ms = times[-1] + 1

        async def check(from_ms, to_ms, step_ms):
            found = {series.series: answered(series) for series in await hands.metrics(
                from_ms=from_ms, to_ms=to_ms, step_ms=step_ms)}  # fmt: skip
            for name, values in (("cpu.user_pct", user), ("memory.used_bytes", memory)):
                close_to(found[name], expected(times, values, from_ms, to_ms, step_ms))

        async def check_all():
            for step_ms in (1_000, 7_000, 10_000, 60_000, 3_600_000):
                await check(START_MS, end_ms + 10 * DAY_MS, step_ms)
            await check(START_MS + 600_000, START_MS + 4_200_000, 20_000)

        await check_all()
        await told.later(end_ms)
        assert count(told, "sample_minute") > 10  # the hours that are over are packed already
        await check_all()
        await told.later(end_ms + HOUR_MS)
        assert count(told, "sample_hot") == 0
        assert count(told, "sample_minute") == 0
        assert count(told, "sample_bucket") == 6
        await check_all()
        await told.later(START_MS + 40 * DAY_MS)
        assert count(told, "sample_bucket") == 8
        assert count(told, "sample_due") == 0
        await check_all()
        await hands.recorder.close()
        hands = told.open()
        await check_all()
        # The finest go first; what is left still answers.
        for level in (0, 1, 2):
            connection = hands.recorder._store.connection
            connection.execute("DELETE FROM sample_bucket WHERE level = ?", (level,))
            connection.execute("DELETE FROM sample_series WHERE level = ?", (level,))
            await check(START_MS, end_ms + HOUR_MS, 3_600_000)
        hour = (await hands.metrics(("cpu.*",), from_ms=START_MS, to_ms=START_MS + HOUR_MS, step_ms=60_000))[0]
        assert len(hour.time_ms) == 60
        assert set(hour.max.tolist()) == {float(np.nanmax(user[times < START_MS + HOUR_MS]))}
        await hands.recorder.close()

    asyncio.run(story())


def count(told, table):
    return told.hands.recorder._store.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_samples_that_come_late_find_their_place_in_a_packed_hour_and_day(tmp_path, make_hands):
    async def story():
        told = Story(tmp_path, make_hands)
        hands = told.open()
        hands.host()
        hands.recorder.put_schema(1, ("cpu.user_pct",))
        hands.recorder.put_schema(2, ("cpu.user_pct", "net.rx_bytes_per_s[eth0]"))
        hands.samples([START_MS + 1_000.0, START_MS + 2_000.0], [[1], [2]])
        await told.later(START_MS + 3 * DAY_MS)
        late = START_MS + 2_000.0, START_MS + 3_000.0
        hands.samples(late, [[5, 50], [9, 90]], schema=2)  # the first replaces what came before

        async def check():
            for step_ms, most in ((1_000, [1, 5, 9]), (60_000, [9]), (HOUR_MS, [9])):
                user, rx = await hands.metrics(step_ms=step_ms)
                assert user.max.tolist() == most
                assert rx.max.tolist() == [50, 90][-len(most) :]
            assert (await hands.metrics(step_ms=HOUR_MS))[0].avg.tolist() == [5]

        await check()
        await told.later(START_MS + 3 * DAY_MS + 70_000)
        await check()
        await told.later(START_MS + 3 * DAY_MS + 3 * HOUR_MS)
        await check()
        await hands.recorder.close()

    asyncio.run(story())


def test_hosts_of_many_shards_keep_apart(tmp_path, make_hands):
    async def story():
        told = Story(tmp_path, make_hands)
        hands = told.open()
        hands.recorder.put_schema(1, ("cpu.user_pct",))
        hosts = (0, 1, 63, 64, 700)
        for host in hosts:
            hands.host(host)
            hands.samples([START_MS + 1_000.0 + host, START_MS + 70_000.0], [[host], [host]], host=host)

        async def check():
            found = await hands.metrics(hosts=hosts, step_ms=10_000)
            assert {series.host: series.max[0] for series in found} == {host: host for host in hosts}
            assert all(len(series.time_ms) == 8 for series in found)

        await check()
        await told.later(START_MS + 135_000)
        assert count(told, "sample_minute") >= 5
        await check()
        await told.later(START_MS + 3 * HOUR_MS)
        await check()
        await hands.recorder.close()
        again = told.open()
        assert again.loaded.samples_ms == dict.fromkeys(hosts, START_MS + 70000)
        await again.recorder.close()

    asyncio.run(story())
