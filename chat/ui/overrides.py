"""Where Chainlit 2.12 behaves in a way this app can't use, it is overridden here, in one place.

- stop: Chainlit writes "Task manually stopped." into the chat and cancels only the newest task.
- edit_message: Chainlit runs the edited question outside any task, so that Stop and errors miss it.
- on_settings_edit, on_settings_update: Chainlit tells the page that a task ended, so that the Stop
  button of an answer under way disappears.
- Origin: Chainlit accepts a WebSocket from any page; here only from the page's own origin.
- The page: Chainlit's template links a font and formula styles from public CDNs. An offline user would
  wait for them, and everyone else would be seen there. Formulas are off; fonts come from the system.
- Files: Chainlit keeps the properties of elements under `.files` in the project and deletes that
  folder when any app of this checkout ends; here each process has a temporary folder of its own.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from chainlit import config, server
from chainlit.chat_context import chat_context
from chainlit.context import init_ws_context
from chainlit.session import WebsocketSession
from chainlit.socket import process_message
from chainlit.types import MessagePayload
from chainlit.utils import wrap_user_function

from chat.ui import session

_FOREIGN_LINK = re.compile(r'<link[^>]*href="https://[^>]*>\s*')
_chainlits_template: Callable[[str], str] = server.get_html_template


async def stop(sid: str) -> None:
    """Stop all answers of the session; what has arrived stays on the page and in the conversation."""
    socket_session = WebsocketSession.get(sid)
    if socket_session is not None:
        init_ws_context(socket_session)
        session.current().stop()


async def edit_message(sid: str, payload: MessagePayload) -> None:
    """Show an edited question as it is now, without what came after it, and ask it again."""
    socket_session = WebsocketSession.require(sid)
    init_ws_context(socket_session)
    edited = False
    for message in chat_context.get():
        if edited:
            await message.remove()
        elif message.id == payload["message"]["id"]:
            edited = True
            message.content = payload["message"]["output"]
            await message.update()
    socket_session.current_task = asyncio.create_task(process_message(socket_session, payload))


def on_settings_edit(handler: Callable[[dict[str, object]], Awaitable[None]]) -> None:
    """Decorator: as Chainlit's, but not as a task."""
    config.config.code.on_settings_edit = wrap_user_function(handler)


def on_settings_update(handler: Callable[[dict[str, object]], Awaitable[None]]) -> None:
    """Decorator: as Chainlit's, but not as a task."""
    config.config.code.on_settings_update = wrap_user_function(handler)


def html_template(root_path: str) -> str:
    """Chainlit's page without links to other hosts."""
    return _FOREIGN_LINK.sub("", _chainlits_template(root_path))


def install() -> None:
    """Put the overrides in place; to be called once, while `app.py` loads."""
    server.sio.on("stop", stop)
    server.sio.on("edit_message", edit_message)
    # None is engine.io's "same origin only"; Chainlit's empty list switches the check off.
    server.sio.eio.cors_allowed_origins = None
    server.get_html_template = html_template
    config.FILES_DIRECTORY = Path(tempfile.mkdtemp(prefix="pagoda-"))
    server.FILES_DIRECTORY = config.FILES_DIRECTORY  # type: ignore[attr-defined]  # the name it deletes at exit
