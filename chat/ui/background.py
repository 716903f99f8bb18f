"""Work that an event of the page begins and does not wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from chat.errors import TurnError
from chat.ui import session
from chat.ui.boundary import Reply, sheltered

_tasks: set[asyncio.Task[None]] = set()  # the event loop itself keeps only weak references


def begin(work: Coroutine[Any, Any, None]) -> Reply:
    """Start an answer in the session at hand; the reply tells the page that it was begun.

    Raises `TooManyAnswers` or `ShuttingDown` where none may begin.
    """
    chat = session.current()
    try:
        chat.at_once.check(chat.who)
    except TurnError:
        work.close()
        raise
    aside(work)
    return {"ok": True}


def aside(work: Coroutine[Any, Any, None]) -> None:
    """Start work in the session at hand that is no answer."""
    task = asyncio.create_task(_done(work))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


@sheltered
async def _done(work: Coroutine[Any, Any, None]) -> None:
    await work
