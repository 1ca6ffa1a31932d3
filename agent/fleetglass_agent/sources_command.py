"""`fleetglass-agent sources`: what this host can offer, and why something is off. A shell.

In: the settings. Out: a table on standard output: each source, each file that the globs name, each command.
"""

import select
from collections.abc import Iterator

from fleetglass_agent.config import Config
from fleetglass_agent.log import safe
from fleetglass_agent.logs.tailing import Tailing
from fleetglass_agent.loop import monotonic_ms
from fleetglass_agent.metrics import catalogue
from fleetglass_agent.metrics.registry import Registry

# iostat's first report is about the time since boot; what it can offer shows in the second, a second later.
REPORT_MS = 2_500


def run(config: Config) -> int:
    """Print the table; the exit code."""
    for line in (*_sources(config), *_streams(config)):
        print(line)
    return 0


def _sources(config: Config) -> Iterator[str]:
    registry = Registry(config.metrics, catalogue.factories())
    registry.open(monotonic_ms())
    _await_reports(registry)
    registry.read(monotonic_ms())
    for status in registry.status():
        about = f"{status.series} series" if status.on else f"{status.why}. {status.remedy}".strip().rstrip(".")
        yield f"{status.name:<14} {'on ' if status.on else 'off'}  {safe(about)}"
    registry.close()


def _await_reports(registry: Registry) -> None:
    """Let the sources that wait for something come to their first complete reading."""
    waited_for = {id(source): source for source in registry.waiting()}
    deadline_ms = monotonic_ms() + REPORT_MS
    while waited_for and (left_ms := deadline_ms - monotonic_ms()) > 0:
        poll = select.poll()
        for source in registry.waiting():
            for descriptor in source.descriptors():
                poll.register(descriptor, select.POLLIN)
            due_ms = source.next_tick_ms()
            left_ms = left_ms if due_ms is None else min(left_ms, max(0, due_ms - monotonic_ms()))
        readable = {descriptor for descriptor, _ in poll.poll(left_ms)}
        for source in registry.waiting():
            for descriptor in readable.intersection(source.descriptors()):
                if registry.receive(source, descriptor, monotonic_ms()):
                    waited_for.pop(id(source), None)
            registry.tick(source, monotonic_ms())
        waited_for = {id(source): source for source in registry.waiting() if id(source) in waited_for}


def _streams(config: Config) -> Iterator[str]:
    if config.tail.globs:
        tailing = Tailing(config.tail._replace(commands={}), None)
        status = tailing.status()
        tailing.close()
        yield ""
        for file in status.files:
            yield f"follows        {safe(file.path)}  ({safe(file.how)}, {file.size_bytes} bytes)"
        for skipped in status.skipped:
            yield f"leaves out     {safe(skipped.path)}: {safe(f'{skipped.why}. {skipped.remedy}'.strip().rstrip('.'))}"
        if not status.files and not status.skipped:
            yield f"follows        nothing yet: no file matches {safe(', '.join(config.tail.globs))}"
    for name, command in config.tail.commands.items():
        yield f"runs           {safe(name)}: {safe(command)}"
