"""How much one user may ask of everybody's model server at the same time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from chat.errors import ShuttingDown, TooManyAnswers


class AtOnce:
    """Counts answers under way, those that wait for their turn included, for each user or address.

    Once it is `closed`, none begins any more.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count: Counter[str] = Counter()
        self._none = asyncio.Event()
        self._none.set()
        self.closed = False

    @property
    def under_way(self) -> int:
        """How many there are, whoever's."""
        return self._count.total()

    async def none_under_way(self) -> None:
        """Wait until there are none."""
        await self._none.wait()

    def check(self, who: str) -> None:
        """Raise `TooManyAnswers` or `ShuttingDown` where no further one may begin."""
        if self.closed:
            raise ShuttingDown
        if self._count[who] >= self._limit:
            raise TooManyAnswers(limit=self._limit)

    @contextmanager
    def one(self, who: str) -> Iterator[None]:
        """Around an answer; raises as `check` does where it may not begin."""
        self.check(who)
        self._count[who] += 1
        self._none.clear()
        try:
            yield
        finally:
            self._count[who] -= 1
            if not self._count[who]:
                del self._count[who]
            if not self._count:
                self._none.set()
