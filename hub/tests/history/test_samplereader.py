"""Samples that are in no hour yet are found by their host."""

import numpy as np
from fleetglass_hub.history.recorder import Rows
from fleetglass_hub.history.samplereader import by_host
from hypothesis import given, settings
from hypothesis import strategies as st

ROWS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), max_size=12)


def rows(schema, entries):
    hosts, times = np.array([e[0] for e in entries], np.uint32), np.array([e[1] for e in entries], np.int64)
    return Rows(schema, hosts, times, times.astype(np.float64), np.zeros((len(entries), 1), np.float32))


@settings(max_examples=200)
@given(st.lists(ROWS, max_size=4), st.lists(st.integers(0, 8), unique=True, max_size=5))
def test_each_host_gets_its_own_samples_of_the_time_asked_for_in_the_order_in_which_they_came(parts, wanted):
    given_rows = [rows(number, entries) for number, entries in enumerate(parts)]
    found = by_host(given_rows, wanted, 2, 8)
    plain = {
        host: [
            (number, at)
            for number, entries in enumerate(parts)
            for at, (of, time_ms) in enumerate(entries)
            if of == host and 2 <= time_ms < 8
        ]
        for host in wanted
    }
    seen = {host: [(part.schema, int(at)) for part, own in at_parts for at in own] for host, at_parts in found.items()}
    assert seen == {host: places for host, places in plain.items() if places}
