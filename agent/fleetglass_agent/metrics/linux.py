"""The built-in sources of Linux: which file of the kernel goes to which core.

In: settings. Out: sources with their descriptors open, or `Off` that says what this kernel does not have.
"""

from fleetglass_agent.metrics.cpu import CpuSource
from fleetglass_agent.metrics.disk import DiskSource
from fleetglass_agent.metrics.load import LoadSource
from fleetglass_agent.metrics.memory import MemorySource
from fleetglass_agent.metrics.network import NetworkSource, TcpSource
from fleetglass_agent.metrics.procfs import KernelFile, block_device_test, read_once
from fleetglass_agent.metrics.registry import Factory
from fleetglass_agent.metrics.settings import MetricsSettings


def make_cpu(settings: MetricsSettings) -> CpuSource:
    return CpuSource(KernelFile(f"{settings.proc}/stat"), settings.per_core)


def make_load(settings: MetricsSettings) -> LoadSource:
    return LoadSource(KernelFile(f"{settings.proc}/loadavg"), KernelFile(f"{settings.proc}/uptime"))


def make_memory(settings: MetricsSettings) -> MemorySource:
    vmstat = KernelFile(f"{settings.proc}/vmstat") if settings.full else None
    return MemorySource(KernelFile(f"{settings.proc}/meminfo"), vmstat)


def make_disk(settings: MetricsSettings) -> DiskSource:
    return DiskSource(KernelFile(f"{settings.proc}/diskstats"), block_device_test(settings.sys))


def make_network(settings: MetricsSettings) -> NetworkSource:
    return NetworkSource(KernelFile(_net(settings, "dev")), settings.full)


def make_tcp(settings: MetricsSettings) -> TcpSource:
    return TcpSource(KernelFile(_net(settings, "snmp")))


def _net(settings: MetricsSettings, name: str) -> str:
    """The network of the system's first process: /proc/net is our own, and in a container that is not the host's."""
    first = f"{settings.proc}/1/net/{name}"
    return first if settings.proc != "/proc" and read_once(first) is not None else f"{settings.proc}/net/{name}"


SOURCES: tuple[Factory, ...] = (
    Factory("cpu", make_cpu),
    Factory("load", make_load),
    Factory("memory", make_memory),
    Factory("disk", make_disk),
    Factory("network", make_network),
    Factory("tcp", make_tcp),
)
