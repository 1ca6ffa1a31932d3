"""The composition root: the only module that knows every room of the hub.

    folder, keys ─► fleet, ring, recorder ─► intake ─► agent sockets
                                        └─► view ─► the web application ─► uvicorn

`run` serves until SIGTERM or SIGINT, then: browsers are let go, the local agent ends, everything is committed and the
agents are told, all within two seconds.
"""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import time
from collections.abc import Iterator, Mapping
from typing import Any

import uvicorn
from fleetglass_proto import endpoint as endpoints
from fleetglass_proto import localkey
from fleetglass_web.app import create_app, uvicorn_config
from fleetglass_web.auth.login import Login
from fleetglass_web.query.enrolment import TTL_DEFAULT, EnrolmentError, check_labels, check_tails, parse_ttl
from fleetglass_web.settings import WebSettings
from fleetglass_web.transports.server import QuietServer
from fleetglass_web.view import EnrolmentStateError

from fleetglass_hub import control, listening, localagent
from fleetglass_hub.config import Address, Config, asks_for_login
from fleetglass_hub.datafolder import DataFolder
from fleetglass_hub.enrolling import Enrolling, Reach, reach
from fleetglass_hub.fleet.fleet import Fleet
from fleetglass_hub.fleet.linering import TOTAL_BYTES, LineRing
from fleetglass_hub.history import backup
from fleetglass_hub.history.disk import DiskHistory
from fleetglass_hub.ingest.enroll import Door, is_loopback
from fleetglass_hub.ingest.gate import Gate
from fleetglass_hub.ingest.intake import Intake
from fleetglass_hub.ingest.keys import KeyBook, load_key_pair
from fleetglass_hub.ingest.router import AgentSockets
from fleetglass_hub.password import PasswordFile, session_secret
from fleetglass_hub.view import LocalView

log = logging.getLogger(__name__)

# Of the two seconds that an end may take: for browsers to let go, then for the last commit.
BROWSERS_S = 0.7


def now_ms() -> float:
    """The hub's clock."""
    return time.time() * 1_000


class _Server(QuietServer):
    """uvicorn, without its own handling of signals: the hub has more to end than a web server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `Hub.run`."""
        yield


