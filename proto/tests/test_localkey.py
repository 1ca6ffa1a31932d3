import os

import pytest
from fleetglass_proto import localkey, z85

KEY = bytes(range(100, 132))


@pytest.fixture
def environ(tmp_path):
    return {"FLEETGLASS_RUNTIME_DIR": str(tmp_path / "run")}


def test_z85_is_that_of_the_specification():
    # RFC 32: 86 4F D2 6F B5 59 F7 5B is "HelloWorld".
    assert z85.encode_key(bytes.fromhex("864FD26FB559F75B") * 4) == "HelloWorld" * 4
    assert z85.decode_key("HelloWorld" * 4) == bytes.fromhex("864FD26FB559F75B") * 4
    for text in ("", "HelloWorld", "#" * 40, "Hello,orld" * 4):
        with pytest.raises(ValueError):
            z85.decode_key(text)


def test_what_a_hub_wrote_an_agent_reads_also_under_a_strict_umask(environ):
    before = os.umask(0o077)
    try:
        path = localkey.write(7400, KEY, environ)
    finally:
        os.umask(before)
    assert os.path.basename(path) == "hub-7400.key"
    assert os.stat(path).st_mode & 0o777 == 0o644
    assert localkey.read(7400, environ) == KEY


def test_a_new_key_replaces_the_old_one_and_ports_are_apart(environ):
    localkey.write(7400, KEY, environ)
    localkey.write(7400, KEY[::-1], environ)
    localkey.write(7401, KEY, environ)
    assert localkey.read(7400, environ) == KEY[::-1]
    assert localkey.read(7401, environ) == KEY


def test_where_no_hub_runs_the_sentence_says_where_was_looked(environ):
    with pytest.raises(localkey.LocalKeyError, match=r"no hub on port 7400 has left its key in .*/run"):
        localkey.read(7400, environ)


def test_a_folder_that_others_can_write_is_not_trusted_on_either_side(environ):
    path = localkey.write(7400, KEY, environ)
    os.chmod(os.path.dirname(path), 0o777)
    with pytest.raises(localkey.LocalKeyError, match="written by others"):
        localkey.read(7400, environ)
    with pytest.raises(localkey.LocalKeyError, match="written by others"):
        localkey.write(7400, KEY, environ)


def test_a_damaged_key_file_is_named(environ):
    path = localkey.write(7400, KEY, environ)
    with open(path, "wb") as file:
        file.write(b"\xff\x00 not a key")
    with pytest.raises(localkey.LocalKeyError, match=r"hub-7400\.key: a key is 40 characters"):
        localkey.read(7400, environ)


def test_the_newest_of_several_hubs_wins(tmp_path, monkeypatch):
    # A hub that was killed leaves its key behind; another user's hub on the same port came later.
    monkeypatch.setattr(localkey, "SERVICE_FOLDER", str(tmp_path / "service"))
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    old = localkey.write(7400, KEY, {"FLEETGLASS_RUNTIME_DIR": str(tmp_path / "service")})
    os.utime(old, (1, 1))
    localkey.write(7400, KEY[::-1], {"FLEETGLASS_RUNTIME_DIR": str(tmp_path / "fleetglass")})
    assert localkey.read(7400, environ) == KEY[::-1]


def test_the_folders_are_the_services_first_then_this_users():
    assert localkey.folders({"XDG_RUNTIME_DIR": "/run/user/7"}) == [
        "/run/fleetglass",
        "/run/user/7/fleetglass",
        f"/tmp/fleetglass-{os.getuid()}",
    ]
