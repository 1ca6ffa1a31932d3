from fleetglass_agent.clockback import ClockBack

WALL = 1_700_000_000_000


def test_a_clock_that_goes_with_the_other_one_or_is_set_forward_is_no_news():
    clock = ClockBack(1_000, WALL)
    assert clock.look(2_000, WALL + 1_000) == 0
    assert clock.look(3_000, WALL + 2_000 + 3_600_000) == 0
    assert clock.look(4_000, WALL + 3_000 + 3_600_000 - 20) == 0


def test_a_clock_that_is_set_back_is_noticed_once_and_by_how_much():
    clock = ClockBack(1_000, WALL)
    assert clock.look(2_000, WALL + 1_000 - 7_200_000) == 7_200_000
    assert clock.look(3_000, WALL + 2_000 - 7_200_000) == 0


def test_a_clock_that_is_turned_back_little_by_little_is_noticed_in_the_end():
    clock = ClockBack(0, WALL)
    assert [clock.look(step * 1_000, WALL + step * 900) for step in range(1, 6)] == [0, 0, 0, 0, 500]
