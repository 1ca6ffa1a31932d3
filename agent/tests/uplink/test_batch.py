from array import array

import pytest
from fleetglass_agent.uplink.batch import FULL_BYTES, Pace, messages
from fleetglass_proto import codec, limits
from fleetglass_proto.messages import Event, EventKind, Frame, LineBatch, Sample

NOW = 1_700_000_000_000


def batch(start: int, data: bytes, stream: int = 0) -> LineBatch:
    return LineBatch(stream, 1 << 62, start, start + len(data), NOW, 0, data)


def test_a_host_frame_of_40_series_is_below_220_bytes():
    row = Sample(1_000_000, NOW, array("f", range(40)).tobytes())
    (frame,) = messages(NOW, [row], [])
    assert len(frame) <= 220
    assert codec.decode(frame) == Frame(NOW, (row,), ())


def test_samples_leave_with_the_first_frame_and_batches_share_one_in_their_order():
    row = Sample(1, NOW, bytes(4))
    lines = [batch(0, b"one\n"), batch(4, b"two\n", stream=1)]
    (frame,) = messages(NOW, [row], lines)
    assert codec.decode(frame) == Frame(NOW, (row,), tuple(lines))


def test_an_event_stays_between_the_batches_that_it_stands_between():
    gap = Event(NOW, EventKind.GAP, 0, 7, {"start": 4, "end": 9, "why": "nul-run"})
    sent = [codec.decode(data) for data in messages(NOW, [], [batch(0, b"one\n"), gap, batch(9, b"two\n")])]
    assert sent == [Frame(NOW, (), (batch(0, b"one\n"),)), gap, Frame(NOW, (), (batch(9, b"two\n"),))]


def test_frames_keep_to_every_limit():
    half = b"x" * (limits.BATCH_BYTES // 2) + b"\n"
    whole = b"y" * limits.BATCH_BYTES
    sent = list(
        messages(NOW, [Sample(1, NOW, bytes(4 * limits.SERIES))] * 2, [batch(0, half)] * 3 + [batch(0, whole)] * 2)
    )
    assert all(len(data) <= limits.MESSAGE_BYTES for data in sent)
    frames = [codec.decode(data) for data in sent]
    assert [len(frame.batches) for frame in frames] == [1, 1, 1, 1, 1]
    many = [codec.decode(data) for data in messages(NOW, [], [batch(0, b"\n")] * (limits.BATCHES_PER_FRAME + 1))]
    assert [len(frame.batches) for frame in many] == [limits.BATCHES_PER_FRAME, 1]


def test_nothing_to_say_is_no_message():
    assert list(messages(NOW, [], [])) == []


def test_a_line_that_comes_alone_waits_for_nothing():
    pace = Pace()
    pace.sent(100, now_ms=1_000)
    assert pace.next_ms == 1_000
    pace.sent(100, now_ms=1_100)
    assert pace.next_ms == 1_100


@pytest.mark.parametrize(("size", "wait_ms"), [(100, 2), (5_000, 2), (50_000, 5)])
def test_lines_that_come_close_behind_each_other_are_gathered_the_longer_the_more_there_are(size, wait_ms):
    pace = Pace()
    pace.sent(100, now_ms=1_000)
    pace.sent(size, now_ms=1_001)
    assert pace.next_ms == 1_001 + wait_ms


def test_a_full_frame_is_followed_at_once():
    pace = Pace()
    pace.sent(100, now_ms=1_000)
    pace.sent(FULL_BYTES, now_ms=1_001)
    assert pace.next_ms == 1_001
