"""The documented reverse proxies (deploy/proxy) as the real programs of Debian, in front of a hub of a test.

Each function writes the example with the test's ports in place of the real ones and gives the command that runs it.
`change` is the test's own edit of the example. What is not installed is not in `INSTALLED`.
"""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "deploy" / "proxy"
Change = Callable[[str], str]


def _as_it_is(text: str) -> str:
    return text


def nginx(folder: Path, port: int, hub: int, change: Change = _as_it_is) -> list[str]:
    """deploy/proxy/nginx.conf without TLS."""
    text = (EXAMPLES / "nginx.conf").read_text()
    text = re.sub(r"listen 443 ssl;", f"listen 127.0.0.1:{port};", text)
    text = re.sub(r".*ssl_certificate.*\n", "", text).replace("127.0.0.1:7480", f"127.0.0.1:{hub}")
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    path.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {temporary}\n{change(text)}\n}}\n"
    )
    return ["nginx", "-c", str(path), "-e", f"{folder}/error.log"]


def caddy(folder: Path, port: int, hub: int, change: Change = _as_it_is) -> list[str]:
    """deploy/proxy/Caddyfile without TLS."""
    text = (EXAMPLES / "Caddyfile").read_text().replace("127.0.0.1:7480", f"127.0.0.1:{hub}")
    text = text.replace("fleet.example.org {", f"http://127.0.0.1:{port} {{", 1)
    path = folder / "Caddyfile"
    path.write_text("{\n\tadmin off\n\tstorage file_system " + str(folder) + "\n}\n" + change(text))
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(path)]


def haproxy(folder: Path, port: int, hub: int, change: Change = _as_it_is) -> list[str]:
    """deploy/proxy/haproxy.cfg without TLS."""
    text = (EXAMPLES / "haproxy.cfg").read_text().replace("127.0.0.1:7480", f"127.0.0.1:{hub}")
    path = folder / "haproxy.cfg"
    path.write_text(change(re.sub(r"bind .*", f"bind 127.0.0.1:{port}", text)))
    return ["haproxy", "-f", str(path)]


Proxy = Callable[..., list[str]]
INSTALLED: list[Proxy] = [proxy for proxy in (nginx, caddy, haproxy) if shutil.which(proxy.__name__)]
