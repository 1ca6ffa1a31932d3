"""docs/api.md tells the truth: it has every route, and each command in it works."""

import asyncio
import re
import shlex
import time
from pathlib import Path

import pytest
from fleetglass_web.app import ROUTES, create_app
from fleetglass_web.serving import serving
from fleetglass_web.testing import FakeFleet

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
COMMANDS = re.findall(r"^    (curl .*)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(
    "path", [route.path.replace(":path}", "}") for route in ROUTES if route.path != "/{path:path}"]
)
def test_every_route_is_described(path):
    assert path in PAGE


def test_every_command_of_the_page_is_answered():
    async def story():
        fleet = FakeFleet(clock=lambda: time.time() * 1_000)
        fleet.add_host("web-1")
        fleet.sample(0, {"cpu.user_pct": 1.0})
        fleet.lines(0, "/var/log/app.log", "an error\n")
        async with serving(create_app(fleet)) as port:
            answers = await asyncio.gather(*(answer(command, port) for command in COMMANDS))
        for command, (status, body) in zip(COMMANDS, answers, strict=True):
            assert status in ("200", "201"), f"{command}\n{body}"
            assert body, command
        assert len((await fleet.enrolments()).enrolments) == 1

    asyncio.run(asyncio.wait_for(story(), 20))


async def answer(command, port):
    words = shlex.split(command.replace("localhost:7480", f"127.0.0.1:{port}"))
    words += ["-g", "--max-time", "1.5", "-w", "\n%{http_code}"]
    pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.DEVNULL}
    process = await asyncio.create_subprocess_exec(*words, **pipes)
    said, _ = await process.communicate()
    body, _, status = said.decode().rpartition("\n")
    return status, body
