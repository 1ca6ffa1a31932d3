"""From the age of the last frame to a state, at its edges."""

import numpy as np
import pytest
from fleetglass_hub.fleet import liveness
from fleetglass_web.view import HostState


def state(age_ms, interval_ms=1_000.0, said_bye=False):
    now_ms = 1e9
    found = liveness.states(np.array([now_ms - age_ms]), np.array([interval_ms]), np.array([said_bye]), now_ms)
    return liveness.STATES[found[0]]


@pytest.mark.parametrize(
    ("age_ms", "interval_ms", "expected"),
    [
        (0, 1_000, HostState.LIVE),
        (3_000, 1_000, HostState.LIVE),
        (3_001, 1_000, HostState.LATE),
        (10_000, 1_000, HostState.LATE),
        (10_001, 1_000, HostState.LOST),
        (301, 100, HostState.LATE),
        (9_000, 100, HostState.LATE),
        (180_000, 60_000, HostState.LIVE),
        (600_001, 60_000, HostState.LOST),
        (float("inf"), 1_000, HostState.LOST),
        (-5_000, 1_000, HostState.LIVE),
    ],
)
def test_the_states_follow_the_age(age_ms, interval_ms, expected):
    assert state(age_ms, interval_ms) is expected


def test_a_goodbye_is_left_whatever_the_age():
    assert state(0, said_bye=True) is HostState.LEFT
    assert state(1e6, said_bye=True) is HostState.LEFT
