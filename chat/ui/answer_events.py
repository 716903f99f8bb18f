"""What the page asks of an answer: another one, more of it, another version, its text, reasoning that it has missed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from chat.model_server import ModelServer
from chat.texts import text
from chat.ui import answers
from chat.ui.background import begin
from chat.ui.boundary import Payload, Reply, reply_to
from chat.ui.session import ChatSession


class OfAnswer(Payload):
    """About the answer in one message."""

    id: str


class PickVersion(OfAnswer):
    """Show the version of that number, counted from 1."""

    number: Annotated[int, Field(ge=1)]


def install(server: ModelServer) -> None:
    """Register the events; to be called once, while `app.py` loads."""

    async def regenerate(chat: ChatSession, asked: OfAnswer) -> Reply:
        if refused := _refused(chat, asked.id):
            return refused
        return begin(answers.regenerate(server, chat, chat.places[asked.id]))

    async def continue_(chat: ChatSession, asked: OfAnswer) -> Reply:
        if refused := _refused(chat, asked.id):
            return refused
        place = chat.places[asked.id]
        if not place.answer.can_continue:
            return {"error": text(chat.language, "answer_cannot_continue")}
        return begin(answers.continue_(server, chat, place))

    async def version(chat: ChatSession, asked: PickVersion) -> Reply:
        if refused := _refused(chat, asked.id):
            return refused
        async with chat.one_at_a_time:
            place = chat.places[asked.id]
            if asked.number > len(place.versions):
                return {"error": text(chat.language, "answer_gone")}
            await place.show(asked.number - 1)
        chat.changed()
        return {"ok": True}

    async def text_of(chat: ChatSession, asked: OfAnswer) -> Reply:
        """As the model wrote it; what is on the page has been made ready for its Markdown."""
        place = chat.places.get(asked.id)
        return {"text": place.answer.text} if place else {"error": text(chat.language, "answer_gone")}

    async def thought_rest(chat: ChatSession, asked: OfAnswer) -> Reply:
        place = chat.places.get(asked.id)
        return place.thought.rest() if place else {"error": text(chat.language, "answer_gone")}

    reply_to("answer_regenerate", OfAnswer, regenerate)
    reply_to("answer_continue", OfAnswer, continue_)
    reply_to("answer_version", PickVersion, version)
    reply_to("answer_text", OfAnswer, text_of)
    reply_to("thought_rest", OfAnswer, thought_rest)


def _refused(chat: ChatSession, answer_id: str) -> Reply | None:
    """Why nothing can be done with an answer now, if so."""
    if answer_id not in chat.places:
        return {"error": text(chat.language, "answer_gone")}
    if chat.one_at_a_time.locked():
        return {"error": text(chat.language, "answer_busy")}
    return None
