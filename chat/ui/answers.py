"""Answering a question, answering it again, and going on with an answer; one at a time in a session."""

from __future__ import annotations

import chainlit as cl

from chat.logs import about
from chat.model_server import ModelServer
from chat.schema.choice import JsonFormat
from chat.texts import text
from chat.turn import Answer
from chat.ui.answer_place import AnswerPlace
from chat.ui.composer import follow_models, name_schema, wanted_format
from chat.ui.session import ChatSession

# The end of an answer waits so long for a figure that the server has not told.
COUNT_S = 0.5


async def answer_question(server: ModelServer, chat: ChatSession, question: cl.Message) -> None:
    """Answer one message on the page. A second one in the same session waits for its turn."""
    if not question.content.strip():
        await cl.ErrorMessage(text(chat.language, "error_empty")).send()
        return
    with chat.running():
        async with chat.one_at_a_time:
            place = chat.ask(question.id, question.content)
            json_format = wanted_format(chat, question)
            await name_schema(question, json_format)
            await _answer(server, chat, place, json_format)


async def regenerate(server: ModelServer, chat: ChatSession, place: AnswerPlace) -> None:
    """Answer a question of the conversation again, as it was when it was asked but with the settings of now.

    The earlier versions stay, and so do the turns that came after.
    """
    async with chat.at_work():
        if place.id in chat.places:
            await _answer(server, chat, place, place.answer.json_format)


async def continue_(server: ModelServer, chat: ChatSession, place: AnswerPlace) -> None:
    """Go on with an answer that was cut, stopped or broken off; the conversation gets the longer one."""
    async with chat.at_work():
        if place.id in chat.places and place.answer.can_continue:
            about(place.turn.id)
            try:
                await place.fill(server, place.answer.continued(server, chat.sampling.max_tokens))
            finally:
                await place.end(chat.stopped_because)


async def _answer(server: ModelServer, chat: ChatSession, place: AnswerPlace, json_format: JsonFormat | None) -> None:
    answer = Answer(chat.sampling, chat.language, json_format)
    about(place.turn.id)
    try:
        await place.begin(answer)
        await place.fill(server, answer.to_question(server, chat.conversation.until(place.turn)))
    finally:
        # Also when Stop cancelled the task: what has arrived stays, and says that it was stopped.
        await answer.count(server, COUNT_S)
        await place.end(chat.stopped_because)
        await follow_models(server, chat)
