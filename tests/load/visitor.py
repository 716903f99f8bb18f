"""Users who come and go, for tests/load/soak.py: each visit is a session, in which things happen by chance."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import aiohttp

from tests.load.user import User

MOST_QUESTIONS = 5


class Visitor(User):
    """A user who also changes settings; `answer` is what a whole answer says."""

    def __init__(self, session: aiohttp.ClientSession, url: str, answer: str) -> None:
        super().__init__(session, url, "Pagoda")
        self._answer = answer
        self._form: dict[str, object] = {}

    async def whole_answer(self) -> None:
        """Ask, and get all of it."""
        got = (await self.ask("What is a soak?")).text.strip()
        if got != self._answer:
            raise AssertionError(f"an answer of {len(got)} characters, not {len(self._answer)}")

    async def stopped_answer(self) -> None:
        """Ask, and stop once it has begun."""
        await self.send("What is a soak?")
        await self.first_words()
        await self.stopped()

    async def lost_and_back(self) -> None:
        """The connection breaks in the middle of an answer, and comes back."""
        await self.send("What is a soak?")
        await self.first_words()
        await self.drop()
        await self.reconnect()

    async def other_settings(self) -> None:
        """Confirm the settings panel with another temperature."""
        values = {**self._form, "temperature": random.choice((0.1, 0.5, 0.9))}
        await self.emit("chat_settings_change", values)
        await self._frame_starting('42["chat_settings"')

    async def _frame(self) -> str:
        frame = await super()._frame()
        if frame.startswith('42["chat_settings"'):
            self._form = {field["id"]: field["initial"] for field in json.loads(frame[2:])[1]}
        return frame


async def visits(
    http: aiohttp.ClientSession, url: str, answer: str, until: float, dice: random.Random, seen: Counter[str]
) -> None:
    """One visit after the other until the monotonic time `until`; `seen` counts what happened, and `failed`."""
    while time.monotonic() < until:
        visitor = Visitor(http, url, answer)
        try:
            await _visit(visitor, dice, seen)
        except (AssertionError, TimeoutError, aiohttp.ClientError, TypeError) as error:
            # TypeError: aiohttp's, for a socket that was closed by the other side
            seen["failed"] += 1
            print(f"failed: {error!r}", flush=True)


async def _visit(visitor: Visitor, dice: random.Random, seen: Counter[str]) -> None:
    happens: dict[Callable[[], Awaitable[None]], int] = {
        visitor.whole_answer: 5,
        visitor.stopped_answer: 2,
        visitor.lost_and_back: 2,
        visitor.other_settings: 1,
    }
    await visitor.connect(quiet_after=2)
    for _ in range(dice.randint(1, MOST_QUESTIONS)):
        what = dice.choices(list(happens), list(happens.values()))[0]
        await what()
        seen[what.__name__] += 1
    leaves = dice.choice(("new_chat", "closed", "closed_mid_answer"))
    seen[leaves] += 1
    if leaves == "new_chat":
        await visitor.close()
        return
    if leaves == "closed_mid_answer":  # a reload, too: the page comes back with another session
        await visitor.send("What is a soak?")
        await visitor.first_words()
    await visitor.drop()
