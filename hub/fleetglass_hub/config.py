"""What a person has set, from three places, into one frozen `Config`: flags over FLEETGLASS_* over TOML.

Whatever makes no sense is a `ConfigError` that names the setting, the value, where it was set and what is allowed:
nobody's hub runs on with a value that they did not choose. Variables that are no settings of the hub are passed over:
an agent on the same machine has its own.

In: argv, environment and TOML as data. Out: `Config`. Nothing is read here.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from fleetglass_hub.history import keeping
from fleetglass_hub.history.keeping import Keeping
from fleetglass_hub.settings import BY_FLAG, BY_NAME, SETTINGS, Setting, Value

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?\Z")
_ORIGIN = re.compile(r"https?://[^/?#\s]+\Z")


class ConfigError(ValueError):
    """A setting that makes no sense; the text says which, where it was set and what is allowed."""


class Address(NamedTuple):
    """A host, as a socket takes it, and a port; 0: any free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Config(NamedTuple):
    """Everything that `run` needs to know."""

    http: Address
    agents: Address
    public: str  # "": made from `agents`
    data: str  # "": the default folder
    auth: str
    host_names: tuple[str, ...]
    origins: tuple[str, ...]
    local_agent: bool
    tail: tuple[str, ...]
    log_level: str
    log_format: str
    values: Mapping[str, Value]
    places: Mapping[str, str]
    keeping: Keeping = keeping.DEFAULT

    @property
    def agents_endpoint(self) -> str:
        """Where the ROUTER binds."""
        return f"tcp://{self.agents}"

    def shown(self) -> str:
        """The effective settings as TOML, each with the place that it comes from."""
        return "".join(
            f"{setting.name} = {_to_toml(self.values[setting.name])}  # {self.places[setting.name]}\n"
            for setting in SETTINGS
        )


class Arguments(NamedTuple):
    """A command line, split: what to do, the file, the values of settings by name."""

    actions: frozenset[str]
    config: str | None
    values: Mapping[str, list[str]]


def arguments(argv: Sequence[str], actions: Sequence[str] = ("--check", "--help", "-h")) -> Arguments:
    """Split the flags behind a command.

    Raises:
        ConfigError: a flag that does not exist, lacks its value, or has one too many.
    """
    chosen: set[str] = set()
    config: str | None = None
    values: dict[str, list[str]] = {}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        setting = BY_FLAG.get(flag)
        if flag in actions or (setting and setting.kind == "flag"):
            if equals:
                raise ConfigError(f"{flag} takes no value")
            if setting:
                values[setting.name] = ["true"]
            else:
                chosen.add(flag)
            continue
        if flag != "--config" and setting is None:
            raise ConfigError(f"there is no flag {word[:60]!r}; 'fleetglass-hub --help' lists them")
        if not equals:
            if not rest or (rest[0].startswith("--") and rest[0].partition("=")[0] in BY_FLAG):
                raise ConfigError(f"{flag} needs a value: {flag} {setting.shown if setting else 'FILE'}")
            value = rest.pop(0)
        if setting is None:
            config = value
        else:
            values.setdefault(setting.name, []).append(value)
    return Arguments(frozenset(chosen), config, values)


def build(
    given: Arguments,
    environ: Mapping[str, str],
    toml: Mapping[str, object],
    toml_name: str = "hub.toml",
    toml_text: str = "",
) -> Config:
    """Put the three places together.

    Args:
        given: from `arguments`.
        toml: the parsed file, {} if there is none; `toml_name` and `toml_text` are for the sentences.

    Raises:
        ConfigError: see there.
    """
    for name in toml:
        if name not in BY_NAME:
            raise ConfigError(
                f"{_line(toml_name, toml_text, name)}: there is no setting {name!r}; there are {', '.join(BY_NAME)}"
            )
    values: dict[str, Value] = {}
    places: dict[str, str] = {}
    for setting in SETTINGS:
        values[setting.name], places[setting.name] = setting.default, "default"
        if setting.name in toml:
            place = _line(toml_name, toml_text, setting.name)
            values[setting.name] = _from_toml(setting, toml[setting.name], f"{place}: {setting.name}")
            places[setting.name] = place
        if (text := environ.get(setting.variable)) is not None:
            texts = [part for part in text.split(",") if part] if setting.kind == "list" else [text]
            values[setting.name] = _from_texts(setting, texts, setting.variable)
            places[setting.name] = setting.variable
        if (texts_given := given.values.get(setting.name)) is not None:
            values[setting.name] = _from_texts(setting, texts_given, setting.flag)
            places[setting.name] = setting.flag
    return _config(values, places)


