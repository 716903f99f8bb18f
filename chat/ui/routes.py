"""Which of Chainlit's addresses are open. Those that are not named here don't exist, those of later versions included.

`docs/security.md` has this table, too; a test holds both against what the installed Chainlit has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Needs = Literal["nothing", "sign-in", "passwords", "header"]


@dataclass(frozen=True, slots=True)
class Open:
    """`path` is a regular expression. `needs` names what must be switched on."""

    methods: tuple[str, ...]
    path: str
    reason: str
    needs: Needs = "nothing"


READ = ("GET", "HEAD")
OPEN = (
    Open(READ, "/", "the page"),
    Open(READ, "/assets/[^/]+", "Chainlit's scripts and styles"),
    Open(READ, "/public/.+", "this app's scripts, styles and elements"),
    Open(READ, "/(favicon|logo)", "the logo"),
    Open(READ, "/avatars/[^/]+", "the picture beside an answer"),
    Open(READ, "/auth/config", "asked first: is a sign-in needed?"),
    Open(READ, "/user", "asked first: who has signed in?"),
    Open(READ, "/project/(translations|settings)", "the page's words and features"),
    Open(("POST",), "/set-session-cookie", "the page sets it as it connects"),
    Open(("GET", "POST"), "/ws/socket.io/?", "the conversation"),
    Open(READ, "/(health|ready|metrics)", "for those who watch the service"),
    Open(READ, "/login(/callback)?", "the page, asking who you are", "sign-in"),
    Open(("POST",), "/logout", "signing out", "sign-in"),
    Open(("POST",), "/login", "name and password", "passwords"),
    Open(("POST",), "/auth/header", "the name that the proxy tells", "header"),
)

CLOSED = {
    "/openapi.json": "describes all that follows",
    "/docs": "the same, as a page",
    "/docs/oauth2-redirect": "part of it",
    "/redoc": "the same, as another page",
    "/copilot/{filename:path}": "the page inside of other pages; this one stands alone",
    "/auth/jwt": "signing in with a token made elsewhere",
    "/auth/oauth/{provider_id}": "signing in at a provider; none is set up",
    "/auth/oauth/{provider_id}/callback": "part of it",
    "/auth/oauth/azure-ad-hybrid/callback": "part of it",
    "/feedback": "needs a database of conversations",
    "/project/threads": "stored conversations; none are stored",
    "/project/thread": "the same",
    "/project/thread/{thread_id}": "the same",
    "/project/thread/share": "the same",
    "/project/share/{thread_id}": "the same",
    "/project/thread/{thread_id}/element/{element_id}": "the same",
    "/project/element": "writing an element's properties; those of this page speak over its socket",
    "/project/action": "actions; this page has none",
    "/project/file": "uploading files",
    "/project/file/{file_id}": "reading uploaded files",
    "/mcp": "starting tools on this machine",
    "/{full_path:path}": "the page under every other address",
}


def is_open(method: str, path: str, switched_on: frozenset[Needs]) -> bool:
    """Whether there is anything at `path` for `method`."""
    return any(
        method in open_.methods and open_.needs in switched_on and re.fullmatch(open_.path, path) for open_ in OPEN
    )
