"""Log lines of invented services, written for the demo.

In: a host, a time, and how much trouble it has. Out: pairs of a file and a line. The same host at the same time writes
the same lines.
"""

import json
import random
import time
from collections.abc import Callable, Iterator

from demo.roster import DemoHost

FOLDER = "/var/log"
_PATHS = ("/", "/search?q=lamp", "/cart", "/checkout", "/api/v2/orders", "/static/app.css", "/health", "/product/1842")
_ROUTES = ("GET /orders", "POST /orders", "GET /orders/{id}", "GET /stock", "PUT /basket", "POST /login")
_TABLES = ("orders", "basket", "stock", "customer", "invoice")
_JOBS = ("send-invoice", "resize-image", "sync-stock", "rebuild-index", "expire-basket")

Writer = Callable[[random.Random, float, float], str]


def _clock(time_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time_s)) + f".{int(time_s * 1000) % 1000:03d}"


def _access(dice: random.Random, time_s: float, trouble: float) -> str:
    status = 502 if dice.random() < 0.15 * trouble else dice.choices((200, 304, 404, 500), (90, 7, 2.5, 0.2))[0]
    stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(time_s))
    size = dice.randint(180, 60_000)
    client = f"198.51.100.{dice.randint(1, 254)}"  # addresses for documents: RFC 5737
    return f'{client} - - [{stamp}] "GET {dice.choice(_PATHS)} HTTP/1.1" {status} {size} "-" "Mozilla/5.0"'


def _web_error(dice: random.Random, time_s: float, trouble: float) -> str:
    stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(time_s))
    level = "error" if dice.random() < 0.3 + 0.6 * trouble else "warn"
    request = dice.randint(10_000, 90_000)
    return f"{stamp} [{level}] 812#812: *{request} upstream timed out (110) while reading response header"


def _api(dice: random.Random, time_s: float, trouble: float) -> str:
    level = dice.choices(("info", "debug", "warn", "error"), (80, 14, 5, 0.6 + 30 * trouble))[0]
    took = dice.expovariate(1 / (12 + 400 * trouble))
    record = {"time": _clock(time_s), "level": level, "route": dice.choice(_ROUTES), "ms": round(took, 1)}
    if level == "error":
        record["error"] = "deadline exceeded calling demo-db"
    return json.dumps(record)


def _database(dice: random.Random, time_s: float, trouble: float) -> str:
    head = f"{_clock(time_s)} UTC [{dice.randint(900, 980)}] app@shop"
    if dice.random() < 0.5 * trouble:
        return f"{head} ERROR:  canceling statement due to statement timeout"
    table = dice.choice(_TABLES)
    if dice.random() < 0.1:
        return f"{head} LOG:  checkpoint complete: wrote {dice.randint(200, 9000)} buffers"
    took = dice.expovariate(1 / (40 + 2500 * trouble))
    statement = f"execute S_{dice.randint(1, 40)}: UPDATE {table} SET state = $1 WHERE id = $2"
    return f"{head} LOG:  duration: {took:.3f} ms  {statement}"


def _kernel(dice: random.Random, time_s: float, trouble: float) -> str:
    stamp = time.strftime("%b %d %H:%M:%S", time.gmtime(time_s))
    if dice.random() < 0.7 * trouble:
        return f"{stamp} kernel: nvme nvme1: I/O tag {dice.randint(1, 900)} timeout, completion polled"
    return f"{stamp} kernel: eth0: link is up, 25 Gbps, full duplex"


def _worker(dice: random.Random, time_s: float, trouble: float) -> str:
    job, number = dice.choice(_JOBS), dice.randint(10_000, 99_999)
    if dice.random() < 0.02 + 0.3 * trouble:
        return (
            f"{_clock(time_s)} \x1b[31mERROR\x1b[0m {job}#{number} failed, retry in 30 s\n"
            "Traceback (most recent call last):\n"
            f'  File "/srv/worker/jobs/{job.replace("-", "_")}.py", line {dice.randint(12, 180)}, in run\n'
            "    self.store.put(key, body)\n"
            "TimeoutError: no answer from the object store within 5 s"
        )
    return f"{_clock(time_s)} \x1b[32mINFO\x1b[0m {job}#{number} done in {dice.uniform(0.1, 9):.2f} s"


def _cache(dice: random.Random, time_s: float, trouble: float) -> str:
    stamp = time.strftime("%d %b %Y %H:%M:%S", time.gmtime(time_s))
    if dice.random() < 0.4 * trouble:
        return f"712:M {stamp} # WARNING: {dice.randint(20, 90)} clients disconnected, output buffer limit reached"
    return f"712:M {stamp} * {dice.randint(100, 10_000)} changes in 60 seconds. Saving..."


def _queue(dice: random.Random, time_s: float, trouble: float) -> str:
    level = "WARN" if dice.random() < 0.05 + 0.5 * trouble else "INFO"
    segment = dice.randint(1_000_000, 900_000_000)
    return f"[{_clock(time_s)}] {level} [Partition shop-events-{dice.randint(0, 31)}] Rolled segment at {segment}"


def _build(dice: random.Random, time_s: float, trouble: float) -> str:
    if dice.random() < 0.01 + 0.1 * trouble:
        return f"{_clock(time_s)} FATAL: linker ran out of memory, target shop-{dice.choice(_TABLES)}"
    return f"{_clock(time_s)} [{dice.randint(1, 800)}/812] compile src/{dice.choice(_TABLES)}/{dice.choice(_JOBS)}.cc"


_WRITERS: dict[str, Writer] = {
    "nginx/access.log": _access,
    "nginx/error.log": _web_error,
    "api/api.log": _api,
    "postgresql/main.log": _database,
    "kern.log": _kernel,
    "worker/worker.log": _worker,
    "redis/redis.log": _cache,
    "kafka/server.log": _queue,
    "build/build.log": _build,
}
# What stands beside a host's main log is quieter by this much.
_SECOND_SHARE = 0.02


def written(
    host: DemoHost, start_s: float, end_s: float, trouble: float, rate: float = 1.0
) -> Iterator[tuple[str, bytes]]:
    """The lines that a host writes within a span, with their ends.

    Args:
        host: who writes.
        start_s: since 1970; the span is half-open.
        end_s: its end.
        trouble: 0..1; trouble makes a host talk more, and about errors.
        rate: multiplies the role's lines per second.
    """
    dice = random.Random(f"{host.number} {start_s:.3f}")
    for at, service in enumerate(host.role.services):
        per_s = host.role.lines_per_s * rate * (_SECOND_SHARE if at else 1) * (1 + 2 * trouble)
        expected = per_s * (end_s - start_s)
        count = int(expected) + (dice.random() < expected - int(expected))
        for moment in sorted(dice.uniform(start_s, end_s) for _ in range(count)):
            yield f"{FOLDER}/{service}", (_WRITERS[service](dice, moment, trouble) + "\n").encode()
