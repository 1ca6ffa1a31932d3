"""A command whose output is followed: started by /bin/sh in a process group of its own, restarted when it ends.

Its standard output goes into the spool and is not read any faster than the spool has room, so a full one makes the
command wait. Its standard error and its end become sentences for the operator.

The group ends with the agent: at `close` by signals, and if the agent is killed by the kernel's parent-death signal to
the outer shell, which passes it on to the whole group.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable

from fleetglass_agent.logs import names
from fleetglass_agent.logs.spool import Spool

# A command that ends at once is not started more often than this ...
RESTART_MIN_MS = 1_000
RESTART_MAX_MS = 60_000
# ... and one that ran this long starts from the shortest pause again.
STEADY_MS = 60_000
# Lines of standard error that are told in `ERRORS_WINDOW_MS`; the others are counted.
ERRORS_TOLD = 10
ERRORS_WINDOW_MS = 10_000
ERROR_LINE_BYTES = 1_000
# Without pidfd_open (before Linux 5.3) the end of a child is looked for this often.
REAP_MS = 1_000
# How long a group has to end by itself at `close`: the agent says goodbye within a second.
GRACE_S = 0.4
READ_BYTES = 256 << 10

_PR_SET_PDEATHSIG = 1
_OUTER = "trap 'trap - TERM; kill -TERM 0' TERM HUP INT; /bin/sh -c \"$1\" & wait $!"


class Command:
    """One command. `note` gets sentences; `grew` is called after each piece of output."""

    def __init__(
        self, name: str, text: str, spool: Spool, note: Callable[[str], None], grew: Callable[[int], None]
    ) -> None:
        self.name = name
        self.text = text
        self.spool = spool
        self._note = note
        self._grew = grew
        self._process: subprocess.Popen[bytes] | None = None
        self._out: int | None = None
        self._err: int | None = None
        self._pidfd: int | None = None
        self._is_over = False  # it ended, or closed its output; what is left in the pipe is still read
        self._start_ms: int | None = 0
        self._started_ms = 0
        self._pause_ms = RESTART_MIN_MS
        self._error_rest = b""
        self._errors_window_ms = 0
        self._errors = 0
        self._libc = ctypes.CDLL(None)

    @property
    def state(self) -> str:
        """For `sources`."""
        if self._process is not None:
            full = "; waits: its spool is full until the hub takes lines" if not self.spool.room else ""
            return f"running, process {self._process.pid}{full}"
        return "not running, to be started again"

    def descriptors(self) -> list[int]:
        """What to poll; its output only while there is room for it."""
        found = [one for one in (self._err, self._pidfd) if one is not None]
        if self._out is not None and self.spool.room:
            found.append(self._out)
        return found

    def receive(self, descriptor: int, now_ms: int) -> None:
        """One of its descriptors is readable."""
        if descriptor == self._out:
            self._read_output(now_ms)
        elif descriptor == self._err:
            self._read_errors(now_ms)
        elif descriptor == self._pidfd:
            self._reap(now_ms)

    def tick(self, now_ms: int) -> None:
        """Start it when its time has come; look for its end."""
        if self._start_ms is not None and now_ms >= self._start_ms:
            self._start(now_ms)
        elif self._is_over and self.spool.room:
            self._finish(now_ms)
        elif self._process is not None and self._pidfd is None:
            self._reap(now_ms)
        if self._errors > ERRORS_TOLD and now_ms - self._errors_window_ms >= ERRORS_WINDOW_MS:
            self._tell_more_errors()

    def next_tick_ms(self, now_ms: int) -> int | None:
        """When to call `tick`."""
        times = [self._start_ms] if self._start_ms is not None else []
        if self._is_over and self.spool.room:
            times.append(now_ms)
        elif self._process is not None and self._pidfd is None:
            times.append(now_ms + REAP_MS)
        if self._errors > ERRORS_TOLD:
            times.append(self._errors_window_ms + ERRORS_WINDOW_MS)
        return min(times, default=None)

    def ask_to_end(self) -> None:
        """Signal its group, so that several commands end at the same time. Call `close` afterwards."""
        self._start_ms = None
        if self._process is not None:
            self._signal(self._process, signal.SIGTERM)

    def close(self, grace_s: float = GRACE_S) -> None:
        """End its group, keep what it still said, and give back everything; waits `grace_s` at most."""
        self.ask_to_end()
        process = self._process
        if process is not None:
            deadline = time.monotonic() + grace_s
            # Until its output ends, too: the shell around it may be gone before the command has said its last words.
            while (process.poll() is None or self._out is not None) and time.monotonic() < deadline:
                self._drain()
                time.sleep(0.005)
            self._signal(process, signal.SIGKILL)
            process.wait()
            self._drain()
        self._forget()
        self.spool.close()

    # -- within -------------------------------------------------------------------------------------------------------

    def _start(self, now_ms: int) -> None:
        self._start_ms = None
        self._end_line()
        parent, libc = os.getpid(), self._libc

        def die_with_parent() -> None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it died before the line above
                os._exit(1)

        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _OUTER, "fleetglass-command", self.text],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0,
                preexec_fn=die_with_parent,
            )
        except OSError as error:
            self._note(f"command {names.shown(self.name)} cannot be started: {(error.strerror or str(error)).lower()}")
            self._again(now_ms)
            return
        assert process.stdout is not None
        assert process.stderr is not None
        self._process, self._started_ms = process, now_ms
        self._out, self._err = os.dup(process.stdout.fileno()), os.dup(process.stderr.fileno())
        process.stdout.close()
        process.stderr.close()
        os.set_blocking(self._out, False)
        os.set_blocking(self._err, False)
        with contextlib.suppress(OSError, AttributeError):
            self._pidfd = os.pidfd_open(process.pid)

    def _read_output(self, now_ms: int) -> bool:
        """Move what is there into the spool; False at the end of the output."""
        assert self._out is not None
        taken = 0
        while taken < READ_BYTES and self.spool.room:
            try:
                data = os.read(self._out, min(READ_BYTES, self.spool.room))
            except BlockingIOError:
                return True
            if not data:
                os.close(self._out)
                self._out = None
                if not self._is_over:
                    self._reap(now_ms)
                return False
            self.spool.append(data)
            self._grew(now_ms)
            taken += len(data)
        return True

    def _read_errors(self, now_ms: int) -> None:
        assert self._err is not None
        try:
            data = os.read(self._err, 64 << 10)
        except BlockingIOError:
            return
        if not data:
            os.close(self._err)
            self._err = None
            data = b"\n" if self._error_rest else b""
        *lines, self._error_rest = (self._error_rest + data).split(b"\n")
        self._error_rest = self._error_rest[:ERROR_LINE_BYTES]
        for line in lines:
            self._tell_error(line, now_ms)

    def _tell_error(self, line: bytes, now_ms: int) -> None:
        if now_ms - self._errors_window_ms >= ERRORS_WINDOW_MS:
            self._tell_more_errors()
            self._errors_window_ms = now_ms
        self._errors += 1
        if self._errors <= ERRORS_TOLD and line.strip():
            text = names.shown(line[:ERROR_LINE_BYTES].decode(errors="surrogateescape"))
            self._note(f"command {names.shown(self.name)} says on its standard error: {text}")

    def _tell_more_errors(self) -> None:
        more = self._errors - ERRORS_TOLD
        if more > 0:
            self._note(f"command {names.shown(self.name)}: {more} more lines on its standard error")
        self._errors = 0

    def _reap(self, now_ms: int) -> None:
        process = self._process
        if process is None or process.poll() is None:
            return
        self._is_over = True
        self._finish(now_ms)

    def _finish(self, now_ms: int) -> None:
        """It ended: take what is left in its pipes as far as there is room, say so, and plan the next start."""
        process = self._process
        assert process is not None
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None
        self._signal(process, signal.SIGKILL)  # what it left behind in its group
        while self._out is not None and self.spool.room and self._has_more(now_ms):
            pass
        if self._out is not None and not self.spool.room:
            return
        if self._err is not None:
            self._read_errors(now_ms)
        ran_ms = now_ms - self._started_ms
        if ran_ms >= STEADY_MS:
            self._pause_ms = RESTART_MIN_MS
        self._end_line()
        status = process.returncode
        how = f"was ended by signal {-status}" if status < 0 else f"ended with exit status {status}"
        self._note(
            f"command {names.shown(self.name)} {how} after {ran_ms / 1_000:.1f} s; "
            f"it is started again in {self._pause_ms / 1_000:.0f} s"
        )
        self._forget()
        self._again(now_ms)

    def _drain(self) -> None:
        self._is_over = True
        while self._out is not None and self.spool.room and self._has_more(0):
            pass

    def _has_more(self, now_ms: int) -> bool:
        before = self.spool.end
        return self._read_output(now_ms) and self.spool.end > before

    def _again(self, now_ms: int) -> None:
        self._start_ms = now_ms + self._pause_ms
        self._pause_ms = min(self._pause_ms * 2, RESTART_MAX_MS)

    def _end_line(self) -> None:
        """The next run's first line is not the end of this one's last."""
        end = self.spool.end
        if end > self.spool.start and self.spool.read(1, end - 1) != b"\n":
            self.spool.append(b"\n")

    def _forget(self) -> None:
        for descriptor in (self._out, self._err, self._pidfd):
            if descriptor is not None:
                os.close(descriptor)
        self._out = self._err = self._pidfd = None
        self._process, self._is_over, self._error_rest = None, False, b""

    def _signal(self, process: subprocess.Popen[bytes], number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
