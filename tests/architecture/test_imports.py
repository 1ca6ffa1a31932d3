"""Imports go one way: proto <- agent; proto <- web <- hub; and each room only knows what its table row allows."""

import subprocess
import sys

import pytest
from architecture.imports import imports_of, modules, relative_imports

# package or room -> what it never imports
NEVER = {
    "fleetglass_proto": (
        "fleetglass_agent",
        "fleetglass_web",
        "fleetglass_hub",
        "zmq",
        "asyncio",
        "numpy",
        "starlette",
    ),
    "fleetglass_agent": (
        "fleetglass_web",
        "fleetglass_hub",
        "fleetglass_proto.typed",
        "asyncio",
        "msgspec",
        "numpy",
        "re2",
    ),
    "fleetglass_web": ("fleetglass_agent", "fleetglass_hub", "zmq", "sqlite3"),
    "fleetglass_hub": ("fleetglass_agent",),
    "fleetglass_web.query": ("starlette", "uvicorn", "asyncio", "socket"),
    "fleetglass_web.live": ("starlette", "uvicorn", "asyncio", "socket"),
    "fleetglass_hub.fleet": ("asyncio", "zmq", "sqlite3", "starlette", "uvicorn"),
    **{
        f"fleetglass_hub.history.{core}": ("asyncio", "sqlite3", "os", "time", "threading.Thread")
        for core in ("hotsamples", "keeping", "levels", "lines", "records", "samples", "search", "waiting", "warm")
    },
}
# a library that only one module may know
ONLY = {
    "msgspec": ("fleetglass_proto", "fleetglass_proto.typed"),
    "psutil": ("fleetglass_agent", "fleetglass_agent.metrics.portable"),
}

# what can wait, or tells something that a test cannot choose
WAITING = (
    "_posixsubprocess", "asyncio", "concurrent", "ctypes", "fcntl", "multiprocessing", "os", "resource", "select",
    "selectors", "shutil", "signal", "socket", "sqlite3", "starlette",
    "subprocess", "tempfile", "threading", "time", "uvicorn", "zmq",
)  # fmt: skip
# package -> its modules that may touch sockets, files, processes, clocks or the event loop; every other one is a core
SHELLS = {
    "fleetglass_agent": """
        cli footprint hostfacts iostat.parse_command iostat.process log logs.checkpoint logs.command logs.commands
        logs.files logs.followed logs.globs logs.inotify logs.spool logs.tailing logs.watcher loop metrics.plugins
        metrics.portable metrics.procfs sources_command start statefolder stdout uplink.dealer uplink.link
    """,
    "fleetglass_hub": """
        app cli control datafolder doctor history.backup history.checkup history.database history.disk
        history.groupcommit history.journal history.lines history.logreader history.memory history.packing
        history.readers history.retention history.samplereader history.samplestore history.store ingest.keys
        ingest.router listening localagent ownlog password view
    """,
    "fleetglass_proto": """
        localkey
    """,
    "fleetglass_web": """
        api.aggregate api.answers api.body api.enrolments api.health api.hosts api.logs api.metrics api.openapi
        api.openmetrics api.parameters api.problems app
        auth.guard auth.login serving static_files transports.body transports.broadcast
        transports.directbody transports.http transports.kernelbuffer transports.manners
        transports.places transports.poll transports.pulse transports.server transports.session transports.stream
        transports.websocket viewchecks
    """,
}


@pytest.mark.parametrize("room", NEVER)
def test_a_room_never_imports_what_its_row_forbids(room):
    found = {
        module: wrong
        for module in modules()
        if module == room or module.startswith(f"{room}.")
        if (wrong := imports_of(module, *NEVER[room]))
    }
    assert not found


@pytest.mark.parametrize("library", ONLY)
def test_a_library_with_one_home_is_imported_nowhere_else(library):
    package, home = ONLY[library]
    found = [
        module for module in modules() if module.startswith(package) and module != home and imports_of(module, library)
    ]
    assert not found


def test_imports_are_absolute():
    assert relative_imports() == []


def test_only_the_listed_shells_touch_the_world_and_each_of_them_does():
    listed = {f"{package}.{name}" for package, names in SHELLS.items() for name in names.split()}
    found = {module for module in modules() if imports_of(module, *WAITING)}
    assert found - listed == set(), "a core became a shell: take time and bytes as arguments, or list it here"
    assert listed - found == set(), "no shell any more: take it off the list"


def test_the_agent_loads_no_event_loop_and_nothing_heavy():
    program = (
        "import sys, fleetglass_agent.cli, fleetglass_agent.loop;"
        "print(*[name for name in ('asyncio', 'msgspec', 'numpy', 'psutil', 're2', 'ssl') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (loaded.stdout.strip(), loaded.stderr) == ("", "")
