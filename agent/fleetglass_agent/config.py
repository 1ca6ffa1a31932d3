"""What a person has set, from three places, into one frozen `Config`: flags over FLEETGLASS_* over TOML.

A value at a higher place replaces the lower one's; `labels` are joined, key by key. Whatever makes no sense is a
`ConfigError` that names the setting, the value, where it was set and what is allowed: nobody's machine runs on with a
value that they did not choose.

In: argv, environment and TOML as data. Out: `Config`, and `Config.shown()` for --check. Nothing is read here.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from fleetglass_proto import endpoint, join, limits

from fleetglass_agent.logs.settings import TailSettings
from fleetglass_agent.metrics.settings import MetricsSettings
from fleetglass_agent.settings import BY_FLAG, BY_NAME, SETTINGS, Value
from fleetglass_agent.values import ConfigError, from_text, from_toml, short, split, to_toml

# Flags that are no settings: they say what to do now.
ACTIONS = ("--stdout", "--check", "--help", "-h")


class Config(NamedTuple):
    """Everything that `run` needs to know."""

    endpoint: str | None
    server_key: bytes | None  # of a join string
    token: str | None
    name: str | None  # None: the host's own
    labels: Mapping[str, str]
    interval_ms: int
    fastest_ms: int
    state: str | None  # None: the default folder
    buffer_ms: int
    tail: TailSettings
    metrics: MetricsSettings
    values: Mapping[str, Value]
    places: Mapping[str, str]

    def shown(self) -> str:
        """The effective settings as TOML, each with the place that it comes from. Tokens and keys stay out."""
        lines = [
            f"{setting.name} = {to_toml(self.values[setting.name])}  # {self.places[setting.name]}"
            for setting in SETTINGS
            if setting.kind != "tables"
        ]
        return "\n".join(lines) + "\n"


class Arguments(NamedTuple):
    """A command line, split into actions and raw values of settings."""

    actions: frozenset[str]
    config: str | None
    values: Mapping[str, list[str]]


def arguments(argv: Sequence[str]) -> Arguments:
    """Split what stands behind `run`.

    Raises:
        ConfigError: a flag that does not exist, lacks its value, or has one too many.
    """
    actions: set[str] = set()
    config: str | None = None
    values: dict[str, list[str]] = {}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        setting = BY_FLAG.get(flag)
        if flag in ACTIONS or (setting and setting.kind == "flag"):
            if equals:
                raise ConfigError(f"{flag} takes no value")
            if setting:
                values[setting.name] = ["true"]
            else:
                actions.add(flag)
            continue
        if setting is None and flag != "--config":
            raise ConfigError(_unknown(word))
        if not equals:
            if not rest:
                raise ConfigError(f"{flag} needs a value: {flag} {setting.shown if setting else 'FILE'}")
            value = rest.pop(0)
        if setting is None:
            config = value
        elif setting.kind in ("list", "pairs"):
            values.setdefault(setting.name, []).append(value)
        elif values.get(setting.name, [value]) != [value]:
            raise ConfigError(f"{flag} is given twice: {values[setting.name][0]!r} and {value!r}")
        else:
            values[setting.name] = [value]
    return Arguments(frozenset(actions), config, values)


def build(
    given: Arguments, environ: Mapping[str, str], toml: Mapping[str, object], toml_name: str = "", toml_text: str = ""
) -> Config:
    """Put the three places together.

    Args:
        given: from `arguments`.
        environ: all variables; those that do not start with FLEETGLASS_ are passed over.
        toml: the parsed file, {} if there is none; `toml_name` and `toml_text` are for the sentences.

    Raises:
        ConfigError: see there.
    """
    values: dict[str, Value] = {}
    places: dict[str, str] = {}
    for name in toml:
        if name not in BY_NAME:
            raise ConfigError(
                f"{_line(toml_name, toml_text, name)}: there is no setting {name!r}; "
                f"there are {', '.join(setting.name for setting in SETTINGS)}"
            )
    for setting in SETTINGS:
        found: list[tuple[Value, str]] = []
        if setting.name in toml:
            place = _line(toml_name, toml_text, setting.name)
            found.append((from_toml(setting, toml[setting.name], f"{place}: {setting.name}"), place))
        found += [
            (from_text(setting, split(setting, environ[variable]), variable), variable)
            for variable in setting.variables
            if variable in environ
        ]
        if (texts := given.values.get(setting.name)) is not None:
            found.append((from_text(setting, texts, setting.flag), setting.flag))
        values[setting.name], places[setting.name] = found[-1] if found else (setting.default, "default")
        if setting.name == "labels" and len(found) > 1:
            values["labels"] = {key: text for value, _ in found for key, text in cast(dict[str, str], value).items()}
            places["labels"] = ", ".join(place for _, place in found)
    return _config(values, places)


def _config(values: dict[str, Value], places: dict[str, str]) -> Config:
    where, joined = _hub(str(values["hub"]), str(values["join"]), places)
    text = {name: str(values[name]) for name in ("name", "state", "proc", "sys", "root")}
    labels = cast(dict[str, str], values["labels"])
    if len(labels) > limits.LABELS:
        raise ConfigError(f"{places['labels']}: {len(labels)} labels are too many; {limits.LABELS} are allowed")
    interval_ms, fastest_ms = _ms(values["interval"]), _ms(values["fastest"])
    shown = {**values, "hub": where or "", "join": "(set)" if joined else ""}
    return Config(
        endpoint=where,
        server_key=joined.server_key if joined else None,
        token=joined.token if joined else None,
        name=text["name"] or None,
        labels=labels,
        interval_ms=interval_ms,
        fastest_ms=min(fastest_ms, interval_ms),
        state=text["state"] or None,
        buffer_ms=_ms(values["buffer"]),
        tail=TailSettings(
            globs=cast(tuple[str, ...], values["tail"]),
            excludes=tuple(_anywhere(glob) for glob in cast(tuple[str, ...], values["exclude"])),
            from_start=values["from"] == "start",
            commands=cast(dict[str, str], values["commands"]),
            max_streams=cast(int, values["max_streams"]),
            max_line_bytes=cast(int, values["max_line"]),
            spool_bytes=cast(int, values["spool"]),
            held_bytes=cast(int, values["held"]),
        ),
        metrics=MetricsSettings(
            proc=text["proc"],
            sys=text["sys"],
            root=text["root"],
            per_core=bool(values["per_core"]),
            full=bool(values["full"]),
            off=cast(tuple[str, ...], values["off"]),
            interval_ms=interval_ms,
            plugins=cast(dict[str, dict[str, object]], values["plugins"]),
        ),
        values=shown,
        places=places,
    )


def _hub(hub: str, joined: str, places: Mapping[str, str]) -> tuple[str | None, join.Join | None]:
    """The endpoint, and the join string from either setting."""
    if hub.startswith("fg") and "://" not in hub:
        if joined:
            raise ConfigError(f"{places['hub']}: there are two join strings; the other one is in {places['join']}")
        hub, joined, where = "", hub, places["hub"]
    else:
        where = places["join"]
    try:
        read = join.decode(joined) if joined else None
        if hub:
            endpoint.parse(hub)
    except join.JoinError as problem:
        raise ConfigError(f"{where}: {problem}") from problem
    except endpoint.EndpointError as problem:
        raise ConfigError(f"{places['hub']}: {problem}") from problem
    return hub or (read.endpoint if read else None), read


def _anywhere(exclude: str) -> str:
    """A name without a folder is meant wherever it is: `*.gz`."""
    return exclude if "/" in exclude else f"/**/{exclude}"


def _ms(seconds: Value) -> int:
    return round(cast(float, seconds) * 1000)


def _line(name: str, text: str, key: str) -> str:
    """Where in a file a key stands, as well as can be told without the parser's help."""
    pattern = re.compile(rf"\s*(\[+\s*)?(['\"]?){re.escape(key)}\2\s*[=.\]]")
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.match(line):
            return f"{name}, line {number}"
    return name


def _unknown(word: str) -> str:
    if not word.startswith("-"):
        return f"{short(word)} is one word too many; 'fleetglass-agent run --help' lists the flags"
    flag = word.partition("=")[0]
    near = [known for known in (*BY_FLAG, *ACTIONS, "--config") if known.startswith(flag) or flag.startswith(known)]
    hint = f"is {near[0]} meant?" if near and len(flag) > 3 else "'fleetglass-agent run --help' lists the flags"
    return f"there is no flag {short(flag)}; {hint}"
