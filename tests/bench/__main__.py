"""`make bench`: each figure of the design beside its reference, both measured in this run.

`make bench ARGS="fanout agent_tick"` runs some of them; `make bench ARGS=--list` names them. A benchmark is a module of
this folder with a `main()` that prints its figures; one that fails is said so, and the others still run.
"""

import argparse
import importlib
import os
import platform
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).parent
# As for pytest (pyproject.toml): `bench` and `harness` are found below tests/.
sys.path.insert(0, str(HERE.parent))


def names() -> list[str]:
    return sorted(
        path.stem for path in HERE.glob("*.py") if "\ndef main(" in path.read_text() and path.stem != "__main__"
    )


def purpose(name: str) -> str:
    text = (HERE / f"{name}.py").read_text()
    return text.partition('"""')[2].partition("\n")[0].strip().rstrip('"')


def run(name: str) -> bool:
    print(f"\n== {name}: {purpose(name)}", flush=True)
    began = time.monotonic()
    kept, sys.argv = sys.argv, [f"bench.{name}"]
    try:
        importlib.import_module(f"bench.{name}").main()
    except (Exception, SystemExit) as problem:
        if isinstance(problem, SystemExit) and not problem.code:
            return True
        traceback.print_exc()
        print(f"   {name} failed: {problem}", flush=True)
        return False
    finally:
        sys.argv = kept
    print(f"   ({time.monotonic() - began:.0f} s)", flush=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="benchmarks to run (default: all)")
    parser.add_argument("--list", action="store_true", help="name them")
    chosen = parser.parse_args()
    known = names()
    if chosen.list:
        for name in known:
            print(f"{name:18} {purpose(name)}")
        return 0
    if unknown := [name for name in chosen.names if name not in known]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}")
    print(
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    )
    failed = [name for name in chosen.names or known if not run(name)]
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
