"""What a page sends as a question, looked at before Chainlit does, which shows the text of Python's errors."""

from __future__ import annotations

import logging

import chainlit as cl
from pydantic import UUID4, BaseModel, ValidationError

from chat.texts import text
from chat.ui.session import browser_language

logger = logging.getLogger(__name__)


class _Message(BaseModel):
    """Of all that the page sends with it, what is used here."""

    id: UUID4
    output: str
    createdAt: str  # noqa: N815 (Chainlit's name)
    command: str | None = None
    modes: dict[str, str] | None = None


class _Question(BaseModel):
    message: _Message
    fileReferences: tuple[()] | None = None  # noqa: N815 (Chainlit's name); there is no uploading here


async def is_one(payload: object) -> bool:
    """Whether Chainlit can take it; else its sender reads that something went wrong."""
    try:
        _Question.model_validate(payload)
    except ValidationError as error:
        logger.warning("a question refused: %s", error.errors()[0]["type"])
        await cl.ErrorMessage(text(browser_language(), "error_unknown")).send()
        return False
    return True
