"""Work that an event of the page begins and does not wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from chat.errors import TooManyAnswers
from chat.ui import session
from chat.ui.boundary import Reply, sheltered

_tasks: set[asyncio.Task[None]] = set()  # the event loop itself keeps only weak references


def begin(work: Coroutine[Any, Any, None]) -> Reply:
    """Start `work` in the session at hand; the reply tells the page that it was begun.

    Raises `TooManyAnswers` where the user has as many under way as are allowed.
    """
    chat = session.current()
    try:
        chat.at_once.check(chat.who)
    except TooManyAnswers:
        work.close()
        raise
    task = asyncio.create_task(_done(work))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return {"ok": True}


@sheltered
async def _done(work: Coroutine[Any, Any, None]) -> None:
    await work
