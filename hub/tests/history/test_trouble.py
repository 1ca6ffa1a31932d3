"""A full disk, a damaged chunk, a question that nobody waits for."""

import asyncio
import os

import pytest
from fleetglass_hub.history import lines
from fleetglass_hub.history.database import DamagedError


def noise(count):
    return b"".join(os.urandom(60).hex().encode() + b"\n" for _ in range(count))


def test_a_full_disk_is_named_nothing_is_acknowledged_and_it_goes_on_by_itself(disk, monkeypatch):
    monkeypatch.setattr("fleetglass_hub.history.groupcommit.RETRY_S", 0.05)

    async def story():
        hands = disk().start()
        hands.host()
        hands.file()
        await hands.until_committed()
        connection = hands.recorder._store.connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        sent = [noise(4_000) for _ in range(4)]
        for data in sent:
            hands.lines(data)
            hands.recorder.flush()
        await hands.until(lambda: hands.recorder.problem)
        assert "full" in hands.recorder.problem
        assert "Make room" in hands.recorder.problem
        assert hands.committed < hands.mark
        assert hands.recorder.pending_bytes > 0
        assert len(await hands.texts(limit=10_000)) == 10_000
        connection.execute(f"PRAGMA max_page_count = {pages + 1_000}")
        await hands.until_committed()
        assert hands.recorder.problem == ""
        assert hands.recorder.pending_bytes == 0
        found = await hands.all_pages(limit=10_000)
        assert b"".join(line.data + b"\n" for line in reversed(found)) == b"".join(sent)
        await hands.recorder.close()

    asyncio.run(story())


def test_lines_that_a_full_disk_kept_from_the_database_are_in_the_journal_of_the_next_life(disk, monkeypatch):
    monkeypatch.setattr("fleetglass_hub.history.groupcommit.RETRY_S", 0.05)

    async def story():
        hands = disk().start()
        hands.host()
        hands.file()
        await hands.until_committed()
        connection = hands.recorder._store.connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        data = noise(8_000)
        hands.lines(data)
        hands.recorder.flush()
        await hands.until(lambda: hands.recorder.problem)
        await hands.recorder.close()
        assert hands.committed < hands.mark

        again = disk().start()
        assert again.loaded.files[0].committed == len(data)
        assert len(await again.texts(limit=10_000)) == 8_000
        await again.recorder.close()

    asyncio.run(story())


def test_a_journal_that_cannot_be_written_catches_up_later(disk, monkeypatch):
    async def story():
        hands = disk()  # not started: only the journal keeps anything
        hands.host()
        hands.file()
        journal = hands.recorder._journal
        write = journal.write

        def fail(first, items):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(journal, "write", fail)
        hands.lines(b"one\n")
        hands.recorder.flush()
        monkeypatch.setattr(journal, "write", write)
        hands.recorder._journal_rests_s = 0.0
        hands.lines(b"two\n")
        hands.recorder.flush()
        hands.recorder._store.connection.close()
        again = disk()
        assert [batch.data for batch in again.loaded.tail] == [b"one\n", b"two\n"]

    asyncio.run(story())


def test_a_damaged_chunk_is_named_and_never_half_used(disk, monkeypatch):
    monkeypatch.setattr(lines, "PACK_BYTES", 1_000)

    async def story():
        hands = disk().start()
        hands.host()
        hands.file()
        hands.lines(noise(100))
        await hands.until_committed()
        hands.recorder._store.connection.execute(
            "UPDATE line_body SET data = CAST(substr(data, 1, 100) || x'ff' || substr(data, 102) AS BLOB)"
        )
        with pytest.raises(DamagedError, match=r"history\.sqlite is damaged.*doctor"):
            await hands.ask()
        await hands.recorder.close()

    asyncio.run(story())


