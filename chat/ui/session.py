"""What the app keeps for one browser session: its conversation, settings and running answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import chainlit as cl

from chat.conversation import Conversation, Turn
from chat.sampling import Sampling
from chat.schema.choice import SchemaChoice
from chat.texts import Language, language_for
from chat.ui.canvas import Canvas

_KEY = "chat"


@dataclass(slots=True)
class ChatSession:
    """`form` is the settings panel as last edited, `sampling` as last confirmed, `canvases` the JSON answers by id."""

    language: Language
    sampling: Sampling
    form: Sampling
    conversation: Conversation = field(default_factory=Conversation)
    schemas: SchemaChoice = field(default_factory=SchemaChoice)
    canvases: dict[str, Canvas] = field(default_factory=dict)
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _tasks: set[asyncio.Task[object]] = field(default_factory=set)

    def ask(self, turn_id: str, question: str) -> Turn:
        """Begin a turn; the canvases of turns that an edit drops go with them."""
        turn = self.conversation.ask(turn_id, question)
        self.canvases = {key: canvas for key, canvas in self.canvases.items() if canvas.turn in self.conversation.turns}
        return turn

    @contextmanager
    def running(self) -> Iterator[None]:
        """Register the current task, so that `stop` finds it even when it only waits for its turn."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """For work that no message began: one at a time, with Stop to end it."""
        with self.running():
            await cl.context.emitter.task_start()
            try:
                async with self.one_at_a_time:
                    yield
            finally:
                await cl.context.emitter.task_end()

    def stop(self) -> None:
        """Cancel every answer of this session, running or waiting."""
        for task in self._tasks:
            task.cancel()


def keep(chat: ChatSession) -> None:
    """Remember `chat` for the current Chainlit session."""
    cl.user_session.set(_KEY, chat)


def current() -> ChatSession:
    """The current Chainlit session's chat; LookupError before `on_chat_start` has run."""
    chat = current_or_none()
    if chat is None:
        raise LookupError("this session has no chat yet")
    return chat


def current_or_none() -> ChatSession | None:
    """The current Chainlit session's chat, if it has begun."""
    chat = cl.user_session.get(_KEY)
    return chat if isinstance(chat, ChatSession) else None


def browser_language() -> Language:
    """The language of the current session's browser."""
    return language_for(getattr(cl.context.session, "language", None))


def is_left_for_good() -> bool:
    """Whether the user began a new chat, as against a connection that dropped and may come back."""
    return bool(getattr(cl.context.session, "to_clear", False))
