"""Plausible, deterministic activity: what a host of some role does at some second.

In: hosts of one role and a time. Out: a float32 row a host, in the order of `series_of(role)`. The same host at the
same time always does the same, so a picture can be taken twice. Days have their shape, and on top of it stand slow
waves, noise, jobs and incidents.
"""

import numpy as np
from demo.roster import DemoHost, Role
from numpy.typing import NDArray

Column = NDArray[np.float64]
DAY_S = 86_400
GIB = 1 << 30

DISK_FIELDS = (
    "reads_per_s", "writes_per_s", "read_bytes_per_s", "write_bytes_per_s", "read_await_ms", "write_await_ms",
    "read_request_bytes", "write_request_bytes", "queue_depth", "util_pct",
)  # fmt: skip
CPU_FIELDS = ("user_pct", "nice_pct", "system_pct", "iowait_pct", "steal_pct", "idle_pct")
HOST_FIELDS = (
    "load.1m", "load.5m", "load.15m", "system.uptime_s", "memory.total_bytes", "memory.used_bytes",
    "memory.available_bytes", "memory.cached_bytes", "memory.used_pct", "kernel.context_switches_per_s",
    "net.rx_bytes_per_s[eth0]", "net.rx_packets_per_s[eth0]", "net.tx_bytes_per_s[eth0]", "net.tx_packets_per_s[eth0]",
    "tcp.established", "tcp.retransmits_per_s", "filesystem.used_pct[/]",
)  # fmt: skip


def series_of(role: Role) -> tuple[str, ...]:
    """The series of a role's hosts, in the order of a row."""
    disks = tuple(f"disk.{field}[{disk}]" for disk in role.disks for field in DISK_FIELDS)
    return (*(f"cpu.{field}" for field in CPU_FIELDS), *HOST_FIELDS, *disks)


def noise(keys: Column, moment: float) -> Column:
    """A number in 0..1 for each key at a moment: the same every time it is asked, unlike its neighbours."""
    mixed = np.sin(keys * 12.9898 + np.floor(moment) * 78.233) * 43758.5453
    return mixed - np.floor(mixed)


def smooth(keys: Column, time_s: float, period_s: float) -> Column:
    """Noise that takes `period_s` from one value to the next."""
    at = time_s / period_s
    part = at - np.floor(at)
    weight = part * part * (3 - 2 * part)
    return noise(keys, at) * (1 - weight) + noise(keys, at + 1) * weight


def incident(hosts: list[DemoHost], time_s: float) -> Column:
    """How deep in trouble a host is, 0 or 0.5..1: one in some twelve hosts has a bad 45 s in each four minutes."""
    keys = np.array([host.number for host in hosts], dtype=np.float64)
    window = np.floor(time_s / 240)
    chosen = noise(keys + 0.5, window) < 0.08
    begin = noise(keys + 0.25, window) * 180
    since = time_s - window * 240 - begin
    return np.where(chosen & (since > 0) & (since < 45), 0.5 + 0.5 * noise(keys, window + 7), 0.0)


