"""Chainlit's scripts, as fast as they can come: packed once, and kept by the browser.

Chainlit packs its 4.6 MB anew for each visitor. The names of these files hold a digest of what is in them, so that a
browser may keep them for good; all but the one that `page_script` changes, which it asks for again, and gets only if it
is another one.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import threading
from functools import cache
from pathlib import Path

from chainlit import server
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from chat.ui.page_script import with_replaceable_markdown

FOLDER = Path(server.build_dir, "assets")
NAMES = frozenset(path.name for path in FOLDER.iterdir() if path.is_file())
KEPT = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
CHANGED = "index-*.js"
PACKABLE = (".js", ".mjs", ".css")


def content(path: Path) -> bytes:
    """The file; Chainlit's own script with the change of `page_script`."""
    if not path.match(CHANGED):
        return path.read_bytes()
    return with_replaceable_markdown(path.read_text(encoding="utf-8")).encode()


@cache
def packed(path: Path) -> bytes:
    """The file, as gzip packs it best."""
    return gzip.compress(content(path), mtime=0)


def headers_of(path: Path) -> dict[str, str]:
    """How long the browser may keep it."""
    if not path.match(CHANGED):
        return KEPT
    digest = hashlib.sha256(packed(path)).hexdigest()[:32]
    return {**KEPT, "Cache-Control": "no-cache", "ETag": f'"{digest}"'}


def asset(request: Request) -> Response:
    """A file of Chainlit's page; only of its own folder, which has no folders in it."""
    path = FOLDER / request.path_params["name"]
    if path.parent != FOLDER or path.name not in NAMES:
        return Response(status_code=404)
    if path.suffix not in PACKABLE:
        return FileResponse(path, headers=KEPT)
    headers = headers_of(path)
    if request.headers.get("if-none-match", "").removeprefix("W/") == headers.get("ETag"):
        return Response(status_code=304, headers=headers)
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(content(path), media_type=media_type, headers=headers)
    return Response(packed(path), media_type=media_type, headers={**headers, "Content-Encoding": "gzip"})


def install() -> None:
    """Serve them before Chainlit does, and pack the largest while the app starts."""
    server.app.router.routes.insert(0, Route(f"{server.router.prefix}/assets/{{name}}", asset))
    threading.Thread(target=lambda: [packed(path) for path in FOLDER.glob("index-*.*s")], daemon=True).start()
