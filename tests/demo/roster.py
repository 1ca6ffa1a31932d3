"""The invented hosts: who they are, what they do, what is plugged into them.

In: how many. Out: the same roster each time. Every name begins with `demo-` and every host carries `demo=yes`, so that
nobody takes one for real.
"""

from typing import NamedTuple


class Role(NamedTuple):
    """A kind of host; `share` says how many of a hundred there are, the loads are per cent of all cores."""

    name: str
    share: int
    cores: int
    memory_gib: int
    disks: tuple[str, ...]
    user_pct: float
    iowait_pct: float
    disk_bytes_per_s: float
    net_bytes_per_s: float
    lines_per_s: float
    services: tuple[str, ...]


ROLES = (
    Role("web", 28, 8, 16, ("vda",), 26.0, 0.2, 2e6, 26e6, 14.0, ("nginx/access.log", "nginx/error.log")),
    Role("api", 22, 8, 16, ("vda",), 38.0, 0.4, 4e6, 14e6, 9.0, ("api/api.log",)),
    Role("db", 14, 16, 64, ("nvme0n1", "nvme1n1"), 30.0, 4.0, 60e6, 16e6, 3.0, ("postgresql/main.log", "kern.log")),
    Role("worker", 18, 16, 32, ("nvme0n1",), 34.0, 1.5, 18e6, 8e6, 2.5, ("worker/worker.log",)),
    Role("cache", 8, 4, 32, ("vda",), 14.0, 0.0, 0.3e6, 38e6, 0.5, ("redis/redis.log",)),
    Role("queue", 6, 8, 32, ("nvme0n1",), 22.0, 2.0, 40e6, 60e6, 1.0, ("kafka/server.log",)),
    Role("build", 4, 32, 64, ("nvme0n1", "nvme1n1"), 62.0, 3.0, 50e6, 5e6, 4.0, ("build/build.log",)),
)  # fmt: skip
PLACES = ("fra1", "ams2", "iad1")


class DemoHost(NamedTuple):
    """One invented host. `index` counts within its role."""

    number: int
    index: int
    name: str
    role: Role
    labels: dict[str, str]


def roster(count: int) -> list[DemoHost]:
    """The first `count` hosts, roles mixed by their shares and numbered within each."""
    hosts: list[DemoHost] = []
    credit = [0.0] * len(ROLES)
    indices = [0] * len(ROLES)
    for number in range(count):
        # Whoever has waited longest for its share is next: any count has about the same mixture.
        for at, role in enumerate(ROLES):
            credit[at] += role.share
        at = max(range(len(ROLES)), key=lambda candidate: (credit[candidate], -candidate))
        credit[at] -= 100
        indices[at] += 1
        role = ROLES[at]
        labels = {
            "demo": "yes",
            "role": role.name,
            "dc": PLACES[(number * 7 + at) % len(PLACES)],
            "env": "staging" if number % 9 == 5 else "prod",
        }
        hosts.append(DemoHost(number, indices[at], f"demo-{role.name}-{indices[at]:02d}", role, labels))
    return hosts
