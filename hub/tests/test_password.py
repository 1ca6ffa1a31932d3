"""`fleetglass-hub passwd`, and a hub that asks for the password."""

import json
import os
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

from harness.ports import free_port
from harness.processes import Process

HUB = str(Path(sys.executable).parent / "fleetglass-hub")


def passwd(data: Path, typed: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [HUB, "passwd", "--data", str(data), *flags]
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=30, check=False)


def test_a_password_is_kept_as_a_hash_that_only_the_owner_can_read(tmp_path):
    done = passwd(tmp_path / "data", "correct horse\n")
    assert (done.returncode, done.stderr) == (0, "")
    kept = tmp_path / "data" / "password"
    assert kept.read_text().startswith("$argon2id$")
    assert stat.S_IMODE(os.stat(kept).st_mode) == 0o600


def test_a_short_password_is_refused_in_one_sentence(tmp_path):
    done = passwd(tmp_path, "short\n")
    assert done.returncode == 2
    assert done.stderr == "fleetglass-hub: a password has at least 8 characters; this one has 5\n"
    assert not (tmp_path / "password").exists()


def test_a_hub_beyond_loopback_starts_once_a_password_is_set_and_lets_in_who_knows_it(tmp_path):
    data, port = tmp_path / "data", free_port()
    command = [
        HUB,
        "run",
        "--http",
        f"0.0.0.0:{port}",
        "--agents",
        f"tcp://127.0.0.1:{free_port()}",
        "--data",
        str(data),
    ]
    refused = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 2
    assert "fleetglass-hub passwd" in refused.stderr

    passwd(data, "correct horse\n")
    hub = Process(command, {"FLEETGLASS_RUNTIME_DIR": str(tmp_path / "run")})
    try:
        hub.says("http://")

        def status(path: str, body: bytes | None = None, token: str = "") -> tuple[int, bytes]:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers)
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return answer.status, answer.read()
            except urllib.error.HTTPError as problem:
                return problem.code, problem.read()

        assert status("/api/v1/hosts")[0] == 401
        assert status("/")[0] == 200
        code, body = status("/api/v1/login", b'{"password": "correct horse"}')
        assert code == 200
        token = json.loads(body)["token"]
        assert status("/api/v1/hosts", token=token)[0] == 200
        passwd(data, "another password\n")
        assert status("/api/v1/hosts", token=token)[0] == 401
    finally:
        hub.kill()
