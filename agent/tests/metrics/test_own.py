"""The agent's own cost."""

from math import isnan

from fleetglass_agent.metrics.own import OwnSource
from harness.kernelfiles import Text


def test_cpu_is_a_share_of_one_core_and_memory_is_in_bytes():
    times = iter((5_000_000, 6_500_000))
    source = OwnSource(Text(b"9000 4000 1000 1 0 3000 0\n"), 4_096, lambda: next(times))
    cpu_pct, resident = source.read(0)
    assert isnan(cpu_pct)
    assert resident == 16_384_000
    # 1.5 ms of a second.
    assert source.read(1_000)[0] == 0.15
