"""The table of sources: order, overlap, and what happens when one breaks."""

from array import array
from math import isnan, nan

import pytest
from fleetglass_agent.metrics.registry import RETRY_FIRST_MS, RETRY_LAST_MS, Factory, Registry, SourceEvent
from fleetglass_agent.metrics.settings import MetricsSettings
from fleetglass_agent.metrics.source import Off


class Fixed:
    """A source that gives what it was told to give."""

    def __init__(self, name, series, values):
        self.name = name
        self.series = series
        self.values = values
        self.error = None
        self.closed = 0

    def read(self, now_ms):
        if self.error:
            raise self.error
        return self.values

    def close(self):
        self.closed += 1


class Waits(Fixed):
    def descriptors(self):
        return [7]

    def receive(self, descriptor, now_ms):
        raise KeyError("lost")

    def tick(self, now_ms):
        raise KeyError("lost")

    def next_tick_ms(self):
        return None


def registry_of(*sources, settings=None):
    registry = Registry(
        settings or MetricsSettings(),
        [Factory(source.name, lambda _settings, source=source: source) for source in sources],
    )
    registry.open(0)
    return registry


def row(registry, now_ms=0):
    series, data = registry.read(now_ms)
    values = array("f")
    values.frombytes(data)
    return dict(zip(series, values, strict=True))


def test_a_later_sources_value_wins_where_it_is_known():
    kernel = Fixed("cpu", ("cpu.user_pct", "cpu.idle_pct", "load.1m"), [1.0, 2.0, 3.0])
    iostat = Fixed("iostat", ("iostat.age_ms", "cpu.idle_pct", "cpu.user_pct"), [0.0, 20.0, nan])
    registry = registry_of(kernel, iostat)
    assert row(registry) == {"cpu.user_pct": 1.0, "cpu.idle_pct": 20.0, "load.1m": 3.0, "iostat.age_ms": 0.0}


def test_the_series_are_the_same_object_until_something_comes_or_goes():
    disk = Fixed("disk", ("disk.util_pct[sda]",), [1.0])
    registry = registry_of(Fixed("load", ("load.1m",), [1.0]), disk)
    first, _ = registry.read(0)
    again, _ = registry.read(1)
    assert again is first
    disk.series = ("disk.util_pct[sda]",)
    same, _ = registry.read(2)
    assert same is first
    disk.series, disk.values = ("disk.util_pct[sda]", "disk.util_pct[sdb]"), [1.0, 2.0]
    more, data = registry.read(3)
    assert more == ("load.1m", "disk.util_pct[sda]", "disk.util_pct[sdb]")
    assert data == array("f", [1, 1, 2]).tobytes()


def test_values_are_little_endian_float32_and_nothing_known_is_nan():
    _, data = registry_of(Fixed("load", ("load.1m", "load.5m"), [1.0, nan])).read(0)
    assert data[:4] == b"\x00\x00\x80\x3f"
    assert len(data) == 8
    assert isnan(row(registry_of(Fixed("load", ("load.1m",), [nan])))["load.1m"])


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RuntimeError("no battery"), "it broke: RuntimeError: no battery"),
        (SystemExit(3), "it broke: SystemExit: 3"),
        (Off("the fan is gone", "Plug it in"), "the fan is gone"),
    ],
)
def test_a_source_that_breaks_is_switched_off_with_a_sentence_and_the_others_go_on(error, why):
    bad = Fixed("bad", ("bad.count",), [1.0])
    registry = registry_of(bad, Fixed("load", ("load.1m",), [1.0]))
    assert row(registry) == {"bad.count": 1.0, "load.1m": 1.0}
    registry.events()
    bad.error = error
    assert row(registry, 1_000) == {"load.1m": 1.0}
    assert bad.closed == 1
    assert [(event.kind, event.name, event.why) for event in registry.events()] == [("source_down", "bad", why)]
    assert [(status.name, status.on, status.why) for status in registry.status()] == [
        ("bad", False, why),
        ("load", True, ""),
    ]


