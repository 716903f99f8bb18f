"""How much one user may ask of everybody's model server at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from chat.errors import TooManyAnswers


class AtOnce:
    """Counts answers under way, those that wait for their turn included, for each user or address."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count: Counter[str] = Counter()

    def check(self, who: str) -> None:
        """Raise `TooManyAnswers` where no further one may begin."""
        if self._count[who] >= self._limit:
            raise TooManyAnswers(limit=self._limit)

    @contextmanager
    def one(self, who: str) -> Iterator[None]:
        """Around an answer; raises `TooManyAnswers` where it may not begin."""
        self.check(who)
        self._count[who] += 1
        try:
            yield
        finally:
            self._count[who] -= 1
            if not self._count[who]:
                del self._count[who]
