"""The whole way, real programs only: iostat and files, an agent, a hub, clients."""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from harness.live import LiveClient
from harness.processes import Hub
from harness.waiting import until

CPU = ["cpu.user_pct", "cpu.nice_pct", "cpu.system_pct", "cpu.iowait_pct", "cpu.steal_pct", "cpu.idle_pct"]


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_what_iostat_prints_is_what_a_live_client_and_the_api_get(hub, start_agent, kept_iostat, monkeypatch):
    monkeypatch.setenv("PATH", kept_iostat.environment(os.environ["PATH"])["PATH"])
    start_agent("web-1")
    hub.until_live("web-1")
    with LiveClient(hub.live_url) as client:
        client.send(op="subscribe", id=1, hosts="web-1", series=[*CPU, "iostat.age_ms"], interval_ms=1000, history_s=0)
        names = client.next("schema")["series"]
        seen: list[tuple[str, ...]] = []
        while len(seen) < 4:
            for block in client.next("samples")["blocks"]:
                width = len(names)
                for row in range(len(block["hosts"])):
                    values = dict(zip(names, block["values"][row * width : (row + 1) * width], strict=True))
                    if values["iostat.age_ms"] == 0:
                        seen.append(tuple(f"{values[name]:.2f}" for name in CPU))
    printed = kept_iostat.cpu_rows()
    # The same reports, in the same order, without one left out between them.
    first = printed.index(seen[0])
    assert printed[first : first + len(seen)] == seen

    values = until(
        lambda: next((host["values"] for host in hub.hosts("web-1") if host["values"]["iostat.age_ms"] == 0), None),
        "the API shows a row with a report of this second",
    )
    assert tuple(f"{values[name]:.2f}" for name in CPU) in kept_iostat.cpu_rows()


