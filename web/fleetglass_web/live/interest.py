"""Who must measure faster: the hosts that someone watches at less than their own interval.

Bounded, so that a thousand viewers cannot overload the fleet: each channel raises at most `HOSTS_PER_CHANNEL` hosts,
all together `HOSTS_MAX`. A host that many watch is raised once, to the fastest wish.
"""

from collections.abc import Iterable

from fleetglass_web.live.metrics import MetricsChannel

HOSTS_PER_CHANNEL = 20
HOSTS_MAX = 200
# Agents measure once a second by themselves.
BASE_INTERVAL_MS = 1_000


def wanted(channels: Iterable[MetricsChannel]) -> dict[int, int]:
    """Host -> interval_ms, for `FleetView.want`. Channels with few hosts first: somebody looks at one machine."""
    wishes: dict[int, int] = {}
    fast = [channel for channel in channels if channel.question.interval_ms < BASE_INTERVAL_MS and channel.subscribers]
    for channel in sorted(fast, key=lambda channel: (len(channel.members), channel.number)):
        for host in sorted(channel.members)[:HOSTS_PER_CHANNEL]:
            if host in wishes or len(wishes) < HOSTS_MAX:
                wishes[host] = min(channel.question.interval_ms, wishes.get(host, BASE_INTERVAL_MS))
    return wishes
