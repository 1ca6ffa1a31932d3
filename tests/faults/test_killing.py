"""Hub and agent killed (-9) at random instants, one or both, while a log is written and rotated.

`FLEETGLASS_KILL_ROUNDS=20 pytest tests/faults/test_killing.py` plays more rounds than `make test`; a round that fails
names its seed. `make bench ARGS=killing` plays long ones at 50,000 lines/s.
"""

import os

import pytest
from harness.killing import Battle

ROUNDS = int(os.environ.get("FLEETGLASS_KILL_ROUNDS", "2"))
ROUND_S = 4.0


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_every_line_is_once_in_the_history_and_once_on_a_screen_that_comes_back(tmp_path, seed):
    with Battle(tmp_path) as battle:
        battle.round(seed, ROUND_S, lines_per_s=5_000)
        verdict = battle.verdict()
        assert verdict.faults() == {}
        assert verdict.screen_gaps == 0
        assert verdict.kills >= 2
        assert not battle.tracebacks()
        assert not battle.screen.errors


@pytest.mark.parametrize("seed", range(100, 100 + ROUNDS // 2))
def test_at_fifty_thousand_lines_a_second_a_screen_that_cannot_follow_is_told_exactly_how_many_it_misses(
    tmp_path, seed
):
    with Battle(tmp_path) as battle:
        battle.round(seed, ROUND_S, lines_per_s=50_000)
        assert battle.verdict().faults() == {}
        assert not battle.tracebacks()
