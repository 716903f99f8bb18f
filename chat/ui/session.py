"""What the app keeps for one browser session: its conversation, settings and running answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import chainlit as cl

from chat.conversation import Conversation
from chat.sampling import Sampling
from chat.texts import Language, language_for

_KEY = "chat"


@dataclass(slots=True)
class ChatSession:
    """`form` is the settings panel as last edited, `sampling` as last confirmed."""

    language: Language
    sampling: Sampling
    form: Sampling
    conversation: Conversation = field(default_factory=Conversation)
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _tasks: set[asyncio.Task[object]] = field(default_factory=set)

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

    def stop(self) -> None:
        """Cancel every answer of this session, running or waiting."""
        for task in self._tasks:
            task.cancel()


def keep(chat: ChatSession) -> None:
    """Remember `chat` for the current Chainlit session."""
    cl.user_session.set(_KEY, chat)


def current() -> ChatSession:
    """The current Chainlit session's chat; LookupError before `on_chat_start` has run."""
    chat = cl.user_session.get(_KEY)
    if not isinstance(chat, ChatSession):
        raise LookupError("this session has no chat yet")
    return chat


def browser_language() -> Language:
    """The language of the current session's browser."""
    return language_for(getattr(cl.context.session, "language", None))


def is_left_for_good() -> bool:
    """Whether the user began a new chat, as against a connection that dropped and may come back."""
    return bool(getattr(cl.context.session, "to_clear", False))
