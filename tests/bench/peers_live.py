"""What fans out elsewhere: nchan and mosquitto deliver the same frames to as many readers, beside ours and C's loop.

    python -m tests.bench.peers_live [BROWSERS]...       1,000 and 10,000

One frame a second, of the same size for all, to the C reader of `fanout`: WebSocket, and MQTT 3.1.1 by TCP for
mosquitto, whose WebSocket listener did not get 10,000 readers connected within minutes here. CPU is all of a server's
processes, the publishing included; each figure stands beside the bare C send() loop measured between its own rounds.
nchan (libnginx-mod-nchan with nginx) and mosquitto come from Debian's packages: as root the bench installs them, else
it says what is missing.
"""

import base64
import contextlib
import http.client
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from bench.cpu import cpu_s, resident_bytes, tree
from bench.fanout import ROUNDS, Hub, built, reference, running, said
from harness.ports import free_port

FRAME_BYTES = 254  # as `fanout` measured for one host of 40 series
INTERVAL_MS = 1_000
TICKS = 2  # a round
READY_WITHIN_S = 60
MARK = b"\xa7time_ms\xc4\x08"  # the reader finds the moment behind it
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
PACKAGES = Path(__file__).parents[2] / "deploy" / "dev" / "debian-packages.sh"


def payload(size):
    """The bytes of one publication: the moment of its tick, and a byte by which the reader knows a frame."""
    return (MARK + struct.pack("<d", time.time() * 1_000)).ljust(size, b"\x82")


def until_open(port, process):
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        if process.poll() is not None:
            raise SystemExit(f"{process.args[0]} ended: {process.stderr.read()[-500:] if process.stderr else ''}")
        time.sleep(0.05)


class Peer:
    """Another server and its readers. A subclass starts it, and publishes one frame."""

    def __init__(self, stack, folder, program, browsers):
        self.folder, self.browsers, self.port = Path(folder), browsers, free_port()
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        stack.callback(self.process.wait, 20)
        stack.callback(self.process.terminate)
        until_open(self.port, self.process)
        self.connect()
        stack.callback(self.close)
        self.publish()
        empty = self._resident()
        self.reader = stack.enter_context(running(program, "read", self.port, browsers, self.hello(), 0))
        self._until_ready()
        self.held_bytes = (self._resident() - empty) / browsers

    def _until_ready(self):
        """Readers are ready with their first frame: there is one now and then."""
        is_ready = threading.Event()

        def feed():
            for _ in range(round(READY_WITHIN_S / 0.5)):
                if is_ready.wait(0.5):
                    return
                self.publish()
            self.reader.kill()

        feeding = threading.Thread(target=feed, daemon=True)
        feeding.start()
        said(self.reader, "ready")
        is_ready.set()
        feeding.join()

    def _resident(self):
        return sum(resident_bytes(pid) for pid in tree(self.process.pid))

    def _cpu_s(self):
        return sum(cpu_s(pid) for pid in tree(self.process.pid))

    def us_per_frame(self, ticks):
        """As `Hub.us_per_frame`."""
        time.sleep(0.5)
        before, due = self._cpu_s(), time.monotonic()
        for _ in range(ticks):
            due += INTERVAL_MS / 1_000
            time.sleep(max(0.0, due - time.monotonic()))
            self.publish()
        time.sleep(INTERVAL_MS / 1_000)
        return (self._cpu_s() - before) / ticks / self.browsers * 1e6


class Nchan(Peer):
    """nginx with one worker; the publisher is a POST on a kept connection."""

    name = "nchan"

    def command(self):
        paths = "".join(
            f"{kind}_temp_path {self.folder}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.folder / "nginx.conf").write_text(
            f"load_module {NCHAN}; daemon off; worker_processes 1; worker_rlimit_nofile 20000; user root;\n"
            f"pid {self.folder}/nginx.pid; error_log {self.folder}/error.log;\n"
            "events { worker_connections 19000; }\n"
            f"http {{ access_log off; {paths} nchan_shared_memory_size 256M;\n"
            f"server {{ listen 127.0.0.1:{self.port} backlog=4096; keepalive_timeout 600s;\n"
            "location = /pub { nchan_publisher http; nchan_channel_id all; nchan_message_buffer_length 1; }\n"
            "location = /sub { nchan_subscriber websocket; nchan_channel_id all; nchan_subscriber_first_message -1;\n"
            " nchan_websocket_ping_interval 0; } } }\n"
        )
        return ["nginx", "-c", str(self.folder / "nginx.conf"), "-e", str(self.folder / "error.log")]

    def connect(self):
        self.client = http.client.HTTPConnection("127.0.0.1", self.port)

    def close(self):
        self.client.close()

    def publish(self):
        body = payload(FRAME_BYTES - 4)
        self.client.request("POST", "/pub", body, {"Content-Type": "application/octet-stream"})
        self.client.getresponse().read()

    def hello(self):
        key = base64.b64encode(os.urandom(16)).decode()
        file = self.folder / "sub"
        file.write_text(
            "GET /sub HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n",
            newline="",
        )
        return file


