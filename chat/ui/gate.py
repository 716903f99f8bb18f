"""What every request passes before Chainlit sees it, and every response after.

In this order: who asks (`chat.access`), the name that the page is called by, the page that asks, whether there is
anything at this address (`chat.ui.routes`), how much is sent. Each refusal is a status and a sentence.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from chainlit import server
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chat.access import Access, Caller, caller, is_loopback
from chat.metrics import METRICS
from chat.settings import Settings
from chat.texts import text
from chat.ui.content_policy import COMMON
from chat.ui.routes import Needs, is_open

logger = logging.getLogger(__name__)

SOCKET = "/ws/socket.io"
# Watched from elsewhere, under whatever name; they tell nothing of any conversation.
WATCHED = ("/health", "/ready", "/metrics")
MOST_BYTES = 64_000  # of a form; what comes over the socket has a limit of its own
LONGEST_NAME = 255  # bytes, of a file or a folder
HEADERS = {
    "Content-Security-Policy": COMMON,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
Refusal = tuple[int, str]


class Gate:
    """Around the whole app."""

    def __init__(self, app: ASGIApp, access: Access, switched_on: frozenset[Needs], user_header: str | None) -> None:
        self._app = app
        self._access = access
        self._switched_on = switched_on
        self._user_header = (user_header or "").lower().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or one socket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope = dict(scope)
        headers = {name.lower(): ", ".join(Headers(scope=scope).getlist(name)) for name in Headers(scope=scope)}
        scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        peer = scope["client"][0] if scope.get("client") else ""
        who = self._access.caller(peer, scheme, headers)
        caller.set(who)
        scope["client"] = (who.address, 0)
        if not who.by_proxy:  # only the proxy says who has signed in
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != self._user_header]
        refusal = self._refusal(scope, who, headers)
        dressed = _dressed(send, who)
        if refusal is None:
            await self._app(scope, receive, dressed)
            return
        status, key = refusal
        if status != 404:
            logger.warning("%s refused: %s", scope["path"][:100].encode("unicode_escape").decode(), key)
            METRICS.refused(key)
        sentence = text(who.language, key)
        if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
        else:
            await PlainTextResponse(sentence + "\n", status)(scope, receive, dressed)

    def _refusal(self, scope: Scope, who: Caller, headers: dict[str, str]) -> Refusal | None:
        prefix = server.router.prefix
        path = scope["path"].removeprefix(prefix) if scope["path"].startswith(prefix) else scope["path"]
        path = path or "/"
        if path not in WATCHED and not self._access.knows_host(who):
            return 421, "gate_host"
        if not self._access.is_own(who, headers):
            return 403, "gate_origin"
        if "\0" in path or not is_open(scope.get("method", "GET"), path, self._switched_on):
            return 404, "gate_nothing_here"
        if any(len(name.encode("utf-8", "surrogatepass")) > LONGEST_NAME for name in path.split("/")):
            return 404, "gate_nothing_here"
        length, coding = headers.get("content-length", "0"), headers.get("transfer-encoding")
        if not length.isdecimal() or coding not in (None, "chunked"):
            return 411, "gate_length"
        if path.startswith(SOCKET):
            return None
        if "content-length" not in headers and coding:
            return 411, "gate_length"
        return (413, "gate_too_large") if int(length) > MOST_BYTES else None


def _dressed(send: Send, who: Caller) -> Send:
    """`send`, with the headers that every response has, and cookies that no unencrypted connection carries.

    On this machine itself there is nobody to listen, and not every browser takes such cookies there.
    """
    private = who.scheme == "https" or not is_loopback(who.host)

    async def dressed(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if private:
                message["headers"] = [_secure(*pair) for pair in message["headers"]]
        await send(message)

    return dressed


def _secure(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    plain = name.lower() == b"set-cookie" and b"; secure" not in value.lower()
    return name, value + b"; Secure" if plain else value


def install(settings: Settings, switched_on: frozenset[Needs]) -> None:
    """To be called once, while `app.py` loads. With a sign-in, the page may be called by any name."""
    access = Access(settings, names="sign-in" not in switched_on)
    app: Any = server.app
    app.add_middleware(Gate, access=access, switched_on=switched_on, user_header=settings.user_header)
    os.environ["FORWARDED_ALLOW_IPS"] = ""  # uvicorn would believe every program on this machine
    server_sio: Any = server.sio
    server_sio.eio.cors_allowed_origins = []  # no check of its own: it knows nothing of the rules above
