"""The commands as an operator types them: real processes, their words and their exit codes."""

import json
import os
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest
from fleetglass_proto import join, localkey
from harness.fake_agent import FakeAgent
from harness.processes import BIN, Hub, Process
from harness.waiting import until


def command(*words, environment=None, within_s=20):
    done = subprocess.run(
        [str(BIN / "fleetglass-hub"), *words], capture_output=True, text=True, timeout=within_s,
        env={**os.environ, **(environment or {})}, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done


def one_sentence(done, code, words):
    assert done.returncode == code, done
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stderr.startswith("fleetglass-hub: ")
    assert words in done.stderr, done.stderr


@pytest.fixture
def hub(tmp_path):
    hub = Hub(tmp_path).start()
    yield hub
    hub.kill()


def fake(hub, **options):
    agents_port = hub.agents_port
    return FakeAgent(hub.agents, localkey.read(agents_port, hub.environment), **options)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--htp", "x"], "no flag '--htp'"),
        (["run", "--http"], "--http needs a value"),
        (["run", "--http", "7480"], "is not an address with a port"),
        (["run", "--http", "127.0.0.1:99999"], "is not an address with a port"),
        (["run", "--http", "[::x]:1"], "is not an IPv6 address"),
        (["run", "--agents", "udp://1.2.3.4:1"], "not a host name"),
        (["run", "--auth", "maybe"], "password, always, none"),
        (["run", "--auth", "none", "--auth", "none"], "once is enough"),
        (["run", "--local-agent=yes"], "takes no value"),
        (["run", "--http", "0.0.0.0:0"], "--auth none"),
        (["run", "--config", "/nowhere/hub.toml"], "there is no file"),
        (["run", "--origin", "example.org"], "is not an origin"),
        (["run", "--host-name", "a b"], "is not a host name"),
        (["dance"], "no command 'dance'"),
        (["enroll", "--ttl", "1w"], "between 1s and 30d"),
        (["enroll", "--ttl", "31d"], "between 1s and 30d"),
        (["enroll", "--label", "role"], "KEY=VALUE"),
        (["enroll", "--tail", "app.log"], "from the root"),
        (["enroll", "--list", "--ttl", "1h"], "stand alone"),
        (["forget"], "takes one host"),
        (["hosts", "web-1"], "what is 'web-1' for"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_sentence_and_nothing_starts(words, said):
    one_sentence(command(*words), 2, said)


def test_settings_come_from_flags_over_variables_over_the_file_and_are_shown(tmp_path):
    file = tmp_path / "hub.toml"
    file.write_text('# mine\nhttp = "127.0.0.1:1"\nagents = "tcp://127.0.0.1:2"\ntail = ["/var/log/a"]\n')
    shown = command(
        "run", "--check", "--config", str(file), "--http", "127.0.0.1:3", environment={"FLEETGLASS_AGENTS": "[::1]:4"}
    )
    assert shown.returncode == 0
    lines = dict(line.split(" = ", 1) for line in shown.stdout.splitlines())
    assert lines["http"] == '"127.0.0.1:3"  # --http'
    assert lines["agents"] == '"[::1]:4"  # FLEETGLASS_AGENTS'
    assert lines["tail"] == f'["/var/log/a"]  # {file}, line 4'
    assert lines["auth"] == '"password"  # default'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("htp = 1", "there is no setting 'htp'"),
        ("http = 7480", "a text in quotes"),
        ("local_agent = 1", "true or false"),
        ("tail = 'x'", "a list of texts"),
        ("http = ", "hub.toml"),
        ("\xff", "hub.toml"),
    ],
)
def test_a_file_that_makes_no_sense_is_named_with_its_line(tmp_path, text, said):
    (tmp_path / "hub.toml").write_bytes(b"# mine\n" + text.encode("latin-1"))
    one_sentence(command("run", "--check", "--config", str(tmp_path / "hub.toml")), 2, said)


def test_port_0_is_any_free_one_and_the_url_says_which(tmp_path):
    process = Process(
        [str(BIN / "fleetglass-hub"), "run", "--http", "127.0.0.1:0", "--agents", "tcp://127.0.0.1:0",
         "--data", str(tmp_path / "data")],
        {"FLEETGLASS_RUNTIME_DIR": str(tmp_path / "run")},
    )  # fmt: skip
    try:
        url = process.says("http://127.0.0.1:")
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))):
            pass
        assert len(os.listdir(tmp_path / "run")) == 1
        assert process.stop(2.0) == 0
        assert os.listdir(tmp_path / "run") == []
    finally:
        process.kill()


def test_ports_and_folders_that_are_taken_are_said_in_one_sentence(hub, tmp_path):
    other = str(tmp_path / "other")
    again = ["run", "--data", other, "--http", "127.0.0.1:0", "--agents", "tcp://127.0.0.1:0"]
    taken = f"127.0.0.1:{hub.http_port}"
    one_sentence(command(*again, "--http", taken), 2, "--http is given 2 times")
    one_sentence(command(*again[:3], "--http", taken), 1, "the port is in use")
    one_sentence(command(*again[:5], "--agents", hub.agents), 1, "the port is in use")
    one_sentence(command("run", "--data", str(hub.folder / "data")), 1, "another hub runs with the folder")
    (tmp_path / "file").write_text("")
    one_sentence(command("run", "--data", str(tmp_path / "file" / "data")), 1, "cannot use the folder")


def test_the_folder_is_closed_to_others(hub):
    data = hub.folder / "data"
    assert stat.S_IMODE(os.stat(data).st_mode) == 0o700
    assert {name for name in os.listdir(data) if os.stat(data / name).st_mode & 0o077} == set()


