"""The banner over the message box: why questions are not answered at the moment, and since when.

The model server is watched while pages are open, by one task for all of them; a page is told what has changed. It
counts the seconds itself. `public/banner.js` draws it.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import chainlit as cl
from chainlit import server
from chainlit.session import WebsocketSession

from chat.readiness import MISCONFIGURED, STARTING, Readiness, ReadinessProbe
from chat.texts import Language, language_for, text
from chat.ui.watching import pages

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 3.0
LOOK_WHILE_DOWN_S = 1.5
LOOK_WHILE_MISCONFIGURED_S = 10.0
# A server that is busy may be slow to say that it lives: that is no news until it has lasted.
SILENT_AFTER_S = 4.0
# Where many pages are told something, others have their turn after so many.
TOLD_AT_ONCE = 20


def message(language: Language, found: Readiness) -> dict[str, Any]:
    """What the page is told. Without a text, there is no banner; `back` says so of one that was there."""
    said: dict[str, Any] = {"pagoda": "banner", "reason": found.reason, "back": text(language, "banner_back")}
    if found.ready:
        return said
    said |= {"text": text(language, f"banner_{found.reason}"), "for_s": round(found.for_s), "note": ""}
    said["counted"] = text(language, "banner_for", time="{time}")
    if found.reason == "overloaded":
        said["note"] = text(language, "banner_waiting", count=found.waiting)
    elif found.reason in STARTING and found.last_start_s is not None:
        minutes, seconds = divmod(round(found.last_start_s), 60)
        said["note"] = text(language, "banner_last_start", time=f"{minutes}:{seconds:02}")
    return said


class Banner:
    """What all pages of this process show."""

    def __init__(self, probe: ReadinessProbe) -> None:
        self._probe = probe
        self._told: Readiness | None = None  # None: the pages may show anything
        self._watching: asyncio.Task[None] | None = None

    async def show(self, language: Language) -> None:
        """A page has come, or come back, perhaps with a banner of some time ago."""
        if self._watching is None or self._watching.done():
            self._told = None
            self._watching = asyncio.create_task(self._watch())
            self._watching.add_done_callback(_log_failure)
        elif self._told is not None:
            await cl.send_window_message(message(language, self._told))

    async def tell(self) -> None:
        """All pages, now: something has changed that need not be looked for."""
        self._told = await self._probe.now()
        await self._tell_all(self._told)

    async def _watch(self) -> None:
        while pages():
            found = await self._probe.now()
            told, self._told = self._told, self._worth_telling(found)
            if self._told != told:
                await self._tell_all(self._told)
            await asyncio.sleep(_pause_s(found))

    def _worth_telling(self, found: Readiness) -> Readiness | None:
        if found.reason == "silent" and found.for_s < SILENT_AFTER_S:
            return self._told
        # How many wait is of interest only where it is too many.
        return found if found.reason == "overloaded" else replace(found, waiting=None)

    async def _tell_all(self, found: Readiness | None) -> None:
        if found is None:
            return
        for number, sid in enumerate(pages(), 1):
            page = WebsocketSession.get(sid)
            if page is not None:
                said = message(language_for(page.language), found)
                await server.sio.emit("window_message", said, to=sid)
            if number % TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)


def _pause_s(found: Readiness) -> float:
    if found.reason in ("ready", "overloaded"):
        return LOOK_EVERY_S
    return LOOK_WHILE_MISCONFIGURED_S if found.reason in MISCONFIGURED else LOOK_WHILE_DOWN_S


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.error("the watch over the model server failed", exc_info=error)
