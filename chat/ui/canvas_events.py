"""What the JSON canvas asks for: the rest of an answer, going on with it, the comparison, copies of it."""

from __future__ import annotations

from typing import Annotated, Literal

import chainlit as cl
from pydantic import Field

from chat import take_away
from chat.json_output import what_parses
from chat.model_server import ModelServer
from chat.schema.pydantic_model import pydantic_model
from chat.take_away import Taken
from chat.texts import text
from chat.ui import answers
from chat.ui.background import begin
from chat.ui.boundary import Payload, Reply, reply_to
from chat.ui.canvas import Canvas, Pane, PaneName
from chat.ui.session import ChatSession

Format = Literal["json", "csv", "jsonl", "curl", "python", "pydantic"]


class OfCanvas(Payload):
    """About one canvas."""

    id: str


class Ready(OfCanvas):
    """The page has the first `have` characters of a pane."""

    pane: PaneName
    have: Annotated[int, Field(ge=0)]


class Export(OfCanvas):
    """A pane's answer, or what it was asked with, in a format to take away."""

    pane: PaneName
    format: Format


def install(server: ModelServer) -> None:
    """Register the events; to be called once, while `app.py` loads."""

    async def ready(chat: ChatSession, asked: Ready) -> Reply:
        if found := chat.canvas(asked.id):
            await found.canvas.ready(asked.pane, asked.have)
        return {"ok": True}

    async def continue_(chat: ChatSession, asked: OfCanvas) -> Reply:
        found = chat.canvas(asked.id)
        if found is None or not found.canvas.answer.can_continue or not found.canvas.panes["answer"].ended:
            return {"error": text(chat.language, "json_cannot_continue")}
        return begin(answers.continue_(server, chat, found.place))

    async def compare(chat: ChatSession, asked: OfCanvas) -> Reply:
        found = chat.canvas(asked.id)
        if found is None or found.canvas.answer.request is None or not found.canvas.is_ended:
            return {"error": text(chat.language, "json_cannot_compare")}
        return begin(_compare(server, chat, found.canvas))

    async def export(chat: ChatSession, asked: Export) -> Reply:
        found = chat.canvas(asked.id)
        pane = found.canvas.panes.get(asked.pane) if found else None
        if pane is None or not pane.ended:
            return {"error": text(chat.language, "json_nothing_to_take")}
        taken = _taken(server, chat, pane, asked.format)
        if taken is None:
            return {"error": text(chat.language, "json_nothing_to_take")}
        return {"name": taken.name, "mime": taken.mime, "text": taken.text}

    reply_to("json_ready", Ready, ready)
    reply_to("json_continue", OfCanvas, continue_)
    reply_to("json_compare", OfCanvas, compare)
    reply_to("json_export", Export, export)


async def _compare(server: ModelServer, chat: ChatSession, canvas: Canvas) -> None:
    """Ask the same prompt again, without enforcement; the conversation does not learn of it."""
    async with chat.at_work():
        plain, pieces = canvas.answer.without_enforcement(server)
        canvas.panes["plain"] = Pane(plain)
        await canvas.fill("plain", pieces)
        if plain.error:
            await cl.ErrorMessage(text(chat.language, plain.error.text, **plain.error.values)).send()


def _taken(server: ModelServer, chat: ChatSession, pane: Pane, wanted: Format) -> Taken | None:
    """The copy asked for; None where there is nothing to make it of."""
    answer = pane.answer
    if wanted in ("curl", "python"):
        if answer.request is None:
            return None
        make = take_away.as_curl if wanted == "curl" else take_away.as_python
        return make(answer.request, server.base_url, server.needs_key)
    if wanted == "pydantic":
        if answer.json_format is None or answer.json_format.schema is None:
            return None
        return pydantic_model(answer.json_format.schema, answer.json_format.name)
    if wanted == "jsonl":
        shown = [place for place in chat.places.values() if place.canvas and place.answer.text]
        return take_away.as_json_lines([(place.turn.question, place.answer.text) for place in shown])
    value = what_parses(answer.text)
    if value is None:
        return None
    return take_away.as_json(value) if wanted == "json" else take_away.as_csv(value)
