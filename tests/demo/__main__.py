"""`make demo HOSTS=40`: the real hub, and invented hosts that speak the real protocol to it.

For looking and for load. Its data stand in a folder of their own, and every host says `demo` in its name.
"""

import argparse
import resource
import signal
import sys
import time
import urllib.parse
from pathlib import Path

from demo.roster import roster
from demo.speaker import Choir
from fleetglass_proto import localkey
from harness.ports import free_port
from harness.processes import BIN, Process
from harness.waiting import until

# A hub that ends is noticed this late.
LOOK_EVERY_S = 2.0
# A DEALER has its TCP socket and an eventfd; while one is replaced by the next both are open.
FILES_A_HOST = 2.1
# A busy machine is late for all of them, and many are replaced at once.
FILES_A_HOST_LATE = 4.2


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make demo", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=40, help="how many invented hosts (default 40)")
    parser.add_argument("--http", default="127.0.0.1:7480", help="where the dashboard is served")
    parser.add_argument("--agents", default="", help="where the hub hears the hosts (default: a free port)")
    parser.add_argument("--data", default="var/demo", help="the hub's folder")
    parser.add_argument("--rate", type=float, default=1.0, help="multiplies the log lines; 0: none")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="end after this long")
    chosen = parser.parse_args()
    if not 1 <= chosen.hosts <= 10_000:
        parser.error(f"--hosts {chosen.hosts}: 1 to 10,000")
    return chosen


def allow_many_sockets(hosts: int) -> None:
    """Each host's socket needs some descriptors; raise the limit, beyond the hard one where we may.

    Raises:
        SystemExit: it cannot be raised far enough; says how many hosts fit and what to do.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(int(hosts * FILES_A_HOST) + 512, min(hard, int(hosts * FILES_A_HOST_LATE) + 512))
    if soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if hard < wanted:
            fit = int((hard - 512) / FILES_A_HOST)
            print(
                f"--hosts {hosts}: this user may open {hard} files, enough for {fit} hosts (ulimit -Hn)",
                file=sys.stderr,
            )
            raise SystemExit(2) from None


def main() -> int:
    chosen = arguments()
    allow_many_sockets(chosen.hosts)
    endpoint = chosen.agents or f"tcp://127.0.0.1:{free_port()}"
    port = urllib.parse.urlsplit(endpoint).port or 0
    Path(chosen.data).mkdir(parents=True, exist_ok=True)
    hub = Process(
        [str(BIN / "fleetglass-hub"), "run", "--http", chosen.http, "--agents", endpoint, "--data", chosen.data]
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    choir: Choir | None = None
    try:
        url = hub.says("http://", within_s=30)
        key = until(lambda: localkey.read(port), "the hub left its key for local agents")
        choir = Choir(roster(chosen.hosts), endpoint, key, chosen.rate)
        print(f"{chosen.hosts} invented hosts (demo=yes). {url}", flush=True)
        end_s = time.time() + chosen.seconds
        while hub.is_running and time.time() < end_s:
            choir.sing(min(time.time() + LOOK_EVERY_S, end_s))
        if not hub.is_running:
            print(f"the hub ended:\n{hub.output()}", file=sys.stderr)
            return 1
    except KeyboardInterrupt:
        pass
    except AssertionError as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        if choir is not None:
            choir.close()
        if hub.is_running:
            hub.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
