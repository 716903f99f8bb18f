"""The door between page and model server: where many questions come at once, a few at a time pass it.

All of them at once would have their first words when the last has: each does a step, then waits for all others to do
theirs. Through the door, the first have theirs while the others wait. Who waits takes nothing but its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar

from chat.pace import PACE, Pace

AT_A_TIME = 8
# One that takes longer than this, for whatever reason, holds up no others.
LONGEST_S = 0.05

_leave: ContextVar[Callable[[], None]] = ContextVar("leave", default=lambda: None)


class Door:
    """`enter`, then `leave` when the question has been sent, from the same task or one that it began."""

    def __init__(self, at_a_time: int = AT_A_TIME, pace: Pace = PACE) -> None:
        self._free = asyncio.Semaphore(at_a_time)
        self._pace = pace

    async def enter(self) -> None:
        """Wait for a turn. Meanwhile the answers under way are flushed as seldom as if this one were, too."""
        with self._pace.waiting():
            await self._free.acquire()
        inside = True

        def leave() -> None:
            nonlocal inside
            if inside:
                inside = False
                self._free.release()

        asyncio.get_running_loop().call_later(LONGEST_S, leave)
        _leave.set(leave)


def leave() -> None:
    """The question at hand has passed: the next one, please."""
    _leave.get()()
