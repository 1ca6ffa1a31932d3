"""How often those are answered who are refused."""

from fleetglass_hub.ingest.refusal import Refusal
from fleetglass_hub.ingest.refusals import ANSWERS_PER_S, Refusals


def test_answers_are_bounded_and_come_back_with_time():
    refusals = Refusals()
    assert sum(refusals.may_answer() for _ in range(5_000)) == ANSWERS_PER_S
    refusals.refill(100)
    assert sum(refusals.may_answer() for _ in range(5_000)) == ANSWERS_PER_S / 10


def test_a_crowd_is_said_once_and_counted(caplog):
    refusals = Refusals()
    for ms in range(0, 4_000, 100):
        refusals.say("00ff 10.0.0.7", Refusal("token", "the token has expired", None), ms)
    refusals.say("00ff 10.0.0.7", Refusal("token", "the token has expired", None), 6_000)
    assert [record.getMessage() for record in caplog.records] == [
        "an agent at 10.0.0.7 was refused, token: the token has expired",
        "an agent at 10.0.0.7 was refused, token: the token has expired (39 more since the last line)",
    ]


def test_what_only_begins_anew_is_no_news(caplog):
    Refusals().say("00ff 10.0.0.7", Refusal("hello-first", "say hello", 0), 0)
    assert caplog.records == []