class Hub:
    """All rooms, wired. Opening may raise the errors of the rooms; each is a sentence.

    Args:
        folder: of this hub alone, locked.
    """

    def __init__(self, config: Config, folder: DataFolder) -> None:
        self.config = config
        self._folder = folder
        self._http = listening.bind(config.http)
        self._http_port: int = self._http.getsockname()[1]
        backup.put_back(folder.path)
        self._keys = load_key_pair(folder.path)
        self._book = KeyBook(folder.path)
        self._door = Door(self._book)
        self._enrolling = Enrolling(self._door, self._keys.public, self._reach, now_ms)
        self._gate = Gate(self._door.knows)
        self._sockets = AgentSockets(config.agents_endpoint, self._keys, self._gate, now_ms)
        self._local_key = ""
        hub_id = self._keys.hub_id
        self._fleet = Fleet(lambda changed, gone: self.view.hosts_changed(changed, gone))
        self._recorder = DiskHistory(folder.path, now_ms, config.keeping)
        loaded = self._recorder.load(TOTAL_BYTES // 4)
        began_ms = now_ms()
        self._fleet.load(loaded.hosts, loaded.schemas, began_ms)
        self._fleet.load_rows(loaded.rows, began_ms)
        self._ring = LineRing.loaded(loaded, began_ms)
        self.view = LocalView(
            hub_id,
            loaded.life,
            loaded.lives,
            self._fleet,
            self._ring,
            self._recorder,
            now_ms,
            self._order,
            self._forget,
            self._enrolling,
            self._figures,
        )
        self._intake = Intake(
            hub_id, self._fleet, self._ring, self._recorder, self._door, self.view, self._sockets.probe
        )
        self._intake.load(loaded.streams, loaded.files, dict(loaded.samples_ms))

    # Serving

    async def run(self, url_out: Any) -> None:  # any: whatever has write and flush
        """Serve until a signal says to end; write the URL in one line when serving."""
        loop = asyncio.get_running_loop()
        server = self._server()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
        self._recorder.start(self._committed)
        self._sockets.start(self._intake)
        self._leave_local_key()
        async with control.serve(self._folder.path, self._answers()):
            local = asyncio.create_task(self._local_agent())
            announced = asyncio.create_task(self._announce(server, url_out))
            try:
                await server.serve([self._http])
            finally:
                announced.cancel()
                local.cancel()
                await asyncio.gather(local, announced, return_exceptions=True)
                await self._recorder.close()
                self._intake.end(now_ms())
                self._sockets.close()
                self._book.close()
                if self._local_key:
                    with contextlib.suppress(OSError):
                        os.unlink(self._local_key)

    def _server(self) -> _Server:
        config = self.config
        names = list(config.host_names)
        if not config.http.is_loopback:
            names += listening.own_names()
        settings = WebSettings(
            hosts=names, origins=config.origins, login=self._login(), is_exposed=not config.http.is_loopback
        )
        app = create_app(self.view, settings)
        return _Server(uvicorn_config(app, timeout_graceful_shutdown=BROWSERS_S, timeout_keep_alive=30))

    def _login(self) -> Login | None:
        if not asks_for_login(self.config):
            return None
        return Login(session_secret(self._folder.path), PasswordFile(self._folder.path).hash)

    async def _announce(self, server: uvicorn.Server, url_out: Any) -> None:  # any: whatever has write and flush
        while not server.started:
            await asyncio.sleep(0.01)
        url_out.write(f"{self.url()}\n")
        url_out.flush()
        log.info("agents are heard on %s", self._sockets.endpoint)

    def url(self) -> str:
        """Where the dashboard is, with the port that is really bound."""
        host = self.config.http.host
        if host in ("0.0.0.0", "::"):  # noqa: S104 - a comparison
            host = listening.own_name()
        return f"http://{Address(host, self._http_port)}"

    def _leave_local_key(self) -> None:
        try:
            self._local_key = localkey.write(self._sockets.port, self._keys.public)
        except localkey.LocalKeyError as problem:
            log.warning("agents on this machine need a join string: %s", problem)

    async def _local_agent(self) -> None:
        if self.config.local_agent:
            words = localagent.command(f"tcp://127.0.0.1:{self._sockets.port}", self._folder.path, self.config.tail)
            await localagent.keep_running(words, localagent.environment(os.environ))

    # What the rooms ask of each other

    def _committed(self, mark: int) -> None:
        self._intake.committed(mark, now_ms())
        self._sockets.wake()

    def _order(self, orders: Any) -> None:  # any: see Intake.order
        self._intake.order(orders)
        self._sockets.wake()

    def _forget(self, host: int) -> None:
        self._intake.forget(host, now_ms())
        self._sockets.wake()

    def _figures(self) -> Mapping[str, float]:
        return {
            "agents_connected": float(len(self._intake.sessions)),
            "frames_total": float(self._intake.frames),
            "frame_bytes_total": float(self._intake.bytes),
            "refused_messages_total": float(self._intake.refused),
            "refused_enrolments_total": float(self._door.refused),
            "refused_handshakes_total": float(self._gate.refused),
            **{f'refusals_total{{reason="{code}"}}': float(n) for code, n in self._intake.refused_by_code.items()},
            'refusals_total{reason="handshake"}': float(self._gate.refused),
            "ingest_passes_total": float(self._sockets.passes),
            "ingest_slowest_pass_ms": self._sockets.slowest_pass_ms,
        }

    # What commands ask

    def _answers(self) -> Mapping[str, control.Answer]:
        return {
            "enroll": self._enroll,
            "enrolments": self._enrolments,
            "revoke": self._revoke,
            "hosts": self._hosts,
            "forget": self._forget_named,
            "doctor": self._doctor,
            "figures": self._health,
        }

    async def _enroll(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            labels = check_labels({str(key): str(value) for key, value in dict(question.get("labels", {})).items()})
            tails = check_tails([str(glob) for glob in question.get("tail", [])])
            made = self._enrolling.enrol(labels, parse_ttl(str(question.get("ttl", TTL_DEFAULT))), tails)
        except (EnrolmentError, EnrolmentStateError) as problem:
            raise control.ControlError(str(problem)) from problem
        where = self._reach()
        told = {"endpoint": str(where.endpoint), "note": where.note}
        return {"id": made.enrolment.id, "line": made.line, "install": made.install, **told}

    def _reach(self) -> Reach:
        public, host = self.config.public, self.config.agents.host
        heard = endpoints.Endpoint(f"[{host}]" if ":" in host else host, self._sockets.port)
        is_any = host in ("0.0.0.0", "::")  # noqa: S104 - a comparison
        return reach(endpoints.parse(public) if public else None, heard, is_any, listening.own_name)

    async def _enrolments(self, question: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - nothing to choose
        names = {host.agent_id: host.name for host in self.view.hosts()}
        listed = [
            {**one._asdict(), "labels": dict(one.labels), "used_by": names.get(one.agent_id or "", one.agent_id)}
            for one in self._enrolling.enrolments().enrolments
        ]
        return {"enrolments": listed, "now_ms": now_ms()}

    async def _revoke(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        wanted = str(question.get("id", ""))
        try:
            self._enrolling.revoke(wanted)
        except LookupError:
            said = f"there is no enrolment {wanted[:40]!r}; 'fleetglass-hub enroll --list' shows them"
            raise control.ControlError(said) from None
        except EnrolmentStateError as problem:
            raise control.ControlError(str(problem)) from problem
        return {}

    async def _hosts(self, question: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - nothing to choose yet
        now = now_ms()
        return {
            "hosts": [
                {
                    "name": host.name,
                    "agent_id": host.agent_id,
                    "state": host.state.value,
                    "age_s": max(0.0, (now - host.last_ms) / 1_000),
                    "address": host.address,
                    "labels": dict(host.labels),
                    "agent_version": host.agent_version,
                    "clock_offset_ms": host.clock_offset_ms,
                    "problems": list(host.problems),
                }
                for host in self.view.hosts()
            ]
        }

    async def _forget_named(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        wanted = str(question.get("host", ""))
        found = [host for host in self.view.hosts() if wanted in (host.name, host.agent_id)]
        if not found:
            raise control.ControlError(f"there is no host {wanted[:80]!r}; 'fleetglass-hub hosts' lists them")
        if len(found) > 1:
            ids = ", ".join(host.agent_id for host in found)
            raise control.ControlError(f"{len(found)} hosts are called {wanted[:80]!r}; name one by its id: {ids}")
        await self.view.forget(found[0].host)
        was = found[0]
        is_local = is_loopback(was.address)
        return {"name": was.name, "agent_id": was.agent_id, "was": was.state.value, "is_local": is_local}

    async def _health(self, question: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - nothing to choose
        return dict(self.view.health())

    async def _doctor(self, question: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002 - nothing to choose
        return {
            "url": self.url(),
            "agents": self._sockets.endpoint,
            "pid": os.getpid(),
            "version": self.view.version,
            "local_key": self._local_key,
            "now_ms": now_ms(),
            "health": dict(self.view.health()),
            **(await self._hosts({})),
        }


def _allow_many_sockets() -> None:
    """An agent and a browser take a descriptor each: raise the soft limit as far as the hard one lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def serve(config: Config, folder: DataFolder, url_out: Any) -> None:  # any: whatever has write and flush
    """Run a hub until it is told to end."""
    _allow_many_sockets()
    hub = Hub(config, folder)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(hub.run(url_out))


def _loop_factory() -> Any:  # any: uvloop has no types for it
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