class Mosquitto(Peer):
    """A broker, and MQTT 3.1.1 as bytes."""

    name = "mosquitto"
    # The C reader says the file up to these bytes, and the rest when they came back: here they are a payload.
    TURN = b"\r\n\r\n"

    def command(self):
        (self.folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
            "max_keepalive 65535\nlog_type error\nuser root\n"
        )
        return ["mosquitto", "-c", str(self.folder / "mosquitto.conf")]

    @staticmethod
    def packet(kind, body):
        size = len(body)
        length = bytes([size]) if size < 128 else bytes([0x80 | size & 0x7F, size >> 7])
        return bytes([kind]) + length + body

    def connecting(self):
        return self.packet(0x10, b"\x00\x04MQTT\x04\x02\xff\xff\x00\x00")  # a clean session, no name

    def connect(self):
        self.client = socket.create_connection(("127.0.0.1", self.port))
        self.client.sendall(self.connecting() + self.packet(0x31, b"\x00\x01t" + self.TURN))  # retained
        self.client.recv(16)

    def close(self):
        self.client.close()

    def publish(self):
        topic = b"\x00\x01t"
        self.client.sendall(self.packet(0x30, topic + payload(FRAME_BYTES - 3 - len(topic))))

    def hello(self):
        file = self.folder / "mqtt"
        subscribing = self.packet(0x82, b"\x00\x01\x00\x01t\x00")
        file.write_bytes(self.connecting() + subscribing + self.packet(0x30, b"\x00\x01x" + self.TURN))
        return file


class Ours(Hub):
    """`fanout`'s hub at the same pace."""

    name = "fleetglass"

    def __init__(self, stack, folder, program, browsers):
        super().__init__(stack, folder, program, "ours", browsers, INTERVAL_MS)
        self.held_bytes = None


def measure(kind, program, browsers):
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        peer = kind(stack, folder, program, browsers)
        peer.us_per_frame(1)
        spent, bare = [], []
        for _ in range(ROUNDS):
            spent.append(peer.us_per_frame(TICKS))
            bare.append(reference(program, browsers, FRAME_BYTES, TICKS, INTERVAL_MS))
        peer.reader.stdin.close()
        words = said(peer.reader, "bytes")
    us, c = statistics.median(spent), statistics.median(bare)
    a_frame = int(words[0]) / (1 + ROUNDS * TICKS) / browsers
    held = f", {peer.held_bytes / 1024:.1f} KiB resident each" if peer.held_bytes else ""
    print(
        f"{kind.name}, {browsers:,} browsers: {us:.2f} us of CPU a frame (bare C send() {c:.2f}, ratio {us / c:.2f}), "
        f"p50 {float(words[6]):.1f} ms, p99 {float(words[8]):.1f} ms{held} "
        f"[{a_frame:.0f} bytes a frame, {words[4]} connections lost]",
        flush=True,
    )


def installed():
    """The peers that are here, after an attempt to install what is not."""
    wanted = [] if shutil.which("mosquitto") else ["mosquitto:mosquitto"]
    wanted += [] if NCHAN.exists() and shutil.which("nginx") else ["libnginx-mod-nchan:ngx_nchan_module.so"]
    if wanted:
        subprocess.run(["bash", PACKAGES, "--wanted", *wanted], check=False)
    found = []
    for kind, is_here in ((Nchan, NCHAN.exists() and shutil.which("nginx")), (Mosquitto, shutil.which("mosquitto"))):
        if is_here:
            found.append(kind)
        else:
            print(f"{kind.name}: not installed, no reference (Debian: libnginx-mod-nchan nginx, mosquitto)")
    return found


def main():
    peers = installed()
    with tempfile.TemporaryDirectory() as folder:
        program = built(folder)
        for browsers in [int(word) for word in sys.argv[1:]] or [1_000, 10_000]:
            for kind in (Ours, *peers):
                try:
                    measure(kind, program, browsers)
                except SystemExit as problem:
                    print(f"{kind.name}, {browsers:,} browsers: no figure, {problem}", flush=True)


if __name__ == "__main__":
    main()
