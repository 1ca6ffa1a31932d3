"""Imports go one way: proto <- agent; proto <- web <- hub; and each room only knows what its table row allows."""

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
}
# a library that only one module may know
ONLY = {
    "msgspec": ("fleetglass_proto", "fleetglass_proto.typed"),
    "psutil": ("fleetglass_agent", "fleetglass_agent.metrics.portable"),
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
