"""Beside the message box: the JSON toggle, the schema picker, and the line that offers fitting questions.

Toggle and picker are Chainlit's commands and modes. Neither tells the server of a click, so `public/pagoda.js` sends a
window message when another schema is picked, and shows the line.
"""

from __future__ import annotations

import chainlit as cl
from chainlit.mode import Mode, ModeOption

from chat.schema.choice import JsonFormat
from chat.schema.ready import ready_schemas
from chat.texts import text
from chat.ui.session import ChatSession

JSON_COMMAND = "JSON"
SCHEMA_MODE = "schema"
WRITE = "write"


def wanted_format(chat: ChatSession, question: cl.Message) -> JsonFormat:
    """The JSON that a message asks for: what its picker showed, or else what was chosen last."""
    shown = (question.modes or {}).get(SCHEMA_MODE)
    return chat.schemas.format(chat.schemas.chosen if shown in (None, WRITE) else shown, chat.language)


async def show_toggle(chat: ChatSession, *, on: bool) -> None:
    """A persistent command, sent along with every message while it is on."""
    await cl.context.emitter.set_commands(
        [
            {
                "id": JSON_COMMAND,
                "icon": "braces",
                "description": text(chat.language, "json_toggle"),
                "button": True,
                "persistent": True,
                "selected": on,
            }
        ]
    )


async def show_picker(chat: ChatSession) -> None:
    """Any object, the ready schemas, the user's own, and the way to write one."""
    ready = ready_schemas()
    options = [
        ModeOption(
            id=schema_id,
            name=name,
            description=ready[schema_id].description[chat.language] if schema_id in ready else None,
            default=schema_id == chat.schemas.chosen,
        )
        for schema_id, name in chat.schemas.names(chat.language).items()
    ]
    options[0].description = text(chat.language, "json_any_help")
    write = text(chat.language, "json_write")
    options.append(ModeOption(id=WRITE, name=write, description=text(chat.language, "json_write_help")))
    await cl.context.emitter.set_modes([Mode(id=SCHEMA_MODE, name=text(chat.language, "json_picker"), options=options)])


async def show_bar(chat: ChatSession) -> None:
    """Questions that suit the schema chosen, and the way to look at it; no line for any object."""
    names = chat.schemas.names(chat.language)
    ready = ready_schemas().get(chat.schemas.chosen)
    own = chat.schemas.chosen in chat.schemas.own
    await cl.send_window_message(
        {
            "pagoda": "schema_bar",
            "id": chat.schemas.chosen if ready or own else None,
            "name": names[chat.schemas.chosen],
            "questions": list(ready.questions[chat.language]) if ready else [],
            "view": text(chat.language, "json_view_schema"),
            "own": own,
        }
    )


async def choose(chat: ChatSession, schema_id: str) -> None:
    """Another schema from the next answer on, with JSON switched on."""
    chat.schemas.chosen = schema_id
    await show_toggle(chat, on=True)
    await show_picker(chat)
    await show_bar(chat)
