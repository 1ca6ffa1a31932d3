"""Traffic of each network interface from /proc/net/dev, and of TCP from /proc/net/snmp.

Which interfaces: all that have carried something, but the loopback and the host's ends of containers' cables: a host
with two hundred containers would have two hundred. `full` shows those, too.

In: the files' bytes. Out: bytes, packets, errors and drops a second, by interface and direction.
"""

from collections.abc import Sequence

from fleetglass_agent.metrics.rates import Counters
from fleetglass_agent.metrics.source import Off, Reader
from fleetglass_proto.series import clean_instance

FIELDS = (
    "rx_bytes_per_s",
    "rx_packets_per_s",
    "rx_errors_per_s",
    "rx_drops_per_s",
    "tx_bytes_per_s",
    "tx_packets_per_s",
    "tx_errors_per_s",
    "tx_drops_per_s",
)
TCP_SERIES = ("tcp.established", "tcp.retransmits_per_s")
# Docker, LXC, Calico, Cilium, libvirt and traffic shaping name them so.
CABLE_ENDS = (b"veth", b"cali", b"lxc", b"cilium_", b"vnet", b"tap", b"ifb", b"dummy")


class NetworkSource:
    """net.*[interface]."""

    name = "network"

    def __init__(self, dev: Reader, full: bool = False) -> None:
        self.series: tuple[str, ...] = ()
        self._dev = dev
        self._full = full
        self._interfaces: dict[bytes, Counters] = {}
        self._order: list[bytes] = []
        self._skipped: set[bytes] = set()

    def read(self, now_ms: int) -> Sequence[float]:
        values: list[float] = []
        seen: dict[bytes, Counters] = {}
        for line in self._dev.read().split(b"\n"):
            # Old kernels print no blank behind the colon.
            name, colon, numbers = line.rpartition(b":")
            if not colon:
                continue
            name = name.strip()
            if name in self._skipped or name in seen:
                continue
            words = numbers.split()
            if len(words) < 12 or not name:
                continue
            counters = self._interfaces.get(name)
            if counters is None:
                if not self._wanted(name, words):
                    continue
                counters = Counters()
            try:
                readings = [int(word) for word in words[:4] + words[8:12]]
            except ValueError:
                raise Off("/proc/net/dev is not what a Linux kernel prints") from None
            seen[name] = counters
            values += counters.per_second(readings, now_ms)
        if (order := list(seen)) != self._order:
            self._interfaces, self._order = seen, order
            instances = [clean_instance(name.decode("utf-8", "replace")) for name in seen]
            self.series = tuple(f"net.{field}[{instance}]" for instance in instances for field in FIELDS)
        return values

    def _wanted(self, name: bytes, words: list[bytes]) -> bool:
        if not self._full and (name == b"lo" or name.startswith(CABLE_ENDS)):
            self._skipped.add(name)
            return False
        return any(word != b"0" for word in words)

    def close(self) -> None:
        self._dev.close()


class TcpSource:
    """tcp.*: IPv4 and IPv6 together, as the kernel counts."""

    name = "tcp"
    series: tuple[str, ...] = TCP_SERIES

    def __init__(self, snmp: Reader) -> None:
        self._snmp = snmp
        self._counters = Counters()

    def read(self, now_ms: int) -> Sequence[float]:
        data = self._snmp.read()
        try:
            start = data.index(b"Tcp: R")
            heads, numbers = data[start:].split(b"\n", 2)[:2]
            facts = dict(zip(heads.split(), numbers.split(), strict=True))
            established = int(facts[b"CurrEstab"])
            (retransmits,) = self._counters.per_second((int(facts[b"RetransSegs"]),), now_ms)
        except (ValueError, KeyError):
            raise Off("/proc/net/snmp is not what a Linux kernel prints") from None
        return established, retransmits

    def close(self) -> None:
        self._snmp.close()
