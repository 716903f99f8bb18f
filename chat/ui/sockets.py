"""The page's socket: who may open one, how many, how much may come through it, and what is left when it is gone.

- The id of a session comes from the page, and Chainlit 2.12 makes it part of the name of a folder that it deletes with
  the session: "../.." or "/home" would be deleted, too. Only a UUID, as the page makes it, is accepted.
- Sockets are counted by the address that they come from.
- Chainlit ends a connection without a word where a message has more than 1,000,000 bytes; with more room, this app can
  say what is too long.
- Events of parts that are switched off (audio, favourites) are heard no more.
- Before it connects, a page asks for a cookie with the id of its session, by which a proxy can tell whose requests
  these are. Chainlit answers 500 to one that asks otherwise than its pages do.
- With a session goes the list of its messages, which Chainlit keeps for as long as the process runs.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Annotated, Any, Literal
from uuid import UUID

from chainlit import server, socket
from chainlit.chat_context import chat_contexts
from chainlit.session import WebsocketSession
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from socketio.exceptions import ConnectionRefusedError as Refused
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from chat.access import caller
from chat.settings import Settings
from chat.texts import text

logger = logging.getLogger(__name__)

MOST_BYTES = 4_000_000
UNHEARD = ("audio_start", "audio_chunk", "audio_end", "message_favorite", "fetch_favorites")
Short = Annotated[str, Field(max_length=1000)]


class Introduction(BaseModel):
    """What a page says of itself as it connects."""

    model_config = ConfigDict(alias_generator=to_camel)

    session_id: UUID
    client_type: Literal["webapp"]
    chat_profile: Short | None = None
    thread_id: Short | None = None


class Named(BaseModel):
    """What a page sends for the cookie with the id of its session."""

    session_id: UUID


class SocketCount:
    """Open sockets by address; `limit` for each."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._address: dict[str, str] = {}
        self._count: Counter[str] = Counter()

    def opened(self, sid: str, address: str) -> bool:
        """Whether there is room for it; if so it counts until it is `closed`."""
        if self._count[address] >= self._limit:
            return False
        self._address[sid] = address
        self._count[address] += 1
        return True

    def closed(self, sid: str) -> None:
        """It is gone; nothing happens where it never counted."""
        address = self._address.pop(sid, None)
        if address is not None:
            self._count[address] -= 1
            if not self._count[address]:
                del self._count[address]


def address_of(environ: dict[str, Any]) -> str:
    """Where a socket comes from; `chat.ui.gate` has seen to it that it is the browser's address."""
    client = environ["asgi.scope"].get("client")
    return str(client[0]) if client else ""


def who(session: object) -> str:
    """Whom the answers of a session count for: who has signed in, or where nobody does the browser's address."""
    if not isinstance(session, WebsocketSession):
        return ""
    return session.user.identifier if session.user else address_of(session.environ or {"asgi.scope": {}})


async def connect(sid: str, environ: dict[str, Any], auth: object = None) -> bool:
    """As Chainlit's, for a page that introduces itself as its pages do."""
    try:
        introduction = Introduction.model_validate(auth)
    except ValidationError:
        logger.warning("a socket was refused: it does not introduce itself as the page does")
        raise Refused("malformed") from None
    known: Any = {**introduction.model_dump(mode="json", by_alias=True), "userEnv": None}
    return bool(await socket.connect(sid, environ, known))


async def session_cookie(request: Request) -> Response:
    """As Chainlit's, for an id such as its pages make."""
    try:
        Named.model_validate_json(await request.body())
    except ValidationError:
        return PlainTextResponse(text(caller.get().language, "gate_malformed") + "\n", 400)
    response = JSONResponse({"message": "Session cookie set"})
    await server.set_session_cookie(request, response)
    return response


def install(settings: Settings) -> None:
    """To be called once, while `app.py` loads."""
    sio: Any = server.sio
    sio.eio.max_http_buffer_size = MOST_BYTES
    count = SocketCount(settings.sockets_per_address)
    chainlits: Any = dict(sio.eio.handlers)

    async def opened(sid: str, environ: dict[str, Any]) -> str | None:
        address = address_of(environ)
        if not count.opened(sid, address):
            logger.warning("a socket from %s was refused: it has %d open", address, settings.sockets_per_address)
            return "too many connections from this address"
        await chainlits["connect"](sid, environ)
        return None

    async def closed(sid: str, reason: str) -> None:
        count.closed(sid)
        await chainlits["disconnect"](sid, reason)

    sio.eio.on("connect", opened)
    sio.eio.on("disconnect", closed)
    sio.on("connect", connect)
    for event in UNHEARD:
        sio.handlers["/"].pop(event, None)
    server.app.router.routes.insert(
        0, Route(f"{server.router.prefix}/set-session-cookie", session_cookie, methods=["POST"])
    )
    _forget_messages()


def _forget_messages() -> None:
    session: Any = WebsocketSession
    delete = session.delete

    async def delete_all(of: WebsocketSession) -> None:
        await delete(of)
        chat_contexts.pop(of.id, None)

    session.delete = delete_all
