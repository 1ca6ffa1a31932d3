"""`fleetglass-hub`: run, enroll, hosts, forget, passwd, doctor, backup. A shell.

Exit codes: 0 it ended as wished, 1 it could not go on, 2 a setting or an argument makes no sense and nothing was done.
"""

import logging
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from fleetglass_web.query import enrolment

from fleetglass_hub import __version__, config, control, doctor, ownlog
from fleetglass_hub.config import Arguments, Config, ConfigError
from fleetglass_hub.datafolder import DataFolder, DataFolderError, default_folder
from fleetglass_hub.password import PasswordFile
from fleetglass_hub.settings import SETTINGS

CONFIG_FILE = "/etc/fleetglass/hub.toml"

USAGE = """\
usage: fleetglass-hub run [flags]                        receive agents, serve the dashboard
       fleetglass-hub run --check [flags]                print the effective settings and end
       fleetglass-hub enroll [--label k=v]... [--ttl 1h] [--tail GLOB]...
                                                         print the one line that joins an agent
       fleetglass-hub enroll --list | --revoke ID        the lines that wait or were used; take one back
       fleetglass-hub hosts [--json]                     all hosts, their state and age
       fleetglass-hub forget HOST                        delete a host, its key and its history
       fleetglass-hub passwd [--remove]                  set the password that the dashboard asks for
       fleetglass-hub doctor                             what is wrong, and what to do
       fleetglass-hub backup FILE                        history and keys as one file, while the hub runs
       fleetglass-hub --version
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _command(words)
    except ConfigError as problem:
        print(f"fleetglass-hub: {problem}", file=sys.stderr)
        return 2
    except (control.ControlError, DataFolderError) as problem:
        print(f"fleetglass-hub: {problem}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output has what he wanted. Python would complain when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130


def _command(words: list[str]) -> int:
    match words:
        case ["run", *rest]:
            return _run(rest)
        case ["--check", *rest]:
            return _run(["--check", *rest])
        case ["enroll", *rest]:
            return _enroll(rest)
        case ["hosts", *rest]:
            return _hosts(rest)
        case ["forget", *rest]:
            return _forget(rest)
        case ["passwd", *rest]:
            return _passwd(rest)
        case ["doctor", *rest]:
            return _doctor(rest)
        case ["backup", *rest]:
            return _backup(rest)
        case ["--version"]:
            print(f"fleetglass-hub {__version__}")
            return 0
        case ["--help" | "-h" | "help", *_]:
            print(usage(), end="")
            return 0
        case []:
            print(USAGE, end="", file=sys.stderr)
            return 2
        case [word, *_]:
            raise ConfigError(
                f"there is no command {word[:40]!r}; there are run, enroll, hosts, forget, passwd, doctor and backup"
            )
        case _:
            return 2


def usage() -> str:
    """Everything that --help prints."""
    rows = [(f"{setting.flag} {setting.shown}".strip(), setting.about) for setting in SETTINGS]
    rows.append(("--config FILE", f"settings in TOML ({CONFIG_FILE}, if it is there)"))
    wide = max(len(left) for left, _ in rows)
    flags = "\n".join(f"  {left:{wide}}  {right}" for left, right in rows)
    return f"{USAGE}\nflags, each also as a variable (--http is FLEETGLASS_HTTP) and in TOML:\n{flags}\n"


def load(given: Arguments, environ: Mapping[str, str]) -> Config:
    """Read all three places.

    Raises:
        ConfigError: a setting makes no sense or the file cannot be read.
    """
    path = given.config or environ.get("FLEETGLASS_HUB_CONFIG") or ""
    text = _read(path or CONFIG_FILE, is_wanted=bool(path))
    try:
        toml = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(f"{path or CONFIG_FILE}: {problem}") from problem
    return config.build(given, environ, toml, path or CONFIG_FILE, text)


def _read(path: str, is_wanted: bool) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        if is_wanted:
            raise ConfigError(f"there is no file {path}") from None
        return ""
    except OSError as problem:
        if not is_wanted and isinstance(problem, PermissionError):
            return ""
        raise ConfigError(f"cannot read {path}: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text; settings are TOML") from None


def _folder(chosen: Config) -> str:
    return os.path.abspath(chosen.data or default_folder(os.environ))


def _run(words: list[str]) -> int:
    given = config.arguments(words)
    if given.actions & {"--help", "-h"}:
        print(usage(), end="")
        return 0
    chosen = load(given, os.environ)
    config.require_login_or_loopback(chosen, has_password=bool(PasswordFile(_folder(chosen)).hash()))
    if "--check" in given.actions:
        print(chosen.shown(), end="")
        return 0
    ownlog.begin(chosen.log_level, chosen.log_format, sys.stderr)
    folder = DataFolder(_folder(chosen))
    try:
        code = _serve(chosen, folder)
    finally:
        folder.close()
    _leave(code)
    return code


def _serve(chosen: Config, folder: DataFolder) -> int:
    # The rooms are heavy; `--check` and the other commands do not need them.
    from fleetglass_hub import app, listening
    from fleetglass_hub.history.database import HistoryError
    from fleetglass_hub.ingest.keys import KeyFileError
    from fleetglass_hub.ingest.router import ListenError

    try:
        app.serve(chosen, folder, sys.stdout)
    except (ListenError, KeyFileError, HistoryError, listening.HttpListenError) as problem:
        print(f"fleetglass-hub: {problem}", file=sys.stderr)
        return 1
    return 0


def _leave(code: int) -> None:
    """End the process without taking its memory apart: everything is on disk, and with ten thousand agents Python and
    libzmq need three more seconds to free what the kernel takes back at once.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _split(words: Sequence[str], own: Mapping[str, bool]) -> tuple[dict[str, list[str]], list[str], list[str]]:
    """Flags of a command (True: with a value), flags of the hub, and what stands alone."""
    found: dict[str, list[str]] = {}
    hub: list[str] = []
    alone: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        if flag in own:
            if own[flag] and not equals:
                if not rest:
                    raise ConfigError(f"{flag} needs a value")
                value = rest.pop(0)
            found.setdefault(flag, []).append(value)
        elif word.startswith("-"):
            hub.append(word)
            if not equals and rest and flag in ("--data", "--config"):
                hub.append(rest.pop(0))
        else:
            alone.append(word)
    return found, hub, alone


