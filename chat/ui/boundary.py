"""The boundary to Chainlit: an unforeseen error is logged, and the page gets a sentence.

Chainlit would show the exception's text, which may hold addresses or keys.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import ParamSpec

import chainlit as cl

from chat.texts import text
from chat.ui.session import browser_language

logger = logging.getLogger(__name__)
P = ParamSpec("P")


def sheltered(handler: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
    """Wrap a Chainlit handler so that no exception leaves it; cancellation passes through."""

    @functools.wraps(handler)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await handler(*args, **kwargs)
        except Exception:
            logger.exception("%s failed", handler.__name__)
            await cl.ErrorMessage(text(browser_language(), "error_unknown")).send()

    return wrapped
