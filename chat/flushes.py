"""Gathering the deltas of an answer into flushes, the pieces that go to the page.

A socket event per token starves Chainlit's writer (one task per event), so that a fast model's first words arrive late.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from chat.completion import Delta
from chat.pace import PACE, Pace


async def in_flushes(deltas: AsyncIterator[Delta], pace: Pace = PACE) -> AsyncGenerator[Delta, None]:
    """Gather deltas: the first at once, then all that has come, no more often than `pace` allows.

    Reasoning and answer are never in one flush.
    """
    pending: list[Delta] = []
    arrived = asyncio.Event()

    async def read() -> None:
        try:
            async for delta in deltas:
                pending.append(delta)
                arrived.set()
        finally:
            arrived.set()

    reader = asyncio.create_task(read())
    with pace.stream():
        try:
            while not reader.done() or pending:
                await arrived.wait()
                arrived.clear()
                if pending:
                    gathered = _joined(pending)
                    pending.clear()
                    for flush in gathered:
                        yield flush
                    if not reader.done():
                        # The end of the stream is not to wait.
                        await asyncio.wait([reader], timeout=pace.interval_s)
            await reader
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)


def _joined(deltas: list[Delta]) -> list[Delta]:
    """Reasoning and answer each in one piece, in the order they came in: the reasoning first."""
    reasoning = "".join(delta.text for delta in deltas if delta.reasoning)
    answer = "".join(delta.text for delta in deltas if not delta.reasoning)
    flushes = [Delta(reasoning, reasoning=True)] if reasoning else []
    return [*flushes, Delta(answer)] if answer else flushes
