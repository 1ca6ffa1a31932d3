"""What is wrong with a hub and what to do: disk, folder, clock, versions, agents that lag or are off.

In: the hub's folder, and what the running hub says of itself. Out: findings, each a sentence with its remedy. A shell:
it looks at the folder and its disk.
"""

import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fleetglass_hub import __version__
from fleetglass_hub.history.keeping import DEFAULT, Keeping

DISK_FREE_BYTES = 1 << 30
DISK_FREE_SHARE = 0.05
CLOCK_OFF_MS = 2_000
SHOWN_MOST = 20


class Finding(NamedTuple):
    """One thing that was looked at. `remedy` "": nothing is to be done."""

    is_wrong: bool
    what: str
    remedy: str = ""


def examine(folder: str, state: Mapping[str, Any] | None, problem: str, keeping: Keeping = DEFAULT) -> list[Finding]:
    """Look at everything.

    Args:
        state: the running hub's answer; None if none runs, and `problem` says why.
        keeping: what history is to keep.
    """
    # numpy and zstandard are heavy; commands that do not look at chunks start without them.
    from fleetglass_hub.history import checkup

    history = [Finding(*found) for found in checkup.examine(folder, keeping)]
    found = [*_folder(folder), *_disk(folder), *history]
    if state is None:
        return [*found, Finding(True, "no hub answers", problem)]
    found.append(Finding(False, f"the hub serves {state['url']} and hears agents on {state['agents']}"))
    if state["version"] != __version__:
        found.append(
            Finding(True, f"the hub that runs is {state['version']}, this command is {__version__}", "restart the hub")
        )
    health = state["health"]
    if not health.get("ready", True):
        found.append(Finding(True, f"nothing is committed: {health.get('problem')}", "see above; it goes on by itself"))
    return [*found, *_agents(state["hosts"])]


def _folder(folder: str) -> list[Finding]:
    try:
        mode = os.stat(folder).st_mode
    except OSError as error:
        return [Finding(True, f"cannot look at {folder}: {error.strerror}", "name the hub's folder with --data")]
    found = []
    if mode & 0o007:
        found.append(Finding(True, f"{folder} is open to everybody", f"chmod 700 {folder}"))
    for name in ("hub.key", "keys.sqlite"):
        path = os.path.join(folder, name)
        try:
            if stat.S_IMODE(os.stat(path).st_mode) & 0o077:
                found.append(Finding(True, f"{path} can be read by others", f"chmod 600 {path}"))
        except FileNotFoundError:
            found.append(Finding(True, f"{path} is missing", "it is made when the hub starts; see its log"))
        except OSError as error:
            found.append(Finding(True, f"cannot look at {path}: {error.strerror}", "run this as the hub's user"))
    return found or [Finding(False, f"{folder} and its keys are closed to others")]


def _disk(folder: str) -> list[Finding]:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return []
    text = f"{usage.free / (1 << 30):.1f} GiB of {usage.total / (1 << 30):.1f} are free where {folder} is"
    if usage.free < DISK_FREE_BYTES or usage.free < DISK_FREE_SHARE * usage.total:
        return [Finding(True, text, "make room, or keep less history; a hub without room stops acknowledging")]
    return [Finding(False, text)]


def _agents(hosts: Sequence[Mapping[str, Any]]) -> list[Finding]:
    states = {state: sum(host["state"] == state for host in hosts) for state in ("live", "late", "lost", "left")}
    counted = ", ".join(f"{count} {state}" for state, count in states.items() if count) or "none yet"
    found = [Finding(False, f"hosts: {counted}")]
    for host in hosts:
        name = host["name"]
        if host["state"] in ("late", "lost"):
            found.append(
                Finding(
                    True,
                    f"{name} is {host['state']}: last heard {host['age_s']:.0f} s ago, from {host['address']}",
                    "is the machine up? On it: systemctl status fleetglass-agent. Gone for good: fleetglass-hub forget",
                )
            )
        elif abs(host["clock_offset_ms"]) > CLOCK_OFF_MS:
            found.append(
                Finding(
                    True,
                    f"the clock of {name} is {host['clock_offset_ms'] / 1_000:+.1f} s off the hub's",
                    "its times are corrected here; on it: timedatectl set-ntp true",
                )
            )
        if host["agent_version"] != __version__ and host["state"] in ("live", "late"):
            found.append(
                Finding(
                    False,
                    f"{name} runs agent {host['agent_version']}, the hub is {__version__}",
                    "upgrade the older one",
                )
            )
        found += [Finding(True, f"{name}: {problem}") for problem in host["problems"]]
    return found


def shown(findings: Sequence[Finding]) -> str:
    """Findings as text, what is wrong first."""
    wrong = [finding for finding in findings if finding.is_wrong]
    fine = [finding for finding in findings if not finding.is_wrong]
    lines = []
    for finding in wrong[:SHOWN_MOST]:
        lines.append(f"WRONG  {finding.what}")
        if finding.remedy:
            lines.append(f"       {finding.remedy}")
    if len(wrong) > SHOWN_MOST:
        lines.append(f"       and {len(wrong) - SHOWN_MOST} more")
    lines += [f"ok     {finding.what}" + (f" ({finding.remedy})" if finding.remedy else "") for finding in fine]
    return "\n".join(lines) + "\n"


def hosts_table(hosts: Sequence[Mapping[str, Any]]) -> str:
    """All hosts, a line each, in columns."""
    if not hosts:
        return "no hosts yet; 'fleetglass-hub enroll' prints the line that joins one\n"
    rows = [("NAME", "STATE", "AGE", "ADDRESS", "AGENT", "LABELS", "ID")]
    for host in hosts:
        labels = ",".join(f"{key}={value}" for key, value in sorted(host["labels"].items())) or "-"
        age = f"{host['age_s']:.0f}s"
        rows.append(
            (host["name"], host["state"], age, host["address"], host["agent_version"], labels, host["agent_id"])
        )
    return _columns(rows)


def enrolments_table(enrolments: Sequence[Mapping[str, Any]], now_ms: float) -> str:
    """The lines that were made, and who has joined with each."""
    if not enrolments:
        return "no line was made; 'fleetglass-hub enroll' makes one\n"
    rows: list[tuple[str, ...]] = [("ID", "STATE", "USED BY", "LABELS")]
    for one in enrolments:
        left_s = (one["expires_ms"] - now_ms) / 1_000
        state = "used" if one["used_ms"] is not None else f"waits, {left_s:.0f}s left" if left_s > 0 else "expired"
        labels = ",".join(f"{key}={value}" for key, value in sorted(one["labels"].items())) or "-"
        rows.append((one["id"], state, one["used_by"] or "-", labels))
    return _columns(rows)


def _columns(rows: Sequence[tuple[str, ...]]) -> str:
    wide = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return "".join(
        "  ".join([*(f"{text:{width}}" for text, width in zip(row, wide, strict=False)), row[-1]]) + "\n"
        for row in rows
    )
