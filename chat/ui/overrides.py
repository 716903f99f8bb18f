"""Where Chainlit 2.12 behaves in a way this app can't use, it is overridden here, in one place.

- stop: Chainlit writes "Task manually stopped." into the chat and cancels only the newest task.
- edit_message: Chainlit runs the edited question outside any task, so that Stop and errors miss it.
- on_settings_edit, on_settings_update: Chainlit tells the page that a task ended, so that the Stop
  button of an answer under way disappears.
- connection_successful: Chainlit's page connects a second time when its settings come late, and what was sent to the
  first connection may never have reached it; here the page gets its controls again.
- Files: Chainlit keeps the properties of elements under `.files` in the project and deletes that
  folder when any app of this checkout ends; here each process has a temporary folder of its own.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from chainlit import config, server, socket
from chainlit.chat_context import chat_context
from chainlit.context import init_ws_context
from chainlit.session import WebsocketSession
from chainlit.socket import process_message
from chainlit.types import MessagePayload
from chainlit.utils import wrap_user_function

from chat.ui import questions, session


async def stop(sid: str, *_sent: object) -> None:
    """Stop all answers of the session; what has arrived stays on the page and in the conversation."""
    socket_session = WebsocketSession.get(sid)
    if socket_session is not None:
        init_ws_context(socket_session)
        if (chat := session.current_or_none()) is not None:
            chat.stop()


async def edit_message(sid: str, payload: Any = None) -> None:
    """Show an edited question as it is now, without what came after it, and ask it again."""
    socket_session = WebsocketSession.require(sid)
    init_ws_context(socket_session)
    if (chat := session.current_or_none()) is None or not await questions.is_one(payload):
        return
    chat.stop()
    socket_session.current_task = asyncio.create_task(_ask_edited(socket_session, payload))


async def _ask_edited(socket_session: WebsocketSession, payload: MessagePayload) -> None:
    question = payload["message"]["id"]
    edited = False
    async with session.current().one_at_a_time:  # what was stopped has had its last words
        for message in chat_context.get():
            if message.id == question and not edited:
                edited = True
                message.content = payload["message"]["output"]
                await message.update()
            elif edited:
                chat_context.remove(message)
                # Each time it is edited, Chainlit notes the question anew.
                if message.id != question:
                    await message.remove()
    await process_message(socket_session, payload)


def on_reconnect(handler: Callable[[], Awaitable[None]]) -> None:
    """Decorator: called when a page connects that was connected before, be it that its chat has not begun yet."""

    async def connection_successful(sid: str) -> None:
        await socket.connection_successful(sid)
        socket_session = WebsocketSession.get(sid)
        if socket_session is not None and socket_session.restored:
            init_ws_context(socket_session)
            await handler()

    server.sio.on("connection_successful", connection_successful)


def on_settings_edit(handler: Callable[[dict[str, object]], Awaitable[None]]) -> None:
    """Decorator: as Chainlit's, but not as a task."""
    config.config.code.on_settings_edit = wrap_user_function(_of_forms(handler))


def on_settings_update(handler: Callable[[dict[str, object]], Awaitable[None]]) -> None:
    """Decorator: as Chainlit's, but not as a task."""
    config.config.code.on_settings_update = wrap_user_function(_of_forms(handler))


def _of_forms(handler: Callable[[dict[str, object]], Awaitable[None]]) -> Callable[[object], Awaitable[None]]:
    """What is no form is not one of the page's."""

    async def handled(form: object) -> None:
        if isinstance(form, dict):
            await handler(form)

    return handled


def install() -> None:
    """Put the overrides in place; to be called once, while `app.py` loads."""
    server.sio.on("stop", stop)
    server.sio.on("edit_message", edit_message)
    config.FILES_DIRECTORY = Path(tempfile.mkdtemp(prefix="pagoda-"))
    server.FILES_DIRECTORY = config.FILES_DIRECTORY  # type: ignore[attr-defined]  # the name it deletes at exit
