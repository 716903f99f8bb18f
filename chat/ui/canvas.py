"""A JSON answer on the page: the element that shows it growing, and what can be done with it afterwards.

The element is sent once, empty, and then fed over the socket with what it does not have yet (`json_delta`), because new
properties would make Chainlit build it anew. The page says how much it has (`json_ready`), at the start and after every
broken connection.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

import chainlit as cl

from chat.completion import Delta
from chat.json_output import what_parses
from chat.take_away import as_json
from chat.texts import group
from chat.turn import Answer
from chat.ui.json_facts import json_facts, json_measures

ELEMENT = "JsonCanvas"
PaneName = Literal["answer", "plain"]


class Pane:
    """One answer on the canvas. `sent` is how many characters of it the page has, None before it asked."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.sent: int | None = None
        self.ended = False

    def result(self) -> dict[str, Any] | None:
        """What the page shows about an answer that has ended."""
        if not self.ended:
            return None
        answer, output = self.answer, self.answer.json_output
        parsed = None if output.parses else what_parses(answer.text)
        return {
            "verdict": output.verdict,
            "shown": output.shown,
            "partial": None if parsed is None else as_json(parsed).text,
            "facts": json_facts(answer, output),
            "measures": json_measures(answer),
            "can_continue": answer.can_continue and answer.enforced is not False,
        }


class Canvas:
    """The page's view of one answer in JSON mode, and of the same question asked again without enforcement.

    The canvases of all versions of an answer share their place on the page: the element of the one `before`.
    """

    def __init__(self, answer: Answer, message: cl.Message, before: Canvas | None) -> None:
        self.panes: dict[PaneName, Pane] = {"answer": Pane(answer)}
        self.id = str(uuid.uuid4())
        self._message_id = message.id
        self._element: cl.CustomElement = before._element if before else cl.CustomElement(name=ELEMENT)

    @property
    def answer(self) -> Answer:
        return self.panes["answer"].answer

    @property
    def is_ended(self) -> bool:
        return all(pane.ended for pane in self.panes.values())

    async def show(self) -> None:
        """Put it onto the page, where it is not there yet: shown again, it would be built anew, and the page jump."""
        if self._element.props.get("id") != self.id:
            await self._update()

    async def show_again(self) -> None:
        """Put it onto a page that may have missed it; what there is of the answer, the page asks for."""
        if self._element.props.get("id") == self.id:
            await self._update()

    async def hide(self) -> None:
        """Take it off the page: there is nothing to show."""
        self._element.props = {}
        await self._element.remove()

    async def _update(self) -> None:
        self._element.props = self._props()
        await self._element.send(for_id=self._message_id)

    async def fill(self, name: PaneName, pieces: AsyncGenerator[Delta, None]) -> None:
        """Show an answer as it comes, and how it ended; also when Stop cancels the task."""
        pane = self.panes[name]
        pane.ended = False
        await self._emit("json_state", name, state="streaming")
        try:
            async with aclosing(pieces):
                async for _ in pieces:
                    await self._send_rest(name)
        finally:
            pane.ended = True
            await self._emit("json_end", name, text=pane.answer.text, result=pane.result())
            if pane.sent is None:  # the page has not asked for anything: all it can show are the properties
                await self._update()

    async def ready(self, name: PaneName, have: int) -> None:
        """The page has `have` characters of a pane: send the rest, and from now on what comes."""
        pane = self.panes.get(name)
        if pane is None:
            return
        pane.sent = min(have, len(pane.answer.text))
        await self._send_rest(name)
        if pane.ended:
            await self._emit("json_end", name, text=pane.answer.text, result=pane.result())

    async def _send_rest(self, name: PaneName) -> None:
        pane = self.panes[name]
        text = pane.answer.text
        if pane.sent is not None and pane.sent < len(text):
            at, pane.sent = pane.sent, len(text)
            await self._emit("json_delta", name, at=at, text=text[at:])

    async def _emit(self, event: str, pane: PaneName, **data: object) -> None:
        await cl.context.emitter.emit(event, {"id": self.id, "pane": pane, **data})

    def _props(self) -> dict[str, Any]:
        answer = self.answer
        plain = self.panes.get("plain")
        json_format = answer.json_format
        return {
            "id": self.id,
            "language": answer.language,
            "texts": group(answer.language, "canvas_"),
            "schema_name": json_format.name if json_format and json_format.schema else None,
            "text": answer.text if self.panes["answer"].ended else "",
            "result": self.panes["answer"].result(),
            "plain": plain and {"text": plain.answer.text if plain.ended else "", "result": plain.result()},
        }