def _ask(hub_flags: Sequence[str], question: Mapping[str, object]) -> Mapping[str, Any]:  # any: JSON
    chosen = load(config.arguments(hub_flags), os.environ)
    return control.ask(_folder(chosen), question)


def _nothing_alone(alone: Sequence[str], command: str) -> None:
    if alone:
        raise ConfigError(f"{command}: what is {alone[0][:60]!r} for? See fleetglass-hub --help")


def _enroll(words: list[str]) -> int:
    own = {"--label": True, "--ttl": True, "--tail": True, "--list": False, "--revoke": True}
    found, hub, alone = _split(words, own)
    _nothing_alone(alone, "enroll")
    if ("--list" in found or "--revoke" in found) and len(found) > 1:
        raise ConfigError("enroll --list and enroll --revoke ID stand alone: they make no line")
    if "--list" in found:
        answer = _ask(hub, {"do": "enrolments"})
        print(doctor.enrolments_table(answer["enrolments"], answer["now_ms"]), end="")
        return 0
    if "--revoke" in found:
        for wanted in found["--revoke"]:
            _ask(hub, {"do": "revoke", "id": wanted})
            print(f"{wanted} is revoked: nobody joins with its line any more")
        return 0
    ttl = (found.get("--ttl") or [enrolment.TTL_DEFAULT])[-1]
    try:
        labels = dict(enrolment.parse_label(text) for text in found.get("--label", []))
        tails = enrolment.check_tails(found.get("--tail", []))
        enrolment.parse_ttl(ttl)
    except enrolment.EnrolmentError as problem:
        raise ConfigError(f"--{problem}") from None
    answer = _ask(hub, {"do": "enroll", "labels": labels, "ttl": ttl, "tail": tails})
    print(answer["line"])
    print(f"(valid for {ttl}, for one agent, which will look for {answer['endpoint']})", file=sys.stderr)
    print(f"to install it as a service:  {answer['install']}", file=sys.stderr)
    if answer["note"]:
        print(f"note: {answer['note']}", file=sys.stderr)
    return 0


