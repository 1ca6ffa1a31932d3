"""Real fleetglass processes: started, watched, killed and started again on the same ports and folders."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from harness.ports import free_port
from harness.waiting import until

BIN = Path(sys.executable).parent


class Process:
    """A child in its own process group, whose output is kept line by line."""

    def __init__(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        self.command = command
        self.lines: list[str] = []
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            self.lines.append(line.rstrip("\n"))

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None

    def output(self) -> str:
        return "\n".join(self.lines)

    def says(self, text: str, within_s: float = 15.0) -> str:
        """Wait for a line of output that contains a text."""
        return until(
            lambda: next((line for line in self.lines if text in line), None),
            f"{Path(self.command[0]).name} says {text!r}; its output:\n{self.output()}",
            within_s,
        )

    def signal(self, number: int) -> None:
        if self.is_running:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it and its group as a power cut would."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._child.wait(10)
        self._reader.join(10)

    def stop(self, within_s: float = 10.0) -> int:
        """SIGTERM; its exit code."""
        self.signal(signal.SIGTERM)
        try:
            code = self._child.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"{self.command[0]} did not end within {within_s:g} s of SIGTERM:\n{self.output()}"
            ) from None
        self._reader.join(10)
        return code

    def wait(self, within_s: float = 15.0) -> int:
        code = self._child.wait(within_s)
        self._reader.join(10)
        return code


class Hub:
    """A hub with its folder and its two ports, which outlive the process."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.http_port = free_port()
        self.agents_port = free_port()
        self.arguments = arguments
        self.listen_on = "127.0.0.1"  # for browsers
        self.environment = {"FLEETGLASS_RUNTIME_DIR": str(folder / "runtime")}
        self.process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def live_url(self) -> str:
        return f"ws://127.0.0.1:{self.http_port}/api/v1/live"

    @property
    def agents(self) -> str:
        return f"tcp://127.0.0.1:{self.agents_port}"

    def start(self) -> "Hub":
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            str(BIN / "fleetglass-hub"), "run", "--http", f"{self.listen_on}:{self.http_port}", "--agents", self.agents,
            "--data", str(self.folder / "data"), *self.arguments,
        ]  # fmt: skip
        self.process = Process(command, self.environment)
        self.process.says(f":{self.http_port}")
        return self

    def kill(self) -> None:
        if self.process:
            self.process.kill()

    def stop(self) -> int:
        assert self.process
        return self.process.stop()

    def request(
        self, path: str, headers: dict[str, str] | None = None, **query: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """GET; status, body, headers in lower case."""
        target = f"{self.url}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        try:
            with urllib.request.urlopen(urllib.request.Request(target, headers=headers or {}), timeout=20) as answer:
                return answer.status, answer.read(), {k.lower(): v for k, v in answer.headers.items()}
        except urllib.error.HTTPError as problem:
            return problem.code, problem.read(), {k.lower(): v for k, v in problem.headers.items()}

    def get(self, path: str, **query: str) -> Any:
        """The JSON of a GET."""
        status, body, _ = self.request(path, **query)
        assert status == 200, (status, body[:500])
        return json.loads(body)

    def change(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """POST or DELETE; status, and the JSON of the answer if there is one."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, {"content-type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                said = answer.read()
                return answer.status, json.loads(said) if said else None
        except urllib.error.HTTPError as problem:
            return problem.code, json.loads(problem.read())

    def hosts(self, text: str = "*") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/v1/hosts", filter=text)["hosts"]
        return found

    def until_live(self, name: str, within_s: float = 15.0) -> dict[str, Any]:
        """Wait until a host is live and has values."""
        return until(
            lambda: next((host for host in self.hosts(name) if host["state"] == "live" and host["values"]), None),
            f"host {name} is live with values",
            within_s,
        )


class Agent:
    """An agent with its state folder, which outlives the process. `endpoint` is where it finds its hub."""

    def __init__(self, hub: Hub, folder: Path, name: str, *arguments: str) -> None:
        self.hub, self.folder, self.name, self.arguments = hub, folder, name, arguments
        self.endpoint = hub.agents
        self.process: Process | None = None

    def start(self) -> "Agent":
        command = [
            str(BIN / "fleetglass-agent"), "run", "--hub", self.endpoint, "--name", self.name,
            "--state", str(self.folder / f"state-{self.name}"), *self.arguments,
        ]  # fmt: skip
        self.process = Process(command, self.hub.environment)
        return self

    def kill(self) -> None:
        if self.process:
            self.process.kill()

    def stop(self) -> int:
        assert self.process
        return self.process.stop()
