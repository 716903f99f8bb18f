"""What the page may load and run, told to the browser: `Content-Security-Policy`.

Scripts come from this app alone. Those that stand in the page itself are named by their digests, so that none that
slipped into it would run. Chainlit makes its custom elements out of text (`unsafe-eval`), and its components bring
their styles along. A picture in an answer, or in an imported conversation, can't ask another host.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re

from chainlit import server
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
PAGES = ("/", "/login", "/login/callback")
COMMON = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; frame-src 'none'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


def policy_of(page: str) -> str:
    """The policy under which `page` runs, and nothing else does."""
    digests = [hashlib.sha256(script.encode()).digest() for script in _INLINE.findall(page)]
    named = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return f"script-src 'self' 'unsafe-eval' {named}; {COMMON}"


async def page(_request: Request) -> HTMLResponse:
    """Chainlit's page, with the policy made for it."""
    root_path = os.getenv("CHAINLIT_PARENT_ROOT_PATH", "") + os.getenv("CHAINLIT_ROOT_PATH", "")
    html = server.get_html_template(root_path)
    return HTMLResponse(html, headers={"Content-Security-Policy": policy_of(html)})


def install() -> None:
    """Serve the page before Chainlit does; to be called once, while `app.py` loads."""
    for number, path in enumerate(PAGES):
        server.app.router.routes.insert(number, Route(f"{server.router.prefix}{path}", page))
