"""What is watched closely is measured closely, by the real agent, and only as long as it is watched."""

import re
import time
from contextlib import ExitStack

from harness.live import LiveClient
from harness.processes import Hub
from harness.waiting import until


def frames_per_s(hub: Hub, for_s: float = 1.0) -> float:
    """What the agent really sends."""

    def frames() -> float:
        found = re.search(r"^fleetglass_hub_frames_total (\S+)", hub.request("/metrics")[1].decode(), re.MULTILINE)
        assert found
        return float(found[1])

    before, began = frames(), time.monotonic()
    time.sleep(for_s)
    return (frames() - before) / (time.monotonic() - began)


def test_a_host_is_sampled_ten_times_a_second_while_somebody_asks_for_that(hub, start_agent):
    start_agent("web-1")
    hub.until_live("web-1")
    assert frames_per_s(hub) < 5
    with ExitStack() as viewers:
        for _ in range(10):  # however many ask, the agent measures once
            client = LiveClient(hub.live_url)
            # Nobody reads here, so a close in good order would wait for its answer behind all that was sent.
            viewers.callback(client.abandon)
            client.send(op="subscribe", id=1, hosts="web-1", series=["cpu.*"], interval_ms=100, history_s=0)
        until(lambda: frames_per_s(hub) > 7, "the agent measures ten times a second", 4)
        assert frames_per_s(hub, 2) < 14
    until(lambda: frames_per_s(hub) < 5, "the agent rests again", 4)
