"""How alive a host is: from when its last frame came, how often it promised one, and whether it said goodbye.

           frame    3 intervals       10 intervals, at least 10 s
    live ────┴──────────┤late├──────────────────┤lost├──────────►      bye: left, at once

In: times of the hub's clock, ms. Out: states. The hub's clock is the only one used: a host cannot look alive by a
wrong clock.
"""

import numpy as np
from fleetglass_web.view import HostState
from numpy.typing import NDArray

# The contract: live is a frame within three intervals.
LIVE_INTERVALS = 3
LOST_INTERVALS = 10
# A restart of an agent or of the network takes seconds; before that, "late" says enough.
LOST_MIN_MS = 10_000

# The states as numbers, for arrays; their order is this tuple's.
STATES = (HostState.LIVE, HostState.LATE, HostState.LOST, HostState.LEFT)
LIVE, LATE, LOST, LEFT = range(4)


def states(
    last_ms: NDArray[np.float64], interval_ms: NDArray[np.float64], said_bye: NDArray[np.bool_], now_ms: float
) -> NDArray[np.int8]:
    """The state of every host, as an index into `STATES`.

    Args:
        last_ms: when the last frame of each host arrived; -inf for none since the hub knows the host.
        interval_ms: how often each promised to send one.
        said_bye: whether its last message was a goodbye.
    """
    age_ms = now_ms - last_ms
    found = np.full(len(last_ms), LIVE, np.int8)
    found[age_ms > LIVE_INTERVALS * interval_ms] = LATE
    found[age_ms > np.maximum(LOST_INTERVALS * interval_ms, LOST_MIN_MS)] = LOST
    found[said_bye] = LEFT
    return found
