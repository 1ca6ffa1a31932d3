"""When a child is started, given up, and what is said about it."""

from fleetglass_agent.iostat.commands import calls, environment
from fleetglass_agent.iostat.supervision import DELAY_FIRST_MS, FAILURES, HEALTHY_MS, START_MS, Supervision

LINUX = [call for call in calls("linux", 1) if not call.in_front]


def started() -> Supervision:
    supervision = Supervision(LINUX, 1_000)
    assert supervision.must_start(0)
    supervision.started(0)
    return supervision


def test_silence_is_noticed_within_three_intervals() -> None:
    supervision = started()
    supervision.reported(1_000)
    assert not supervision.must_end(3_499)
    assert supervision.must_end(3_500)
    assert supervision.next_ms() == 3_500


def test_a_child_that_has_not_reported_yet_gets_a_moment_more() -> None:
    supervision = started()
    assert supervision.next_ms() == START_MS + 2_500


def test_a_usage_text_leads_to_the_next_call_at_once_and_in_silence() -> None:
    supervision = started()
    assert supervision.call.arguments == ("-x", "-k", "-y", "1")
    supervision.ended(10, "exit code 1", "Usage: iostat [ options ]")
    assert supervision.must_start(10)
    assert supervision.call.arguments == ("-x", "-k", "1")
    assert supervision.call.begins_with_boot
    assert supervision.notices == []


def test_a_healthy_one_is_replaced_at_once_and_a_sick_one_ever_later() -> None:
    supervision = started()
    now = HEALTHY_MS + 1
    supervision.reported(now)
    supervision.ended(now, "signal 9", "")
    assert supervision.must_start(now)
    assert supervision.notices == ["iostat ended (signal 9); starting it anew"]
    for failure in range(1, FAILURES - 1):
        supervision.started(now)
        supervision.ended(now, "signal 9", "")
        assert supervision.next_ms() == now + (DELAY_FIRST_MS << failure)
    assert len(supervision.notices) == 1


def test_after_failures_in_a_row_it_is_off_with_a_reason() -> None:
    supervision = started()
    for _ in range(FAILURES):
        supervision.started(0)
        supervision.ended(0, "signal 11", "boom")
    assert supervision.off_reason == "iostat ended (signal 11: boom), 3 times in a row"
    assert not supervision.must_start(10**9)
    assert supervision.next_ms() is None


def test_a_recovery_is_said() -> None:
    supervision = started()
    supervision.reported(1_000)
    supervision.silent(3_500)
    supervision.started(4_500)
    supervision.reported(5_500)
    assert supervision.notices == [
        "iostat stopped reporting for 2.5 s; starting it anew",
        "iostat reports again",
    ]


def test_rubbish_is_said_once() -> None:
    supervision = started()
    supervision.rubbish("the input ends inside it")
    supervision.rubbish("the input ends inside it")
    assert len(supervision.notices) == 1


def test_every_system_is_called_with_an_interval() -> None:
    for system in ("linux", "freebsd14", "darwin", "sunos5", "aix7", "netbsd10", "openbsd7"):
        assert all(call.arguments[-1] == "7" for call in calls(system, 7))


def test_nothing_around_it_changes_what_it_prints() -> None:
    inherited = {
        "PATH": "/bin",
        "LANG": "de_DE.UTF-8",
        "LC_NUMERIC": "de_DE",
        "S_TIME_FORMAT": "ISO",
        "POSIXLY_CORRECT": "",
    }
    assert environment(inherited) == {"PATH": "/bin", "LC_ALL": "C", "S_COLORS": "never"}
