"""The place of an answer on the page: one message with all versions of the answer to one question.

One version is shown, and that is the one the conversation goes on with. Under it is the line of facts (AnswerStatus),
above it the reasoning, if any; a JSON answer is shown by its canvas.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import chainlit as cl

from chat.completion import Delta
from chat.conversation import Turn
from chat.errors import TurnError
from chat.formulas import Formulas, for_page
from chat.markdown_flow import MarkdownFlow
from chat.model_server import ModelServer
from chat.price import Price
from chat.texts import group, text
from chat.turn import Answer
from chat.ui.canvas import Canvas
from chat.ui.facts import Actions, Fact, Version, status_props
from chat.ui.reasoning import Thought
from chat.ui.waiting import STATUS_ELEMENT, waiting


class AnswerPlace:
    """`versions` are in the order they were asked for, `number` is the index of the one shown.

    A version in which nothing arrived is kept only as long as there is no other. `ended_at` is the monotonic time at
    which its last answer ended, None while one is under way.
    """

    def __init__(self, turn: Turn, price: Price | None) -> None:
        self.turn = turn
        self.message = cl.Message(content="")
        self.id = self.message.id
        self.versions: list[Answer] = []
        self.number = 0
        self.ended_at: float | None = None
        self.thought = Thought(self.message)
        self._price = price
        self._canvases: dict[Answer, Canvas] = {}
        self._before = 0
        self._failure: TurnError | None = None  # of an attempt that left no version

    @property
    def answer(self) -> Answer:
        """The version shown."""
        return self.versions[self.number]

    @property
    def canvas(self) -> Canvas | None:
        """What shows it, if it is a JSON answer."""
        return self._canvases.get(self.answer) if self.versions else None

    async def begin(self, answer: Answer) -> None:
        """Make room for another version, and show that one."""
        self._before, self._failure, self.ended_at = self.number, None, None
        again = self.canvas
        self.versions.append(answer)
        self.number = len(self.versions) - 1
        if answer.json_format:
            self._canvases[answer] = Canvas(answer, self.message, again)
        if len(self.versions) > 1:
            self.message.content, self.message.is_error, self.message.language = "", False, None
            await self.thought.show(answer, self.number)
            await self._send(self._begun())
        elif answer.json_format:
            await self.message.send()
        if self.canvas:
            await self.canvas.show()

    async def fill(self, server: ModelServer, pieces: AsyncGenerator[Delta, None]) -> None:
        """Show what comes of the version shown."""
        pieces = self.thought.apart(self.answer, self.number, pieces)
        async with waiting(server, self.answer, self.message, self.answer.language):
            if self.canvas:
                await self.canvas.fill("answer", pieces)
                return
            # Closed at once, not when collected: Stop may come while a token is on its way to the page.
            async with aclosing(pieces):
                formulas = Formulas()
                flow = MarkdownFlow(formulas.feed(self.answer.text))
                async for piece in pieces:
                    await self.message.stream_token(flow.feed(formulas.feed(piece.text)))

    async def end(self, stopped_because: TurnError | None = None) -> None:
        """Nothing more comes: keep what has arrived, if anything has, and say how it ended.

        `stopped_because`: why it was stopped, if it was, and not by the user.
        """
        newest, self.ended_at = self.answer, time.monotonic()
        if stopped_because and newest.ending == "stopped":
            newest.ending, newest.error = "broken", stopped_because
        if newest.is_empty and len(self.versions) > 1:
            self.versions.remove(newest)
            self.number, self._failure = self._before, newest.error
        else:
            self.versions = [version for version in self.versions if version is newest or not version.is_empty]
            self.number = self.versions.index(newest)
        await self.show(self.number)

    async def restore(self, versions: list[Answer], number: int) -> None:
        """Put versions that ended elsewhere onto the page, and show one of them."""
        self.versions, self.number, self.ended_at = versions, number, time.monotonic()
        before: Canvas | None = None
        for answer in versions:
            if answer.json_format:
                before = self._canvases[answer] = Canvas(answer, self.message, before)
                before.panes["answer"].ended = True
        await self.show(number)

    async def show(self, number: int) -> None:
        """Show a version as it ended; the conversation goes on with it."""
        if number != self.number:
            self.number, self._failure = number, None
        answer, message = self.answer, self.message
        self.turn.answer = answer.text
        failed = bool(answer.error) and not answer.text
        message.content, message.is_error, message.language = self._content(), failed, None
        await self.thought.show(answer, number)
        if self.canvas:
            message.language = "json" if answer.text else None
            await (self.canvas.show() if answer.text or answer.ending == "stopped" else self.canvas.hide())
        props = status_props(
            self.id,
            answer,
            self._price,
            actions=self._actions(),
            version=Version(number=number + 1, of=len(self.versions)),
        )
        if answer.error:  # says more than that it was broken off
            props["items"] = [item for item in props["items"] if item["id"] != "ending"]
        if failure := self._failure or (answer.error if answer.text else None):
            props["items"] = [Fact(id="error", kind="bad", text=self._sentence(failure)), *props["items"]]
        await self._send(props)

    async def show_again(self) -> None:
        """Put all of it onto a page that may have missed some of it."""
        if self.canvas:
            await self.canvas.show_again()
        if self.ended_at is not None:
            await self.show(self.number)
        elif self.message.created_at or self.message.streaming:
            await self.message.send()
            await self.thought.show_again()

    def _actions(self) -> Actions:
        """What can be done with the version shown; a JSON canvas has its own ways to copy it and to go on."""
        answer, in_words = self.answer, self.answer.json_format is None
        return Actions(
            {
                "copy": in_words and bool(answer.text),
                "regenerate": True,
                "continue": in_words and answer.can_continue,
            }
        )

    def _begun(self) -> dict[str, Any]:
        """The line while nothing has come and nothing is waited for yet: empty."""
        return {
            "id": self.id,
            "language": self.answer.language,
            "texts": group(self.answer.language, "facts_"),
            "state": "writing",
            "wait": None,
            "items": [],
            "line": [],
            "details": [],
            "actions": Actions({"copy": False, "regenerate": False, "continue": False}),
            "version": Version(number=self.number + 1, of=len(self.versions)),
        }

    def _content(self) -> str:
        """The text of the answer, or a sentence instead of one; the line under it says that it was stopped."""
        answer = self.answer
        if self.canvas and answer.text:
            return answer.json_output.shown  # for Chainlit's own copy button; the page shows the canvas in its place
        if answer.text or answer.ending == "stopped":
            return for_page(answer.text)
        if answer.error:
            return self._sentence(answer.error)
        if not answer.reasoning:
            return text(answer.language, "answer_empty")
        if answer.is_full:
            return text(answer.language, "answer_full_thinking")
        cut = answer.ending == "cut"
        return text(
            answer.language, "answer_cut_thinking" if cut else "answer_only_thought", max_tokens=answer.max_tokens
        )

    def _sentence(self, error: TurnError) -> str:
        return text(self.answer.language, error.text, **error.values)

    async def _send(self, props: dict[str, Any]) -> None:
        """Put the message onto the page as it is now, with the line under it."""
        for element in self.message.elements:
            if isinstance(element, cl.CustomElement) and element.name == STATUS_ELEMENT:
                element.props = props
                break
        else:
            status = cl.CustomElement(name=STATUS_ELEMENT, props=props, display="inline")
            self.message.elements.append(status)  # type: ignore[arg-type]  # Chainlit's annotation is too narrow
        await self.message.send()
