"""Put the agent together: the only module that knows every room. A shell.

In: a `Config`. Out: a running loop, or one sentence and an exit code.
"""

import os
from collections.abc import Callable
from typing import NamedTuple

from fleetglass_proto import endpoint, limits, z85
from fleetglass_proto.messages import VERSION, Hello

from fleetglass_agent import __version__, footprint, hostfacts
from fleetglass_agent.config import Config
from fleetglass_agent.log import Log
from fleetglass_agent.logs.settings import TailSettings
from fleetglass_agent.logs.tailing import Tailing
from fleetglass_agent.loop import Lines, Loop, monotonic_ms, wall_clock_ms
from fleetglass_agent.metrics import catalogue
from fleetglass_agent.metrics.registry import Registry
from fleetglass_agent.outlet import Outlet
from fleetglass_agent.rows import Rows
from fleetglass_agent.statefolder import StateError, StateFolder, default_folder
from fleetglass_agent.values import ConfigError

# Whatever a host measures, samples that wait take no more memory than this: an hour of a thousand series.
RING_BYTES = 16 << 20


class Reloaded(NamedTuple):
    """What SIGHUP may change."""

    labels: dict[str, str]
    tail: TailSettings


def run(config: Config, to_stdout: bool, read_again: Callable[[], Config]) -> int:
    """Run until a signal ends it."""
    footprint.prepare()
    log = Log(under_systemd="JOURNAL_STREAM" in os.environ)
    state = None
    try:
        if not to_stdout or config.state:
            state = StateFolder(config.state or default_folder())
        outlet = _stdout() if to_stdout or state is None else _link(config, state, log)
    except (StateError, ConfigError) as problem:
        log.say("error", str(problem))
        return 2
    for loss in state.losses if state else ():
        log.say("warning", loss)
    registry = Registry(config.metrics, catalogue.factories())
    rows = Rows(config.interval_ms, config.fastest_ms, monotonic_ms())
    lines: Lines = Tailing(config.tail, state.path if state else None)
    loop = Loop(registry, rows, lines, outlet, log, lambda: _reload(config, read_again, log))
    try:
        loop.run()
    except BrokenPipeError:
        pass
    finally:
        if state:
            state.close()
    return 0


def _stdout() -> Outlet:
    from fleetglass_agent.stdout import Stdout

    return Stdout()


def _link(config: Config, state: StateFolder, log: Log) -> Outlet:
    """The way to the hub that was set, joined now, or joined before."""
    from fleetglass_agent.uplink.link import Link
    from fleetglass_agent.uplink.ring import Ring

    remembered = state.hub()
    hub = config.endpoint or (remembered.endpoint if remembered else None)
    if hub is None:
        raise ConfigError(
            "where is the hub? On its machine: --hub tcp://127.0.0.1:7400. "
            "Elsewhere: run 'fleetglass-hub enroll' on the hub and give its word with --join"
        )
    joined_key = z85.encode_key(config.server_key) if config.server_key else None
    is_known = remembered is not None and remembered.endpoint == hub
    if not endpoint.parse(hub).is_loopback and not joined_key and not is_known:
        raise ConfigError(
            f"{config.places['hub']}: the hub at {hub} is not on this machine, and this agent does not know its key. "
            "Run 'fleetglass-hub enroll' on the hub and start this agent with the --join that it prints"
        )
    hello = Hello(
        version=VERSION,
        agent_id=state.agent_id,
        run_id=os.urandom(16),
        name=config.name or hostfacts.hostname()[: limits.NAME_BYTES],
        labels=dict(config.labels),
        platform=hostfacts.platform(),
        agent_version=__version__,
        interval_ms=config.interval_ms,
        time_ms=wall_clock_ms(),
        # It works once, and a hub that knows this agent's key heeds only a new one. Said again it costs nothing, and
        # after a `forget` it tells the hub who is back, and lets a new line in over the old state.
        token=config.token,
    )
    return Link(hub, joined_key, hello, Ring(config.buffer_ms, RING_BYTES), state, log)


def _reload(running: Config, read_again: Callable[[], Config], log: Log) -> Reloaded | None:
    """Read the settings again; what cannot change while it runs is named."""
    try:
        new = read_again()
    except ConfigError as problem:
        log.say("error", f"{problem}; going on with the settings as they were")
        return None
    changed = [
        name
        for name, value in new.values.items()
        if value != running.values[name] and name not in ("labels", "tail", "exclude", "commands", "from")
    ]
    log.say("info", "settings read again" + (f"; a restart is needed for {', '.join(changed)}" if changed else ""))
    return Reloaded(dict(new.labels), new.tail)
