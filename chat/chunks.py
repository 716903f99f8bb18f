"""The events of a streamed completion, as many at a time as have come.

The openai client makes objects of classes out of each token, which costs many times what reading its JSON does.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import jiter

from chat.errors import BackendBroke

Chunk = dict[str, Any]
LONGEST_EVENT = 4_000_000  # bytes


async def chunks_of(received: AsyncIterator[bytes]) -> AsyncGenerator[list[Chunk], None]:
    """What the server-sent events of a completion hold; an empty list where what has come was none, or none as a whole.

    Raises `BackendBroke` where the server itself says that it failed, ValueError for what is no JSON. Neither says what
    it was: it may be someone's answer.
    """
    rest, begun = b"", False
    async for data in received:
        *lines, rest = (rest + data).split(b"\n")
        if lines and not begun:
            lines[0], begun = lines[0].removeprefix(codecs.BOM_UTF8), True
        events = [line[5:].strip() for line in lines if line.startswith(b"data:")]
        chunks: list[Chunk] = []
        failure: Exception | None = None
        try:
            chunks += (_parsed(event) for event in events if event != b"[DONE]")
        except (BackendBroke, ValueError) as error:
            failure = error  # what came before it counts
        yield chunks
        if failure:
            raise failure
        if len(rest) > LONGEST_EVENT:
            raise BackendBroke("an event without an end")


def _parsed(event: bytes) -> Chunk:
    try:
        chunk = _value(event)
        if not isinstance(chunk, dict):
            raise BackendBroke("an event that is no object")
        if error := chunk.get("error"):
            code = error.get("code") if isinstance(error, dict) else None
            raise BackendBroke(f"an error event{f', code {code}' if isinstance(code, int) else ''}")
    except RecursionError:
        raise BackendBroke("an event that is nested too deeply") from None
    return chunk


def _value(event: bytes) -> object:
    try:
        value: object = jiter.from_json(event)
    except ValueError:
        value = json.loads(event)  # four times as slow, but it takes one half of a character, which servers send
    return value