def rows(hosts: list[DemoHost], time_s: float) -> NDArray[np.float32]:
    """One row a host.

    Args:
        hosts: hosts of one role.
        time_s: since 1970, UTC.

    Returns:
        float32, shape (hosts, len(series_of(role))).
    """
    role = hosts[0].role
    keys = np.array([host.number * 3.7 + 1 for host in hosts], dtype=np.float64)
    trouble = incident(hosts, time_s)
    # The busiest hour is 15:00 UTC; nights are at half of it.
    day = 0.75 + 0.25 * np.cos(2 * np.pi * (time_s / DAY_S - 15 / 24))
    wave = day * (0.7 + 0.5 * smooth(keys, time_s, 47) + 0.25 * smooth(keys + 9, time_s, 7))
    jitter = 0.85 + 0.3 * noise(keys + 3, time_s)
    work = wave * jitter * _jobs(role, keys, time_s)

    user = np.clip(role.user_pct * work * (1 + 0.5 * trouble * (role.name != "db")), 0.2, 92)
    system = np.clip(user * 0.28 * (0.8 + 0.4 * noise(keys + 4, time_s)), 0.1, 30)
    iowait = role.iowait_pct * work * noise(keys + 5, time_s) * 2 + trouble * (
        45 if role.name in ("db", "queue") else 8
    )
    steal = np.where(noise(keys + 6, time_s / 30) < 0.04, 3.0 * noise(keys + 6, time_s), 0.0)
    nice = np.full_like(user, 0.05)
    busy = user + system + iowait + steal + nice
    scale = np.minimum(1.0, 99.5 / busy)
    cpu = [user * scale, nice * scale, system * scale, iowait * scale, steal * scale]
    idle = np.maximum(0.0, 100 - sum(cpu))

    memory = role.memory_gib * GIB
    used = memory * np.clip(0.42 + 0.3 * noise(keys, 1) + 0.05 * smooth(keys + 8, time_s, 300) + 0.2 * trouble, 0, 0.97)
    cached = (memory - used) * 0.7
    load = role.cores * (user + system + iowait) / 100 * (1 + 0.3 * smooth(keys + 2, time_s, 15))
    received = role.net_bytes_per_s * work
    sent = received * (0.6 + 0.8 * noise(keys + 11, 3))
    host = [
        load, load * 0.95, load * 0.9, time_s - 1_700_000_000 + keys * 5_000, np.full_like(user, memory), used,
        memory - used, cached, used / memory * 100, 1_500 + 250 * role.cores * work,
        received, received / 700, sent, sent / 900,
        np.floor(40 + 400 * work * (role.name in ("web", "api", "cache"))),
        np.floor(noise(keys + 12, time_s) * 3 + 20 * trouble),
        30 + 50 * noise(keys, 5) + (time_s % DAY_S) / DAY_S * 3,
    ]  # fmt: skip
    disks = [column for at in range(len(role.disks)) for column in _disk(role, at, keys, work, trouble, time_s)]
    return np.stack([*cpu, idle, *host, *disks], axis=1).astype(np.float32)


def _jobs(role: Role, keys: Column, time_s: float) -> Column:
    """Work that comes in pieces: batches on workers, builds on build hosts."""
    if role.name not in ("worker", "build"):
        return np.ones_like(keys)
    length_s = 50 + 70 * noise(keys, 2)
    runs = noise(keys + 1, np.floor(time_s / 120)) < 0.6
    inside = (time_s + keys * 13) % 120 < length_s
    return np.where(runs & inside, 1.7, 0.35)


def _disk(role: Role, at: int, keys: Column, work: Column, trouble: Column, time_s: float) -> list[Column]:
    """One disk's columns in the order of DISK_FIELDS. The last disk of a role carries the work."""
    is_main = at == len(role.disks) - 1
    part = 1.0 if is_main else 0.12
    # A database writes its checkpoint for some seconds of each minute.
    checkpoint = ((time_s + keys * 7) % 60 < 6) * (role.name == "db") * is_main
    deep = trouble * is_main * (role.name in ("db", "queue", "worker"))
    read = role.disk_bytes_per_s * part * work * (0.4 + 0.6 * noise(keys + 20 + at, time_s))
    write = (
        role.disk_bytes_per_s * part * work * (0.5 + noise(keys + 30 + at, time_s)) * (1 + 4 * checkpoint + 5 * deep)
    )
    read_size, write_size = np.full_like(keys, 18_432.0), np.full_like(keys, 49_152.0)
    reads, writes = read / read_size, write / write_size
    await_ms = (
        0.25 + 0.3 * noise(keys + 40, time_s) + 1.5 * checkpoint + 60 * deep * (0.6 + 0.4 * noise(keys + 41, time_s))
    )
    util = np.clip((reads + writes) / 90 + 22 * checkpoint + 100 * deep, 0, 100)
    queue = (reads + writes) * await_ms / 1_000
    return [reads, writes, read, write, await_ms * 0.8, await_ms, read_size, write_size, queue, util]
