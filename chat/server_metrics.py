"""What a vLLM server tells of itself: the times of one request, and how many requests wait in its queue.

The times come with the last chunk of a stream (`--enable-per-request-metrics`), the queue from Prometheus's
`/metrics`. Other servers have neither.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from chat.failures import CLIENT_ERRORS, BadStatus

logger = logging.getLogger(__name__)

FRESH_S = 1.0
PATIENCE_S = 2.0
LONGEST_MS = 1e9  # eleven days; JSON can also hold infinity, and whole numbers that no float can
# `vllm:num_requests_waiting{engine="0",model_name="m"} 3.0`, one line for each engine; not `…_by_reason{…}`.
WAITING = re.compile(r"^vllm:num_requests_waiting(?:\{[^}\n]*\})? (\S+)$", re.MULTILINE)

# How many wait in the server's queue; None: it has no such figure; "silent": it did not answer at all.
Queue = int | Literal["silent"] | None


@dataclass(frozen=True, slots=True)
class ServerMetrics:
    """Where one request's time went, by the server's clock; None where it does not tell.

    In vLLM's words: queue_time_ms, time_to_first_token_ms (counted from the end of the queue, not from the request),
    generation_time_ms, mean_itl_ms.
    """

    queue_ms: float | None
    prompt_ms: float | None
    decode_ms: float | None
    itl_ms: float | None

    @classmethod
    def told(cls, metrics: object) -> ServerMetrics | None:
        """Of a chunk's `metrics`; None where there is no time in it."""
        if not isinstance(metrics, dict):
            return None

        def time_of(name: str) -> float | None:
            value = metrics.get(name)
            return float(value) if isinstance(value, int | float) and 0 <= value <= LONGEST_MS else None

        names = ("queue_time_ms", "time_to_first_token_ms", "generation_time_ms", "mean_itl_ms")
        times = [time_of(name) for name in names]
        return None if all(value is None for value in times) else cls(*times)

    @property
    def total_ms(self) -> float | None:
        """From entering the queue to the last token; None unless all three parts are known."""
        if self.queue_ms is None or self.prompt_ms is None or self.decode_ms is None:
            return None
        return self.queue_ms + self.prompt_ms + self.decode_ms


def waiting_in(prometheus: str) -> int | None:
    """The number of requests in the queue, of all engines together; None where the text does not say."""
    try:
        counts = [float(count) for count in WAITING.findall(prometheus)]
        return int(sum(counts)) if counts else None
    except (ValueError, OverflowError):  # OverflowError: infinity
        return None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the server told of its queue when it was asked at the monotonic time `asked_at`."""

    queue: Queue
    asked_at: float


class QueueWatch:
    """The length of the server's queue, asked at most once a second, however many answers wait for it.

    `metrics` gets `/metrics` of it, or raises one of `CLIENT_ERRORS`.
    """

    def __init__(self, metrics: Callable[[], Awaitable[bytes]]) -> None:
        self._metrics = metrics
        self._asking: asyncio.Task[None] | None = None
        self._seen = Seen(None, -FRESH_S)

    async def look(self, patience_s: float) -> Seen:
        """The queue as last heard of; the server has `patience_s` seconds to tell newer."""
        if self._asking is None and time.monotonic() - self._seen.asked_at >= FRESH_S:
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None:
            await asyncio.wait([self._asking], timeout=patience_s)
        return self._seen

    async def _ask(self) -> None:
        asked_at = time.monotonic()
        queue: Queue = "silent"
        try:
            async with asyncio.timeout(PATIENCE_S):
                queue = waiting_in((await self._metrics()).decode(errors="replace"))
        except (BadStatus, ValueError):  # ValueError: more than it can have to tell
            queue = None
        except CLIENT_ERRORS as error:
            logger.info("/metrics: %s", type(error).__name__)
        finally:
            self._seen, self._asking = Seen(queue, asked_at), None