def test_a_question_that_is_cancelled_stops_searching(disk, monkeypatch):
    monkeypatch.setattr(lines, "PACK_BYTES", 1_000)
    looked = []
    real = lines.decode
    monkeypatch.setattr(lines, "decode", lambda *place: looked.append(1) or real(*place))

    async def story():
        hands = disk().start()
        hands.host()
        hands.file()
        for at in range(100):
            hands.lines(noise(30), 1_000.0 + at)
            await asyncio.sleep(0)
        await hands.until_committed()
        for _ in range(50):
            asking = asyncio.create_task(hands.ask(match="nowhere"))
            await asyncio.sleep(0)
            asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await hands.texts(match="nowhere") == []
        await hands.recorder.close()

    asyncio.run(story())


def test_a_search_whose_time_is_up_says_how_far_it_came_and_goes_on_there(disk, monkeypatch):
    monkeypatch.setattr(lines, "PACK_BYTES", 1_000)

    async def story():
        hands = disk().start()
        hands.recorder._logs._budget_s = 0.0
        hands.host()
        hands.file()
        for at in range(40):
            hands.lines(b"needle %d\n" % at + noise(20), 1_000.0 + at)
            await hands.until_committed()
        pages, cursor, found = 0, None, []
        while True:
            page = await hands.ask(match="needle", cursor=cursor)
            found += [line.data for line in page.lines]
            pages += 1
            cursor = page.next
            if cursor is None:
                break
        assert found == [b"needle %d" % at for at in reversed(range(40))]
        assert pages > 2
        await hands.recorder.close()

    asyncio.run(story())


def test_a_damaged_chunk_of_samples_stops_re_packing_and_nothing_else(disk, caplog):
    async def story():
        hands = disk().start()
        hands.host()
        hands.file()
        connection = hands.recorder._store.connection
        connection.execute("INSERT INTO sample_minute VALUES (1, 1, 1, 0, 1, 1, 10, x'00112233')")
        monday = 20_000 * 86_400_000.0
        hands.recorder._packer._clock = lambda: monday
        hands.recorder._commit.submit(hands.recorder._packer.pack_hours)
        hands.lines(b"one\n")
        await hands.until_committed()
        hands.lines(b"two\n")
        await hands.until_committed()
        assert await hands.texts() == [b"two", b"one"]
        await hands.recorder.close()

    asyncio.run(story())
    assert "is damaged" in caplog.text


def test_closing_does_not_wait_for_a_long_question(disk, monkeypatch):
    monkeypatch.setattr(lines, "PACK_BYTES", 1_000)

    async def story():
        hands = disk().start()
        hands.host()
        hands.file()
        for at in range(60):
            hands.lines(noise(10), 1_000.0 + at)
            await hands.until_committed()
        real = lines.decode

        def slow(*place):
            import time

            time.sleep(0.05)
            return real(*place)

        monkeypatch.setattr(lines, "decode", slow)
        asking = asyncio.create_task(hands.ask(match="nowhere"))
        await asyncio.sleep(0.01)
        began = asyncio.get_running_loop().time()
        await hands.recorder.close()
        assert asyncio.get_running_loop().time() - began < 1.0
        await asyncio.gather(asking, return_exceptions=True)

    asyncio.run(story())


def test_gaps_and_minutes_are_known_again_after_a_start(disk):
    from fleetglass_web.view import Gap

    async def story():
        hands = disk().start()
        hands.host()
        hands.file()
        hands.recorder.put_schema(1, ("cpu.user_pct",))
        hands.lines(b"one\n")
        hands.seq += 1
        gap = Gap(1, 0, "/var/log/app.log", 1.0, 2.0, None, 6, "truncated")
        hands.recorder.append_gap(gap, 7, 10, hands.seq)
        hands.samples([1_000.0, 2_000.0], [[1], [2]])
        await hands.until_committed()
        hands.recorder._packer._clock = lambda: 100_000.0
        await hands.recorder.tidy()
        await hands.recorder.close()
        again = disk()
        assert again.loaded.gaps == [(2, gap)]
        (rows,) = again.loaded.rows
        assert (rows.hosts.tolist(), rows.time_ms.tolist(), rows.values.tolist()) == ([1, 1], [1e3, 2e3], [[1], [2]])

    asyncio.run(story())
