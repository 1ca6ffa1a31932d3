"""Every setting of the hub, once: its names in TOML, environment and on the command line, its kind, default, reason.

`config` reads values by this table, `cli` prints its help from it, and tests compare deploy/config/hub.toml with it.
In: nothing. Out: `SETTINGS`.
"""

from typing import Literal, NamedTuple

from fleetglass_hub.history.keeping import DEFAULT_TEXTS

Kind = Literal["text", "address", "endpoint", "flag", "choice", "list", "keep"]
Value = str | bool | tuple[str, ...]


class Setting(NamedTuple):
    """One thing that a person can set."""

    name: str
    """In TOML; with FLEETGLASS_ in front and in capitals in the environment; with -- and dashes on the command line."""

    kind: Kind
    default: Value
    shown: str
    """What stands for the value in the help."""

    about: str
    """One sentence: what it does, and its default."""

    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        """Its name on the command line; a list's is in the singular, because it is repeated."""
        singular = self.name.removesuffix("s") if self.kind == "list" else self.name
        return "--" + singular.replace("_", "-")

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return f"FLEETGLASS_{self.name.upper()}"


SETTINGS: tuple[Setting, ...] = (
    Setting("http", "address", "127.0.0.1:7480", "HOST:PORT", "where the dashboard is served (127.0.0.1:7480)"),
    Setting(
        "agents", "endpoint", "tcp://127.0.0.1:7400", "tcp://HOST:PORT",
        "where agents are heard; tcp://0.0.0.0:7400 hears other machines (tcp://127.0.0.1:7400)",
    ),
    Setting(
        "public", "text", "", "tcp://HOST:PORT",
        "how agents on other machines reach this hub; stands in join strings (this machine's name and the port)",
    ),
    Setting("data", "text", "", "DIR", "the folder for keys and history (/var/lib/fleetglass, or one of this user)"),
    Setting("keep_lines", "keep", DEFAULT_TEXTS["keep_lines"], "AGE SIZE", "log lines kept ('30d 20GiB')"),
    Setting("keep_raw", "keep", DEFAULT_TEXTS["keep_raw"], "AGE SIZE", "samples kept as they came ('7d 10GiB')"),
    Setting("keep_10s", "keep", DEFAULT_TEXTS["keep_10s"], "AGE SIZE", "samples kept in steps of 10 s ('30d 5GiB')"),
    Setting("keep_1min", "keep", DEFAULT_TEXTS["keep_1min"], "AGE SIZE", "samples kept in steps of 1 min ('1y 5GiB')"),
    Setting("keep_1h", "keep", DEFAULT_TEXTS["keep_1h"], "AGE SIZE", "samples kept in steps of 1 h ('10y 2GiB')"),
    Setting(
        "auth", "choice", "password", "password|always|none",
        "who may look: 'password' asks beyond loopback, 'always' on loopback too, 'none' never (password)",
        choices=("password", "always", "none"),
    ),
    Setting("host_names", "list", (), "NAME", "names this hub is called by in a browser, besides loopback; repeat it"),
    Setting("origins", "list", (), "ORIGIN", "other pages that may connect: https://wall.example.org; repeat it"),
    Setting("local_agent", "flag", False, "", "start an agent for this machine and end it with the hub"),
    Setting("tail", "list", (), "GLOB", "log files for the local agent (the usual ones in /var/log); repeat it"),
    Setting(
        "log_level", "choice", "info", "LEVEL", "how much the hub says of itself: debug, info, warning, error (info)",
        choices=("debug", "info", "warning", "error"),
    ),
    Setting(
        "log_format", "choice", "text", "text|json", "how it says it: text for people, json for machines (text)",
        choices=("text", "json"),
    ),
)  # fmt: skip

BY_NAME = {setting.name: setting for setting in SETTINGS}
BY_FLAG = {setting.flag: setting for setting in SETTINGS}
