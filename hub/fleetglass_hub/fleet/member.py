"""What the hub knows of one agent, beside the numbers that stand in arrays.

In: hellos and events. Out: `view.Host` for the web, `HostRecord` for history.
"""

from collections.abc import Mapping
from uuid import UUID

from fleetglass_web.view import Host, HostState

from fleetglass_hub.fleet.clockoffset import ClockOffset
from fleetglass_hub.history.recorder import HostRecord

# Facts of the platform that are numbers where they can be read as such.
_NUMBERS = frozenset(("cores", "memory_bytes", "boot_ms"))
PROBLEMS_MAX = 32


class Member:
    """One host. The fleet's arrays hold its liveness, offset and newest row under `host`."""

    __slots__ = ("address", "agent_id", "agent_version", "clock", "first_ms", "host", "interval_ms", "labels", "name",
                 "platform", "problems", "streams")  # fmt: skip

    def __init__(self, record: HostRecord) -> None:
        self.host = record.host
        self.agent_id = record.agent_id
        self.name = record.name
        self.labels: Mapping[str, str] = dict(record.labels)
        self.platform: Mapping[str, str] = dict(record.platform)
        self.agent_version = record.agent_version
        self.interval_ms = record.interval_ms
        self.address = record.address
        self.first_ms = record.first_ms
        self.clock = ClockOffset()
        self.problems: dict[str, str] = {}  # source -> why it is off
        self.streams = 0

    def record(self, last_ms: float, said_bye: bool) -> HostRecord:
        """What history keeps."""
        return HostRecord(
            self.host,
            self.agent_id,
            self.name,
            self.labels,
            self.platform,
            self.agent_version,
            self.interval_ms,
            self.address,
            self.first_ms,
            last_ms,
            said_bye,
        )

    def host_now(self, state: HostState, last_ms: float, schema: int | None, lag_ms: float) -> Host:
        """What the web shows."""
        return Host(
            host=self.host,
            agent_id=str(UUID(bytes=self.agent_id)),
            name=self.name,
            labels=self.labels,
            state=state,
            last_ms=last_ms,
            interval_ms=self.interval_ms,
            platform=_numbers(self.platform),
            agent_version=self.agent_version,
            address=self.address,
            clock_offset_ms=self.clock.measured_ms,
            schema=schema,
            streams=self.streams,
            lag_ms=lag_ms,
            first_ms=self.first_ms,
            problems=tuple(self.problems.values()),
        )

    def set_problem(self, source: str, text: str) -> bool:
        """A source is off; "" for on again. True: something has changed."""
        if self.problems.get(source, "") == text:
            return False
        if not text:
            del self.problems[source]
        elif source in self.problems or len(self.problems) < PROBLEMS_MAX:
            self.problems[source] = text
        return True


def _numbers(platform: Mapping[str, str]) -> dict[str, str | int | float]:
    return {key: int(value) if key in _NUMBERS and value.isdecimal() else value for key, value in platform.items()}
