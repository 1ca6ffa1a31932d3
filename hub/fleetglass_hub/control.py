"""How the commands talk to the hub that runs: one question and one answer, JSON, over a socket in its folder.

    {"do": "enroll", "labels": {...}, "ttl_ms": 3600000}  ──►  {"ok": {...}}   or   {"error": "sentence"}

The socket is `DATA/control.sock`, mode 600: who may write the folder may ask. A shell.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

log = logging.getLogger(__name__)

NAME = "control.sock"
# Questions are short, and answers of 10,000 hosts some megabytes.
QUESTION_BYTES = 64 << 10
ANSWER_S = 30.0
# What the questions and answers hold is decided by those who ask and answer: plain JSON.
Answer = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class ControlError(Exception):
    """No hub answers, or it refuses; the text says why and what to do."""


@contextlib.contextmanager
def _short_path(folder: str) -> Iterator[str]:
    """The socket's path in a form that is never too long: sun_path takes 107 bytes, a folder's path may have more."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


@contextlib.asynccontextmanager
async def serve(folder: str, answers: Mapping[str, Answer]) -> AsyncIterator[None]:
    """Answer questions while the context is open. `answers` may raise `ControlError`."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), ANSWER_S)
            writer.write(json.dumps(await _answer(line, answers)).encode() + b"\n")
            await writer.drain()
        except (OSError, ValueError, TimeoutError) as error:
            log.debug("a command went away: %s", error)
        finally:
            writer.close()

    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path = os.path.join(folder, NAME)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    before = os.umask(0o177)
    try:
        with _short_path(folder) as short:
            listener.bind(short)
    finally:
        os.umask(before)
    server = await asyncio.start_unix_server(talk, sock=listener, limit=QUESTION_BYTES)
    try:
        yield
    finally:
        server.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


async def _answer(line: bytes, answers: Mapping[str, Answer]) -> Mapping[str, Any]:
    try:
        question = json.loads(line)
        answer = answers.get(question["do"])
    except (ValueError, KeyError, TypeError):
        return {"error": "this is no question of a fleetglass command"}
    if answer is None:
        return {"error": "this hub does not know the command; it is of another version"}
    try:
        return {"ok": await answer(question)}
    except ControlError as problem:
        return {"error": str(problem)}
    except Exception:
        log.exception("a command failed")
        return {"error": "the hub could not do it; its log says why"}


def ask(folder: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
    """Ask the hub that runs with a folder.

    Raises:
        ControlError: no hub runs there, or it refuses.
    """
    try:
        with _short_path(folder) as short, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_S)
            connection.connect(short)
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile("rb") as file:
                answer = json.loads(file.readline())
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        raise ControlError(f"no hub runs with the folder {folder}; start it, or name its folder with --data") from None
    except PermissionError:
        raise ControlError(f"the hub's folder {folder} is closed to this user; ask as its owner (sudo)") from None
    except (OSError, ValueError) as error:
        raise ControlError(f"the hub with the folder {folder} does not answer: {error}") from None
    if "error" in answer:
        raise ControlError(answer["error"])
    found: Mapping[str, Any] = answer["ok"]
    return found