@pytest.mark.parametrize(
    ("series", "values"),
    [
        (("bad.count",), [1.0, 2.0]),
        (("bad.count",), ["1"]),
        (("bad.count",), None),
        (("Bad Name",), [1.0]),
        ((b"bad.count",), [1.0]),
        (["bad.count"], [1.0]),
        (("bad.count[" + "x" * 5_000 + "]",), [1.0]),
        (tuple(f"bad.count[{number}]" for number in range(40_000)), [0.0] * 40_000),
    ],
)
def test_a_source_with_impossible_names_or_values_is_off_and_the_row_is_whole(series, values):
    registry = registry_of(
        Fixed("load", ("load.1m",), [1.0]), Fixed("bad", series, values), Fixed("up", ("up.s",), [2.0])
    )
    assert row(registry) == {"load.1m": 1.0, "up.s": 2.0}
    assert not registry.status()[1].on


def test_a_source_that_is_off_is_tried_again_ever_later_and_its_reason_is_said_once():
    tries = []

    def make(_settings):
        tries.append(now)
        raise Off("iostat is not installed", "apt install sysstat")

    registry = Registry(MetricsSettings(), [Factory("iostat", make)])
    now = 0
    registry.open(now)
    while now < 2 * RETRY_LAST_MS:
        now += 1_000
        registry.read(now)
    assert tries == [0, 30_000, 90_000, 210_000, 450_000, 930_000]
    assert registry.events() == [SourceEvent("source_down", "iostat", "iostat is not installed", "apt install sysstat")]


def test_a_source_that_comes_back_says_so_and_has_its_series_again():
    source = Fixed("psi", ("pressure.cpu_some_pct",), [1.0])
    source.error = Off("pressure is switched off", "Boot with psi=1")
    registry = registry_of(source)
    assert row(registry) == {}
    source.error = None
    assert row(registry, RETRY_FIRST_MS) == {"pressure.cpu_some_pct": 1.0}
    assert [event.kind for event in registry.events()] == ["source_down", "source_up"]
    assert registry.status()[0].on


def test_a_source_that_has_no_place_here_is_no_news():
    source = Fixed("container", ("container.cpu_used_cores",), [1.0])
    source.error = Off("no container")
    registry = registry_of(source)
    registry.read(0)
    assert registry.events() == []
    assert registry.status()[0].why == "no container"


def test_a_source_that_nobody_wants_is_never_made():
    registry = Registry(MetricsSettings(off=("cpu",)), [Factory("cpu", lambda _settings: pytest.fail("made"))])
    registry.open(0)
    assert registry.read(10**9) == ((), b"")
    assert registry.status()[0].why == "switched off in the settings"


def test_a_second_source_of_the_same_name_is_refused():
    registry = registry_of(Fixed("cpu", ("cpu.user_pct",), [1.0]), Fixed("cpu", ("cpu.user_pct",), [9.0]))
    assert row(registry) == {"cpu.user_pct": 1.0}
    assert "already" in registry.status()[1].why


def test_a_waiting_source_that_breaks_when_told_something_is_off():
    for told in ("receive", "tick"):
        source = Waits("iostat", ("iostat.age_ms",), [0.0])
        registry = registry_of(source, Fixed("load", ("load.1m",), [1.0]))
        registry.read(0)
        assert registry.waiting() == [source]
        if told == "receive":
            assert registry.receive(source, 7, 1) is False
        else:
            registry.tick(source, 1)
        assert registry.waiting() == []
        assert row(registry, 2) == {"load.1m": 1.0}


def test_close_closes_every_source_even_if_one_refuses():
    stubborn = Fixed("a", ("a.count",), [1.0])
    stubborn.close = lambda: 1 / 0
    other = Fixed("b", ("b.count",), [1.0])
    registry = registry_of(stubborn, other)
    registry.close()
    assert other.closed == 1
