"""iostat as a child of the agent: started, read, replaced, ended.

The child prints each value with a write of its own. So that the loop does not wake fifty times a report, the pipe is
not polled for a moment after the first bytes came. It dies with the agent: by the kernel's parent-death signal where
`setpriv` can ask for it (`commands.DIES_WITH_AGENT`), else when its next write meets a closed pipe.

In: a pipe. Out: the source `iostat` (see `metrics.source.Waiting`).
"""

import os
import signal
import sys
import time
from collections.abc import Sequence

from fleetglass_agent.iostat.commands import PACKAGES, calls, environment
from fleetglass_agent.iostat.parser import Parser
from fleetglass_agent.iostat.readings import Readings
from fleetglass_agent.iostat.report import Report
from fleetglass_agent.iostat.supervision import Supervision
from fleetglass_agent.log import Log
from fleetglass_agent.metrics.settings import MetricsSettings
from fleetglass_agent.metrics.source import Off

# A report of ten disks is written within 1 ms; so long it is left to collect.
COLLECT_MS = 4
# A silence after which a report without an end mark is taken to be whole.
SILENCE_MS = 100
READ_BYTES = 64 * 1024
# Enough of what is no report to show what it is.
HEARD_BYTES = 200
# How long a child that was killed is waited for before it is left to be collected later.
REAP_MS = 50


def make(settings: MetricsSettings) -> "Iostat":
    """Start iostat.

    Raises:
        Off: it is not installed.
    """
    program = _find("iostat")
    if program is None:
        packages = [command for manager, command in PACKAGES.items() if _find(manager, "/usr/bin", "/sbin") is not None]
        raise Off("iostat is not installed", packages[0] if packages else "Install the package sysstat")
    return Iostat(program, settings.interval_ms)


