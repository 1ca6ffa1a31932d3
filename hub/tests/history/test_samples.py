"""Values come back bit by bit, from minutes and from hours."""

import numpy as np
import pytest
from fleetglass_hub.history import samples
from fleetglass_hub.history.content import ContentError
from fleetglass_hub.history.samples import Columns
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some

NAN = float("nan")
FLOATS = st.one_of(
    st.floats(width=32),
    st.integers(-(10**6), 10**6).map(lambda number: float(np.float32(number / 100))),
    st.sampled_from([0.0, NAN, 327.67, -327.68, 327.68, 3.4e38, float("inf")]),
)


def same(left, right):
    return np.array_equal(np.asarray(left, np.float32), np.asarray(right, np.float32), equal_nan=True)


@settings(max_examples=80, deadline=None)
@given(
    some.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 70)), elements=FLOATS, fill=st.nothing()),
    st.integers(-(2**40), 2**40),
)
def test_a_minute_comes_back(values, first_ms):
    rows = values.shape[1]
    raw = first_ms + np.arange(rows, dtype=np.int64) * 1_000
    back = samples.decode_minute(samples.encode_minute(Columns(raw, raw - 7, values)))
    assert same(back.values, values)
    assert back.raw_ms.tolist() == raw.tolist()
    assert back.time_ms.tolist() == (raw - 7).tolist()


@settings(max_examples=80, deadline=None)
@given(some.arrays(np.float32, st.integers(1, 300), elements=FLOATS, fill=st.nothing()))
def test_a_series_comes_back(values):
    assert same(samples.decode_series(samples.encode_series(values)), values)


@pytest.mark.parametrize(
    "values",
    [[NAN] * 5, [1.5] * 5, [0.01, 0.02, NAN], [1e9, 2e9], list(range(3_600))],
    ids=["unknown", "constant", "hundredths with a hole", "large", "rising"],
)
def test_typical_series_come_back(values):
    assert same(samples.decode_series(samples.encode_series(np.float32(values))), values)


@settings(max_examples=80, deadline=None)
@given(some.arrays(np.float32, st.integers(1, 300), elements=FLOATS, fill=st.nothing()))
def test_steps_come_back_with_exact_extremes(values):
    counted = np.arange(len(values))
    average = np.where(np.abs(values) < 1e38, values, np.float32(1))
    least, mean, most, counts = samples.decode_steps(samples.encode_steps(values, average, values[::-1], counted))
    assert same(least, values)
    assert same(most, values[::-1])
    np.testing.assert_allclose(mean, average, rtol=1.6e-5, atol=1e-37)
    assert counts.tolist() == counted.tolist()


def test_hundredths_of_an_hour_take_less_than_a_byte_each():
    values = np.float32(np.random.default_rng(1).normal(50, 0.2, 3_600).round(2))
    assert len(samples.encode_series(values)) < 3_600


@pytest.mark.parametrize("at", [0, 3, 7, -1])
def test_damage_is_noticed(at):
    data = bytearray(samples.encode_series(np.float32([1, 2.5, NAN])))
    data[at] ^= 0x40
    with pytest.raises(ContentError):
        samples.decode_series(bytes(data)) if at else samples.decode_series(bytes(data[:4]))
    minute = bytearray(samples.encode_minute(Columns(np.arange(3), np.arange(3), np.float32([[1, 2, 3]]))))
    minute[at] ^= 0x40
    with pytest.raises(ContentError):
        samples.decode_minute(bytes(minute))
