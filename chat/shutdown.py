"""Whether this process is about to end, and until when the model server may still be asked.

`chat.ui.ending` says when; here is what the rest of the app looks at.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chat.errors import CutByShutdown


class Shutdown:
    """`began_at` is the monotonic time from which on no questions are taken, None before."""

    def __init__(self) -> None:
        self.began_at: float | None = None
        self._is_over = False
        self._under_way: set[asyncio.Timeout] = set()

    def cut(self) -> None:
        """The time is over: all that the model server is asked ends now, and what it will be asked."""
        self._is_over = True
        for limit in self._under_way:
            limit.reschedule(0)

    @asynccontextmanager
    async def time_left(self) -> AsyncIterator[None]:
        """Around whatever the model server is asked; raises `CutByShutdown` once the time is over."""
        limit = asyncio.timeout_at(0 if self._is_over else None)
        try:
            async with limit:
                self._under_way.add(limit)
                try:
                    yield
                finally:
                    self._under_way.discard(limit)
        except TimeoutError:
            if not limit.expired():
                raise
            raise CutByShutdown from None


SHUTDOWN = Shutdown()
