"""An answer on the page: streamed text, then its status line, or the sentence that says what failed."""

from __future__ import annotations

from contextlib import aclosing

import chainlit as cl

from chat.model_server import ModelServer
from chat.texts import text
from chat.turn import Answer
from chat.ui.session import ChatSession

JSON_COMMAND = "JSON"
STATUS_ELEMENT = "AnswerStatus"


async def answer_question(server: ModelServer, chat: ChatSession, question: cl.Message) -> None:
    """Answer one message on the page. A second one in the same session waits for its turn."""
    if not question.content.strip():
        await cl.ErrorMessage(text(chat.language, "error_empty")).send()
        return
    with chat.running():
        async with chat.one_at_a_time:
            answer = Answer(
                chat.conversation.ask(question.id, question.content),
                chat.sampling,
                chat.language,
                json_mode=question.command == JSON_COMMAND,
            )
            message = cl.Message(content="", language="json" if answer.json_mode else None)
            try:
                # Closed at once, not when collected: Stop may come while a token is on its way to the page.
                async with aclosing(answer.stream(server, chat.conversation)) as pieces:
                    async for piece in pieces:
                        await message.stream_token(piece)
            finally:
                # Also when Stop cancelled the task: what has arrived stays, and says that it was stopped.
                await _finish(message, answer)


async def _finish(message: cl.Message, answer: Answer) -> None:
    if message.content or answer.ending == "stopped":
        if answer.json_mode:
            message.content = answer.json_output.shown
        props = {
            "items": _status(answer),
            "facts": _facts(answer),
            "verdict": answer.json_output.verdict if answer.json_mode else None,
        }
        status = cl.CustomElement(name=STATUS_ELEMENT, props=props, display="inline")
        message.elements = [status]  # type: ignore[list-item]  # Chainlit's annotation is too narrow
        if message.streaming:
            await message.update()
        else:
            await message.send()
    if answer.error:
        await cl.ErrorMessage(text(answer.language, answer.error.text, **answer.error.values)).send()


def _status(answer: Answer) -> list[dict[str, str]]:
    """What to say under the answer, each with a kind that picks the icon."""
    items = []
    if answer.json_mode:
        verdict = answer.json_output.verdict
        kind = "good" if verdict == "valid" else "bad"
        items.append({"kind": kind, "text": text(answer.language, f"status_json_{verdict}")})
    elif answer.ending != "complete":
        sentence = text(answer.language, f"status_{answer.ending}", max_tokens=answer.max_tokens)
        items.append({"kind": "note", "text": sentence})
    if answer.left_out:
        sentence = text(answer.language, "status_left_out", count=answer.left_out)
        items.append({"kind": "note", "text": sentence})
    return items


def _facts(answer: Answer) -> str:
    """Length and speed, as measured between this process and the model server; "" where unknown."""
    completion = answer.completion
    if not completion.completion_tokens:
        return ""
    rate = completion.output_throughput
    return text(
        answer.language,
        "status_facts_brief" if rate is None else "status_facts",
        tokens=completion.completion_tokens,
        ttft_ms=round(completion.ttft_ms),
        rate=round(rate or 0),
    )
