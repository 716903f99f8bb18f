"""What is heard of what a page's socket says: events that there is a handler for, with arguments that it takes.

- python-socketio gives a client's events that are called `connect` and `disconnect` to the handlers of its own events,
  with an address and headers of the client's making.
- An error in a handler goes into the log by its type; asyncio would quote it.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from chainlit import server

logger = logging.getLogger(__name__)

SOCKETIOS_OWN = ("connect", "disconnect")

_signature = cache(inspect.signature)


def install() -> None:
    """To be called once, while `app.py` loads."""
    sio: Any = server.sio
    pass_on: Callable[..., Awaitable[None]] = sio._handle_event
    handled: Callable[..., Awaitable[None]] = sio._handle_event_internal

    async def heard(eio_sid: str, namespace: str | None, number: int | None, data: Any) -> None:
        event, *arguments = data or [None]
        handler = sio.handlers["/"].get(event) if isinstance(event, str) and event not in SOCKETIOS_OWN else None
        if handler is None:
            return
        try:
            _signature(handler).bind(eio_sid, *arguments)
        except TypeError:
            logger.warning("%s refused: it does not take %d arguments", event, len(arguments))
            return
        await pass_on(eio_sid, namespace, number, data)

    async def guarded(of: Any, sid: str, eio_sid: str, data: list[Any], *rest: Any) -> None:
        try:
            await handled(of, sid, eio_sid, data, *rest)
        except Exception:
            logger.exception("%s failed", data[0])

    sio._handle_event = heard
    sio._handle_event_internal = guarded
