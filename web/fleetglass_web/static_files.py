"""The dashboard's files: hashed assets for ever, the page itself checked each time.

    /assets/index-B1gH4sh.js   immutable for a year: another content has another name
    /, /host/web-1, /logs ...  index.html, `no-cache` with an ETag: a new hub's page is seen at once
    /api/...                   never a page: an unknown route is a 404 problem

Compressed once and kept: the whole dashboard is some hundred kilobytes. The page's addresses are relative; a `<base>`
that is relative as well (`./`, `../` ...) points to where the dashboard begins. So it also works below the path prefix
of a proxy that takes the prefix away and tells nobody.
"""

import gzip
import hashlib
import mimetypes
import os
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from fleetglass_web.api.problems import Problem

IMMUTABLE = "public, max-age=31536000, immutable"
NO_CACHE = "no-cache"
# Smaller files and those that are compressed already win nothing.
GZIP_MIN_BYTES = 1_024
# The dashboard's own pages lie one folder deep at most; each depth keeps a page of its own.
DEPTH_MAX = 3
COMPRESSIBLE = ("text/", "application/javascript", "application/json", "image/svg+xml", "application/manifest+json")

_MISSING = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>fleetglass</title>
<body><h1>fleetglass</h1>
<p>The dashboard is not built. Run <code>make setup</code> in the fleetglass folder, then reload this page.</p>
<p>The API is here: <a href="{root}api/v1/hosts">/api/v1/hosts</a></p>
</body></html>
"""


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    gzipped: bytes | None
    media_type: str
    etag: str
    mtime_ns: int


class StaticFiles:
    """Answers for the files below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._real = os.path.realpath(folder)
        self._files: dict[tuple[str, str], _File] = {}

    def get(self, request: Request) -> Response:
        """A file, or the page for every path that the dashboard draws itself."""
        said = request.path_params.get("path", "")
        path = said.strip("/")
        root = "../" * min(said.count("/"), DEPTH_MAX) or "./"
        if path in ("api", "metrics") or path.startswith("api/"):
            raise Problem(404, f"there is no {('/' + path)[:120]!r}; the routes are listed in docs/api.md")
        file = self._file(path, root) if path else None
        # A host's page may have a dot in it (/host/web-1.example.org); a missing script must not be a page.
        if file is None and (
            path == "assets" or path.startswith("assets/") or mimetypes.guess_type(path)[0] in _FILE_TYPES
        ):
            raise Problem(404, f"there is no {('/' + path)[:120]!r}; reload the page: the hub may be a newer one")
        if file is not None and path != "index.html":
            return _answer(request, file, IMMUTABLE if path.startswith("assets/") else NO_CACHE)
        page = self._file("index.html", root)
        if page is None:
            return Response(_MISSING.format(root=root), 503, {"cache-control": "no-store"}, "text/html")
        return _answer(request, page, NO_CACHE)

    def _file(self, path: str, root: str) -> _File | None:
        if "\0" in path:
            return None
        real = os.path.realpath(os.path.join(self._real, path))
        if os.path.commonpath((self._real, real)) != self._real:
            return None
        try:
            mtime_ns = os.stat(real).st_mtime_ns
            known = self._files.get((real, root))
            if known is None or known.mtime_ns != mtime_ns:
                with open(real, "rb") as file:
                    known = _prepared(file.read(), real, root, mtime_ns)
                self._files[real, root] = known
        except OSError:  # no such file, a folder, a name too long
            return None
        return known


_FILE_TYPES = {
    "text/javascript", "application/javascript", "text/css", "application/json", "image/png", "image/svg+xml",
    "image/x-icon", "image/vnd.microsoft.icon", "font/woff2", "application/manifest+json", "text/plain",
}  # fmt: skip


def _prepared(content: bytes, path: str, root: str, mtime_ns: int) -> _File:
    media_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
    if path.endswith(".html"):
        base = f'<base href="{root}">'.encode()
        content = content.replace(b"<head>", b"<head>" + base, 1)
    gzipped = None
    if len(content) >= GZIP_MIN_BYTES and media_type.startswith(COMPRESSIBLE):
        gzipped = gzip.compress(content, 9, mtime=0)
    return _File(content, gzipped, media_type, f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"', mtime_ns)


def _answer(request: Request, file: _File, cache: str) -> Response:
    headers = {"etag": file.etag, "cache-control": cache, "vary": "accept-encoding"}
    sent = request.headers.get("if-none-match", "")
    if sent.strip() == "*" or file.etag in [tag.strip().removeprefix("W/") for tag in sent.split(",")]:
        return Response(None, 304, headers)
    if file.gzipped is not None and "gzip" in request.headers.get("accept-encoding", "").lower():
        return Response(file.gzipped, 200, {**headers, "content-encoding": "gzip"}, file.media_type)
    return Response(file.content, 200, headers, file.media_type)
