"""Read which modules each module imports, without running any of them.

In: the source tree. Out: module name -> the absolute names it imports, wherever in the module the import stands.
"""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("proto", "agent", "web", "hub")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> set[str]:
    """Absolute names that a file imports; `from a import b` counts as `a.b`, since b may be a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@cache
def modules() -> dict[str, set[str]]:
    """Every module of the four packages and what it imports."""
    return {
        module_name(path): imported(path)
        for room in ROOMS
        for path in sorted((ROOT / room / f"fleetglass_{room}").rglob("*.py"))
    }


def imports_of(module: str, *forbidden: str) -> list[str]:
    """What a module imports of the forbidden packages."""
    return sorted(
        name for name in modules()[module] if any(name == top or name.startswith(f"{top}.") for top in forbidden)
    )


def relative_imports() -> list[str]:
    """Files that import relatively: names are absolute here, so that a module can be found by its name."""
    return [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room / f"fleetglass_{room}").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
