"""Every setting of the agent, once: its names in TOML, environment and on the command line, its kind, default, reason.

`config` reads values by this table, `cli` prints its help from it, and tests compare deploy/config/agent.toml and
docs/agent.md with it. In: nothing. Out: `SETTINGS`.
"""

from typing import Literal, NamedTuple

Kind = Literal["text", "seconds", "count", "bytes", "flag", "choice", "list", "pairs", "tables"]
Value = str | int | float | bool | tuple[str, ...] | dict[str, str] | dict[str, dict[str, object]]


class Setting(NamedTuple):
    """One thing that a person can set."""

    name: str
    """In TOML."""

    flag: str
    """On the command line; "" where a line is no place for it."""

    kind: Kind
    default: Value
    shown: str
    """What stands for the value in the help."""

    about: str
    """One sentence: what it does, its unit and default."""

    least: float = 0
    most: float = 0
    choices: tuple[str, ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """Its names in the environment: after the flag (FLEETGLASS_LABEL), or after the name in TOML (..._LABELS)."""
        names = (self.flag.removeprefix("--").replace("-", "_"), self.name)
        return tuple(dict.fromkeys(f"FLEETGLASS_{name.upper()}" for name in names)) if self.flag else ()


SETTINGS: tuple[Setting, ...] = (
    Setting("hub", "--hub", "text", "", "tcp://HOST:PORT", "where the hub is; or a join string"),
    Setting("join", "--join", "text", "", "STRING", "the word that 'fleetglass-hub enroll' printed; needed once"),
    Setting("name", "--name", "text", "", "NAME", "what people call this host (its host name)"),
    Setting("labels", "--label", "pairs", {}, "KEY=VALUE", "what the host is: role=db; repeat it for more"),
    Setting("tail", "--tail", "list", (), "GLOB", "log files to follow; ** is any depth of folders; repeat it"),
    Setting("exclude", "--exclude", "list", (), "GLOB", "files not to follow although --tail matches; repeat it"),
    Setting(
        "from", "--from", "choice", "end", "end|start",
        "where to begin in files that are there at the very first start (end)", choices=("end", "start"),
    ),
    Setting("commands", "--command", "pairs", {}, "NAME=CMD", "a command whose output is followed as a log; repeat it"),
    Setting(
        "interval", "--interval", "seconds", 1.0, "SECONDS", "how often everything is measured (1)",
        least=0.1, most=3600,
    ),
    Setting(
        "fastest", "--fastest", "seconds", 0.1, "SECONDS",
        "how often at most, while somebody watches this host (0.1)", least=0.1, most=3600,
    ),
    Setting("state", "--state", "text", "", "DIR", "who this agent is, and how far logs were read"),
    Setting(
        "buffer", "--buffer", "seconds", 3600.0, "SECONDS",
        "how much of the measurements is kept in memory while the hub is away (3600)", least=1, most=86_400,
    ),
    Setting(
        "max_streams", "--max-streams", "count", 1_000, "N",
        "how many files and commands are followed at most (1000)", least=1, most=1_000,
    ),
    Setting(
        "max_line", "--max-line", "bytes", 1 << 20, "BYTES",
        "longer lines lose their rest, marked by a gap (1 MiB)", least=1 << 18, most=1 << 28,
    ),
    Setting(
        "spool", "--spool", "bytes", 64 << 20, "BYTES",
        "disk for a command's output while the hub is away (64 MiB)", least=1 << 16, most=1 << 40,
    ),
    Setting(
        "held", "--held", "bytes", 1 << 30, "BYTES",
        "disk that deleted, unread log files may still take while the hub is away (1 GiB)", least=0, most=1 << 50,
    ),
    Setting("off", "--off", "list", (), "SOURCE", "a source not to use, by its name in 'sources'; repeat it"),
    Setting("per_core", "--per-core", "flag", False, "", "measure every core by itself"),
    Setting("full", "--full", "flag", False, "", "the rarely needed series of docs/METRICS.md, too"),
    Setting("proc", "--proc", "text", "/proc", "DIR", "the /proc to read: /host/proc in a container (/proc)"),
    Setting("sys", "--sys", "text", "/sys", "DIR", "the /sys to read (/sys)"),
    Setting("root", "--root", "text", "/", "DIR", "where the host's file systems are to be seen (/)"),
    Setting("plugins", "", "tables", {}, "", "settings of source plug-ins, one table for each"),
)  # fmt: skip

BY_NAME = {setting.name: setting for setting in SETTINGS}
BY_FLAG = {setting.flag: setting for setting in SETTINGS if setting.flag}
