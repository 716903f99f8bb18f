"""Socket events that Chainlit 2.12 handles in a way this app can't use, handled anew.

- stop: Chainlit writes "Task manually stopped." into the chat and cancels only the newest task.
- edit_message: Chainlit runs the edited question outside any task, so that Stop and errors miss it.
- Origin: Chainlit accepts a WebSocket from any page; here only from the page's own origin.
"""

from __future__ import annotations

import asyncio

from chainlit.context import init_ws_context
from chainlit.server import sio
from chainlit.session import WebsocketSession
from chainlit.socket import process_message
from chainlit.types import MessagePayload

from chat.ui.session import current


async def stop(sid: str) -> None:
    """Stop all answers of the session; what has arrived stays on the page and in the conversation."""
    session = WebsocketSession.get(sid)
    if session is not None:
        init_ws_context(session)
        current().stop()


async def edit_message(sid: str, payload: MessagePayload) -> None:
    """Ask an edited question again; the conversation drops what came after it."""
    session = WebsocketSession.require(sid)
    session.current_task = asyncio.create_task(process_message(session, payload))


def install() -> None:
    """Put these handlers in place of Chainlit's; to be called once, while `app.py` loads."""
    sio.on("stop", stop)
    sio.on("edit_message", edit_message)
    # None is engine.io's "same origin only"; Chainlit's empty list switches the check off.
    sio.eio.cors_allowed_origins = None