def test_sigterm_ends_the_hub_within_two_seconds_whoever_is_connected(hub):
    with fake(hub, name="web-1") as agent, socket.create_connection(("127.0.0.1", hub.http_port)) as browser:
        agent.join()
        browser.sendall(b"GET /api/v1/stream/logs?filter=* HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert browser.recv(1_000).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        assert hub.stop() == 0
        assert time.monotonic() - began < 2.0
    assert "Traceback" not in hub.process.output()


def test_a_host_is_listed_until_it_is_forgotten(hub):
    data = ["--data", str(hub.folder / "data")]
    assert "enroll" in command("hosts", *data).stdout
    with fake(hub, name="web-1", labels={"role": "web"}) as agent:
        agent.join()
        row = command("hosts", *data).stdout.splitlines()[1].split()
        assert row[:2] == ["web-1", "live"]
        assert "role=web" in row
        listed = json.loads(command("hosts", "--json", *data).stdout)
        assert [host["name"] for host in listed] == ["web-1"]
        one_sentence(command("forget", "web-2", *data), 1, "no host 'web-2'")
        assert command("forget", "web-1", *data).returncode == 0
        assert hub.hosts() == []


def test_two_hosts_of_one_name_are_forgotten_by_their_ids(hub):
    data = ["--data", str(hub.folder / "data")]
    with fake(hub, name="web-1") as first, fake(hub, name="web-1") as second:
        first.join()
        second.join()
        one_sentence(command("forget", "web-1", *data), 1, "2 hosts are called 'web-1'")
        chosen = hub.hosts()[0]["agent_id"]
        assert command("forget", chosen, *data).returncode == 0
        assert [host["agent_id"] for host in hub.hosts()] != [chosen]


def test_enroll_prints_one_line_whose_token_gives_the_labels_once(hub):
    printed = command("enroll", "--label", "role=db", "--ttl", "5m", "--data", str(hub.folder / "data"))
    assert printed.stdout.startswith("fleetglass-agent run --join fg1.")
    assert "hears this machine only" in printed.stderr
    joined = join.decode(printed.stdout.split()[-1])
    assert joined.endpoint == hub.agents
    with FakeAgent(joined.endpoint, joined.server_key, token=joined.token) as agent:
        agent.join()
    assert hub.hosts()[0]["labels"] == {"role": "db"}
    with FakeAgent(joined.endpoint, joined.server_key, token=joined.token) as thief:
        assert "used already" in thief.refused().message


def test_lines_that_wait_are_listed_and_revoked(hub):
    data = ["--data", str(hub.folder / "data")]
    assert "no line was made" in command("enroll", "--list", *data).stdout
    printed = command("enroll", "--label", "role=db", "--tail", "/var/log/a b/*.log", *data)
    assert printed.stdout.rstrip().endswith("--tail '/var/log/a b/*.log'")
    assert "sudo sh deploy/install.sh --join fg1." in printed.stderr
    listed = command("enroll", "--list", *data).stdout
    assert printed.stdout.split()[3] not in listed
    number = listed.splitlines()[1].split()[0]
    assert "waits" in listed
    assert "role=db" in listed
    assert command("enroll", "--revoke", number, *data).returncode == 0
    assert "no line was made" in command("enroll", "--list", *data).stdout
    one_sentence(command("enroll", "--revoke", "nothing", *data), 1, "there is no enrolment 'nothing'")
    joined = join.decode(printed.stdout.split()[3])
    with FakeAgent(joined.endpoint, joined.server_key, token=joined.token) as late:
        assert "revoked" in late.refused().message


def test_the_doctor_finds_nothing_wrong_and_then_a_lost_host_and_an_open_key(hub):
    data = ["--data", str(hub.folder / "data")]
    fine = command("doctor", *data)
    assert (fine.returncode, "WRONG" in fine.stdout) == (0, False), fine.stdout
    with fake(hub, name="web-1", interval_ms=100) as agent:
        agent.join()
        until(lambda: hub.hosts()[0]["state"] != "live", "the host is late")
    os.chmod(hub.folder / "data" / "hub.key", 0o644)
    sick = command("doctor", *data)
    assert sick.returncode == 1
    assert "web-1 is" in sick.stdout
    assert "chmod 600" in sick.stdout


def test_without_a_hub_the_commands_say_so(tmp_path):
    for words in (["hosts"], ["forget", "x"], ["enroll"]):
        one_sentence(command(*words, "--data", str(tmp_path)), 1, "no hub runs with the folder")
    assert "no hub answers" in command("doctor", "--data", str(tmp_path)).stdout


def test_a_local_agent_comes_up_is_started_again_and_ends_with_the_hub(tmp_path):
    (tmp_path / "logs").mkdir()
    hub = Hub(tmp_path, "--local-agent", "--tail", str(tmp_path / "logs" / "*.log")).start()
    try:
        host = until(lambda: next(iter(hub.hosts()), None), "the local agent is there")
        assert host["state"] == "live"
        children = f"/proc/{hub.process.pid}/task/{hub.process.pid}/children"
        child = int(Path(children).read_text().split()[0])
        os.kill(child, 9)
        hub.process.says("the local agent has ended")
        hub.process.says("is here", 10)
        again = until(lambda: Path(children).read_text().split(), "the local agent is started again")
        assert hub.stop() == 0
        assert not os.path.exists(f"/proc/{again[0]}")
    finally:
        hub.kill()
