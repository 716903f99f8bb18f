"""How often streams are flushed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from chat.completion import Delta
from chat.flushes import in_flushes
from chat.pace import FLUSHES_PER_S, MANY, SHORTEST_S, Pace


def test_one_stream_is_flushed_every_30_to_50_ms() -> None:
    pace = Pace()
    with pace.stream():
        assert 0.03 <= pace.interval_s <= 0.05
        assert pace.between_reads_s == 0


def test_many_streams_share_what_a_process_can_send() -> None:
    pace = Pace()
    for running in (1, 40, 200, 1000):
        pace.running = running
        assert running / pace.interval_s <= FLUSHES_PER_S * (1 + 1e-9)
        assert pace.interval_s >= SHORTEST_S
        assert (pace.between_reads_s > 0) == (running >= MANY)


def test_while_questions_wait_the_streams_under_way_are_flushed_less_often() -> None:
    pace = Pace()
    pace.running = 799
    before_s = pace.interval_s
    with pace.waiting():
        assert pace.running == 800  # as if it were one of them
        assert 1.5 * before_s <= pace.interval_s <= 3
    assert (pace.running, pace.interval_s) == (799, before_s)


async def test_a_stream_counts_until_it_ends_however_it_does() -> None:
    pace, never = Pace(), asyncio.Event()

    async def deltas() -> AsyncIterator[Delta]:
        yield Delta("a")
        await never.wait()

    flushes = in_flushes(deltas(), pace)
    assert await anext(flushes) == Delta("a")
    assert pace.running == 1
    await flushes.aclose()
    assert pace.running == 0
