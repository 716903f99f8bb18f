"""The line under the message box: the context meter, and a menu to export the conversation and to import one.

`public/conversation_bar.js` draws it. It has no socket, so both talk by window messages; the script says `bar_ready`
when it is loaded, and `begin` tells it of a new chat.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Annotated, Literal

import chainlit as cl
from pydantic import AwareDatetime, Field

from chat.errors import TurnError
from chat.export.file import ConversationFile, FileRefused, read
from chat.export.markdown import as_markdown
from chat.model_server import ModelServer
from chat.take_away import Taken
from chat.texts import Language, group, text
from chat.ui import transfer
from chat.ui.background import begin as in_background
from chat.ui.boundary import Payload
from chat.ui.meter import Meter
from chat.ui.notices import say
from chat.ui.session import ChatSession
from chat.ui.window_messages import Nothing, heard

_KEY = "conversation_bar"
# The file is written without the model's name if the server does not tell it by then.
PATIENCE_S = 2


class Draft(Payload):
    """What stands in the message box, and whether JSON is switched on beside it."""

    text: str
    json_mode: bool
    number: Annotated[int, Field(ge=0)]


class Export(Payload):
    """The conversation as a file; `now` is the time where the user is."""

    format: Literal["markdown", "json"]
    now: Annotated[AwareDatetime, Field(strict=False)]


class Import(Payload):
    """The text of a file that the user has picked."""

    name: str
    text: str


@dataclass(slots=True)
class Bar:
    """What the line is about in one session; `waiting` is a file that replaces the conversation if the user says so."""

    meter: Meter
    waiting: ConversationFile | None = None


def install(server: ModelServer) -> None:
    """Register what the page's script says; to be called once, while `app.py` loads."""

    async def ready(chat: ChatSession, _said: Nothing) -> None:
        await show(chat)

    async def draft(chat: ChatSession, said: Draft) -> None:
        meter = _bar().meter
        meter.draft, meter.json, meter.number = said.text, said.json_mode, said.number
        meter.changed()

    async def export(chat: ChatSession, said: Export) -> None:
        if not chat.conversation.turns or chat.is_busy:
            await say(text(chat.language, "export_busy" if chat.is_busy else "export_nothing"))
            return
        model = chat.sampling.model
        with contextlib.suppress(TimeoutError, TurnError):
            model = (await asyncio.wait_for(server.model(chat.sampling.model), PATIENCE_S)).id
        taken = _taken(transfer.exported(chat, model, said.now), said.format, chat.language)
        await cl.send_window_message(
            {"pagoda": "conversation_file", "name": taken.name, "mime": taken.mime, "text": taken.text}
        )

    async def import_(chat: ChatSession, said: Import) -> None:
        _bar().waiting = None
        if chat.is_busy:
            await say(text(chat.language, "import_busy"))
            return
        try:
            file = await asyncio.to_thread(read, said.text)
        except FileRefused as error:
            await say(error.sentence(chat.language))
            return
        _bar().waiting = file
        if chat.conversation.turns:
            await _ask(chat, file, said.name)
        else:
            await confirmed(chat, Nothing())

    async def confirmed(chat: ChatSession, _said: Nothing) -> None:
        file = _bar().waiting
        if file is None:
            return
        if chat.is_busy:
            await say(text(chat.language, "import_busy"))
            return
        _bar().waiting = None
        in_background(transfer.replace(server, chat, file))

    heard("bar_ready", Nothing, ready)
    heard("meter_draft", Draft, draft)
    heard("conversation_export", Export, export)
    heard("conversation_import", Import, import_)
    heard("conversation_replace", Nothing, confirmed)


def begin(server: ModelServer, chat: ChatSession) -> None:
    """A chat begins: its meter counts from now on."""
    meter = Meter(server, chat)
    cl.user_session.set(_KEY, Bar(meter))
    chat.changed = meter.changed


async def show(chat: ChatSession) -> None:
    """Have the page draw the line; it says what the draft is in return."""
    await cl.send_window_message({"pagoda": "conversation_bar", "texts": group(chat.language, "bar_")})


def _bar() -> Bar:
    bar = cl.user_session.get(_KEY)
    assert isinstance(bar, Bar)
    return bar


async def _ask(chat: ChatSession, file: ConversationFile, name: str) -> None:
    values = {
        "name": name[:60],
        "count": len(file.turns),
        "date": f"{file.exported_at:%Y-%m-%d %H:%M}",
        "here": len(chat.conversation.turns),
    }
    await cl.send_window_message(
        {"pagoda": "conversation_question", "text": text(chat.language, "import_replaces", **values)}
    )


def _taken(file: ConversationFile, wanted: Literal["markdown", "json"], language: Language) -> Taken:
    name = f"pagoda-{file.exported_at:%Y-%m-%d-%H%M}"
    if wanted == "json":
        return Taken(f"{name}.json", "application/json", file.written())
    return Taken(f"{name}.md", "text/markdown", as_markdown(file, language))