def _config(values: Mapping[str, Value], places: Mapping[str, str]) -> Config:
    text = {
        name: cast(str, values[name])
        for name in ("http", "agents", "public", "data", "auth", "log_level", "log_format")
    }
    lists = {name: cast(tuple[str, ...], values[name]) for name in ("host_names", "origins", "tail")}
    if text["public"]:
        _address(text["public"].removeprefix("tcp://"), places["public"], "tcp://hub.example.org:7400", False)
    for name in lists["host_names"]:
        if name != "*" and not _NAME.match(name):
            raise ConfigError(f"{places['host_names']}: {name[:60]!r} is not a host name, such as fleet.example.org")
    for origin in lists["origins"]:
        if not _ORIGIN.match(origin):
            raise ConfigError(f"{places['origins']}: {origin[:60]!r} is not an origin, as in https://fleet.example.org")
    return Config(
        http=_address(text["http"], places["http"], "127.0.0.1:7480", True),
        agents=_address(text["agents"].removeprefix("tcp://"), places["agents"], "tcp://127.0.0.1:7400", True),
        public=text["public"],
        data=text["data"],
        auth=text["auth"],
        local_agent=values["local_agent"] is True,
        log_level=text["log_level"],
        log_format=text["log_format"],
        values=values,
        places=places,
        keeping=keeping.build({name: cast(str, values[name]) for name in keeping.DEFAULT_TEXTS}),
        **lists,
    )


def require_login_or_loopback(config: Config, has_password: bool) -> None:
    """Refuse to show the fleet to a network without a login.

    Raises:
        ConfigError: says what to do.
    """
    if has_password or not asks_for_login(config):
        return
    if config.auth == "always":
        raise ConfigError(
            f"{config.places['auth']}: a login is always asked for, and no password is set. Set one with "
            f"'fleetglass-hub passwd'"
        )
    raise ConfigError(
        f"{config.places['http']}: {config.http} can be reached from other machines, and no password is set. Set "
        f"one with 'fleetglass-hub passwd', or say --auth none if everybody who reaches it may look"
    )


def asks_for_login(config: Config) -> bool:
    """Whether people must sign in: beyond loopback, or wherever it was wished."""
    return config.auth == "always" or (config.auth == "password" and not config.http.is_loopback)


def _address(text: str, place: str, example: str, may_be_any: bool) -> Address:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port[:6]) > 65_535:
        raise ConfigError(f"{place}: {text[:80]!r} is not an address with a port, such as {example}")
    if not may_be_any and int(port) == 0:
        raise ConfigError(f"{place}: port 0 means any; name the one that agents use, as in {example}")
    if host == "*":
        host = "0.0.0.0"  # noqa: S104 - asked for
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ConfigError(f"{place}: {host[:60]!r} is not an IPv6 address; one looks like [::1]:7480") from None
    elif not _NAME.match(host):
        raise ConfigError(f"{place}: {host[:60]!r} is not a host name or address (IPv6 stands in brackets: [::1])")
    return Address(host, int(port))


def _from_texts(setting: Setting, texts: Sequence[str], place: str) -> Value:
    if setting.kind == "list":
        return tuple(texts)
    text = texts[-1].strip()
    if setting.kind == "flag":
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}
        if text.lower() not in words:
            raise ConfigError(f"{place}: {text[:60]!r} is neither true nor false")
        return words[text.lower()]
    if len(texts) > 1:
        raise ConfigError(f"{place} is given {len(texts)} times; once is enough")
    if setting.kind == "keep":
        try:
            keeping.parse(text)
        except ValueError as problem:
            raise ConfigError(f"{place}: {problem}") from None
    if setting.choices and text not in setting.choices:
        raise ConfigError(f"{place}: {text[:60]!r} is not one of {', '.join(setting.choices)}")
    return text


def _from_toml(setting: Setting, value: object, place: str) -> Value:
    if setting.kind == "flag":
        if not isinstance(value, bool):
            raise ConfigError(f"{place} = {value!r}: true or false is allowed")
        return value
    if setting.kind == "list":
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise ConfigError(f'{place}: a list of texts is allowed, as in ["a", "b"]')
        return tuple(value)
    if not isinstance(value, str):
        raise ConfigError(f"{place} = {value!r}: a text in quotes is allowed")
    return _from_texts(setting, [value], place)


def _line(name: str, text: str, key: str) -> str:
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(rf"\s*{re.escape(key)}\s*=", line):
            return f"{name}, line {number}"
    return name


def _to_toml(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(_to_toml(part) for part in value) + "]"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
