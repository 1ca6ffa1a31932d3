"""The kernel's files as a test wants them: one in memory, or a whole small host below a folder."""

from pathlib import Path

STAT = """cpu  1000 100 500 8000 200 50 30 20 300 10
cpu0 500 50 250 4000 100 25 15 10 150 5
cpu1 500 50 250 4000 100 25 15 10 150 5
intr 332981 0 9 15 0
ctxt 10000
btime 1795561688
processes 500
procs_running 3
procs_blocked 1
softirq 265039 0 26706 14
"""
MEMINFO = """MemTotal:        1000000 kB
MemFree:          100000 kB
MemAvailable:     600000 kB
Buffers:           50000 kB
Cached:           300000 kB
SwapCached:            0 kB
Active:           111111 kB
SwapTotal:        200000 kB
SwapFree:         150000 kB
Dirty:                12 kB
Writeback:             4 kB
AnonPages:        222222 kB
Shmem:              1000 kB
Slab:              70000 kB
SReclaimable:      50000 kB
SUnreclaim:        20000 kB
Committed_AS:     500000 kB
HugePages_Total:       0
Hugepagesize:       2048 kB
"""
DISKSTATS = """   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
   8       0 sda 1000 50 80000 500 2000 400 160000 4000 0 900 4600 10 0 800 20 30 60
   8       1 sda1 1000 50 80000 500 2000 400 160000 4000 0 900 4600 10 0 800 20 0 0
"""
NET_DEV = """Inter-| Receive                                          | Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo:    3193      29    0    0    0     0          0         0     3193    29    0    0    0     0       0       0
  eth0: 1683347398   44454    3    4    0     0          0         0  2332133   24174    1    2    0     0       0   0
vethab1:     100       1    0    0    0     0          0         0      100     1    0    0    0     0       0       0
  eth1:       0       0    0    0    0     0          0         0        0      0    0    0    0     0       0       0
"""
SNMP = """Ip: Forwarding DefaultTTL InReceives
Ip: 2 64 44477
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts
Tcp: 1 200 120000 -1 98 2 17 44279 24009 50 0 189
Udp: InDatagrams NoPorts
Udp: 197 0
"""
VMSTAT = "nr_free_pages 1\npgmajfault 7\npswpin 10\npswpout 20\noom_kill 1\n"
PRESSURE = "some avg10=1.89 avg60=1.01 avg300=0.65 total={0}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total={1}\n"
MOUNTINFO = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n22 27 0:21 / /proc rw,relatime - proc proc rw\n"
FILESYSTEMS = "nodev\tproc\nnodev\ttmpfs\n\text4\n\tsquashfs\nnodev\tnfs4\n"


class Text:
    """A file in memory: the test changes `data`."""

    def __init__(self, data=b""):
        self.data = data
        self.is_closed = False

    def read(self):
        return self.data

    def close(self):
        self.is_closed = True


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files below a folder, making the folders on the way."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def fake_host(folder: Path) -> Path:
    """Make a host with two cores, one used disk, one used interface, swap, and a container of version 2 with limits."""
    write(
        folder,
        {
            "proc/stat": STAT,
            "proc/loadavg": "0.20 0.18 0.12 1/80 11206\n",
            "proc/uptime": "1234.50 2000.00\n",
            "proc/meminfo": MEMINFO,
            "proc/vmstat": VMSTAT,
            "proc/diskstats": DISKSTATS,
            "proc/filesystems": FILESYSTEMS,
            "proc/pressure/cpu": PRESSURE.format(11_000_000, 0),
            "proc/pressure/io": PRESSURE.format(7_000_000, 6_000_000),
            "proc/pressure/memory": PRESSURE.format(10, 5),
            "proc/1/net/dev": NET_DEV,
            "proc/1/net/snmp": SNMP,
            "proc/1/mountinfo": MOUNTINFO,
            "proc/1/cgroup": "0::/\n",
            "sys/block/sda/size": "1\n",
            "sys/block/loop0/size": "0\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
            "sys/fs/cgroup/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/cpu.stat": "usage_usec 5000000\nnr_periods 100\nnr_throttled 10\nthrottled_usec 5\n",
            "sys/fs/cgroup/memory.max": "268435456\n",
            "sys/fs/cgroup/memory.current": "134217728\n",
        },
    )
    return folder
