import os
import re

import pytest
from fleetglass_agent.statefolder import KnownHub, StateError, StateFolder

KEY = "HelloWorld" * 4


def test_who_the_agent_is_is_made_once_and_kept_for_its_owner_alone(tmp_path):
    first = StateFolder(str(tmp_path / "state"))
    first.close()
    second = StateFolder(str(tmp_path / "state"))
    assert (first.agent_id, first.keys) == (second.agent_id, second.keys)
    assert first.losses == second.losses == []
    text = (tmp_path / "state" / "agent_id").read_text()
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n", text)
    assert (tmp_path / "state" / "curve.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_two_agents_do_not_share_a_folder(tmp_path):
    first = StateFolder(str(tmp_path))
    with pytest.raises(StateError, match=rf"process {os.getpid()}.*--state DIR"):
        StateFolder(str(tmp_path))
    first.close()
    StateFolder(str(tmp_path)).close()


def test_without_a_folder_that_can_be_made_it_goes_on_and_says_what_is_lost(tmp_path):
    (tmp_path / "file").write_text("")
    state = StateFolder(str(tmp_path / "file" / "state"))
    assert state.path is None
    assert len(state.agent_id) == 16
    assert len(state.losses) == 1
    assert "appears as a new one at each start" in state.losses[0]
    assert not state.remember(KnownHub("tcp://hub:1", KEY))


@pytest.mark.parametrize("name", ["agent_id", "curve.key"])
@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"zz", b"a b c d"])
def test_a_damaged_file_is_named_and_made_anew(tmp_path, name, content):
    StateFolder(str(tmp_path)).close()
    (tmp_path / name).write_bytes(content)
    state = StateFolder(str(tmp_path))
    state.close()
    assert bool(state.losses) == bool(content.strip())
    assert all(f"{name} is damaged" in loss for loss in state.losses)
    again = StateFolder(str(tmp_path))
    assert (again.agent_id, again.keys, again.losses) == (state.agent_id, state.keys, [])


def test_the_joined_hub_is_remembered(tmp_path):
    state = StateFolder(str(tmp_path))
    assert state.hub() is None
    assert state.remember(KnownHub("tcp://hub:7400", KEY))
    state.close()
    assert StateFolder(str(tmp_path)).hub() == KnownHub("tcp://hub:7400", KEY)


def test_a_damaged_memory_of_the_hub_is_no_memory(tmp_path):
    state = StateFolder(str(tmp_path))
    (tmp_path / "hub").write_text("tcp://hub:7400\nno key\n")
    assert state.hub() is None
    assert "join the hub again" in state.losses[0]
