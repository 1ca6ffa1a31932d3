"""`fleetglass-agent`: run, sources, parse iostat. A shell; what each needs is imported only when it is asked for.

Exit codes: 0 it ended as wished; 1 it could not go on; 2 a setting or an argument makes no sense, nothing was started.
"""

import os
import sys
from collections.abc import Mapping, Sequence

from fleetglass_agent import __version__, config
from fleetglass_agent.settings import SETTINGS
from fleetglass_agent.values import ConfigError

CONFIG_FILE = "/etc/fleetglass/agent.toml"

USAGE = """\
usage: fleetglass-agent run --hub tcp://HOST:PORT [flags]   measure this host and follow its logs
       fleetglass-agent run --stdout [flags]                the same as JSON lines on standard output
       fleetglass-agent run --check [flags]                 print the effective settings and end
       fleetglass-agent sources [flags]                     what this host can offer, and why a source is off
       fleetglass-agent parse iostat < FILE                 any iostat's output as JSON lines
       fleetglass-agent --version
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _command(words)
    except ConfigError as problem:
        print(f"fleetglass-agent: {problem}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has what he wanted. Python would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as fault:
        if "FLEETGLASS_TRACEBACK" in os.environ:
            raise
        # Our own broken promise: the operator gets a sentence, and the way to what we need to mend it.
        print(
            f"fleetglass-agent: this is a fault of fleetglass-agent itself: {type(fault).__name__}: {fault}. "
            "Please report it with what FLEETGLASS_TRACEBACK=1 prints",
            file=sys.stderr,
        )
        return 1


def _command(words: list[str]) -> int:
    match words:
        case ["run", *rest]:
            return _run(rest)
        case ["--check", *rest]:
            return _run(["--check", *rest])
        case ["sources", *rest]:
            return _sources(rest)
        case ["parse", "iostat"]:
            from fleetglass_agent.iostat import parse_command

            if sys.stdin is None:
                raise ConfigError("standard input is closed; fleetglass-agent parse iostat < FILE")
            return parse_command.run(sys.stdin.buffer, sys.stdout)
        case ["parse", *_]:
            raise ConfigError("parse reads the output of iostat: fleetglass-agent parse iostat < FILE")
        case ["--version"]:
            print(f"fleetglass-agent {__version__}")
            return 0
        case ["--help" | "-h" | "help", *_]:
            print(usage(), end="")
            return 0
        case []:
            print(USAGE, end="", file=sys.stderr)
            return 2
        case [word, *_]:
            raise ConfigError(f"there is no command {word[:40]!r}; there are run, sources and parse iostat")
        case _:
            return 2


def usage() -> str:
    """Everything that --help prints."""
    rows = [(f"{setting.flag} {setting.shown}".strip(), setting.about) for setting in SETTINGS if setting.flag]
    rows.append(("--config FILE", f"settings in TOML ({CONFIG_FILE}, if it is there)"))
    wide = max(len(left) for left, _ in rows)
    flags = "\n".join(f"  {left:{wide}}  {right}" for left, right in rows)
    return f"{USAGE}\nflags, each also as a variable (--max-line is FLEETGLASS_MAX_LINE) and in TOML:\n{flags}\n"


def load(words: Sequence[str], environ: Mapping[str, str]) -> tuple[config.Config, config.Arguments]:
    """Read all three places.

    Raises:
        ConfigError: a setting makes no sense or the file cannot be read.
    """
    given = config.arguments(words)
    path = given.config or environ.get("FLEETGLASS_CONFIG") or ""
    text = _read(path or CONFIG_FILE, is_wanted=bool(path))
    toml: dict[str, object] = {}
    if text is not None:
        import tomllib

        try:
            toml = tomllib.loads(text)
        except tomllib.TOMLDecodeError as problem:
            raise ConfigError(f"{path or CONFIG_FILE}: {problem}") from problem
    return config.build(given, environ, toml, path or CONFIG_FILE, text or ""), given


def _read(path: str, is_wanted: bool) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        if is_wanted:
            raise ConfigError(f"there is no file {path}") from None
        return None
    except OSError as problem:
        raise ConfigError(f"cannot read {path}: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not a text in UTF-8, as TOML has to be") from None


def _run(words: list[str]) -> int:
    settings, given = load(words, os.environ)
    if given.actions & {"--help", "-h"}:
        print(usage(), end="")
        return 0
    _must_know(settings)
    if "--check" in given.actions:
        print(settings.shown(), end="")
        return 0
    from fleetglass_agent import start

    return start.run(settings, "--stdout" in given.actions, lambda: load(words, os.environ)[0])


def _must_know(settings: config.Config) -> None:
    """A misspelt source would stay on, against somebody's will."""
    if settings.metrics.off:
        from fleetglass_agent.metrics import catalogue

        known = [factory.name for factory in catalogue.factories()]
        for name in settings.metrics.off:
            if name not in known:
                raise ConfigError(
                    f"{settings.places['off']}: there is no source {name[:40]!r}; there are {', '.join(known)}"
                )


def _sources(words: list[str]) -> int:
    settings, given = load(words, os.environ)
    if given.actions & {"--help", "-h"}:
        print(usage(), end="")
        return 0
    from fleetglass_agent import sources_command

    return sources_command.run(settings)
