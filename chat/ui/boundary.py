"""The boundary to Chainlit: an unforeseen error is logged, and the page gets a sentence.

Chainlit would show the exception's text, which may hold addresses or keys.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import chainlit as cl
from chainlit import server
from chainlit.context import init_ws_context
from chainlit.session import WebsocketSession
from pydantic import BaseModel, ConfigDict, ValidationError

from chat.errors import TurnError
from chat.metrics import METRICS
from chat.texts import text
from chat.ui import session
from chat.ui.session import ChatSession, browser_language

logger = logging.getLogger(__name__)
P = ParamSpec("P")
Reply = dict[str, Any]


class Payload(BaseModel):
    """What an element of the page sends; anything else is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Asked = TypeVar("Asked", bound=Payload)


def sheltered(handler: Callable[P, Awaitable[None]]) -> Callable[P, Coroutine[Any, Any, None]]:
    """Wrap a Chainlit handler so that no exception leaves it; cancellation passes through."""

    @functools.wraps(handler)
    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await handler(*args, **kwargs)
        except TurnError as error:
            METRICS.failed(error.kind)
            await cl.ErrorMessage(text(browser_language(), error.text, **error.values)).send()
        except Exception:
            logger.exception("%s failed", handler.__name__)
            METRICS.failed("unforeseen")
            await cl.ErrorMessage(text(browser_language(), "error_unknown")).send()

    return wrapped


def reply_to(event: str, payload: type[Asked], handler: Callable[[ChatSession, Asked], Awaitable[Reply]]) -> None:
    """Answer a socket event of the page's own elements; what the handler returns is the acknowledgement.

    A session that has no chat yet or any more, a forged payload and an unforeseen error get {"error": sentence}.
    """

    async def on_event(sid: str, data: object = None) -> Reply:
        socket_session = WebsocketSession.get(sid)
        if socket_session is None:
            return {"error": text("en-US", "error_unknown")}
        init_ws_context(socket_session)
        try:
            return await handler(session.current(), payload.model_validate(data))
        except (LookupError, ValidationError) as error:
            logger.warning("%s refused: %s", event, type(error).__name__)
        except TurnError as error:
            METRICS.failed(error.kind)
            return {"error": text(browser_language(), error.text, **error.values)}
        except Exception:
            logger.exception("%s failed", event)
            METRICS.failed("unforeseen")
        return {"error": text(browser_language(), "error_unknown")}

    server.sio.on(event, on_event)
