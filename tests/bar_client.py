"""The line under the message box as the page's script speaks for it: counting, export, import."""

from __future__ import annotations

import itertools
from typing import Any

from tests.chat_client import ChatClient, Event

NOW = "2026-03-04T05:06:07+08:00"
NUMBERS = itertools.count(1)


async def tell(chat: ChatClient, what: str, /, **more: Any) -> None:
    await chat.emit("window_message", {"pagoda": what, **more})


def told(chat: ChatClient, name: str) -> list[Event]:
    return [message for message in chat.of("window_message") if message.get("pagoda") == name]


async def answer_to(chat: ChatClient, answer: str, what: str, /, **more: Any) -> Event:
    """Say something, and wait for the next message of the kind that answers it."""
    before = len(told(chat, answer))
    await tell(chat, what, **more)
    await chat.until(lambda: len(told(chat, answer)) > before)
    return told(chat, answer)[-1]


async def metered(chat: ChatClient, draft: str, *, json_mode: bool = False) -> Event:
    """Type a draft, and wait for the count of it."""
    number = next(NUMBERS)
    await tell(chat, "meter_draft", text=draft, json_mode=json_mode, number=number)
    await chat.until(lambda: any(message["number"] == number for message in told(chat, "meter")))
    return told(chat, "meter")[-1]


async def exported(chat: ChatClient, wanted: str = "json") -> Event:
    return await answer_to(chat, "conversation_file", "conversation_export", format=wanted, now=NOW)


async def imported(chat: ChatClient, written: str) -> None:
    """Import into an empty conversation, and wait until it is there."""
    toasts = chat.count("toast")
    await tell(chat, "conversation_import", name="a.json", text=written)
    await chat.until(lambda: chat.count("toast") > toasts)
