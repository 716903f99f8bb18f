"""What an answer under way waits for: the server to be asked, its queue, the prompt to be read, or nothing any more."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from chat.model_server import ModelServer
from chat.server_metrics import Seen
from chat.turn import Answer

STALLED_AFTER_S = 3.0
# A busy server may take as long as this to put a request into its queue.
ARRIVED_AFTER_S = 1.0

Phase = Literal["asking", "queued", "reading", "thinking", "writing", "stalled", "silent"]


@dataclass(frozen=True, slots=True)
class Wait:
    """What an answer waits for, and how many requests are `ahead` of it at most, where that is known."""

    phase: Phase
    ahead: int | None = None


class WaitWatch:
    """Looks at an answer from beside it. `since` is the monotonic time at which what `now` last told began."""

    def __init__(self, server: ModelServer, answer: Answer) -> None:
        self._server = server
        self._answer = answer
        self._before = self._lengths()  # an answer that is continued has text from the start
        self._seen = self._before
        self._news_at = self.since = time.monotonic()
        self._sent_at: float | None = None
        self._scheduled = False
        self._told: Wait | None = None

    async def now(self, patience_s: float) -> Wait:
        """What the answer waits for; takes at most `patience_s` seconds to find out."""
        wait = self._by_itself()
        if wait is None:
            self._sent_at = self._sent_at or time.monotonic()
            seen = await self._server.queue.look(patience_s)
            wait = self._by_itself() or self.at_the_server(seen, self._sent_at)
        if self._told and wait.phase != self._told.phase:
            self.since = self._news_at if wait.phase == "stalled" else time.monotonic()
        self._told = wait
        return wait

    def _by_itself(self) -> Wait | None:
        """What the answer alone tells; None where it is with the server and nothing has come."""
        lengths = self._lengths()
        if lengths != self._seen:
            self._seen, self._news_at = lengths, time.monotonic()
        if self._seen == self._before:
            return Wait("asking") if self._answer.request is None else None
        if time.monotonic() - self._news_at >= STALLED_AFTER_S:
            return Wait("stalled")
        return Wait("writing" if self._seen[0] > self._before[0] else "thinking")

    def at_the_server(self, seen: Seen, sent_at: float) -> Wait:
        """First come, first served: while others wait, so does this one, until nobody has."""
        if seen.queue == "silent":
            return Wait("silent")
        if seen.queue == 0 and seen.asked_at >= sent_at + ARRIVED_AFTER_S:
            self._scheduled = True  # whoever waits from now on came later
        if self._scheduled or not seen.queue:
            return Wait("reading")
        ahead = seen.queue - 1  # at most: some of the others came later
        if self._told and self._told.ahead is not None:
            ahead = min(ahead, self._told.ahead)
        return Wait("queued", ahead)

    def _lengths(self) -> tuple[int, int]:
        return len(self._answer.text), len(self._answer.reasoning)
