"""Would a question be answered now? Asked of the model server, at most once a second, however many want to know.

It would, where the server is loaded, takes the key, offers the model, and its queue is below `PAGODA_QUEUE_LIMIT`; and
where this process is not about to end.
Whether this process itself lives is another question, which `/health` answers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import Literal

from chat.errors import (
    BackendAbsent,
    BackendLoading,
    BackendRefusedKey,
    BackendRestarting,
    BackendSilent,
    ModelUnknown,
    TurnError,
)
from chat.model_server import ModelServer
from chat.shutdown import SHUTDOWN

logger = logging.getLogger(__name__)

FRESH_S = 1.0
PATIENCE_S = 2.0
# A queue at its limit goes up and down there: it counts as full until it is this share shorter.
ROOM_AGAIN = 0.75
# How long an outage took is known if somebody looked at least this often when it began and when it ended.
SEEN_WITHIN_S = 5.0

Reason = Literal[
    "ready",
    "absent",
    "loading",
    "restarting",
    "silent",
    "failing",
    "refused_key",
    "model_unknown",
    "overloaded",
    "shutting_down",
]
# The rest is "failing".
REASONS: dict[type[TurnError], Reason] = {
    BackendAbsent: "absent",
    BackendLoading: "loading",
    BackendRestarting: "restarting",
    BackendSilent: "silent",
    BackendRefusedKey: "refused_key",
    ModelUnknown: "model_unknown",
}
STARTING: tuple[Reason, ...] = ("absent", "loading", "restarting")
# Nothing that goes away by itself: somebody has to change a setting.
MISCONFIGURED: tuple[Reason, ...] = ("refused_key", "model_unknown")


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was found. `since` is the monotonic time from which on it has been so, as far as this process knows.

    `waiting` is the length of the server's queue, and `last_start_s` how long the server took to come back the last
    time that this process saw it; both None where that is not known.
    """

    reason: Reason
    since: float
    waiting: int | None = None
    last_start_s: float | None = None

    @property
    def ready(self) -> bool:
        return self.reason == "ready"

    @property
    def for_s(self) -> float:
        return time.monotonic() - self.since


class ReadinessProbe:
    """Asks the server; one request at a time for all who want to know."""

    def __init__(self, server: ModelServer, queue_limit: int) -> None:
        self.queue_limit = queue_limit
        self.last: Readiness | None = None
        self._server = server
        self._looked_at = 0.0
        self._looking: asyncio.Task[Readiness] | None = None
        self._down_since: float | None = None

    async def now(self) -> Readiness:
        """Whether a question would be answered, as of a second ago at most; takes `PATIENCE_S` or so at most."""
        if SHUTDOWN.began_at is None:
            found = await self._as_of_late()
            if SHUTDOWN.began_at is None:
                return found
        return Readiness("shutting_down", SHUTDOWN.began_at)

    async def _as_of_late(self) -> Readiness:
        if self.last is not None and time.monotonic() - self._looked_at < FRESH_S:
            return self.last
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> Readiness:
        reason, waiting = await self._found()
        before, now = self.last, time.monotonic()
        if before is None or before.reason != reason:
            (logger.info if reason == "ready" else logger.warning)("the model server: %s", reason)
            self.last = Readiness(reason, now, waiting, self._start_seen(before, reason, now))
        else:
            self.last = replace(before, waiting=waiting)
        self._looked_at = now
        return self.last

    async def _found(self) -> tuple[Reason, int | None]:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._server.check()
        except TimeoutError:
            return "silent", None
        except TurnError as error:
            return REASONS.get(type(error), "failing"), None
        queue = (await self._server.queue.look(PATIENCE_S)).queue
        waiting = queue if isinstance(queue, int) else None
        return ("overloaded" if self._is_full(waiting or 0) else "ready"), waiting

    def _is_full(self, waiting: int) -> bool:
        was_full = self.last is not None and self.last.reason == "overloaded"
        return waiting >= self.queue_limit * (ROOM_AGAIN if was_full else 1)

    def _start_seen(self, before: Readiness | None, reason: Reason, now: float) -> float | None:
        """How long the last start took, once one has been seen from its beginning to its end."""
        known = before.last_start_s if before else None
        seen = before is not None and now - self._looked_at <= SEEN_WITHIN_S
        if reason in STARTING:
            if before is not None and before.reason not in STARTING:
                self._down_since = now if seen else None
        elif self._down_since is not None:
            known = now - self._down_since if seen else known
            self._down_since = None
        return known
