"""The line under an answer that keeps the user waiting: what it waits for, so that slow and stuck look different.

Nothing of it stands in the way of the answer: a task beside it looks at how far the answer is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import chainlit as cl

from chat.model_server import ModelServer
from chat.pace import PACE
from chat.texts import Language, group
from chat.turn import Answer
from chat.wait import Wait, WaitWatch

logger = logging.getLogger(__name__)

STATUS_ELEMENT = "AnswerStatus"
SHOW_AFTER_S = 1.0
TICK_S = 0.25


@asynccontextmanager
async def waiting(server: ModelServer, answer: Answer, message: cl.Message, language: Language) -> AsyncIterator[None]:
    """Around the streaming of `answer` into `message`: says on the page what it waits for, if it does."""
    task = asyncio.create_task(_keep_up(server, answer, message, language))
    task.add_done_callback(_log_failure)
    try:
        yield
    finally:
        task.cancel()
        # Whatever it is about to put onto the page must not come after the end of the answer.
        await asyncio.wait([task])


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.error("the waiting line failed", exc_info=error)


async def _keep_up(server: ModelServer, answer: Answer, message: cl.Message, language: Language) -> None:
    watch = WaitWatch(server, answer)
    shown: Wait | None = None
    await asyncio.sleep(SHOW_AFTER_S + PACE.between_reads_s)
    while True:
        wait = await watch.now(TICK_S)
        # A quick answer needs no line to say that it is being written.
        if wait != shown and (shown or wait.phase not in ("writing", "thinking")):
            shown = wait
            if wait.phase == "reading" and not PACE.many:  # it would keep others waiting
                await answer.count(server, TICK_S)
            element = _element(message)
            element.props = _props(message.id, language, answer, wait, watch.since)
            if message.created_at or message.streaming:
                await element.send(for_id=message.id)
            else:
                await message.send()
        await asyncio.sleep(max(TICK_S, PACE.between_reads_s))  # where many wait, to look costs what they wait for


def _element(message: cl.Message) -> cl.CustomElement:
    for element in message.elements:
        if isinstance(element, cl.CustomElement) and element.name == STATUS_ELEMENT:
            return element
    made = cl.CustomElement(name=STATUS_ELEMENT, display="inline")
    message.elements.append(made)  # type: ignore[arg-type]  # Chainlit's annotation is too narrow
    return made


def _props(message_id: str, language: Language, answer: Answer, wait: Wait, since: float) -> dict[str, Any]:
    return {
        "id": message_id,
        "language": language,
        "texts": group(language, "facts_"),
        "state": "writing" if wait.phase in ("writing", "thinking", "stalled") else "waiting",
        "wait": {
            "phase": wait.phase,
            "for_ms": round((time.monotonic() - since) * 1000),
            "prompt_tokens": answer.prompt_tokens or None,
            "ahead": wait.ahead,
        },
        "items": [],
        "line": [],
        "details": [],
        "server_note": "",
        "actions": {"copy": False, "regenerate": False, "continue": False},
        "version": {"number": 1, "of": 1},
    }
