import numpy as np
from fleetglass_web.live.float32 import as_lists, as_number, shortest
from hypothesis import given, settings
from hypothesis import strategies as st


def test_a_float32_is_written_as_people_write_it():
    values = np.array([14.48, 0.1, 100, 1e7, 16777216, 1e20, 3.4e38, 1e-20, 5e-324, 0, -0.3, 123456.79], np.float32)
    assert [repr(value) for value in as_lists(values)] == [
        "14.48", "0.1", "100.0", "10000000.0", "16777216.0", "1e+20", "3.4e+38", "1e-20", "0.0", "0.0", "-0.3",
        "123456.79",
    ]  # fmt: skip
    assert as_number(np.float32(14.48)) == 14.48
    assert as_number(float("nan")) is None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(width=32), min_size=1, max_size=50))
def test_it_reads_back_as_the_same_float32_and_is_as_short_as_numpy_can(numbers):
    values = np.array(numbers, np.float32)
    written = shortest(values)
    np.testing.assert_array_equal(written.astype(np.float32), values)
    for value, short in zip(values, written, strict=True):
        if np.isfinite(value):
            assert len(repr(float(short)).rstrip("0")) <= len(repr(float(str(value))).rstrip("0"))
