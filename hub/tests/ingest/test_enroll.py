"""Who may send: the table of `enroll`, cell by cell."""

import pytest
from fleetglass_hub.ingest.enroll import Enrolment, is_loopback
from fleetglass_hub.ingest.refusal import Refusal
from harness.rooms import Book

KEY, OTHER = b"k" * 32, b"o" * 32
AGENT, CLONE = b"a" * 16, b"c" * 16
HERE, THERE = "127.0.0.1", "10.0.0.7"


@pytest.fixture
def door():
    return Enrolment(Book())


def refused(door, *arguments):
    with pytest.raises(Refusal) as refusal:
        door.admit(*arguments)
    assert (refusal.value.code, refusal.value.retry_ms) == ("token", None)
    return str(refusal.value)


def test_loopback_enrols_itself(door):
    assert door.admit(KEY, HERE, AGENT, None, 0) == {}
    assert door.admit(KEY, HERE, AGENT, None, 1) == {}


def test_a_local_join_lets_nobody_in_from_outside(door):
    door.admit(KEY, HERE, AGENT, None, 0)
    assert "join string" in refused(door, KEY, THERE, AGENT, None, 1)


def test_anywhere_else_needs_a_token_once(door):
    assert "enroll" in refused(door, KEY, THERE, AGENT, None, 0)
    token = door.give_token({"role": "db"}, 60_000, 0)
    assert door.admit(KEY, THERE, AGENT, token, 1) == {"role": "db"}
    assert door.admit(KEY, THERE, AGENT, None, 2) == {"role": "db"}
    assert door.admit(KEY, THERE, AGENT, token, 3) == {"role": "db"}  # it is still on its command line


def test_a_token_is_used_once(door):
    token = door.give_token({}, 60_000, 0)
    door.admit(KEY, THERE, AGENT, token, 1)
    assert "used already" in refused(door, OTHER, THERE, CLONE, token, 2)


def test_a_token_dies_after_its_time(door):
    token = door.give_token({}, 60_000, 0)
    assert "expired" in refused(door, KEY, THERE, AGENT, token, 60_000)


@pytest.mark.parametrize("token", ["", "x", "é" * 100])
def test_an_invented_token_opens_nothing(door, token):
    door.give_token({}, 60_000, 0)
    assert "not one of this hub" in refused(door, KEY, THERE, AGENT, token, 1)


def test_a_token_is_kept_as_a_hash(door):
    token = door.give_token({}, 60_000, 0)
    assert token.encode() not in b"".join(record.digest for record in door._book.tokens())


def test_an_agent_id_belongs_to_its_key_and_a_wrong_claim_uses_no_token(door):
    door.admit(KEY, THERE, AGENT, door.give_token({}, 60_000, 0), 1)
    token = door.give_token({}, 60_000, 0)
    assert "another key" in refused(door, OTHER, THERE, AGENT, token, 2)
    assert "another key" in refused(door, OTHER, HERE, AGENT, None, 2)
    door.admit(OTHER, THERE, CLONE, token, 3)


def test_a_key_belongs_to_its_agent_id(door):
    door.admit(KEY, HERE, AGENT, None, 0)
    assert "another agent_id" in refused(door, KEY, HERE, CLONE, None, 1)


def test_a_local_agent_that_lost_its_key_gets_a_new_one_in(door):
    door.admit(KEY, HERE, AGENT, None, 0)
    door.admit(OTHER, HERE, AGENT, None, 1)
    assert "another agent_id" not in refused(door, KEY, THERE, AGENT, None, 2)


def test_forgetting_takes_the_key_away(door):
    door.admit(KEY, THERE, AGENT, door.give_token({}, 60_000, 0), 1)
    door.forget(AGENT)
    refused(door, KEY, THERE, AGENT, None, 2)
    assert not door.knows(KEY, THERE)


@pytest.mark.parametrize(
    ("address", "is_local"),
    [("127.0.0.1", True), ("127.3.4.5", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False),
     ("::ffff:10.0.0.1", False), ("fe80::1%eth0", False), ("", False), ("localhost", False)],
)  # fmt: skip
def test_loopback_is_judged_by_the_address(address, is_local):
    assert is_loopback(address) is is_local
