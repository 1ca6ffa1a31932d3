"""A program that writes numbered lines to a log and rotates it, in a process of its own.

`python -m harness.numbered PATH LINES_PER_S ROTATE_EVERY_S` writes until SIGTERM, then prints how many lines it wrote.
Rotation is logrotate's default: PATH.1 is the newest old file, nothing is deleted, and PATH is made anew.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

# Line and number: `000000042 xxx...`. Some 100 bytes, as logs have them.
PADDING = b" " + b"x" * 90 + b"\n"
DIGITS = 9
TURN_S = 0.002


class NumberedLog:
    """The writing process."""

    def __init__(self, path: Path, lines_per_s: int, rotate_every_s: float = 1.3, first: int = 0) -> None:
        words = [sys.executable, "-m", "harness.numbered", str(path), str(lines_per_s), str(rotate_every_s), str(first)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        self._child = subprocess.Popen(words, stdout=subprocess.PIPE, env=environment)
        self.first = first

    def stop(self) -> int:
        """End it; the number behind its last line."""
        self._child.terminate()
        said, _ = self._child.communicate(timeout=20)
        return int(said)

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()


class Writer:
    """Writes and rotates; times are given."""

    def __init__(self, path: Path, lines_per_s: int, rotate_every_s: float, first: int) -> None:
        self.path, self.rate, self.every_s = path, lines_per_s, rotate_every_s
        self.first = self.number = first
        self._descriptor = self._open()
        self._rotated_s = 0.0

    def _open(self) -> int:
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def turn(self, elapsed_s: float) -> None:
        """Write what is due, in one write() as a buffered logger does."""
        due = min(self.first + int(elapsed_s * self.rate), self.number + 5_000)
        if due > self.number:
            os.write(self._descriptor, b"".join(b"%09d%s" % (one, PADDING) for one in range(self.number, due)))
            self.number = due
        if elapsed_s - self._rotated_s > self.every_s:
            self._rotated_s = elapsed_s
            self._rotate()

    def _rotate(self) -> None:
        olds = [int(old.name.rpartition(".")[2]) for old in self.path.parent.glob(f"{self.path.name}.[0-9]*")]
        for number in sorted(olds, reverse=True):
            self.path.with_name(f"{self.path.name}.{number}").rename(
                self.path.with_name(f"{self.path.name}.{number + 1}")
            )
        self.path.rename(self.path.with_name(f"{self.path.name}.1"))
        os.close(self._descriptor)
        self._descriptor = self._open()


def main() -> None:
    writer = Writer(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
    began_s = time.monotonic()
    while not ended:
        writer.turn(time.monotonic() - began_s)
        time.sleep(TURN_S)
    print(writer.number, flush=True)


if __name__ == "__main__":
    main()
