"""All followed commands: each a process, its spool and its stream. What `followed` is for files."""

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from fleetglass_proto.messages import KnownStream

from fleetglass_agent.logs import names
from fleetglass_agent.logs.output import Output
from fleetglass_agent.logs.seams import Out, Turn
from fleetglass_agent.logs.settings import TailSettings
from fleetglass_agent.logs.spool import Spool

if TYPE_CHECKING:
    from fleetglass_agent.logs.command import Command

# Streams of commands are numbered from here, files from 1.
COMMAND_NUMBERS = 1_000_000
# All together have so long to end: the agent itself is to be gone a second after SIGTERM.
CLOSE_S = 0.4


class Commands:
    """`note` gets sentences for the operator; `state_dir` None: output waits in memory."""

    def __init__(self, state_dir: str | None, new_number: Callable[[], int], note: Callable[[str], None]) -> None:
        self._state_dir = state_dir
        self._new_number = new_number
        self._note = note
        self._commands: dict[str, tuple[Command, Output]] = {}
        self._by_descriptor: dict[int, Command] = {}
        self._known: Mapping[str, KnownStream] = {}

    def set(self, settings: TailSettings) -> None:
        """Start what is new, end what is not wanted any more or has changed."""
        wanted = settings.commands
        for name, (command, _) in list(self._commands.items()):
            if wanted.get(name) != command.text:
                command.close()
                del self._commands[name]
        if self._state_dir is None and wanted and not self._commands:
            self._note(
                f"no state folder: output of commands waits in memory, {settings.spool_memory_bytes} bytes each; "
                "what the hub has not got is lost when the agent ends. Set --state DIR"
            )
        for name, text in wanted.items():
            if name not in self._commands:
                self._add(name, text, settings)

    def descriptors(self) -> list[int]:
        """What to poll now."""
        self._by_descriptor = {one: command for command, _ in self._commands.values() for one in command.descriptors()}
        return list(self._by_descriptor)

    def receive(self, descriptor: int, now_ms: int) -> None:
        """One of them is readable."""
        if descriptor in self._by_descriptor:
            self._by_descriptor[descriptor].receive(descriptor, now_ms)

    def tick(self, now_ms: int) -> None:
        """Time has passed."""
        for command, _ in self._commands.values():
            command.tick(now_ms)

    def next_tick_ms(self, now_ms: int) -> list[int | None]:
        """When something is due."""
        return [
            due_ms
            for command, output in self._commands.values()
            for due_ms in (command.next_tick_ms(now_ms), output.next_tick_ms())
        ]

    def welcome(self, known: Mapping[str, KnownStream]) -> None:
        """A session begins; `known` by the name that is shown."""
        self._known = known
        for command, output in self._commands.values():
            output.rewind(known.get(names.shown(command.name)))

    def due(self, now_ms: int) -> list[Output]:
        """Whose turn would give something."""
        return [output for _, output in self._commands.values() if _is_due(output, now_ms)]

    def committed(self, stream: int, file: int, offset: int) -> None:
        """The hub has it on disk."""
        for _, output in self._commands.values():
            if output.number == stream:
                output.committed(file, offset)

    def status(self) -> tuple[tuple[str, str], ...]:
        """Name and state of each."""
        return tuple((names.shown(name), command.state) for name, (command, _) in self._commands.items())

    def close(self) -> None:
        """End all at the same time; waits less than half a second."""
        for command, _ in self._commands.values():
            command.ask_to_end()
        deadline = time.monotonic() + CLOSE_S
        for command, _ in self._commands.values():
            command.close(max(deadline - time.monotonic(), 0))

    def _add(self, name: str, text: str, settings: TailSettings) -> None:
        folder = None
        if self._state_dir is not None:
            plain = "".join(char if char.isalnum() and char.isascii() else "_" for char in name)[:64]
            folder = os.path.join(self._state_dir, "spool", f"{plain}-{names.hash_text(name)}")
        spool = Spool(folder, self._new_number, settings.spool_bytes, settings.spool_memory_bytes, self._note)
        taken = {output.number for _, output in self._commands.values()}
        number = next(one for one in range(COMMAND_NUMBERS, COMMAND_NUMBERS + len(taken) + 1) if one not in taken)
        output = Output(number, name, spool, settings.max_line_bytes)
        output.rewind(self._known.get(names.shown(name)))
        # Only here: the standard library's subprocess costs 1.2 MB resident, and most agents run no commands.
        from fleetglass_agent.logs.command import Command

        self._commands[name] = (Command(name, text, spool, self._note, output.grew), output)


def _is_due(output: Output, now_ms: int) -> bool:
    due_ms = output.next_tick_ms()
    return output.is_ready or (due_ms is not None and due_ms <= now_ms)


def take_turn(waiting: list[Output], budget: int, now_ms: int, wall_ms: int, out: Out) -> tuple[int, Turn]:
    """Let the first of the row give one batch; with more to give it goes to the end of the row."""
    output = waiting.pop(0)
    used, at = output.turn(budget, now_ms, wall_ms, out)
    if at is Turn.MORE:
        waiting.append(output)
    return used, at
