"""The first screen: what this is, and which model answers here. Its starters are in `chat.ui.starters`."""

from __future__ import annotations

import asyncio

import chainlit as cl

from chat.errors import TurnError
from chat.model_server import ModelServer
from chat.texts import Language, text

# The page does not appear before this; a server that takes longer counts as not answering.
LOOK_S = 2


async def notice(server: ModelServer, language: Language) -> str:
    """One sentence on the model behind the page, plain words where it is the demonstration model; "" without one."""
    try:
        model = await asyncio.wait_for(server.model(), LOOK_S)
    except (TimeoutError, TurnError):
        return ""  # the banner says so, as long as it is so
    key = "notice_demo" if model.is_demo else "notice_model"
    return text(language, key, model=model.id, context=model.max_model_len)


async def profile(server: ModelServer, language: Language) -> cl.ChatProfile:
    """The only chat profile: Chainlit shows its description above the composer, and no picker."""
    welcome = text(language, "welcome")
    return cl.ChatProfile(
        name="Pagoda",
        markdown_description=f"{welcome}\n\n{await notice(server, language)}".strip(),
        icon="/public/logo.svg",
    )
