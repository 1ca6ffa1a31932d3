"""`fleetglass-agent parse iostat < FILE`: JSON lines, one report a line, printed as each becomes complete.

In: the output of any iostat, from a file or from a running one through a pipe. Out: objects in the shape of
`Report.as_json`, flushed line by line, so that the next program of a pipe sees them live.
"""

import json
import os
import select
import sys
from collections.abc import Iterable
from typing import BinaryIO, TextIO

from fleetglass_agent.iostat.parser import PIECE_BYTES, Parser
from fleetglass_agent.iostat.report import Report

# iostat prints a report within some ms; a silence of this length is the pause between two.
SILENCE_S = 0.1


def run(stdin: BinaryIO, stdout: TextIO) -> int:
    """Parse all of `stdin`.

    Returns:
        The exit code: 0, or 1 if the input held no report at all (said on standard error).
    """
    parser = Parser()
    count = 0
    try:
        for data in _pieces(stdin):
            count += _print(parser.feed(data) if data is not None else parser.idle(), stdout)
        count += _print(parser.close(), stdout)
    except BrokenPipeError:  # `| head -1` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        count += _print(parser.close(), stdout)
    if not count:
        sys.stderr.write(
            "fleetglass-agent: no report of an iostat in the input;"
            " try: iostat -x 1 3 | fleetglass-agent parse iostat\n"
        )
        return 1
    return 0


def _pieces(stdin: BinaryIO) -> Iterable[bytes | None]:
    """What can be read at once; None for a silence."""
    try:
        descriptor = stdin.fileno()
    except (OSError, AttributeError, ValueError):  # a buffer in memory
        while data := stdin.read(PIECE_BYTES):
            yield data
        return
    is_silent = True
    while True:
        if not is_silent and not select.select([descriptor], [], [], SILENCE_S)[0]:
            is_silent = True
            yield None
            continue
        data = os.read(descriptor, PIECE_BYTES)
        if not data:
            return
        is_silent = False
        yield data


def _print(reports: list[Report], stdout: TextIO) -> int:
    for report in reports:
        stdout.write(json.dumps(report.as_json(), ensure_ascii=False) + "\n")
        stdout.flush()
    return len(reports)
