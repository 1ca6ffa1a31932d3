"""Which file systems are asked, and what a person reads of them."""

from fleetglass_agent.metrics.filesystem import FilesystemSource, choose, parse_mounts, values_of
from harness.kernelfiles import Text

KINDS = b"nodev\tproc\nnodev\ttmpfs\nnodev\tnfs4\nnodev\tfuse\n\text4\n\txfs\n\tbtrfs\n\tvfat\n\tsquashfs\n\tfuseblk\n"


def line(point, kind, device="8:1", root="/"):
    return f"36 35 {device} {root} {point} rw,noatime master:1 - {kind} /dev/x rw,errors=continue\n"


def chosen(*lines):
    return [mount.point.decode() for mount in choose(parse_mounts("".join(lines).encode()), KINDS)]


def test_local_devices_are_asked_once_each_at_their_shortest_path():
    assert chosen(
        line("/var/lib/docker/bind", "ext4", "8:1", "/docker"),
        line("/", "ext4", "8:1"),
        line("/data", "xfs", "8:2"),
        line("/home", "btrfs", "0:40", "/@home"),
        line("/.snap", "btrfs", "0:40", "/@snap"),
    ) == ["/", "/data", "/home"]


def test_network_fuse_and_image_file_systems_are_never_asked():
    assert (
        chosen(
            line("/mnt/nfs", "nfs4", "0:50"),
            line("/mnt/ssh", "fuse.sshfs", "0:51"),
            line("/snap/core/1", "squashfs", "7:0"),
            line("/run", "tmpfs", "0:20"),
            line("/proc", "proc", "0:21"),
            line("/usb", "fuseblk", "8:33"),
        )
        == []
    )


def test_what_is_mounted_below_a_server_is_not_asked_either():
    assert chosen(
        line("/", "ext4", "8:1"),
        line("/mnt", "nfs4", "0:50"),
        line("/mnt/local", "xfs", "8:2"),
        line("/mnt2", "xfs", "8:3"),
    ) == ["/", "/mnt2"]


def test_a_server_mounted_over_a_disk_hides_the_disk():
    assert chosen(line("/data", "xfs", "8:2"), line("/data", "nfs4", "0:50")) == []
    assert chosen(line("/boot", "autofs", "0:50"), line("/boot", "vfat", "8:2")) == ["/boot"]


def test_a_containers_root_is_shown_and_single_files_of_its_host_are_not():
    assert chosen(
        line("/", "overlay", "0:99"),
        line("/etc/hosts", "ext4", "8:1", "/docker/hosts"),
        line("/data", "xfs", "8:2", "/volumes/data"),
    ) == ["/", "/data"]


def test_escaped_paths_and_rubbish_lines():
    mounts = parse_mounts(line("/my\\040disk\\134x", "ext4").encode() + b"rubbish\n- -\n\n1 2 3 - ext4\n")
    assert [mount.point for mount in mounts] == [b"/my disk\\x"]


def test_the_share_is_that_of_df_and_a_file_system_without_inodes_has_none():
    # df: used 600 of 600 + 300 that users may have; 100 are kept for root.
    assert values_of((1_000, 400, 300, 50, 40)) == [1_000, 600, 100 * 600 / 900, 10, 20.0]
    assert values_of((1_000, 400, 400, 0, 0)) == [1_000, 600, 60.0]


def test_series_come_and_go_with_mounts_and_sizes_are_asked_at_most_once_a_second():
    asked = []

    def ask(point):
        asked.append(point)
        return (1_000, 400, 400, 0, 0) if point != b"/gone" else None

    text = Text(line("/", "ext4", "8:1").encode())
    source = FilesystemSource(text, KINDS, ask)
    for now_ms in (0, 100, 500, 1_000):
        assert source.read(now_ms) == [1_000, 600, 60.0]
    assert len(asked) == 2
    text.data += line("/a[b]", "xfs", "8:2").encode() + line("/gone", "xfs", "8:3").encode()
    source.read(10_000)
    assert source.series[3:] == (
        "filesystem.total_bytes[/a_b_]",
        "filesystem.used_bytes[/a_b_]",
        "filesystem.used_pct[/a_b_]",
    )