class Iostat:
    """The source `iostat`: cpu.* and disk.*[device] as iostat prints them, and iostat.age_ms."""

    name = "iostat"

    def __init__(self, program: str, interval_ms: int) -> None:
        interval_s = max(1, round(interval_ms / 1_000))
        self._program = program
        self._log = Log(under_systemd="JOURNAL_STREAM" in os.environ)
        self._readings = Readings()
        found = [call for call in calls(sys.platform, interval_s) if not call.in_front or _find(call.in_front[0])]
        self._supervision = Supervision(found, interval_s * 1_000)
        self._parser = Parser()
        self._heard = b""  # what came instead of a report
        self._child = 0
        self._pipe = self._errors = -1
        self._dead: list[int] = []  # children that were killed and not collected yet
        self._drops = 0  # reports still to come that are about the time since boot
        self._collect_until_ms: int | None = None
        self._silent_ms: int | None = None
        self._start(time.monotonic_ns() // 1_000_000)

    @property
    def series(self) -> tuple[str, ...]:
        return self._readings.series

    def read(self, now_ms: int) -> Sequence[float]:
        if self._supervision.off_reason is not None:
            raise Off(self._supervision.off_reason, "Look what it prints: iostat -x 1 2")
        return self._readings.read(now_ms)

    def descriptors(self) -> Sequence[int]:
        return () if self._pipe < 0 or self._collect_until_ms is not None else (self._pipe,)

    def receive(self, descriptor: int, now_ms: int) -> bool:
        return descriptor == self._pipe and self._take(now_ms)

    def tick(self, now_ms: int) -> None:
        if self._collect_until_ms is not None and now_ms >= self._collect_until_ms:
            self._collect_until_ms = None
        if self._silent_ms is not None and now_ms >= self._silent_ms:
            self._silent_ms = None
            self._use(self._parser.idle(), now_ms)
        if self._supervision.must_end(now_ms):
            # The agent itself may have been asleep: what lies in the pipe counts.
            self._take(now_ms)
            if self._supervision.must_end(now_ms):
                self._end()
                self._supervision.silent(now_ms, self._heard.decode("utf-8", "replace").strip())
        if self._supervision.must_start(now_ms):
            self._start(now_ms)
        self._reap()
        self._say()

    def next_tick_ms(self) -> int | None:
        times = [at for at in (self._collect_until_ms, self._silent_ms, self._supervision.next_ms()) if at is not None]
        return min(times, default=None)

    def close(self) -> None:
        self._end()
        deadline = time.monotonic_ns() + REAP_MS * 1_000_000
        while self._dead and time.monotonic_ns() < deadline:
            self._reap()
            time.sleep(0.001)

    def _start(self, now_ms: int) -> None:
        call = self._supervision.call
        self._supervision.started(now_ms)
        program, arguments = self._program, ["iostat", *call.arguments]
        if call.in_front:
            program, arguments = _find(call.in_front[0]) or program, [*call.in_front, program, *call.arguments]
        out, write_out = os.pipe()
        errors, write_errors = os.pipe()
        os.set_blocking(out, False)
        os.set_blocking(errors, False)
        try:
            # posix_spawn, not subprocess: 1.2 MB less resident. A process group of its own, so that a Ctrl-C in the
            # agent's terminal is the agent's alone. Python ignores SIGPIPE; the child must not, it is how it ends.
            self._child = os.posix_spawn(
                program,
                arguments,
                environment(os.environ),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, write_out, 1),
                    (os.POSIX_SPAWN_DUP2, write_errors, 2),
                ],
                setpgroup=0,
                setsigmask=(),
                setsigdef=(signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM),
            )
        except OSError as error:
            os.close(out)
            os.close(errors)
            self._supervision.ended(now_ms, f"cannot start {program}", error.strerror or str(error))
            return
        finally:
            os.close(write_out)
            os.close(write_errors)
        self._pipe, self._errors = out, errors
        self._parser = Parser()
        self._heard = b""
        self._drops = 1 if call.begins_with_boot else 0
        self._collect_until_ms = self._silent_ms = None

    def _take(self, now_ms: int) -> bool:
        """Read what there is. True: a report is complete."""
        try:
            data = os.read(self._pipe, READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            fresh = self._use(self._parser.close(), now_ms)
            self._collect(now_ms)
            return fresh
        if self._use(self._parser.feed(data), now_ms):
            self._silent_ms = None
            return True
        self._heard = data[:HEARD_BYTES]
        self._collect_until_ms = now_ms + COLLECT_MS
        self._silent_ms = now_ms + SILENCE_MS
        return False

    def _use(self, reports: Sequence[Report], now_ms: int) -> bool:
        fresh = False
        for report in reports:
            if report.problem:
                self._supervision.rubbish(report.problem)
                continue
            self._supervision.reported(now_ms)
            if self._drops or report.since_boot:
                self._drops = 0
                continue
            self._readings.take(report, now_ms)
            fresh = True
        return fresh

    def _collect(self, now_ms: int) -> None:
        """The child closed its output: it has ended, or is of no use any more."""
        child = self._child
        try:
            said = os.read(self._errors, 4_096).decode("utf-8", "replace").strip().splitlines()
        except OSError:
            said = []
        how = _wait(child)
        if how:
            self._child = 0
        self._end()
        self._supervision.ended(now_ms, how or "it closed its output", said[0].strip()[:200] if said else "")
        if self._supervision.must_start(now_ms):
            self._start(now_ms)
        self._say()

    def _end(self) -> None:
        """Kill the child and whatever it started; a stopped one, too."""
        if self._child:
            try:
                os.killpg(self._child, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
            self._dead.append(self._child)
            self._child = 0
        for descriptor in (self._pipe, self._errors):
            if descriptor >= 0:
                os.close(descriptor)
        self._pipe = self._errors = -1
        self._collect_until_ms = self._silent_ms = None

    def _reap(self) -> None:
        """Collect children that were killed."""
        for child in list(self._dead):
            try:
                done, _ = os.waitpid(child, os.WNOHANG)
            except ChildProcessError:
                done = child
            if done:
                self._dead.remove(child)

    def _say(self) -> None:
        for notice in self._supervision.notices:
            self._log.say("warning", notice)
        self._supervision.notices.clear()


def _wait(child: int) -> str:
    """How a child ended that is about to; "" if it does not."""
    deadline = time.monotonic_ns() + REAP_MS * 1_000_000
    while True:
        try:
            done, status = os.waitpid(child, os.WNOHANG)
        except ChildProcessError:
            return "unknown"
        if done:
            code = os.waitstatus_to_exitcode(status)
            return f"exit code {code}" if code >= 0 else f"signal {-code}"
        if time.monotonic_ns() > deadline:
            return ""
        time.sleep(0.000_5)


def _find(program: str, *elsewhere: str) -> str | None:
    for folder in (*os.environ.get("PATH", os.defpath).split(os.pathsep), *elsewhere):
        path = os.path.join(folder, program)
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    return None
