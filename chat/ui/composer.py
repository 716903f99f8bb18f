"""Beside the message box: the JSON toggle, the pickers of model and schema, and the line that offers fitting questions.

Toggle and pickers are Chainlit's commands and modes. Neither tells the server of a click, so `public/pagoda.js` sends a
window message when something else is picked, and shows the line.
"""

from __future__ import annotations

import chainlit as cl
from chainlit.mode import Mode, ModeOption

from chat.model_server import Model, ModelServer
from chat.schema.choice import JsonFormat
from chat.schema.ready import ready_schemas
from chat.texts import Language, text
from chat.ui.kept import keep_choices
from chat.ui.session import ChatSession

JSON_COMMAND = "JSON"
SCHEMA_MODE = "schema"
MODEL_MODE = "model"
WRITE = "write"


def wanted_format(chat: ChatSession, question: cl.Message) -> JsonFormat | None:
    """The JSON that a message asks for, if it does: what its picker showed, or else what was chosen last."""
    if not (question.command or "").startswith(JSON_COMMAND):
        return None
    shown = (question.modes or {}).get(SCHEMA_MODE)
    return chat.schemas.format(chat.schemas.chosen if shown in (None, WRITE) else shown, chat.language)


async def name_schema(question: cl.Message, json_format: JsonFormat | None) -> None:
    """Have the mark of a question asked in JSON mode name the schema; Chainlit's own names only the command."""
    mark = f"{JSON_COMMAND} · {json_format.name}" if json_format and json_format.schema else None
    if mark and question.command != mark:
        question.command = mark
        await question.update()


def take_model(chat: ChatSession, question: cl.Message) -> None:
    """A new question goes to the model its picker shows; an edited one to the model chosen now."""
    shown = (question.modes or {}).get(MODEL_MODE)
    is_new = all(turn.id != question.id for turn in chat.conversation.turns)
    default = chat.models[0].id if chat.models else None
    if is_new and shown and shown != (chat.sampling.model or default):
        chat.sampling = chat.sampling.model_copy(update={"model": shown})
        chat.form = chat.form.model_copy(update={"model": shown})


async def follow_models(server: ModelServer, chat: ChatSession) -> None:
    """Show what the server offers where that has changed; a model that it has no more is chosen no more."""
    gone = chat.sampling.model is not None and all(model.id != chat.sampling.model for model in server.offered)
    if server.offered == chat.models and not gone:
        return
    chat.models = server.offered
    if gone:
        chat.sampling = chat.sampling.model_copy(update={"model": None})
        chat.form = chat.form.model_copy(update={"model": None})
        await keep_choices(chat)
    await show_pickers(chat)


async def show_toggle(chat: ChatSession, *, on: bool) -> None:
    """A persistent command, sent along with every message while it is on; the page itself can only switch it on."""
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


async def show_pickers(chat: ChatSession) -> None:
    """The models, where there are several; any object, the ready schemas, the user's own, and the way to write one."""
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
    modes = [Mode(id=SCHEMA_MODE, name=text(chat.language, "json_picker"), options=options)]
    if len(chat.models) > 1:
        models = [_model_option(chat, model) for model in chat.models]
        modes.insert(0, Mode(id=MODEL_MODE, name=text(chat.language, "model_picker"), options=models))
    await cl.context.emitter.set_modes(modes)


def _model_option(chat: ChatSession, model: Model) -> ModeOption:
    """A base model with its context, an adapter with its base; the first is the default until another is chosen."""
    language: Language = chat.language
    if model.parent:
        about = text(language, "model_adapter", base=model.parent)
    else:
        about = text(language, "model_context", context=model.max_model_len)
    chosen = chat.sampling.model or chat.models[0].id
    return ModeOption(id=model.id, name=model.id, description=about, default=model.id == chosen)


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
    await show_schema(chat)
    await keep_choices(chat)


async def show_schema(chat: ChatSession) -> None:
    """The schema chosen, in its picker and with its questions."""
    await show_pickers(chat)
    await show_bar(chat)
