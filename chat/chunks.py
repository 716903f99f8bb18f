"""The events of a streamed completion, as many at a time as have come.

The openai client makes objects of classes out of each token, which costs ten times what reading its JSON does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from chat.errors import BackendBroke
from chat.pace import PACE, Pace

Chunk = dict[str, Any]


async def chunks_of(received: AsyncIterator[bytes], pace: Pace = PACE) -> AsyncGenerator[list[Chunk], None]:
    """What the server-sent events of a completion hold.

    Raises `BackendBroke` where the server itself says that it failed, ValueError for what is no JSON.
    """
    rest = b""
    async for data in received:
        *lines, rest = (rest + data).split(b"\n")
        events = [line[5:].strip() for line in lines if line.startswith(b"data:")]
        chunks: list[Chunk] = []
        failure: Exception | None = None
        try:
            chunks += (_parsed(event) for event in events if event != b"[DONE]")
        except (BackendBroke, ValueError) as error:
            failure = error  # what came before it counts
        if chunks:
            yield chunks
        if failure:
            raise failure
        if b"[DONE]" not in events and pace.between_reads_s:
            await asyncio.sleep(pace.between_reads_s)


def _parsed(event: bytes) -> Chunk:
    chunk = json.loads(event)
    if not isinstance(chunk, dict):
        raise BackendBroke(f"an event that is no object: {event[:200]!r}")
    if chunk.get("error"):
        raise BackendBroke(f"an error event: {chunk['error']}")
    return chunk
