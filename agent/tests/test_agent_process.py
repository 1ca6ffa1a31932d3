"""The real agent as a process, against a hub of the tests."""

import json
import os
import re
import signal
import subprocess
import time
from math import isnan

import pytest
from fleetglass_proto import join
from fleetglass_proto.messages import Interest, Reject, RejectCode
from harness.ports import free_port
from harness.processes import BIN, Process
from harness.toyhub import ToyHub
from harness.waiting import until

AGENT = str(BIN / "fleetglass-agent")


@pytest.fixture
def hub(tmp_path):
    hub = ToyHub(tmp_path / "run")
    yield hub
    hub.stop()


@pytest.fixture
def start(tmp_path, hub):
    """Start agents; they are killed at the end."""
    running: list[Process] = []

    def start(*arguments: str, environment: dict[str, str] | None = None, state: str = "state") -> Process:
        command = [AGENT, "run", "--state", str(tmp_path / state), "--name", "web-1", *arguments]
        running.append(Process(command, {**hub.environment, **(environment or {})}))
        return running[-1]

    yield start
    for process in running:
        process.kill()


def run(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([AGENT, *arguments], capture_output=True, text=True, timeout=30, **options)


def append(path, text: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def test_samples_and_lines_arrive_and_bye_comes_within_a_second(hub, start, tmp_path):
    log = tmp_path / "app.log"
    append(log, "before\n")
    hub.start()
    agent = start("--hub", hub.endpoint, "--tail", str(tmp_path / "*.log"), "--label", "role=db")
    hub.until(lambda hub: len(hub.samples) >= 2, "two samples")
    hello = hub.hellos[0]
    assert (hello.name, hello.labels, hello.interval_ms) == ("web-1", {"role": "db"}, 1_000)
    assert "cpu.user_pct" in hub.samples[-1]
    append(log, "one\ntwo\n")
    hub.until(lambda hub: hub.lines(str(log)) == [b"one\n", b"two\n"], "both lines, and not what was there before")
    started = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - started < 1
    hub.until(lambda hub: hub.byes, "goodbye")
    assert hub.byes[0].why == "SIGTERM"
    assert agent.lines == [f"fleetglass-agent: connected to the hub at {hub.endpoint} (version toy)"]


def test_a_quiet_files_line_leaves_within_milliseconds(hub, start, tmp_path):
    log = tmp_path / "app.log"
    append(log, "")
    hub.start()
    start("--hub", hub.endpoint, "--tail", str(log))
    hub.until(lambda hub: len(hub.samples) >= 2, "two samples")
    delays = []
    for number in range(1, 8):
        written = time.monotonic_ns()
        append(log, f"line {number}\n")
        hub.until(lambda hub, number=number: len(hub.line_arrival_ns) >= number, f"line {number}")
        delays.append((hub.line_arrival_ns[-1] - written) / 1e6)
        time.sleep(0.03)  # so that each comes alone
    # The median, and with room for a busy machine: tests/bench measures the real figure.
    assert sorted(delays)[len(delays) // 2] < 20, delays


def test_a_hub_that_comes_later_gets_the_samples_of_before(hub, start):
    agent = start("--hub", hub.endpoint, "--interval", "0.1")
    agent.says("no hub on port")
    started_ms = time.time() * 1_000
    hub.start()
    hub.until(lambda hub: hub.sample_times and hub.sample_times[0] <= started_ms, "first the samples of before")
    agent.says("connected to the hub")
    assert sum("no hub on port" in line for line in agent.lines) == 1


def test_hub_and_agent_die_and_come_back_and_every_line_is_there_once(hub, start, tmp_path):
    log = tmp_path / "app.log"
    append(log, "")
    hub.start()
    agent = start("--hub", hub.endpoint, "--tail", str(log))
    hub.until(lambda hub: hub.samples, "a sample")
    written: list[bytes] = []

    def write(count: int) -> None:
        for _ in range(count):
            written.append(b"line %d\n" % len(written))
            append(log, written[-1].decode())

    write(50)
    hub.stop()
    write(50)
    agent.kill()
    write(50)
    hub.new_key()  # set up anew: the agent reads its key again
    hub.start()
    agent = start("--hub", hub.endpoint, "--tail", str(log))
    hub.until(lambda hub: len({hello.run_id for hello in hub.hellos}) == 2, "the second agent")
    write(50)
    agent.kill()
    write(50)
    start("--hub", hub.endpoint, "--tail", str(log))
    hub.until(lambda hub: len(hub.lines(str(log))) >= len(written), "every line")
    assert hub.lines(str(log)) == written
    assert len({hello.agent_id for hello in hub.hellos}) == 1
    assert len({hello.run_id for hello in hub.hellos}) == 3


def test_a_hub_that_restarts_is_found_again_and_both_are_said_once(hub, start):
    hub.start()
    agent = start("--hub", hub.endpoint)
    agent.says("connected to the hub")
    hub.stop()
    agent.says("lost the hub at")
    hub.start()
    agent.says("again")
    before = len(hub.samples)
    hub.until(lambda hub: len(hub.samples) > before, "a sample after the restart")
    assert sum("lost the hub" in line for line in agent.lines) == 1


def test_while_somebody_watches_samples_come_ten_times_a_second(hub, start):
    hub.start()
    start("--hub", hub.endpoint)
    hub.until(lambda hub: len(hub.samples) >= 2, "two samples")
    hub.order(Interest(100))
    at = len(hub.sample_times)
    hub.until(lambda hub: len(hub.sample_times) >= at + 12, "twelve more samples")
    times = hub.sample_times[at + 1 :]
    assert (times[-1] - times[0]) / (len(times) - 1) < 250
    assert len(set(hub.sample_times)) == len(hub.sample_times)
    hub.order(Interest(0))
    hub.until(lambda hub: hub.sample_times[-1] - hub.sample_times[-2] > 700, "two samples that are a second apart")


def test_a_join_string_is_enough_and_is_needed_once(hub, start, tmp_path):
    hub.start(leave_key=False)
    word = join.encode(join.Join(hub.endpoint, hub.public, "tok-3"))
    agent = start("--join", word)
    agent.says("connected to the hub")
    assert hub.hellos[0].token == "tok-3"
    agent.stop()
    second = start()
    second.says("connected to the hub")
    assert hub.hellos[1].token is None
    second.stop()
    third = start("--join", word)  # as a service whose settings still hold it
    third.says("connected to the hub")
    assert hub.hellos[2].token == "tok-3"  # heeded only by a hub that has forgotten this agent


def test_a_reject_is_printed_in_the_hubs_words(hub, start):
    hub.reject = Reject(RejectCode.TOKEN, "the token has expired; run 'fleetglass-hub enroll'", None)
    hub.start()
    agent = start("--hub", hub.endpoint)
    agent.says("refuses this agent: the token has expired; run 'fleetglass-hub enroll'")
    assert agent.stop() == 0


def test_sighup_reads_globs_and_labels_again_without_losing_a_line(hub, start, tmp_path):
    one, two, settings = tmp_path / "one.log", tmp_path / "two.log", tmp_path / "agent.toml"
    append(one, "")
    append(two, "")
    settings.write_text(f'tail = ["{one}"]\ninterval = 0.5\n')
    hub.start()
    agent = start("--hub", hub.endpoint, "--config", str(settings))
    hub.until(lambda hub: hub.samples, "a sample")
    append(one, "a\n")
    hub.until(lambda hub: hub.lines(str(one)) == [b"a\n"], "the first line")
    settings.write_text(f'tail = ["{one}", "{two}"]\nfrom = "start"\ninterval = 0.7\n[labels]\nrole = "db"\n')
    append(one, "b\n")
    agent.signal(signal.SIGHUP)
    agent.says("settings read again; a restart is needed for interval")
    append(one, "c\n")
    hub.until(lambda hub: hub.hellos[-1].labels == {"role": "db"}, "the new label")
    append(two, "d\n")
    hub.until(lambda hub: hub.lines(str(two))[-1:] == [b"d\n"], "a line of the new file")
    hub.until(lambda hub: hub.lines(str(one)) == [b"a\n", b"b\n", b"c\n"], "all lines of the old one")
    settings.write_text("interwal = 1\n")
    agent.signal(signal.SIGHUP)
    agent.says("there is no setting 'interwal'")
    append(one, "e\n")
    hub.until(lambda hub: hub.lines(str(one))[-1] == b"e\n", "it goes on with the settings as they were")


def test_stdout_prints_the_same_as_json_lines(tmp_path):
    log = tmp_path / "app.log"
    append(log, "first\n")
    command = [AGENT, "run", "--stdout", "--interval", "0.2", "--tail", str(log), "--from", "start"]
    agent = Process(command, {"FLEETGLASS_RUNTIME_DIR": str(tmp_path)})
    try:
        agent.says('"type":"sample"')
        append(log, 'sec\x1b[31mond "é\r\n')
        agent.says("sec")
        known = re.compile(r'"cpu.user_pct":[0-9]')
        until(lambda: any(known.search(line) for line in agent.lines), "a sample with rates")
    finally:
        assert agent.stop() == 0
    read = [json.loads(line) for line in agent.lines if line.startswith("{")]
    lines = [item for item in read if item["type"] == "lines"]
    assert [(item["path"], item["offset"], item["lines"]) for item in lines] == [
        (str(log), 0, ["first"]),
        (str(log), 6, ['sec\x1b[31mond "é']),
    ]
    sample = next(item for item in read if item["type"] == "sample" and item["values"]["cpu.user_pct"] is not None)
    assert abs(sample["time_ms"] - time.time() * 1_000) < 60_000
    assert all(value is None or not isnan(value) for value in sample["values"].values())
    assert any(item["type"] == "event" and item["kind"] == "source_up" for item in read)


def test_a_reader_of_stdout_that_goes_away_ends_the_agent_quietly(tmp_path):
    ended = subprocess.run(
        f"{AGENT} run --stdout --interval 0.1 | head -n 3", shell=True, capture_output=True, text=True, timeout=30
    )
    assert len(ended.stdout.splitlines()) == 3
    assert ended.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "--interval", "0.01", "--hub", "tcp://127.0.0.1:1"], "--interval: '0.01' is too short"),
        (["run", "--hub", "tcp://10.1.2.3:7400"], "fleetglass-hub enroll"),
        (["run"], "where is the hub?"),
        (["run", "--tail"], "--tail needs a value"),
        (["run", "--config", "/no/such/file.toml"], "there is no file /no/such/file.toml"),
        (["run", "--stdout", "--off", "iostta"], "--off: there is no source 'iostta'; there are cpu,"),
        (["walk"], "there is no command 'walk'"),
        (["parse"], "fleetglass-agent parse iostat < FILE"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_makes_no_sense_ends_with_2_and_one_sentence(arguments, sentence, tmp_path):
    flags = ["--state", str(tmp_path)] if arguments[0] == "run" and len(arguments) != 2 else []
    ended = run(*arguments[:1], *flags, *arguments[1:])
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_a_second_agent_in_the_same_folder_is_told_so(hub, start):
    hub.start()
    start("--hub", hub.endpoint).says("connected")
    second = start("--hub", hub.endpoint)
    assert second.wait() == 2
    assert "another agent" in second.output()


def test_check_prints_the_effective_settings_and_starts_nothing(tmp_path):
    ended = run("run", "--check", "--hub", "tcp://127.0.0.1:7400", "--state", str(tmp_path / "state"))
    assert ended.returncode == 0
    assert 'hub = "tcp://127.0.0.1:7400"  # --hub' in ended.stdout
    assert not (tmp_path / "state").exists()
    assert run("run", "--check", "--from", "middle").returncode == 2


def test_sources_names_every_source_and_file_and_why_one_is_off(tmp_path):
    append(tmp_path / "app.log", "hello\n")
    (tmp_path / "folder.log").mkdir()
    ended = run("sources", "--off", "tcp", "--tail", str(tmp_path / "*.log"), "--command", "app=echo \x1b[2J")
    assert (ended.returncode, ended.stderr) == (0, "")
    rows = ended.stdout.splitlines()
    assert any(row.startswith("cpu            on ") for row in rows)
    assert "tcp            off  switched off in the settings" in rows
    assert any(row.startswith(f"follows        {tmp_path}/app.log") for row in rows)
    assert any(row.startswith(f"leaves out     {tmp_path}/folder.log: ") for row in rows)
    assert "\x1b" not in ended.stdout


def test_what_cannot_be_followed_is_named_on_standard_error_and_never_blocks(hub, start, tmp_path):
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "a\nb\x1b[2J.log").mkdir()
    append(tmp_path / "app.log", "hello\n")
    hub.start()
    agent = start("--hub", hub.endpoint, "--tail", str(tmp_path / "*.log"), "--from", "start")
    agent.says("pipe.log")
    hub.until(lambda hub: hub.lines(str(tmp_path / "app.log")) == [b"hello\n"], "the line of the real file")
    assert "\x1b" not in agent.output()


def test_without_iostat_everything_else_is_measured(tmp_path):
    agent = Process([AGENT, "run", "--stdout", "--interval", "0.2", "--off", "iostat"])
    try:
        agent.says('"type":"sample"')
        agent.says('"disk.')
    finally:
        assert agent.stop() == 0
    samples = [json.loads(line) for line in agent.lines if '"type":"sample"' in line]
    assert "cpu.user_pct" in samples[-1]["values"]
    assert "iostat.age_ms" not in samples[-1]["values"]


def test_without_a_state_folder_it_runs_and_says_what_that_costs(hub, tmp_path):
    hub.start()
    agent = Process([AGENT, "run", "--hub", hub.endpoint, "--state", "/proc/nowhere"], hub.environment)
    try:
        hub.until(lambda hub: hub.samples, "a sample")
        assert "this host appears as a new one at each start" in agent.output()
    finally:
        assert agent.stop() == 0


def test_a_port_on_which_nobody_listens_is_retried(start, hub, tmp_path):
    hub.port = free_port()
    agent = start("--hub", hub.endpoint)
    agent.says("cannot reach the hub")
    assert until(lambda: agent.is_running, "it still runs")
    assert agent.stop() == 0
