"""What the page keeps for the user, and gives back when a chat begins; the server forgets a chat with its session.

The user's own presets stay in the browser. What was chosen (settings, preset, model, schema) stays until the page is
reloaded, so that a new chat begins as the last one was left, with JSON still on where it was on: whoever sets up a
system prompt or a schema means to ask more than one conversation with it. A reload begins with the defaults.

After a restart of the app, or an hour away, the page shows a conversation that nobody else remembers: it is told so.
"""

from __future__ import annotations

import asyncio
import contextlib

import chainlit as cl

from chat.texts import text
from chat.ui.boundary import Payload
from chat.ui.session import ChatSession, current
from chat.ui.window_messages import Nothing, heard

# A page in a frame gives nothing back.
PATIENCE_S = 3


class Restored(Payload):
    """The page has given back all that it keeps."""


def install() -> None:
    """Register what the page says; to be called once, while `app.py` loads."""
    heard("restored", Restored, _restored)
    heard("chat_lost", Nothing, _lost)


async def _restored(chat: ChatSession, _said: Restored) -> None:
    chat.restored.set()


async def _lost(chat: ChatSession, _said: Nothing) -> None:
    """There is a conversation on the page that this process knows nothing of."""
    await cl.ErrorMessage(text(chat.language, "chat_lost")).send()


async def settled(chat: ChatSession) -> None:
    """Wait until the page has given back what it keeps: a question typed at once is asked as the page shows it."""
    if not chat.restored.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(chat.restored.wait(), PATIENCE_S)
        chat.restored.set()


async def ask() -> None:
    """Have the page send what it keeps: own schemas and presets, then choices, which may name some; `restored` last.

    By the id of the chat the page knows whether it is another one than that of the conversation it shows.
    """
    await cl.send_window_message({"pagoda": "restore", "chat": current().id})


async def keep_choices(chat: ChatSession) -> None:
    """Have the page keep what is chosen now."""
    schema = chat.schemas.names(chat.language)[chat.schemas.chosen]
    choices = {"settings": chat.sampling.model_dump(), "schema_name": schema}
    await cl.send_window_message({"pagoda": "keep_choices", "choices": choices})
    chat.changed()


async def keep_presets(chat: ChatSession, gone: str | None = None) -> None:
    """Have the browser keep the user's own presets, and forget the one that is `gone`."""
    presets = [{"name": name, "text": prompt} for name, prompt in chat.presets.own.items()]
    await cl.send_window_message(
        {"pagoda": "own_presets_saved", "presets": presets, "gone": [] if gone is None else [gone]}
    )
