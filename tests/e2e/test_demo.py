"""The demo's inventions: repeatable, clearly named, within bounds."""

import json
import sys
import urllib.request
from pathlib import Path

import numpy as np
from demo import activity, lines
from demo.roster import ROLES, roster
from harness.ports import free_port
from harness.processes import Process
from harness.waiting import until

NOON_S = 1_800_000_000.0


def test_every_demo_host_says_so_in_its_name_and_labels():
    for host in roster(100):
        assert host.name.startswith("demo-")
        assert host.labels["demo"] == "yes"


def test_a_roster_has_every_role_in_its_share_and_no_name_twice():
    hosts = roster(100)
    assert len({host.name for host in hosts}) == 100
    assert {role.name: sum(host.role is role for host in hosts) for role in ROLES} == {
        "web": 28, "api": 22, "db": 14, "worker": 18, "cache": 8, "queue": 6, "build": 4,
    }  # fmt: skip


def test_the_same_second_is_the_same_activity_and_shares_stay_within_a_hundred():
    for role in ROLES:
        hosts = [host for host in roster(200) if host.role is role]
        for second in range(0, 600, 37):
            rows = activity.rows(hosts, NOON_S + second)
            assert np.array_equal(rows, activity.rows(hosts, NOON_S + second))
            assert rows.shape == (len(hosts), len(activity.series_of(role)))
            shares = [at for at, name in enumerate(activity.series_of(role)) if name.partition("[")[0].endswith("_pct")]
            assert rows[:, shares].min() >= 0
            assert rows[:, shares].max() <= 100.01
            assert np.allclose(rows[:, :6].sum(axis=1), 100, atol=0.1)


def test_some_host_is_in_trouble_within_ten_minutes_and_most_are_not():
    hosts = roster(40)
    depth = np.array([activity.incident(hosts, NOON_S + second) for second in range(0, 600, 5)])
    assert depth.max() > 0.5
    assert (depth.max(axis=0) == 0).mean() > 0.5


def test_lines_are_whole_repeatable_and_belong_to_the_hosts_services():
    for host in roster(20):
        first = list(lines.written(host, NOON_S, NOON_S + 10, 0.5))
        assert first == list(lines.written(host, NOON_S, NOON_S + 10, 0.5))
        assert first
        for path, line in first:
            assert path.removeprefix("/var/log/") in host.role.services
            assert line.endswith(b"\n")


def test_the_demo_shows_its_hosts_live_with_lines_on_the_real_hub(tmp_path):
    http = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "demo", "--hosts", "6", "--http", http, "--data", str(tmp_path)]
    paths = {"PYTHONPATH": str(Path(__file__).parents[1]), "FLEETGLASS_RUNTIME_DIR": str(tmp_path / "run")}
    demo = Process(command, paths)
    try:
        demo.says("6 invented hosts (demo=yes)", within_s=30)

        def get(path: str) -> dict:
            with urllib.request.urlopen(f"http://{http}{path}", timeout=10) as answer:
                return json.loads(answer.read())

        def live() -> bool:
            hosts = get("/api/v1/hosts?filter=demo%3Dyes")["hosts"]
            return len(hosts) == 6 and all(host["state"] == "live" and host["values"] for host in hosts)

        until(live, "six demo hosts are live with values")
        until(lambda: get("/api/v1/logs?filter=demo-web-*")["lines"], "a demo host's lines are in history")
    finally:
        assert demo.stop() == 0
