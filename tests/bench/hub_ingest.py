"""Hub CPU a host-frame of 40 series: decode, place, keep, acknowledge; 100 to 10,000 hosts at 1 Hz.

Real agents' sockets under CURVE in other processes, each a frame a second. The hub's CPU is read from the kernel, the
commits and heartbeats that go back to the agents included; what an idle hub takes is taken off. Reference of the
design: Prometheus remote write 184 us.
"""

import multiprocessing
import os
import resource
import select
import struct
import sys
import tempfile
import time
from pathlib import Path

import zmq
from bench.cpu import cpu_s, resident_bytes
from fleetglass_proto import codec, localkey, messages, z85
from harness.processes import Hub

SERIES = tuple(f"cpu.user_pct[{number}]" for number in range(40))
HOSTS = (100, 1_000, 10_000)
# A socket takes two descriptors in the agents' process.
HOSTS_PER_PROCESS = 4_000
MEASURED_S = 12.0
DESIGN_US = 40.0
REMOTE_WRITE_US = 184.0


def _hello(name: str, agent_id: bytes) -> messages.Hello:
    now_ms = int(time.time() * 1_000)
    return messages.Hello(1, agent_id, os.urandom(16), name, {"bench": "yes"}, {}, "0.1.0", 1_000, now_ms, None)


def speak(endpoint: str, key: bytes, first: int, count: int, ready, go, stop) -> None:
    """So many agents: connect, then a frame a second each, spread over the second."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context = zmq.Context()
    context.max_sockets = count + 16
    sockets = []
    poller = zmq.Poller()
    for number in range(first, first + count):
        socket = context.socket(zmq.DEALER)
        socket.linger = 0
        socket.curve_serverkey = z85.encode_key(key).encode()
        socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
        socket.connect(endpoint)
        socket.send(codec.encode(_hello(f"bench-{number:05}", number.to_bytes(16, "big"))))
        socket.send(codec.encode(messages.SchemaMessage(1, SERIES)))
        sockets.append(socket)
        if number % 200 == 199:
            sockets[-1].poll(20_000)
    for socket in sockets:
        if not socket.poll(60_000):
            raise SystemExit("no welcome from the hub")
        poller.register(socket, zmq.POLLIN)
    ready.release()
    go.wait()
    values = struct.pack("<40f", *range(40))
    began = time.time()
    turn = 0
    while not stop.is_set():
        for number, socket in enumerate(sockets):
            due = began + turn + number / count
            if (wait := due - time.time()) > 0.002:
                time.sleep(wait)
            now_ms = int(time.time() * 1_000)
            socket.send(codec.encode(messages.Frame(now_ms, (messages.Sample(1, now_ms, values),), ())))
            while socket.getsockopt(zmq.EVENTS) & zmq.POLLIN:
                socket.recv(zmq.DONTWAIT)
        turn += 1
    context.destroy(linger=0)


def measure(hosts: int) -> tuple[float, float, float]:
    """(us of hub CPU a frame, frames a second, bytes of memory a host)."""
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(Path(folder)).start()
        assert hub.process is not None
        pid = hub.process.pid
        spawn = multiprocessing.get_context("spawn")
        ready, go, stop = spawn.Semaphore(0), spawn.Event(), spawn.Event()
        key = localkey.read(hub.agents_port, hub.environment)
        time.sleep(1)
        empty_bytes = resident_bytes(pid)
        idle_s = _idle(pid)
        shares = [range(hosts)[at : at + HOSTS_PER_PROCESS] for at in range(0, hosts, HOSTS_PER_PROCESS)]
        speakers = [
            spawn.Process(target=speak, args=(hub.agents, key, share[0], len(share), ready, go, stop), daemon=True)
            for share in shares
        ]
        for speaker in speakers:
            speaker.start()
        for _ in speakers:
            assert ready.acquire(timeout=240), "the agents were not welcomed"
        go.set()
        time.sleep(3)
        before_frames, before_s, began = _frames(hub), cpu_s(pid), time.monotonic()
        time.sleep(MEASURED_S)
        frames, used_s, took = _frames(hub) - before_frames, cpu_s(pid) - before_s, time.monotonic() - began
        memory = (resident_bytes(pid) - empty_bytes) / hosts
        stop.set()
        for speaker in speakers:
            speaker.join(20)
        hub.stop()
    return (used_s - idle_s * took) / frames * 1e6, frames / took, memory


def _idle(pid: int) -> float:
    before = cpu_s(pid)
    time.sleep(2)
    return (cpu_s(pid) - before) / 2


def _wake_us() -> float:
    """What this machine takes to wake a process that then does nothing: at 100 hosts each frame wakes the hub."""
    before = time.process_time()
    for _ in range(200):
        select.select([], [], [], 0.01)
    return (time.process_time() - before) / 200 * 1e6


def _frames(hub: Hub) -> float:
    from fleetglass_hub import control

    return float(control.ask(str(hub.folder / "data"), {"do": "figures"})["frames_total"])


def main() -> None:
    wanted = [int(word) for word in sys.argv[1:]] or list(HOSTS)
    print(f"references: Prometheus remote write {REMOTE_WRITE_US:.0f} us; an empty wake-up here {_wake_us():.0f} us")
    first = None
    for hosts in wanted:
        frame_us, rate, memory = measure(hosts)
        first = first or frame_us
        print(
            f"hub CPU a host-frame, {hosts:6,} hosts: {frame_us:5.1f} us ({rate:,.0f} frames/s; "
            f"{frame_us / first:.2f} x the first; design {DESIGN_US:.0f} us)"
        )
        print(f"hub memory a host after {MEASURED_S + 3:.0f} s, {hosts:6,} hosts: {memory / 1024:5.1f} KiB")


if __name__ == "__main__":
    main()
