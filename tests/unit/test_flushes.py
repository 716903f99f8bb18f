"""Gathering deltas into flushes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from chat.completion import Delta
from chat.flushes import in_flushes
from chat.pace import Pace


class AtOnce(Pace):
    interval_s = 0.0


AT_ONCE = AtOnce()


async def test_the_first_delta_comes_at_once_and_the_rest_together() -> None:
    gate = asyncio.Event()

    async def deltas() -> AsyncIterator[Delta]:
        yield Delta("first")
        await gate.wait()
        for letter in "abc":
            yield Delta(letter)

    async with aclosing(in_flushes(deltas())) as flushes:
        assert await anext(flushes) == Delta("first")
        gate.set()
        assert [flush async for flush in flushes] == [Delta("abc")]


async def test_reasoning_and_answer_are_never_in_one_flush() -> None:
    gate = asyncio.Event()

    async def deltas() -> AsyncIterator[Delta]:
        yield Delta("first", reasoning=True)
        await gate.wait()
        yield Delta(" thought", reasoning=True)
        yield Delta("An")
        yield Delta("swer")

    async with aclosing(in_flushes(deltas())) as flushes:
        assert await anext(flushes) == Delta("first", reasoning=True)
        gate.set()
        assert [flush async for flush in flushes] == [Delta(" thought", reasoning=True), Delta("Answer")]


async def test_nothing_is_lost_when_the_source_fails() -> None:
    async def deltas() -> AsyncIterator[Delta]:
        yield Delta("a")
        yield Delta("b")
        raise ConnectionError("gone")

    received = []

    async def consume() -> None:
        async for flush in in_flushes(deltas(), AT_ONCE):
            received.append(flush)

    with pytest.raises(ConnectionError):
        await consume()
    assert "".join(flush.text for flush in received) == "ab"


async def test_an_empty_source_ends() -> None:
    async def deltas() -> AsyncIterator[Delta]:
        for letter in "":
            yield Delta(letter)

    assert [flush async for flush in in_flushes(deltas())] == []


async def test_cancelling_closes_the_source() -> None:
    closed = asyncio.Event()

    async def deltas() -> AsyncIterator[Delta]:
        try:
            yield Delta("a")
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def consume() -> None:
        async with aclosing(in_flushes(deltas(), AT_ONCE)) as flushes:
            async for _ in flushes:
                started.set()

    started = asyncio.Event()
    task = asyncio.create_task(consume())
    await started.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.wait_for(closed.wait(), 1)
