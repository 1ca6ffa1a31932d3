"""How full the local file systems are.

Which ones: those on a local device, and ZFS; each device once, at its shortest path. Never asked: network and FUSE
file systems, and what is mounted below one, because a server that is gone would hold the agent in the kernel for
minutes. Images (squashfs, ISO) are always full and say nothing.

In: /proc/PID/mountinfo and /proc/filesystems as bytes, and a function that asks one mount for its sizes. Out: bytes,
inodes, per cent.
"""

import re
from collections.abc import Callable, Sequence
from math import nan
from typing import NamedTuple

from fleetglass_agent.metrics.source import Reader
from fleetglass_proto.series import clean_instance

Sizes = tuple[int, int, int, int, int]

FIELDS = ("total_bytes", "used_bytes", "used_pct")
INODE_FIELDS = ("inodes_used", "inodes_used_pct")

IMAGES = frozenset((b"squashfs", b"iso9660", b"udf", b"erofs", b"cramfs", b"romfs"))
# Kept in memory or by the kernel: nobody waits for a server below them.
HARMLESS = frozenset(
    (b"tmpfs", b"ramfs", b"rootfs", b"devtmpfs", b"overlay", b"aufs", b"zfs", b"proc", b"sysfs", b"cgroup2")
)
# Where a container finds single files of its host's disk mounted.
SMALL_PLACES = (b"/etc/", b"/dev/", b"/proc/", b"/sys/", b"/run/secrets")
# A new mount may appear this late: the list is long on hosts with many containers.
MOUNTS_EVERY_MS = 10_000
# At 10 Hz a value stands for some ticks. A little less than a second, so that a tick that is early at 1 Hz asks, too.
SIZES_EVERY_MS = 900

_OCTAL = re.compile(rb"\\([0-7]{3})")


class Mount(NamedTuple):
    """One line of mountinfo."""

    device: bytes
    point: bytes
    kind: bytes


def parse_mounts(mountinfo: bytes) -> list[Mount]:
    """Read proc_pid_mountinfo(5), the topmost mount of each point; lines that are none are left out."""
    mounts: dict[bytes, Mount] = {}
    for line in mountinfo.split(b"\n"):
        front, separator, back = line.partition(b" - ")
        words = front.split(b" ")
        if not separator or len(words) < 6:
            continue
        # Blanks, tabs, line ends and backslashes in a path are printed as octal numbers.
        point = _OCTAL.sub(lambda match: bytes((int(match[1], 8) & 255,)), words[4])
        mounts.pop(point, None)
        mounts[point] = Mount(words[2], point, back.partition(b" ")[0])
    return list(mounts.values())


def choose(mounts: Sequence[Mount], filesystems: bytes) -> list[Mount]:
    """Say which mounts to ask, by path; `filesystems` is /proc/filesystems."""
    on_device = {line.strip() for line in filesystems.split(b"\n") if not line.startswith(b"nodev")}
    on_device -= IMAGES | {b"fuseblk"}
    remote = [
        mount.point.rstrip(b"/") + b"/"
        for mount in mounts
        if mount.kind not in on_device
        and mount.kind not in HARMLESS
        and mount.kind not in IMAGES
        and mount.point != b"/"
    ]
    chosen: dict[bytes, Mount] = {}
    for mount in sorted(mounts, key=lambda mount: (len(mount.point), mount.point)):
        wanted = mount.kind in on_device or mount.kind == b"zfs" or (mount.kind == b"overlay" and mount.point == b"/")
        if not wanted or mount.device in chosen or mount.point.startswith(SMALL_PLACES):
            continue
        if not any(mount.point.startswith(path) for path in remote):
            chosen[mount.device] = mount
    return sorted(chosen.values(), key=lambda mount: mount.point)


class FilesystemSource:
    """filesystem.*[mount point]."""

    name = "filesystem"

    def __init__(self, mountinfo: Reader, filesystems: bytes, ask: Callable[[bytes], Sizes | None]) -> None:
        self.series: tuple[str, ...] = ()
        self._mountinfo = mountinfo
        self._filesystems = filesystems
        self._ask = ask
        self._mounts: list[Mount] = []
        self._mounts_ms: int | None = None
        self._values: list[float] = []
        self._values_ms = 0
        self._layout: list[tuple[bytes, bool]] = []

    def read(self, now_ms: int) -> Sequence[float]:
        if self._mounts_ms is None or now_ms - self._mounts_ms >= MOUNTS_EVERY_MS:
            self._mounts = choose(parse_mounts(self._mountinfo.read()), self._filesystems)
            self._mounts_ms = now_ms
        elif now_ms - self._values_ms < SIZES_EVERY_MS:
            return self._values
        self._values, layout = [], []
        self._values_ms = now_ms
        for mount in self._mounts:
            sizes = self._ask(mount.point)
            # It may have been unmounted since; pseudo file systems have no size.
            if sizes and sizes[0]:
                layout.append((mount.point, sizes[3] > 0))
                self._values += values_of(sizes)
        if layout != self._layout:
            self._layout = layout
            self.series = tuple(
                f"filesystem.{field}[{clean_instance(point.decode('utf-8', 'replace'))}]"
                for point, has_inodes in layout
                for field in FIELDS + (INODE_FIELDS if has_inodes else ())
            )
        return self._values

    def close(self) -> None:
        self._mountinfo.close()


def values_of(sizes: Sizes) -> list[float]:
    """Turn sizes into the fields; the share is df's: what is kept for root counts as neither used nor free."""
    total, free, free_to_users, inodes, inodes_free = sizes
    used = total - free
    usable = used + free_to_users
    values = [total, used, 100 * used / usable if usable > 0 else nan]
    # File systems that make inodes as they need them (btrfs, vfat) say that they have none.
    return [*values, inodes - inodes_free, 100 * (inodes - inodes_free) / inodes] if inodes > 0 else values
