"""Who may send: the table of `enroll`, cell by cell."""

import pytest
from fleetglass_hub.ingest.enroll import WAITING_MAX, Door, DoorError, is_loopback
from fleetglass_hub.ingest.refusal import Refusal
from harness.rooms import Book

KEY, OTHER = b"k" * 32, b"o" * 32
AGENT, CLONE = b"a" * 16, b"c" * 16
HERE, THERE = "127.0.0.1", "10.0.0.7"


@pytest.fixture
def door():
    return Door(Book())


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


def test_a_token_that_is_revoked_opens_nothing_and_one_that_was_used_cannot_be(door):
    token, other = door.give_token({}, 60_000, 0), door.give_token({}, 60_000, 0)
    assert len({record.id for record in door.tokens()}) == 2
    door.revoke(door.given(token).id, 1)
    door.revoke(door.given(token).id, 2)
    assert [record.digest for record in door.tokens()] == [door.given(other).digest]
    assert "revoked" in refused(door, KEY, THERE, AGENT, token, 3)
    door.admit(KEY, THERE, AGENT, other, 4)
    with pytest.raises(DoorError, match="forget the host"):
        door.revoke(door.given(other).id, 5)
    with pytest.raises(LookupError):
        door.revoke("nothing", 5)


def test_who_used_a_token_and_when_is_kept(door):
    token = door.give_token({}, 60_000, 7)
    door.admit(KEY, THERE, AGENT, token, 9)
    record = door.given(token)
    assert (record.created_ms, record.used_ms, record.agent_id) == (7, 9, AGENT)


def test_an_agent_that_is_known_takes_the_labels_of_a_new_line_and_keeps_its_own_without_any(door):
    door.admit(KEY, HERE, AGENT, None, 0)
    token = door.give_token({"role": "db"}, 60_000, 0)
    assert door.admit(KEY, HERE, AGENT, token, 1) == {"role": "db"}
    assert door.given(token).agent_id == AGENT
    assert door.admit(KEY, THERE, AGENT, None, 2) == {"role": "db"}  # no local join any more
    assert door.admit(KEY, THERE, AGENT, door.give_token({}, 60_000, 0), 3) == {"role": "db"}
    expired = door.give_token({"role": "web"}, 1, 0)
    assert door.admit(KEY, THERE, AGENT, expired, 4) == {"role": "db"}


def test_only_so_many_lines_wait_at_once(door):
    for _ in range(WAITING_MAX):
        token = door.give_token({}, 60_000, 0)
    with pytest.raises(DoorError, match="revoke some"):
        door.give_token({}, 60_000, 0)
    door.revoke(door.given(token).id, 0)
    door.give_token({}, 60_000, 0)
    with pytest.raises(DoorError):
        door.give_token({}, 60_000, 1)
    door.give_token({}, 60_000, 60_000)


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
    token = door.give_token({}, 60_000, 1)
    door.admit(KEY, THERE, AGENT, token, 2)
    door.forget(AGENT)
    assert "told to forget it" in refused(door, KEY, THERE, AGENT, None, 2)
    assert "this host was forgotten" in refused(door, KEY, THERE, AGENT, token, 2)
    assert not door.knows(KEY, THERE)


@pytest.mark.parametrize(
    ("address", "is_local"),
    [("127.0.0.1", True), ("127.3.4.5", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False),
     ("::ffff:10.0.0.1", False), ("fe80::1%eth0", False), ("", False), ("localhost", False)],
)  # fmt: skip
def test_loopback_is_judged_by_the_address(address, is_local):
    assert is_loopback(address) is is_local
