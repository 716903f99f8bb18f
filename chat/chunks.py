"""The events of a streamed completion, as many at a time as have come.

The openai client makes objects of classes out of each token, which costs many times what reading its JSON does.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import jiter

from chat.errors import BackendBroke

Chunk = dict[str, Any]


async def chunks_of(received: AsyncIterator[bytes]) -> AsyncGenerator[list[Chunk], None]:
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


def _parsed(event: bytes) -> Chunk:
    try:
        chunk = _value(event)
        if not isinstance(chunk, dict):
            raise BackendBroke(f"an event that is no object: {event[:200]!r}")
        if chunk.get("error"):
            raise BackendBroke(f"an error event: {chunk['error']}")
    except RecursionError:
        raise BackendBroke("an event that is nested too deeply") from None
    return chunk


def _value(event: bytes) -> object:
    try:
        value: object = jiter.from_json(event)
    except ValueError:
        value = json.loads(event)  # four times as slow, but it takes one half of a character, which servers send
    return value
