"""`GET /metrics`: the hub's own health and the fleet's newest values, for Prometheus.

    fleetglass_hub_...                         what `FleetView.health` says; what ends in `_total` counts
    fleetglass_hub_commit_seconds              a histogram: from a line's arrival until it is on disk
    fleetglass_hub_channels, _subscribers      questions asked live now, and the clients that ask them
    fleetglass_hub_subscribers_behind          those whose socket has not been empty for a second
    fleetglass_hub_subscriber_lag_seconds      the age of the oldest frame that a client has not taken
    fleetglass_hub_..._total{reason}           what was dropped or refused, and why
    fleetglass_host_up{host,state}             1 while a host is live
    fleetglass_host_age_seconds{host}          since its last frame
    fleetglass_cpu_user_pct{host}              the newest value of each series; the instance is a label

A value that is unknown, and every value of a host that is lost or left, is absent: a scraper must not draw what is
old as if it were new.
"""

import asyncio
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from fleetglass_proto import series as series_names
from starlette.requests import Request
from starlette.responses import Response

from fleetglass_web.api import answers, parameters
from fleetglass_web.live.exchange import Exchange
from fleetglass_web.live.float32 import as_lists
from fleetglass_web.view import Block, FleetView, Host, HostState

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"

_INFINITE = (float("inf"), float("-inf"))
_UNSAFE = re.compile(r"[^a-zA-Z0-9_]")


async def get_openmetrics(request: Request) -> Response:
    """OpenMetrics; as the older text form for a scraper that takes no other. The lines are the same."""
    view: FleetView = request.app.state.view
    parameters.only(request, ("filter",))
    with parameters.bad_request():
        hosts = parameters.matching_hosts(view, parameters.text(request, "filter"))
    accept = request.headers.get("accept", "")
    is_plain = "text/plain" in accept and "openmetrics" not in accept
    exchange: Exchange = request.app.state.pulse.exchange
    now_ms = view.now_ms()
    shown = {host.host: _identity(host) for host in hosts if host.state in (HostState.LIVE, HostState.LATE)}
    blocks = [(view.schema(block.schema), block) for block in view.arrived(-1)[1]]
    hub = list(_hub(view, exchange.figures(now_ms)))

    def text() -> bytes:
        # Ten thousand hosts are 400,000 lines: on another thread, so that everybody else is served meanwhile.
        return "\n".join([*hub, *_liveness(now_ms, hosts), *_values(blocks, shown), "# EOF\n"]).encode()

    content = await asyncio.to_thread(text)
    return await answers.whole(request, content, PLAIN if is_plain else OPENMETRICS)


def _name(text: str) -> str:
    return "fleetglass_" + _UNSAFE.sub("_", text)


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _hub(view: FleetView, delivery: Mapping[str, float]) -> Iterator[str]:
    yield "# TYPE fleetglass_hub_info gauge"
    yield f'fleetglass_hub_info{{version="{_label(view.version)}",hub="{_label(view.hub_id)}"}} 1'
    families: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}
    figures = {**view.health(), **delivery}
    histograms = {name.partition("_bucket{")[0] for name in figures if "_bucket{" in name}
    for name, value in figures.items():
        if isinstance(value, bool | int | float):
            plain, brace, labels = name.partition("{")
            family, kind = _family(plain, histograms)
            kinds[family] = kind
            # All digits: a counter of bytes that is rounded to six of them has no rate.
            families.setdefault(family, []).append(f"{_name(f'hub_{plain}')}{brace}{labels} {_written(value)}")
    for family, lines in families.items():
        yield f"# TYPE {_name(f'hub_{family}')} {kinds[family]}"
        if family.endswith("_seconds"):
            yield f"# UNIT {_name(f'hub_{family}')} seconds"
        yield from lines


def _family(name: str, histograms: Collection[str]) -> tuple[str, str]:
    """The family that a sample belongs to, and its type (OpenMetrics 1.0: neither `_total` nor `_bucket` is in it)."""
    head, _, tail = name.rpartition("_")
    if head in histograms and tail in ("bucket", "sum", "count"):
        return head, "histogram"
    return (head, "counter") if tail == "total" else (name, "gauge")


def _written(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _liveness(now_ms: float, hosts: list[Host]) -> Iterator[str]:
    yield "# TYPE fleetglass_host_up gauge"
    for host in hosts:
        labels = f'host="{_label(host.name)}",agent_id="{_label(host.agent_id)}",state="{host.state.value}"'
        yield f"fleetglass_host_up{{{labels}}} {int(host.state is HostState.LIVE)}"
    yield "# TYPE fleetglass_host_age_seconds gauge"
    yield "# UNIT fleetglass_host_age_seconds seconds"
    for host in hosts:
        age_s = max(0.0, now_ms - host.last_ms) / 1_000
        yield f"fleetglass_host_age_seconds{{{_identity(host)}}} {age_s:.3f}"


def _identity(host: Host) -> str:
    """Names may be shared; the id tells hosts apart, so that no two lines are the same series."""
    return f'host="{_label(host.name)}",agent_id="{_label(host.agent_id)}"'


def _values(blocks: Sequence[tuple[tuple[str, ...], Block]], shown: Mapping[int, str]) -> Iterator[str]:
    """Column by column: a metric's lines stand together.

    Args:
        shown: the labels of each host whose values are news.
    """
    families: dict[str, list[str]] = {}
    for names, block in blocks:
        rows = [place for place, host in enumerate(block.hosts.tolist()) if host in shown]
        if not rows:
            continue
        identities = [shown[host] for host in block.hosts[rows].tolist()]
        columns = block.values[rows].T
        for series, column in zip(names, columns, strict=True):
            metric, instance = series_names.parse(series)
            tail = f',instance="{_label(instance)}"}}' if instance else "}"
            head = _name(metric)
            families.setdefault(head, []).extend(
                f"{head}{{{identity}{tail} {value!r}"
                for identity, value in zip(identities, as_lists(column), strict=True)
                if value == value and value not in _INFINITE
            )
    for name, lines in families.items():
        if lines:
            yield f"# TYPE {name} gauge"
            yield from lines
