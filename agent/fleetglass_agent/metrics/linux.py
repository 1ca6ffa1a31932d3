"""The built-in sources of Linux: which file of the kernel goes to which core.

In: settings. Out: sources with their descriptors open, or `Off` that says what this kernel does not have.
"""

from fleetglass_agent.metrics.container import ContainerSource, GroupFiles, is_container_path, own_groups
from fleetglass_agent.metrics.cpu import CpuSource
from fleetglass_agent.metrics.disk import DiskSource
from fleetglass_agent.metrics.filesystem import FilesystemSource
from fleetglass_agent.metrics.load import LoadSource
from fleetglass_agent.metrics.memory import MemorySource
from fleetglass_agent.metrics.network import NetworkSource, TcpSource
from fleetglass_agent.metrics.own import OwnSource
from fleetglass_agent.metrics.pressure import PressureSource
from fleetglass_agent.metrics.procfs import (
    KernelFile,
    block_device_test,
    is_folder,
    open_if_there,
    own_cpu_ns,
    page_bytes,
    read_once,
    statvfs,
)
from fleetglass_agent.metrics.registry import Factory
from fleetglass_agent.metrics.settings import MetricsSettings
from fleetglass_agent.metrics.source import Off


def make_cpu(settings: MetricsSettings) -> CpuSource:
    return CpuSource(KernelFile(f"{settings.proc}/stat"), settings.per_core)


def make_load(settings: MetricsSettings) -> LoadSource:
    return LoadSource(KernelFile(f"{settings.proc}/loadavg"), KernelFile(f"{settings.proc}/uptime"))


def make_memory(settings: MetricsSettings) -> MemorySource:
    vmstat = KernelFile(f"{settings.proc}/vmstat") if settings.full else None
    return MemorySource(KernelFile(f"{settings.proc}/meminfo"), vmstat, page_bytes())


def make_pressure(settings: MetricsSettings) -> PressureSource:
    folder = f"{settings.proc}/pressure"
    try:
        return PressureSource(KernelFile(f"{folder}/cpu"), KernelFile(f"{folder}/io"), KernelFile(f"{folder}/memory"))
    except Off as off:
        remedy = "The kernel has it since 4.20; some distributions want psi=1 on its command line"
        raise Off(off.why, remedy) from None


def make_disk(settings: MetricsSettings) -> DiskSource:
    return DiskSource(KernelFile(f"{settings.proc}/diskstats"), block_device_test(settings.sys))


def make_network(settings: MetricsSettings) -> NetworkSource:
    return NetworkSource(KernelFile(_net(settings, "dev")), settings.full)


def make_tcp(settings: MetricsSettings) -> TcpSource:
    return TcpSource(KernelFile(_net(settings, "snmp")))


def make_filesystem(settings: MetricsSettings) -> FilesystemSource:
    root = settings.root.rstrip("/").encode()
    filesystems = read_once(f"{settings.proc}/filesystems") or b""
    try:
        mountinfo = KernelFile(_process(settings, "mountinfo"))
    except Off as off:
        raise Off(off.why, "From a container, the mounts of its host are read as root") from None
    return FilesystemSource(mountinfo, filesystems, lambda path: statvfs(root + path))


def make_container(settings: MetricsSettings) -> ContainerSource:
    groups = own_groups(read_once(_process(settings, "cgroup")) or b"")
    top = f"{settings.sys}/fs/cgroup"
    if read_once(f"{top}/cgroup.controllers") is not None:
        group = _group(top, groups.get("", "/"))
        stat, limit, usage = (open_if_there(f"{group}/{name}") for name in ("cpu.stat", "memory.max", "memory.current"))
        return ContainerSource(GroupFiles(2, open_if_there(f"{group}/cpu.max"), None, None, stat, limit, usage))
    cpu, account, memory = (_group(f"{top}/{name}", groups.get(name, "/")) for name in ("cpu", "cpuacct", "memory"))
    return ContainerSource(
        GroupFiles(
            1,
            open_if_there(f"{cpu}/cpu.cfs_quota_us"),
            open_if_there(f"{cpu}/cpu.cfs_period_us"),
            open_if_there(f"{account}/cpuacct.usage"),
            open_if_there(f"{cpu}/cpu.stat"),
            open_if_there(f"{memory}/memory.limit_in_bytes"),
            open_if_there(f"{memory}/memory.usage_in_bytes"),
        )
    )


def make_own(_settings: MetricsSettings) -> OwnSource:
    # Our own /proc, whichever system is watched.
    return OwnSource(KernelFile("/proc/self/statm"), page_bytes(), own_cpu_ns)


def _process(settings: MetricsSettings, name: str) -> str:
    """A file of the process whose view of mounts and network is the system's: our own, or the first one of a host."""
    return f"{settings.proc}/{'self' if settings.proc == '/proc' else '1'}/{name}"


def _net(settings: MetricsSettings, name: str) -> str:
    # A copy of /proc has no processes; where there are some, our own network must not pass for the host's.
    return _process(settings, f"net/{name}") if is_folder(f"{settings.proc}/1") else f"{settings.proc}/net/{name}"


def _group(mount: str, path: str) -> str:
    """The container's own group: the root of what is mounted, or where the whole tree is mounted, its path in it."""
    group = mount + path
    return group if is_container_path(path) and is_folder(group) else mount


SOURCES: tuple[Factory, ...] = (
    Factory("cpu", make_cpu),
    Factory("load", make_load),
    Factory("memory", make_memory),
    Factory("pressure", make_pressure),
    Factory("disk", make_disk),
    Factory("filesystem", make_filesystem),
    Factory("network", make_network),
    Factory("tcp", make_tcp),
    Factory("container", make_container),
    Factory("agent", make_own),
)
