"""Reading the events of a streamed completion."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.chunks import Chunk, chunks_of
from chat.errors import BackendBroke

TOKENS = [{"choices": [{"delta": {"content": text}}]} for text in ("Hel", "lo", " 你好\n", "é")]


def stream(*events: object, ending: str = "\n") -> bytes:
    lines = [f"data: {event if isinstance(event, str) else json.dumps(event)}{ending}{ending}" for event in events]
    return b": a comment\n\n" + "".join(lines).encode()


async def received(data: bytes, cuts: list[int]) -> list[Chunk]:
    async def pieces() -> AsyncIterator[bytes]:
        bounds = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
        for start, end in pairwise(bounds):
            yield data[start:end]

    return [chunk async for chunks in chunks_of(pieces()) for chunk in chunks]


@given(st.lists(st.integers(0, 1000), max_size=20), st.sampled_from(["\n", "\r\n"]))
async def test_however_it_is_cut_all_of_it_comes(cuts: list[int], ending: str) -> None:
    assert await received(stream(*TOKENS, "[DONE]", ending=ending), cuts) == TOKENS


@pytest.mark.parametrize(
    ("event", "error"),
    [({"error": {"message": "engine died"}}, BackendBroke), ("[1]", BackendBroke), ('{"cut', ValueError)],
)
async def test_what_came_before_a_failure_counts(event: object, error: type[Exception]) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield stream(*TOKENS, event)

    seen: list[Chunk] = []

    async def read() -> None:
        async for chunks in chunks_of(pieces()):
            seen.extend(chunks)

    with pytest.raises(error):
        await read()
    assert seen == TOKENS
