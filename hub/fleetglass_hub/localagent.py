"""The agent of the hub's own machine, as a child process: started with the hub, started again, ended with it.

It is an agent like any other and speaks to the hub over loopback; the hub only owns the process.

A shell. In: the hub's endpoint and folder. Out: nothing; the child writes its own log to the hub's standard error.
"""

import asyncio
import contextlib
import ctypes
import glob
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence

log = logging.getLogger(__name__)

# The files that a Linux machine logs to where nobody said otherwise.
USUAL_LOGS = ("/var/log/*.log", "/var/log/syslog", "/var/log/messages")
# A child that ends at once is not started a hundred times a second; one that ran for a while is at once.
BACKOFF_FIRST_S = 1.0
BACKOFF_MOST_S = 30.0
RAN_WELL_S = 60.0
END_S = 1.2
GRACE_S = 0.3
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def command(endpoint: str, folder: str, tail: Sequence[str]) -> list[str]:
    """The child's command line."""
    globs = list(tail) or [pattern for pattern in USUAL_LOGS if glob.glob(pattern)]
    return [
        os.path.join(os.path.dirname(sys.executable), "fleetglass-agent"),
        "run",
        "--hub",
        endpoint,
        "--state",
        os.path.join(folder, "local-agent"),
        *(word for pattern in globs for word in ("--tail", pattern)),
    ]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The child's variables: the hub's own settings are not its."""
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith("FLEETGLASS_") or name == "FLEETGLASS_RUNTIME_DIR"
    }


async def keep_running(words: Sequence[str], environ: Mapping[str, str]) -> None:
    """Run the child until cancelled; then end it."""
    wait_s = BACKOFF_FIRST_S
    loop = asyncio.get_running_loop()
    while True:
        began_s = loop.time()
        try:
            child = await asyncio.create_subprocess_exec(
                *words, stdin=asyncio.subprocess.DEVNULL, env=dict(environ), preexec_fn=_end_with_parent
            )
        except OSError as error:
            log.error("cannot start the local agent, %s: %s", words[0], error.strerror)  # noqa: TRY400 - a sentence, no traceback
            return
        try:
            code = await child.wait()
        except asyncio.CancelledError:
            await _end(child)
            raise
        if code == 2:
            log.error("the local agent has refused its settings (above); it is not started again")
            return
        # Ctrl-C ends both at once: whoever ends the hub needs no word about its agent.
        await asyncio.sleep(GRACE_S)
        wait_s = BACKOFF_FIRST_S if loop.time() - began_s > RAN_WELL_S else min(2 * wait_s, BACKOFF_MOST_S)
        log.warning("the local agent has ended with code %d; it is started again in %.0f s", code, wait_s)
        await asyncio.sleep(wait_s)


def _end_with_parent() -> None:
    """In the child, before it becomes the agent: a hub that is killed takes it along, as a clean end does. Without
    it the orphan would hold the state folder, and the next hub's agent would refuse to start (prctl(2)).
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _end(child: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(child.wait()), END_S)
        except TimeoutError:
            child.kill()
            await child.wait()
