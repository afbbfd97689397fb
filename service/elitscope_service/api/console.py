"""The operator's web console: the files that `make console` built, as the server's own page.

The page holds no secrets and comes without a key; what it then asks for needs one like everything else. It talks to this server alone,
which the Content-Security-Policy keeps it to. Files are read once, when the application is made: a request can't name any other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response

import elitscope_service
from elitscope_service.api.problems import coded

router = APIRouter(tags=["console"], include_in_schema=False)

FOLDER = Path(elitscope_service.__file__).parent / "console"
"""Where the build leaves its files, in a checkout and in the wheel."""
PAGE, ASSETS = "index.html", "assets"
AGAIN, FOR_EVER = "no-cache", "public, max-age=31536000, immutable"
"""The page is asked for anew each time; the names of all other files change with their contents."""

KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
"""Media types by the end of the name; a table of the machine's would differ from one to the next."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_NOT_BUILT = """\
<!doctype html>
<html lang="en">
<title>elitscope: no console</title>
<h1>The console has not been built</h1>
<p>The server is running, and everything that the console does can be done by REST and on the command line.
<p>In a checkout of the sources, <code>make console</code> builds it (Node comes from PyPI where there is none). Then start the server anew.
</html>
"""


@dataclass(frozen=True)
class ConsoleFile:
    """One file as it is sent."""

    content: bytes
    media_type: str
    tag: str


@dataclass(frozen=True)
class Console:
    """The page and its files by name; no page where none was built."""

    page: ConsoleFile | None
    assets: dict[str, ConsoleFile]

    @classmethod
    def read(cls, folder: Path = FOLDER) -> Console:
        """Everything that there is in a folder."""
        page = folder / PAGE
        found = sorted((folder / ASSETS).glob("*")) if page.is_file() else []
        return cls(_read(page) if page.is_file() else None, {file.name: _read(file) for file in found})


@router.api_route("/", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """The page itself; in words where there is none."""
    console: Console = request.app.state.console
    if console.page is None:
        return Response(_NOT_BUILT, 404, {**HEADERS, "Cache-Control": "no-store"}, "text/html; charset=utf-8")
    return _answer(request, console.page, AGAIN)


@router.api_route("/assets/{name}", methods=["GET", "HEAD"])
async def asset(name: str, request: Request) -> Response:
    """A file of the page.

    Raises:
        ProblemError: 404; a page from before the last build asks for files that are gone.
    """
    console: Console = request.app.state.console
    if name not in console.assets:
        raise coded("not_found", f"the console has no file {name[:80]!r}: it may have been built anew, load the page again")
    return _answer(request, console.assets[name], FOR_EVER)


def _answer(request: Request, file: ConsoleFile, caching: str) -> Response:
    headers = {**HEADERS, "Cache-Control": caching, "ETag": file.tag}
    if request.headers.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)


def _read(path: Path) -> ConsoleFile:
    content = path.read_bytes()
    kind = KINDS.get(path.suffix, "application/octet-stream")
    media_type = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    return ConsoleFile(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
