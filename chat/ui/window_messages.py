"""What the page's own scripts tell the app: window messages {"pagoda": name, …}, one handler for each name.

Scripts beside Chainlit's page, as `public/pagoda.js`, have no socket; Chainlit passes on what they post to the window.
Anyone may post there, browser extensions for one, so whatever is not well-formed is left aside without a word.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from pydantic import ValidationError

from chat.ui.boundary import Payload
from chat.ui.session import ChatSession

logger = logging.getLogger(__name__)
Said = TypeVar("Said", bound=Payload)


class Nothing(Payload):
    """Nothing beside the name of the message."""


_handlers: dict[str, Callable[[ChatSession, dict[str, object]], Awaitable[None]]] = {}


def heard(name: str, payload: type[Said], handler: Callable[[ChatSession, Said], Awaitable[None]]) -> None:
    """Have `handler` called with each message of that name; what it says beside the name must make a `payload`."""
    if name in _handlers:
        raise ValueError(f"{name} has a handler already")

    async def handle(chat: ChatSession, said: dict[str, object]) -> None:
        try:
            checked = payload.model_validate(said)
        except ValidationError as error:
            logger.warning("window message %s refused: %d errors", name, error.error_count())
            return
        await handler(chat, checked)

    _handlers[name] = handle


async def dispatch(chat: ChatSession | None, message: object) -> None:
    """Pass on what a script of the page said, once the session has a chat."""
    if chat is None or not isinstance(message, Mapping):
        return
    name = message.get("pagoda")
    if isinstance(name, str) and name in _handlers:
        await _handlers[name](chat, {str(key): value for key, value in message.items() if key != "pagoda"})
