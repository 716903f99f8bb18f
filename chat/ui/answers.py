"""An answer on the page: streamed text or a JSON canvas, then a status line, or the sentence that says what failed."""

from __future__ import annotations

from contextlib import aclosing

import chainlit as cl

from chat.model_server import ModelServer
from chat.texts import text
from chat.turn import Answer
from chat.ui import facts
from chat.ui.canvas import Canvas
from chat.ui.composer import JSON_COMMAND, wanted_format
from chat.ui.session import ChatSession

STATUS_ELEMENT = "AnswerStatus"


async def answer_question(server: ModelServer, chat: ChatSession, question: cl.Message) -> None:
    """Answer one message on the page. A second one in the same session waits for its turn."""
    if not question.content.strip():
        await cl.ErrorMessage(text(chat.language, "error_empty")).send()
        return
    with chat.running():
        async with chat.one_at_a_time:
            turn = chat.ask(question.id, question.content)
            json_format = wanted_format(chat, question) if question.command == JSON_COMMAND else None
            answer = Answer(chat.sampling, chat.language, json_format)
            pieces = answer.to_question(server, chat.conversation)
            message = cl.Message(content="")
            try:
                if json_format:
                    canvas = Canvas(turn, answer)
                    chat.canvases[canvas.id], message = canvas, canvas.message
                    await canvas.show()
                    await canvas.fill("answer", pieces)
                else:
                    # Closed at once, not when collected: Stop may come while a token is on its way to the page.
                    async with aclosing(pieces):
                        async for piece in pieces:
                            if not piece.reasoning:
                                await message.stream_token(piece.text)
            finally:
                # Also when Stop cancelled the task: what has arrived stays, and says that it was stopped.
                turn.answer = answer.text
                await finish(message, answer)


async def finish(message: cl.Message, answer: Answer) -> None:
    """The line under an answer, or its failure; a message that got no text at all is taken back."""
    if answer.text or answer.ending == "stopped":
        props = {"items": facts.status(answer), "facts": facts.speed(answer)}
        for element in message.elements:
            if isinstance(element, cl.CustomElement) and element.name == STATUS_ELEMENT:
                element.props = props
                break
        else:
            status = cl.CustomElement(name=STATUS_ELEMENT, props=props, display="inline")
            message.elements.append(status)  # type: ignore[arg-type]  # Chainlit's annotation is too narrow
        if message.streaming or answer.json_format:
            await message.update()
        else:
            await message.send()
    elif answer.json_format:
        await message.remove()
    if answer.error:
        await cl.ErrorMessage(text(answer.language, answer.error.text, **answer.error.values)).send()
