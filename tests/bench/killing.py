"""Agent and hub killed (-9) at random instants at 50,000 lines/s, with rotations: lines lost, twice, out of order.

In the history, and on the screen of a client that comes back with its cursor. Reach: zeros. `make bench ARGS=killing`,
or `python -m bench.killing ROUNDS SECONDS LINES_PER_S SEED` within tests/. The same for rsyslog and others: design.md,
section 8 (442 lost, 955 twice in one such run).
"""

import sys
import tempfile
from pathlib import Path

from harness.killing import Battle

ROUNDS, SECONDS, LINES_PER_S, SEED = 3, 10, 50_000, 1


def main() -> None:
    given = [int(word) for word in sys.argv[1:]]
    rounds, seconds, lines_per_s, seed = given + [ROUNDS, SECONDS, LINES_PER_S, SEED][len(given) :]
    bad = 0
    for victims in (("hub", "agent"), ("hub", "agent", "both")):
        for number in range(seed, seed + rounds):
            with tempfile.TemporaryDirectory() as name, Battle(Path(name)) as battle:
                battle.round(number, seconds, lines_per_s, victims)
                verdict = battle.verdict(within_s=60)
                tracebacks = len(battle.tracebacks())
            print(f"{lines_per_s} lines/s, {' or '.join(victims)} killed {verdict.kills} times (seed {number}): "
                  f"{verdict.written} lines written, {verdict.lost} lost, {verdict.twice} twice, "
                  f"{verdict.disordered} out of order; on the screen {verdict.screen_lost} lost, "
                  f"{verdict.screen_twice} twice, {verdict.screen_gaps} gaps; {tracebacks} tracebacks")  # fmt: skip
            bad += len(verdict.faults()) + tracebacks
    if bad:
        raise SystemExit("lines were lost, doubled or out of order")


if __name__ == "__main__":
    main()