def _hosts(words: list[str]) -> int:
    found, hub, alone = _split(words, {"--json": False})
    _nothing_alone(alone, "hosts")
    answer = _ask(hub, {"do": "hosts"})
    if "--json" in found:
        import json

        print(json.dumps(answer["hosts"], indent=1))
    else:
        print(doctor.hosts_table(answer["hosts"]), end="")
    return 0


def _forget(words: list[str]) -> int:
    _, hub, alone = _split(words, {})
    if len(alone) != 1:
        raise ConfigError("forget takes one host, by its name or its id: fleetglass-hub forget web-1")
    answer = _ask(hub, {"do": "forget", "host": alone[0]})
    print(f"{answer['name']} ({answer['agent_id']}) is forgotten: its key, its lines and its samples")
    if answer["was"] in ("live", "late"):
        then = "and will come back as a new host; stop it first" if answer["is_local"] else "and is refused from now on"
        print(f"its agent still runs {then}", file=sys.stderr)
    return 0


def _passwd(words: list[str]) -> int:
    found, hub, alone = _split(words, {"--remove": False})
    _nothing_alone(alone, "passwd")
    folder = _folder(load(config.arguments(hub), os.environ))
    file = PasswordFile(folder)
    try:
        if "--remove" in found:
            file.remove()
            print("the password is removed; everybody is signed out")
            return 0
        from fleetglass_web.auth.passwords import PasswordError, hash_password

        try:
            kept = hash_password(_new_password())
        except PasswordError as problem:
            raise ConfigError(str(problem)) from None
        os.makedirs(folder, mode=0o700, exist_ok=True)
        file.set(kept)
    except OSError as problem:
        raise DataFolderError(f"cannot write {problem.filename or folder}: {problem.strerror}") from problem
    print("the password is set; it counts at once, and everybody must sign in anew")
    return 0


def _new_password() -> str:
    """Asked for twice at a terminal; elsewhere the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    from getpass import getpass

    first = getpass("new password for the dashboard: ")
    if getpass("once more: ") != first:
        raise ConfigError("the two were not the same; nothing is changed")
    return first


def _doctor(words: list[str]) -> int:
    _, hub, alone = _split(words, {})
    _nothing_alone(alone, "doctor")
    chosen = load(config.arguments(hub), os.environ)
    folder = _folder(chosen)
    try:
        state: Mapping[str, object] | None = control.ask(folder, {"do": "doctor"})
        problem = ""
    except control.ControlError as error:
        state, problem = None, str(error)
    findings = doctor.examine(folder, state, problem, chosen.keeping)
    print(doctor.shown(findings), end="")
    return 1 if any(finding.is_wrong for finding in findings) else 0


def _backup(words: list[str]) -> int:
    from fleetglass_hub.history import backup

    _, hub, alone = _split(words, {})
    if len(alone) != 1:
        raise ConfigError("backup takes one file: fleetglass-hub backup /srv/backup/fleetglass.sqlite")
    target = os.path.abspath(alone[0])
    try:
        size = backup.write(_folder(load(config.arguments(hub), os.environ)), target)
    except backup.BackupError as problem:
        print(f"fleetglass-hub: {problem}", file=sys.stderr)
        return 1
    print(f"{target}: {size:,} bytes, history and keys; whoever has it is the hub, so keep it as you keep keys")
    return 0