def test_a_line_appended_to_a_file_reaches_both_subprotocols_and_the_plain_stream(hub, start_agent, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("written before anybody looked\n")
    start_agent("web-1", "--tail", str(tmp_path / "*.log"))
    hub.until_live("web-1")
    # tail=1: whether curl is there before the line or after it, it gets it, and once.
    question = f"{hub.url}/api/v1/stream/logs?filter=web-1&path=*app.log&tail=1"
    curl = subprocess.Popen(["curl", "-sN", question], stdout=subprocess.PIPE, text=True)
    try:
        with LiveClient(hub.live_url) as text, LiveClient(hub.live_url, "fleetglass.v1") as binary:
            for client in (text, binary):
                client.send(op="subscribe", id=1, hosts="web-1", logs={"path": "*app.log"}, tail=0)
                client.next("subscribed")
            until(lambda: hub.hosts("web-1")[0].get("streams", 0), "the hub knows the stream")
            offset = log.stat().st_size
            append(log, "payment failed: card 4711\n")
            for client in (text, binary):
                batch, at = client.next_line("payment failed: card 4711")
                assert batch["path"] == str(log)
                assert at == offset
        assert curl.stdout is not None
        assert curl.stdout.readline() == "payment failed: card 4711\n"
    finally:
        curl.kill()
        curl.wait()


def test_lines_and_errors_are_counted_a_second_and_none_of_an_outage_is_a_spike_of_now(hub, start_agent, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("ERROR long ago\n" * 1_000)
    start_agent("web-1", "--tail", str(log))
    start_agent("web-2")

    def now(name: str) -> tuple[float | None, float | None]:
        values = hub.hosts(name)[0]["values"]
        return values.get("log.lines_per_s"), values.get("log.errors_per_s")

    hub.until_live("web-2")
    until(lambda: now("web-1") == (0.0, 0.0), "a quiet host writes no line a second")
    assert now("web-2") == (None, None)
    began_ms = time.time() * 1_000
    append(log, "GET / took 3 ms\n" * 90 + "ERROR db: query failed\n" * 10)
    until(lambda: (now("web-1")[1] or 0.0) > 0, "the errors show")
    until(lambda: now("web-1") == (0.0, 0.0), "it is quiet again")

    def kept(from_ms: float) -> dict[str, list[float]]:
        question = {"filter": "web-1", "series": "log.*", "from": str(int(from_ms)), "step": "1s"}
        found = hub.get("/api/v1/metrics", **question)["series"]
        return {one["series"]: [value for value in one["avg"] if value is not None] for one in found}

    rates = kept(began_ms - 1_000)
    # A row comes about a second after the one before: its rate times that is what was written.
    assert 80 < sum(rates["log.lines_per_s"]) < 125
    assert sum(rates["log.errors_per_s"]) == pytest.approx(sum(rates["log.lines_per_s"]) / 10)

    hub.kill()
    append(log, "ERROR while nobody listened\n" * 5_000)
    hub.start()
    again_ms = time.time() * 1_000
    until(lambda: now("web-1") == (0.0, 0.0), "the agent is back", within_s=20)
    last = hub.get("/api/v1/logs", filter="web-1", limit="1")["lines"][0]
    assert (last["text"], last["offset"]) == ("ERROR while nobody listened", log.stat().st_size - 28)
    assert set(kept(again_ms)["log.lines_per_s"]) == {0.0}
    assert sum(kept(began_ms - 1_000)["log.lines_per_s"]) == sum(rates["log.lines_per_s"])


def test_two_clients_with_the_same_question_share_one_channel(hub, start_agent):
    start_agent("web-1")
    hub.until_live("web-1")
    with LiveClient(hub.live_url) as first, LiveClient(hub.live_url) as second, LiveClient(hub.live_url) as other:
        for number, (client, hosts) in enumerate([(first, "web-1"), (second, " web-1 "), (other, "web-2")]):
            client.send(op="subscribe", id=number + 1, hosts=hosts, series=["cpu.*"], interval_ms=1000)
        channels = [client.next("subscribed")["ch"] for client in (first, second, other)]
        assert channels[0] == channels[1]
        assert channels[2] != channels[0]


def test_clients_that_vanish_in_any_way_harm_nobody_and_leave_no_error(hub, start_agent):
    start_agent("web-1")
    hub.until_live("web-1")
    with LiveClient(hub.live_url) as stays:
        stays.send(op="subscribe", id=1, hosts="*", series=["cpu.*"], interval_ms=1000)
        stays.next("samples")
        for _ in range(5):
            gone = LiveClient(hub.live_url)
            gone.send(op="subscribe", id=1, hosts="*", series=["*"], interval_ms=100)
            gone.next("samples")
            gone.abandon()
        # A reset instead of an end, in the middle of the handshake and in the middle of a stream.
        for request in (
            b"GET /api/v1/live HTTP/1.1\r\nHost: x",
            b"GET /api/v1/stream/metrics HTTP/1.1\r\nHost: HOST\r\n\r\n",
        ):
            rude = socket.create_connection(("127.0.0.1", hub.http_port))
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            rude.sendall(request.replace(b"HOST", f"127.0.0.1:{hub.http_port}".encode()))
            if b"\r\n\r\n" in request:
                assert rude.recv(100)
            rude.close()
        for _ in range(3):
            stays.next("samples")
    assert hub.process is not None
    assert not re.search(r"Traceback|ERROR|Exception", hub.process.output()), hub.process.output()


def test_a_hub_killed_and_started_again_gets_its_agents_back_by_itself(hub, start_agent):
    start_agent("web-1")
    hub.until_live("web-1")
    hub.kill()
    hub.start()
    hub.until_live("web-1", within_s=20)


def test_an_agent_killed_and_started_again_sends_what_was_written_meanwhile_once(hub, start_agent, tmp_path):
    log = tmp_path / "app.log"
    log.write_text("")
    agent = start_agent("web-1", "--tail", str(log))
    hub.until_live("web-1")
    with LiveClient(hub.live_url) as client:
        client.send(op="subscribe", id=1, hosts="web-1", logs={"path": "*"}, tail=0)
        client.next("subscribed")
        append(log, "line 0\n")
        client.next_line("line 0")
        agent.kill()
        append(log, "line 1\nline 2\n")
        agent.start()
        append(log, "line 3\n")
        lines: list[str] = []
        while "line 3" not in lines:
            for batch in client.next("lines", within_s=20)["batches"]:
                lines += [line for _, line in batch["lines"]]
        assert lines == ["line 1", "line 2", "line 3"]


def test_a_stopped_agent_says_goodbye_and_its_host_is_left(hub, start_agent):
    agent = start_agent("web-1")
    hub.until_live("web-1")
    assert agent.stop() == 0
    until(lambda: hub.hosts("web-1")[0]["state"] == "left", "web-1 has left", within_s=5)


def test_an_agent_waits_for_a_hub_that_is_not_there_yet_and_says_so_once(tmp_path, start_hub, start_agent, hub):
    hub.kill()
    agent = start_agent("early-1")
    assert agent.process is not None
    agent.process.says("hub", within_s=10)
    hub.start()
    hub.until_live("early-1", within_s=20)
    assert "Traceback" not in agent.process.output()


def test_the_hub_ends_cleanly_within_two_seconds_of_sigterm_with_clients_and_agents(hub: Hub, start_agent):
    start_agent("web-1")
    hub.until_live("web-1")
    with LiveClient(hub.live_url) as client:
        client.send(op="subscribe", id=1, hosts="*", series=["cpu.*"], interval_ms=1000)
        client.next("samples")
        assert hub.process is not None
        hub.process.signal(signal.SIGTERM)
        assert hub.process.wait(within_s=2.5) == 0
    assert "Traceback" not in hub.process.output()


def test_a_killed_hub_takes_its_local_agent_along_and_the_next_one_starts_its_own(start_hub):
    own = start_hub("--local-agent", "--tail", "/nothing/*.log")
    name = until(lambda: own.hosts()[0]["name"], "the local agent is there")
    first = own.until_live(name)
    own.kill()
    own.start()
    again = own.until_live(name, within_s=20)
    assert again["agent_id"] == first["agent_id"]
    # It was started by this hub, since the one before had the connection closed with its hub.
    assert own.process is not None
    assert "another" not in own.process.output()
