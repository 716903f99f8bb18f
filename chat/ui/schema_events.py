"""The schema panel in the sidebar, and the window messages of `public/pagoda.js` about schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

import chainlit as cl
from pydantic import ValidationError

from chat.schema.check import Problem, check_schema
from chat.schema.choice import ANY, MOST_OWN, OwnSchema
from chat.schema.example import ConversionError, example_schema
from chat.schema.pydantic_schema import pydantic_schema
from chat.schema.ready import ready_schemas
from chat.texts import Language, group, text
from chat.ui import composer
from chat.ui.boundary import Payload, Reply, reply_to
from chat.ui.kept import keep_choices
from chat.ui.session import ChatSession
from chat.ui.window_messages import Nothing, heard

ELEMENT = "SchemaPanel"


class OfSchema(Payload):
    """About one schema."""

    id: str


class Text(Payload):
    """Something typed or pasted."""

    text: str


class Save(Payload):
    """A schema to keep: a new one, or in place of one's own `id`."""

    id: str | None
    name: str
    text: str


class Named(Payload):
    """A schema of one's own as the browser keeps it."""

    name: str
    text: str


class Kept(Payload):
    """What the browser kept; each entry is checked by itself."""

    schemas: list[object]


class Picked(Payload):
    """A name in the picker beside the toggle."""

    name: str


def install() -> None:
    """Register what the panel and the page's script say; to be called once, while `app.py` loads."""
    reply_to("schema_choose", OfSchema, _choose)
    reply_to("schema_check", Text, _check)
    reply_to("schema_save", Save, _save)
    reply_to("schema_delete", OfSchema, _delete)
    reply_to("schema_from_example", Text, _from_example)
    reply_to("schema_from_pydantic", Text, _from_pydantic)
    heard("schema_chosen", Picked, _picked)
    heard("schema_open", Nothing, _view)
    heard("schema_shown", Nothing, _switched)
    heard("own_schemas", Kept, _restore)


async def open_panel(chat: ChatSession, view: Literal["schema", "edit"], own: OwnSchema | None) -> None:
    """Open the sidebar with the list of schemas, or with the editor on one's `own` schema or a new one."""
    language = chat.language
    ready = [
        {
            "id": schema.id,
            "name": schema.name[language],
            "description": schema.description[language],
            "questions": list(schema.questions[language]),
            "text": json.dumps(schema.schema, ensure_ascii=False, indent=2),
        }
        for schema in ready_schemas().values()
    ]
    props = {
        "texts": group(language, "panel_"),
        "language": language,
        "view": view,
        "chosen": chat.schemas.chosen,
        "ready": ready,
        "own": _shown(chat),
        "edit": _as_dict(own) if own else {"id": None, "name": "", "text": text(language, "json_new_schema")},
    }
    await cl.ElementSidebar.set_title(text(language, "json_panel_title"))
    # The same id each time: side elements stay in the page's memory, and all of them would be shown.
    panel = cl.CustomElement(id=f"schemas-{cl.context.session.id}", name=ELEMENT, props=props, display="side")
    await cl.ElementSidebar.set_elements([panel])


async def _picked(chat: ChatSession, said: Picked) -> None:
    """Another schema is picked beside the toggle, which tells only its name."""
    by_name = {name: schema_id for schema_id, name in chat.schemas.names(chat.language).items()}
    if said.name == text(chat.language, "json_write"):
        await composer.show_pickers(chat)  # back to what was chosen
        await open_panel(chat, "edit", None)
    elif said.name in by_name:
        await composer.choose(chat, by_name[said.name])


async def _switched(chat: ChatSession, _said: Nothing) -> None:
    """A choice has switched JSON on by now. A message box that is drawn later must not take that for a new order."""
    await composer.show_toggle(chat, on=False)


async def _view(chat: ChatSession, _said: Nothing) -> None:
    own = chat.schemas.own.get(chat.schemas.chosen)
    await open_panel(chat, "edit" if own else "schema", own)


async def _choose(chat: ChatSession, asked: OfSchema) -> Reply:
    known = chat.schemas.names(chat.language)
    await composer.choose(chat, asked.id if asked.id in known else ANY)
    return {"ok": True}


async def _check(chat: ChatSession, asked: Text) -> Reply:
    _, problems = check_schema(asked.text)
    return {"problems": _explained(problems, chat.language)}


async def _save(chat: ChatSession, asked: Save) -> Reply:
    before = chat.schemas.own.get(asked.id or "")
    saved = chat.schemas.save(asked.id, asked.name, asked.text, chat.language)
    if not isinstance(saved, OwnSchema):
        return {"problems": _explained(saved, chat.language)}
    await composer.choose(chat, saved.id)
    await _have_kept(chat, before)
    return {"ok": True, "id": saved.id, "own": _shown(chat)}


async def _delete(chat: ChatSession, asked: OfSchema) -> Reply:
    deleted = chat.schemas.own.get(asked.id)
    chat.schemas.delete(asked.id)
    await composer.show_schema(chat)
    await keep_choices(chat)
    await _have_kept(chat, deleted)
    return {"ok": True, "own": _shown(chat)}


async def _from_example(chat: ChatSession, asked: Text) -> Reply:
    return _converted(chat, example_schema, asked.text)


async def _from_pydantic(chat: ChatSession, asked: Text) -> Reply:
    return _converted(chat, pydantic_schema, asked.text)


def _converted(chat: ChatSession, convert: Callable[[str], dict[str, Any]], pasted: str) -> Reply:
    try:
        schema = convert(pasted)
    except ConversionError as error:
        return {"error": text(chat.language, error.key, **error.values), "line": error.line}
    return {"text": json.dumps(schema, ensure_ascii=False, indent=2)}


async def _restore(chat: ChatSession, kept: Kept) -> None:
    """Take back what the browser kept, checked anew; what is not well-formed is left out."""
    for entry in kept.schemas[:MOST_OWN]:
        try:
            schema = Named.model_validate(entry)
        except ValidationError:
            continue
        if all((own.name, own.text) != (schema.name, schema.text) for own in chat.schemas.own.values()):
            chat.schemas.save(None, schema.name, schema.text, chat.language)
    await composer.show_pickers(chat)


async def _have_kept(chat: ChatSession, before: OwnSchema | None) -> None:
    """Have the browser keep the user's schemas, and forget what was there `before` under another name or text."""
    schemas = [{"name": own.name, "text": own.text} for own in chat.schemas.own.values()]
    gone = [before.name] if before else []
    await cl.send_window_message({"pagoda": "own_schemas_saved", "schemas": schemas, "gone": gone})


def _explained(problems: list[Problem], language: Language) -> list[dict[str, object]]:
    return [
        {
            "line": problem.line,
            "column": problem.column,
            "severity": problem.severity,
            "text": text(language, problem.key, **problem.values),
        }
        for problem in problems
    ]


def _shown(chat: ChatSession) -> list[dict[str, str]]:
    return [_as_dict(own) for own in chat.schemas.own.values()]


def _as_dict(own: OwnSchema) -> dict[str, str]:
    return {"id": own.id, "name": own.name, "text": own.text}
