"""The context meter of a session: how much of the model's context the next question would take, counted by the server.

Counted are system prompt, conversation and the draft in the message box, exactly as the question would be sent. Never
while an answer is under way, which would wait for it; a count that has become out of date is given up.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import chainlit as cl

from chat.conversation import BEGINNING, Conversation, Messages, Turn, printable
from chat.errors import ContextOverflow, TurnError
from chat.model_server import Model, ModelServer
from chat.pace import PACE
from chat.texts import text
from chat.turn import prompt_limit, system_prompt_for
from chat.ui.background import aside
from chat.ui.session import ChatSession

# After a count, no other for so many times as long as it took: a long prompt keeps the server's tokenizer busy.
PAUSE = 4


class _Outdated(Exception):
    """What is being counted is no longer what would be sent, or an answer has begun."""


class Meter:
    """`draft` is what stands in the message box, `json` whether it would be asked in JSON mode.

    The page numbers what it says of them, and is told the `number` with the count, so that it knows an old one.
    """

    def __init__(self, server: ModelServer, chat: ChatSession) -> None:
        self.draft = ""
        self.json = False
        self.number = 0
        self._server = server
        self._chat = chat
        self._outdated = False
        self._counting = False

    def changed(self) -> None:
        """The next prompt may have become another one: count, now or once the answer under way has ended."""
        self._outdated = True
        if not self._counting and not self._chat.is_busy:
            self._counting = True
            aside(self._count())

    async def _count(self) -> None:
        try:
            await asyncio.sleep(PACE.between_reads_s)  # where many answers are under way, they come first
            while self._outdated and not self._chat.is_busy:
                self._outdated = False
                number, started = self.number, time.monotonic()
                try:
                    reading = await self._read()
                except _Outdated:
                    continue
                await cl.send_window_message({"pagoda": "meter", "number": number, **reading})
                await asyncio.sleep(PAUSE * (time.monotonic() - started))
        finally:
            self._counting = False

    async def _read(self) -> dict[str, Any]:
        """What the page shows: the state (`ok`, `leaves_out`, `too_long`, `unknown`), figures and sentences.

        Where turns would be left out, the figure is what all of it has: it says by how much it is too long.
        """
        chat, language = self._chat, self._chat.language
        json_format = chat.schemas.format(chat.schemas.chosen, language) if self.json else None
        counts: list[int] = []

        async def count(messages: Messages) -> int:
            counts.append(await self._tokens(model, messages))
            return counts[-1]

        try:
            model = await self._server.model(chat.sampling.model)
            limit = prompt_limit(chat.sampling, model)
            asked = Conversation([*chat.conversation.turns, Turn("", printable(self.draft))])
            fitted = await asked.fit(
                system_prompt_for(chat.sampling, json_format, language),
                limit,
                count,
            )
        except ContextOverflow as error:
            tokens = error.values["tokens"]
            note = text(language, "meter_too_long", tokens=tokens, limit=limit)
            return self._shown("too_long", model, limit, tokens, tokens, note, [])
        except TurnError:
            return {"state": "unknown", "count": text(language, "meter_unknown")}
        names = [_name(question) for question in fitted.left_out_questions]
        key = "meter_leaves_out_one" if len(names) == 1 else "meter_leaves_out"
        note = text(language, key, count=len(names)) if names else ""
        state, sent = "leaves_out" if names else "ok", fitted.prompt_tokens
        return self._shown(state, model, limit, counts[0], sent, note, names)

    async def _tokens(self, model: Model, messages: Messages) -> int:
        if self._outdated or self._chat.is_busy:
            raise _Outdated
        return await self._server.count_tokens(model, messages)

    def _shown(
        self, state: str, model: Model, limit: int, tokens: Any, sent: Any, note: str, names: list[str]
    ) -> dict[str, Any]:
        context = model.max_model_len
        values = {"tokens": tokens, "sent": sent, "context": context, "reserve": context - limit}
        return {
            "state": state,
            "tokens": tokens,
            "limit": limit,
            "context": context,
            "count": text(self._chat.language, "meter_count", **values),
            "help": text(self._chat.language, "meter_help", **values),
            "note": note,
            "names": names,
        }


def _name(question: str) -> str:
    """What stands for a question, of which only the beginning is known."""
    return " ".join(question.split()) + ("…" if len(question) == BEGINNING else "")
