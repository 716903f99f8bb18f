"""The reasoning before an answer: an element above it, open while the model thinks and closed afterwards.

Not Chainlit's own step: that cannot stand above an answer that is on the page already, as when it is asked for again,
and calls whatever it shows "used". The element is sent when thinking begins and then fed over the socket
(`thought_delta`), because new properties would make Chainlit build it anew; the page asks for what it has missed
(`thought_rest`), at the start and after a broken connection.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import chainlit as cl

from chat.completion import Delta
from chat.texts import group, text
from chat.turn import Answer

ELEMENT = "Reasoning"
TENTHS_BELOW_S = 10


class Thought:
    """What the page shows of the reasoning before the answer in `message`."""

    def __init__(self, message: cl.Message) -> None:
        self._message = message
        self._answer: Answer | None = None
        self._version = 0
        self._thinking = False
        self._element: cl.CustomElement | None = None

    async def show(self, answer: Answer, version: int, *, thinking: bool = False) -> None:
        """The reasoning of `answer`, the version of that number; nothing where there is none."""
        self._answer, self._version, self._thinking = answer, version, thinking
        if answer.reasoning:
            self._element = self._element or cl.CustomElement(name=ELEMENT, display="inline")
            self._element.props = self._props()
            await self._element.send(for_id=self._message.id)
        elif self._element:
            await self._element.remove()
            self._element = None

    async def show_again(self) -> None:
        """Put it onto a page that may have missed it."""
        if self._element:
            self._element.props = self._props()
            await self._element.send(for_id=self._message.id)

    async def apart(
        self, answer: Answer, version: int, pieces: AsyncGenerator[Delta, None]
    ) -> AsyncGenerator[Delta, None]:
        """Show the reasoning among the pieces of `answer` as it comes, and pass on the others."""
        async with aclosing(pieces):
            async for piece in pieces:
                if not piece.reasoning:
                    if self._thinking:
                        await self.show(answer, version)
                    yield piece
                elif self._thinking:
                    await self._grow(len(answer.reasoning) - len(piece.text), piece.text)
                else:
                    await self._begin(answer, version)

    async def _begin(self, answer: Answer, version: int) -> None:
        if not self._message.created_at:
            await self._message.send()
        await self.show(answer, version, thinking=True)

    async def _grow(self, at: int, more: str) -> None:
        data = {"id": self._message.id, "at": at, "text": more}
        await cl.context.emitter.emit("thought_delta", data)

    def rest(self) -> dict[str, Any]:
        """All there is now, for a page that has missed some of it."""
        return {
            "text": self._answer.reasoning if self._answer else "",
            "thinking": self._thinking,
            "name": self._name(),
        }

    def _name(self) -> str:
        if self._answer is None:
            return ""
        language, seconds = self._answer.language, (self._answer.thought_ms or 0) / 1000
        if self._thinking:
            return text(language, "thought_thinking")
        return text(language, "thought_done", seconds=f"{seconds:.1f}" if seconds < TENTHS_BELOW_S else round(seconds))

    def _props(self) -> dict[str, Any]:
        answer = self._answer
        assert answer is not None
        return {
            "id": self._message.id,
            "version": self._version,
            "texts": group(answer.language, "thought_"),
            **self.rest(),
        }
