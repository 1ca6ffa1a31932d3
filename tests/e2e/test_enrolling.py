"""Machines come and go by the API: real hubs, real agents, the line as it was told."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from harness.live import LiveClient
from harness.processes import BIN
from harness.waiting import until

PLACE = "/api/v1/enrolments"
ROOT = Path(__file__).parents[2]


def make(hub, **body):
    status, made = hub.change("POST", PLACE, body)
    assert status == 201, made
    return made


def entry_of(hub, made):
    return next(one for one in hub.get(PLACE)["enrolments"] if one["id"] == made["id"])


def test_a_line_made_over_http_joins_an_agent_that_follows_what_it_says(hub, start_line, tmp_path):
    log = tmp_path / "my app.log"
    log.write_text("")
    made = make(hub, labels={"role": "db"}, ttl="5m", tail=[str(log)])
    start_line(made["line"], "db-7")
    host = hub.until_live("db-7")
    assert host["labels"] == {"role": "db"}
    assert entry_of(hub, made)["used_by"] == {"agent_id": host["agent_id"], "name": "db-7"}
    with log.open("a") as file:
        file.write("hello from db-7\n")
    until(lambda: hub.get("/api/v1/logs", match="hello from")["lines"], "the followed line is found")
    status, problem = hub.change("DELETE", f"{PLACE}/{made['id']}")
    assert (status, "forget the host" in problem["detail"]) == (409, True)


def test_commands_and_page_see_the_same_lines_also_after_a_restart(hub, start_line):
    by_page = make(hub, labels={"by": "page"})
    data = ["--data", str(hub.folder / "data")]
    enroll = [str(BIN / "fleetglass-hub"), "enroll", *data]
    printed = subprocess.run([*enroll, "--label", "by=command"], capture_output=True, text=True, check=True).stdout
    assert [one["labels"] for one in hub.get(PLACE)["enrolments"]] == [{"by": "command"}, {"by": "page"}]
    listed = subprocess.run([*enroll, "--list"], capture_output=True, text=True, check=True).stdout
    assert by_page["id"] in listed
    hub.stop()
    hub.start()
    assert [one["state"] for one in hub.get(PLACE)["enrolments"]] == ["open", "open"]
    start_line(printed, "db-8")
    assert hub.until_live("db-8")["labels"] == {"by": "command"}
    written = (hub.folder / "data" / "keys.sqlite").read_bytes() + (
        hub.folder / "data" / "keys.sqlite-wal"
    ).read_bytes()
    assert by_page["join"].encode() not in written
    assert by_page["join"] not in hub.process.output()


def test_the_line_of_a_service_is_understood_by_the_script_that_it_names(hub, tmp_path):
    made = make(hub, tail=["/var/log/my app/*.log"])
    # Without systemd in sight it stops behind its arguments, before it changes anything.
    for name in ("sh", "dirname", "sed", "id"):
        (tmp_path / name).symlink_to(shutil.which(name))
    words = shlex.split(made["install"])[1:]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env={"PATH": str(tmp_path)}, check=False)
    assert done.returncode == 1
    assert "no systemd here" in done.stderr or "run it as root" in done.stderr, done.stderr


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_line_that_is_over_lets_nobody_in_and_the_agent_says_why(hub, start_line, end):
    made = make(hub, ttl="1h" if end == "revoked" else "1s")
    if end == "revoked":
        assert hub.change("DELETE", f"{PLACE}/{made['id']}") == (204, None)
    else:
        until(lambda: entry_of(hub, made)["state"] == "expired", "the line has expired")
    start_line(made["line"], "db-9").says(end)
    assert hub.hosts() == []
    turned = hub.get(PLACE)["turned_away"]
    assert (turned["count"], turned["last"]["address"]) == (1, "127.0.0.1")
    assert end in turned["last"]["why"]


def test_a_forgotten_host_is_gone_everywhere_and_told_so_when_it_comes_back(hub, start_line, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("")
    made = make(hub, tail=[str(log)])
    agent = start_line(made["line"], "db-7")
    host = hub.until_live("db-7")
    with log.open("a") as file:
        file.write("a line to forget\n")
    until(lambda: hub.get("/api/v1/logs", match="to forget")["lines"], "the line is kept")
    status, problem = hub.change("DELETE", "/api/v1/hosts/db-7")
    assert (status, "Stop its agent first" in problem["detail"]) == (409, True)
    with LiveClient(hub.live_url) as client:
        client.send(op="subscribe", id=1, hosts="*", series=[])
        assert [one["name"] for one in client.next("hosts")["upsert"]] == ["db-7"]
        agent.stop()
        until(lambda: hub.hosts()[0]["state"] == "left", "the host has left")
        assert hub.change("DELETE", f"/api/v1/hosts/{host['agent_id']}") == (204, None)
        while not (gone := client.next("hosts")["remove"]):
            pass
        assert gone == [host["host"]]
    assert hub.hosts() == []
    assert hub.get("/api/v1/logs", match="to forget")["lines"] == []
    assert hub.get("/api/v1/metrics", series="cpu.*")["series"] == []
    assert hub.change("DELETE", "/api/v1/hosts/db-7")[0] == 404
    hub.stop()
    hub.start()
    assert hub.hosts() == []
    assert hub.get("/api/v1/logs", match="to forget")["lines"] == []


def test_a_forgotten_agent_that_comes_back_is_refused_and_says_so_until_it_gets_a_new_line(hub, start_line):
    made = make(hub)
    agent = start_line(made["line"], "db-7")
    hub.until_live("db-7")
    agent.stop()
    until(lambda: hub.hosts()[0]["state"] == "left", "the host has left")
    assert hub.change("DELETE", "/api/v1/hosts/db-7") == (204, None)
    again = start_line(made["line"], "db-7")
    again.says("this host was forgotten on the hub; run 'fleetglass-hub enroll'")
    assert hub.hosts() == []
    again.stop()
    # Over the same state folder: the machine need not be cleaned first.
    start_line(make(hub, labels={"role": "db"})["line"], "db-7")
    assert hub.until_live("db-7")["labels"] == {"role": "db"}


def test_a_new_line_on_a_machine_that_has_joined_gives_it_its_labels(hub, start_line):
    first, second = make(hub, labels={"role": "web"}), make(hub, labels={"role": "db"})
    agent = start_line(first["line"], "db-7")
    agent_id = hub.until_live("db-7")["agent_id"]
    agent.stop()
    start_line(second["line"], "db-7").says("connected")
    until(lambda: hub.hosts()[0]["labels"] == {"role": "db"}, "the labels are those of the new line")
    assert entry_of(hub, second)["used_by"] == {"agent_id": agent_id, "name": "db-7"}
    assert len(hub.hosts()) == 1


def test_a_hub_beyond_its_machine_without_a_password_changes_nothing_over_http(start_hub):
    hub = start_hub("--auth", "none")
    assert hub.change("POST", PLACE, {})[0] == 201
    hub.stop()
    hub.listen_on = "0.0.0.0"
    hub.start()
    status, problem = hub.change("POST", PLACE, {})
    assert (status, "fleetglass-hub passwd" in problem["detail"]) == (403, True)
    assert "fleetglass-hub enroll" in hub.get(PLACE)["refused"]
