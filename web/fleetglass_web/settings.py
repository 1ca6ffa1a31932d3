"""What the web tier must be told: where it is reached, who may ask, how much one client may take."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleetglass_web.auth.login import Login
from fleetglass_web.transports.deflate import Compress

STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Settings of `create_app`.

    `hosts` are the names in a `Host` header beyond the loopback ones, with or without a port (`fleet.example.org`);
    `*` turns the check off (a proxy checks). `origins` are whole origins (`https://fleet.example.org`) that may open
    WebSockets beyond the page's own. `login` guards everything but the page itself; None lets everybody in.
    `is_exposed`: the hub listens beyond loopback; without a `login` nobody may change the fleet then.
    `compress` is about WebSocket frames: `auto` offers it to clients beyond loopback.
    """

    hosts: Sequence[str] = ()
    origins: Sequence[str] = ()
    static: Path = STATIC
    login: Login | None = None
    is_exposed: bool = False
    compress: Compress = "auto"
    connections_max: int = 20_000  # live connections in all, whatever carries them
    connections_per_address_max: int = 12_000  # a proxy is one address; ten thousand browsers behind it are welcome
