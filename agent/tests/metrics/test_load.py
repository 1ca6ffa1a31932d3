"""Load averages as printed, and an uptime that goes on between readings of its file."""

import pytest
from fleetglass_agent.metrics.load import LoadSource
from fleetglass_agent.metrics.source import Off
from harness.kernelfiles import Text


def test_load_is_as_printed_and_uptime_follows_the_clock():
    uptime = Text(b"1234.50 2000.00\n")
    source = LoadSource(Text(b"0.20 1.18 12.12 1/80 11206\n"), uptime)
    assert source.read(50_000) == (0.2, 1.18, 12.12, 1234.5)
    uptime.data = b"9000.00 1.00\n"
    assert source.read(51_500)[3] == 1236.0
    # A machine that slept is longer up than our clock ran.
    assert source.read(60_000)[3] == 9000.0


@pytest.mark.parametrize("text", [b"", b"0.2 0.1", b"a b c d e"])
def test_rubbish_switches_the_source_off(text):
    with pytest.raises(Off):
        LoadSource(Text(text), Text(b"1 1")).read(0)
