"""How often the streams of this process may send something to their pages.

A process sends some 3,000 socket events a second, whoever they are for. One stream alone is flushed every 40 ms, which
looks like typing; where many run, each waits longer, so that all of them together stay within a third of that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

SHORTEST_S = 0.04
FLUSHES_PER_S = 1000
# While questions wait for their first words, which need the process more than the others' next ones do.
FLUSHES_IN_A_RUSH_PER_S = 400
# From here on a stream is read once a flush, not token by token, which is most of the work.
MANY = 8


class Pace:
    """Counts the streams under way. `interval_s` is the least time between two flushes of one of them."""

    def __init__(self) -> None:
        self.running = 0
        self._waiting = 0

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Around a stream, from its request to its end."""
        self.running += 1
        try:
            yield
        finally:
            self.running -= 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Around the wait of a question before its stream."""
        self._waiting += 1
        try:
            with self.stream():
                yield
        finally:
            self._waiting -= 1

    @property
    def interval_s(self) -> float:
        return max(SHORTEST_S, self.running / (FLUSHES_IN_A_RUSH_PER_S if self._waiting else FLUSHES_PER_S))

    @property
    def many(self) -> bool:
        return self.running >= MANY

    @property
    def between_reads_s(self) -> float:
        """How long to leave a stream alone between two reads; what comes in between is then read at once."""
        return self.interval_s if self.many else 0.0


PACE = Pace()
