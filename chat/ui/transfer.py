"""Between the conversation of a session and a file: writing all of it down, and putting another one in its place."""

from __future__ import annotations

import json
from datetime import datetime

import chainlit as cl
from chainlit.chat_context import chat_context

from chat import VERSION
from chat.conversation import Conversation, Turn
from chat.errors import NotAnswered
from chat.export.file import ConversationFile, FileTurn, JsonForm
from chat.export.record import form_of, recorded, restored
from chat.model_server import ModelServer
from chat.sampling import follow_preset
from chat.schema.check import check_schema
from chat.schema.choice import MOST_OWN, JsonFormat
from chat.texts import text
from chat.turn import Answer
from chat.ui import composer, panel
from chat.ui.session import ChatSession


def exported(chat: ChatSession, model: str | None, now: datetime) -> ConversationFile:
    """The conversation as it is, with every version of every answer; those in which nothing arrived are left out."""
    places = {place.turn: place for place in chat.places.values()}

    def kept(turn: Turn) -> FileTurn:
        place = places[turn]
        arrived = [version for version in place.versions if not version.is_empty]
        return FileTurn(
            question=turn.question,
            json_form=form_of(place.answer.json_format),
            answers=[recorded(version, chat.sampling) for version in arrived],
            shown=arrived.index(place.answer) + 1 if place.answer in arrived else len(arrived),
        )

    return ConversationFile(
        exported_at=now,
        app_version=VERSION,
        model=model,
        settings=chat.sampling,
        turns=[kept(turn) for turn in chat.conversation.turns],
    )


async def replace(server: ModelServer, chat: ChatSession, file: ConversationFile) -> None:
    """Put the conversation of a file in the place of the one on the page, with its settings."""
    async with chat.at_work():
        chat.conversation, chat.places = Conversation(), {}
        await _clear_page(file)
        known = file.settings.model in {model.id for model in chat.models}
        settings = file.settings if known else file.settings.model_copy(update={"model": None})
        await panel.apply(server, chat, follow_preset(settings, settings, chat.presets.prompts(chat.language)))
        for turn in file.turns:
            await _put(chat, turn, file)
        await composer.show_schema(chat)
    await cl.context.emitter.send_toast(text(chat.language, "import_done", count=len(file.turns)), "success")


async def _clear_page(file: ConversationFile) -> None:
    """Chainlit's page empties itself for a thread to resume, of which nothing but the id is told here."""
    chat_context.clear()
    session, emitter = cl.context.session, cl.context.emitter
    await emitter.emit("resume_thread", {"id": session.thread_id, "steps": [], "elements": []})
    if file.turns:
        session.has_first_interaction = True
        await emitter.init_thread(file.turns[0].question)  # before that, the page shows no Stop button


async def _put(chat: ChatSession, kept: FileTurn, file: ConversationFile) -> None:
    json_format = _json_format(chat, kept.json_form) if kept.json_form else None
    question = cl.Message(
        content=kept.question,
        author="User",
        type="user_message",
        command=composer.JSON_COMMAND if json_format else None,
        modes={composer.SCHEMA_MODE: json_format.id} if json_format else None,
    )
    await question.send()
    await composer.name_schema(question, json_format)
    place = chat.ask(question.id, kept.question)
    versions = [
        restored(answer, file.settings, json_format, chat.language, chat.conversation) for answer in kept.answers
    ]
    if not versions:
        none = Answer(chat.sampling, chat.language, json_format)
        none.error = NotAnswered()
        versions = [none]
    await place.restore(versions, max(0, kept.shown - 1))


def _json_format(chat: ChatSession, form: JsonForm) -> JsonFormat:
    """What a question asked for; a schema that is not known here becomes one of the user's own, if there is room."""
    if form.schema_ is None:
        return chat.schemas.format(None, chat.language)
    for schema_id in chat.schemas.names(chat.language):
        if (known := chat.schemas.format(schema_id, chat.language)).schema == form.schema_:
            return known
    written = json.dumps(form.schema_, ensure_ascii=False, indent=2)
    if len(chat.schemas.own) < MOST_OWN:
        saved = chat.schemas.save(None, form.name, written, chat.language)
        assert not isinstance(saved, list)  # `read` has checked it
        return chat.schemas.format(saved.id, chat.language)
    _, problems = check_schema(written)
    return JsonFormat(form.id, form.name, form.schema_, not_all_enforced=bool(problems))
