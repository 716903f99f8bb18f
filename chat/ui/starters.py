"""The empty page: a choice of preset, and the questions of the chosen one to begin with.

Not Chainlit's own starters: these are fixed when the page loads, know nothing of the preset, and go out with whatever
JSON toggle and schema happen to be set. Here a starter is asked as it is meant, in JSON only if it says so.
`public/pagoda.js` draws them.
"""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime

import chainlit as cl
from chainlit.session import WebsocketSession
from chainlit.socket import process_message
from chainlit.types import MessagePayload

from chat.presets import CUSTOM, Starter, presets
from chat.texts import text
from chat.ui.boundary import Payload
from chat.ui.composer import JSON_COMMAND, MODEL_MODE, SCHEMA_MODE
from chat.ui.session import ChatSession
from chat.ui.window_messages import heard


class Begin(Payload):
    """The starter with this number, as shown for a preset."""

    preset: str
    number: int


def install() -> None:
    """Register what the page says; to be called once, while `app.py` loads."""
    heard("starter", Begin, _begin)


async def show(chat: ChatSession) -> None:
    """Send the presets and the starters of the chosen one; the page shows them while no question has been asked."""
    names = chat.presets.names(chat.language)
    if chat.sampling.preset not in names:
        names[CUSTOM] = text(chat.language, "setting_preset_custom")
    await cl.send_window_message(
        {
            "pagoda": "starters",
            "label": text(chat.language, "starters_label"),
            "preset_label": text(chat.language, "setting_preset"),
            "presets": [{"id": preset_id, "name": name} for preset_id, name in names.items()],
            "chosen": chat.sampling.preset if chat.sampling.preset in names else CUSTOM,
            "starters": [{"label": s.label, "json": s.json_schema is not None} for s in _starters(chat)],
        }
    )


def _starters(chat: ChatSession) -> tuple[Starter, ...]:
    """Those of the preset; a prompt of one's own has none, so that those of the first preset stand in."""
    preset = presets().get(chat.sampling.preset) or next(iter(presets().values()))
    return preset.starters[chat.language]


async def _begin(chat: ChatSession, said: Begin) -> None:
    """Ask the starter's question as if it had been typed and sent: a user's message, in a task that Stop can end."""
    offered = _starters(chat)
    session = cl.context.session
    shown = chat.sampling.preset if chat.sampling.preset in chat.presets.names(chat.language) else CUSTOM
    if said.preset != shown or not 0 <= said.number < len(offered) or not isinstance(session, WebsocketSession):
        return
    starter = offered[said.number]
    modes = {MODEL_MODE: chat.sampling.model} if chat.sampling.model else {}
    if starter.json_schema:
        modes[SCHEMA_MODE] = starter.json_schema
    question = cl.Message(
        id=str(uuid.uuid4()),
        content=starter.message,
        author="User",
        type="user_message",
        command=JSON_COMMAND if starter.json_schema else None,
        modes=modes or None,
        created_at=datetime.now(UTC).isoformat(),
    ).to_dict()
    await cl.context.emitter.send_step(question)
    payload: MessagePayload = {"message": question, "fileReferences": None}
    session.current_task = asyncio.create_task(process_message(session, payload))
