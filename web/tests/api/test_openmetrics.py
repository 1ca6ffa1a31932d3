"""`GET /metrics`, read by a strict parser of OpenMetrics 1.0."""

import asyncio
import re

import httpx
import pytest
from fleetglass_web.app import create_app
from fleetglass_web.histogram import Histogram
from fleetglass_web.live import encode
from fleetglass_web.live.exchange import Exchange
from fleetglass_web.testing import FakeFleet
from fleetglass_web.transports.unasked import Unasked
from fleetglass_web.view import HostState

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)\Z')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


def parse(text):
    """(name, labels) -> value; what breaks a rule of the text form fails."""
    assert text.endswith("# EOF\n")
    found, closed, family, kind = {}, set(), None, None
    for line in text.removesuffix("# EOF\n").splitlines():
        if line.startswith("# "):
            word, name, rest = line[2:].split(" ", 2)
            assert word in ("TYPE", "UNIT", "HELP")
            if word == "TYPE":
                closed.add(family)
                assert name not in closed, f"{name} is not together"
                family, kind = name, rest
            assert name == family
            if word == "UNIT":
                assert family.endswith(f"_{rest}")
            continue
        matched = SAMPLE.match(line)
        assert matched, line
        name, labels, value = matched.groups()
        assert name in names_of(family, kind), line
        pairs = LABEL.findall(labels or "")
        assert len({key for key, _ in pairs}) == len(pairs)
        key = name, tuple(sorted(pairs))
        assert key not in found, f"{line} stands twice"
        found[key] = float(value)
    check_histograms(found)
    return found


def names_of(family, kind):
    if kind == "histogram":
        return {f"{family}_{part}" for part in ("bucket", "sum", "count")}
    return {f"{family}_total" if kind == "counter" else family}


def check_histograms(found):
    """Buckets rise to +Inf, which is the count; bounds are written as OpenMetrics wants floats."""
    families = {}
    for (name, pairs), value in found.items():
        if name.endswith("_bucket"):
            families.setdefault(name, []).append((dict(pairs)["le"], value))
    for name, buckets in families.items():
        bounds, counts = zip(*buckets, strict=True)
        assert list(counts) == sorted(counts)
        assert bounds[-1] == "+Inf"
        assert [str(float(bound)) for bound in bounds[:-1]] == list(bounds[:-1])
        assert sorted(map(float, bounds)) == list(map(float, bounds))
        assert counts[-1] == found[name.replace("_bucket", "_count"), ()]
        assert (name.replace("_bucket", "_sum"), ()) in found


class Fleet(FakeFleet):
    commits = Histogram("commit_seconds", (0.05, 0.25, 1))

    def health(self):
        return {
            **self.commits.figures(),
            "ready": True, "problem": "", "frames_total": 1_234_567_891.0, "lag_arrival_p99_ms": 3.5,
            'refusals_total{reason="token"}': 2.0, "commits_total": 7.0, 'refusals_total{reason="limit"}': 1.0,
        }  # fmt: skip


def get(fleet, headers=None):
    async def ask():
        transport = httpx.ASGITransport(create_app(fleet))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:7480") as client:
            return await client.get("/metrics", headers=headers)

    return asyncio.run(ask())


@pytest.fixture
def fleet():
    made = Fleet()
    for name in ("web-1", "web-1", 'odd "name" \\ of\nlines'):
        made.sample(made.add_host(name), {"cpu.user_pct": 14.48, 'disk.util_pct[s\\d"a]': 1.0, "load.1m": float("nan")})
    return made


def test_it_is_open_metrics_whatever_hosts_are_called(fleet):
    answer = get(fleet)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    found = parse(answer.text)
    values = [value for (name, _), value in found.items() if name == "fleetglass_cpu_user_pct"]
    assert values == [14.48] * 3
    assert not [name for name, _ in found if name == "fleetglass_load_1m"], "what is unknown is absent"


def test_counters_have_all_their_digits_and_reasons_are_labels(fleet):
    found = parse(get(fleet).text)
    assert found["fleetglass_hub_frames_total", ()] == 1_234_567_891
    assert found["fleetglass_hub_refusals_total", (("reason", "token"),)] == 2
    assert found["fleetglass_hub_refusals_total", (("reason", "limit"),)] == 1
    assert found["fleetglass_hub_lag_arrival_p99_ms", ()] == 3.5
    assert found["fleetglass_hub_dropped_lines_total", (("reason", "slow-reader"),)] == 0


def test_the_values_of_a_lost_host_are_absent_and_it_is_down(fleet):
    fleet.change_host(0, state=HostState.LOST)
    found = parse(get(fleet).text)
    assert len([value for (name, _), value in found.items() if name == "fleetglass_cpu_user_pct"]) == 2
    assert sorted(value for (name, _), value in found.items() if name == "fleetglass_host_up") == [0.0, 1.0, 1.0]


def test_a_scraper_of_the_older_form_is_answered_in_it(fleet):
    assert get(fleet, {"accept": "text/plain"}).headers["content-type"].startswith("text/plain; version=0.0.4")


def test_commit_times_are_a_histogram(fleet):
    fleet.commits = Histogram("commit_seconds", (0.05, 0.25, 1))
    for duration in (0.2, 0.25, 0.26, 7.0):
        fleet.commits.add(duration)
    found = parse(get(fleet).text)
    buckets = {dict(pairs)["le"]: value for (name, pairs), value in found.items() if name.endswith("_bucket")}
    assert buckets == {"0.05": 0, "0.25": 2, "1.0": 3, "+Inf": 4}
    assert found["fleetglass_hub_commit_seconds_sum", ()] == pytest.approx(7.71)
    assert found["fleetglass_hub_commit_seconds_count", ()] == 4


def test_a_browser_that_does_not_take_its_frames_is_counted_with_the_age_of_the_oldest():
    class Sink(Unasked):
        def write(self, data):
            return False

    view = FakeFleet()
    view.add_host("web-1")
    exchange = Exchange(view)
    bare = encode.BARE[encode.JSON]
    reads, stands = (exchange.open(bare, encode.ENCODERS[bare], Sink(), view.now_ms()) for _ in range(2))
    view.clock_ms += 400
    reads.drained(view.now_ms())
    assert exchange.figures(view.now_ms())["subscribers_behind"] == 0
    assert exchange.figures(view.now_ms())["subscriber_lag_seconds"] == 0.4
    view.clock_ms += 2_000
    figures = exchange.figures(view.now_ms())
    assert (figures["subscribers_behind"], figures["subscriber_lag_seconds"]) == (1, 2.4)
    exchange.close(stands)
    assert exchange.figures(view.now_ms())["subscriber_lag_seconds"] == 0
