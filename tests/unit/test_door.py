"""Where many questions come at once, a few at a time pass."""

from __future__ import annotations

import asyncio
import time

import pytest

from chat import door
from chat.door import LONGEST_S, Door
from chat.model_server import ModelServer
from chat.pace import Pace
from chat.settings import Settings


async def test_the_next_question_enters_when_one_has_left() -> None:
    pace, entered, accepted = Pace(), [], asyncio.Event()
    narrow = Door(at_a_time=1, pace=pace)

    async def ask(number: int) -> None:
        await narrow.enter()
        entered.append(number)
        if number:
            await accepted.wait()
        door.leave()
        door.leave()  # a second time is nothing

    first, *others = (asyncio.create_task(ask(number)) for number in (1, 0, 2, 0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert entered == [1]
    assert pace.running == 3  # the answers under way are flushed as if these were, too
    accepted.set()
    await asyncio.gather(first, *others)
    assert entered == [1, 0, 2, 0]
    assert pace.running == 0
    await narrow.enter()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(narrow.enter(), LONGEST_S / 5)


async def test_a_server_that_takes_its_time_holds_up_nobody() -> None:
    narrow = Door(at_a_time=1, pace=Pace())
    await narrow.enter()
    start = time.monotonic()
    await asyncio.wait_for(narrow.enter(), 5)
    assert time.monotonic() - start >= LONGEST_S * 0.9


async def test_who_gives_up_waiting_takes_nobodys_place() -> None:
    narrow = Door(at_a_time=1, pace=Pace())
    await narrow.enter()
    stopped = asyncio.create_task(narrow.enter())
    await asyncio.sleep(0)
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    door.leave()
    await asyncio.wait_for(narrow.enter(), LONGEST_S / 2)


def test_without_a_door_leaving_is_nothing() -> None:
    door.leave()


async def test_a_question_that_has_been_sent_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the server takes to accept it."""
    monkeypatch.setattr(door, "LONGEST_S", 60)
    sent = asyncio.Event()

    async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        sent.set()
        await reader.read()  # until the other side hangs up
        writer.close()

    listening = await asyncio.start_server(says_nothing, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    monkeypatch.setenv("PAGODA_BACKEND_URL", f"http://127.0.0.1:{port}/v1")
    model_server = ModelServer(Settings())
    narrow = Door(at_a_time=1, pace=Pace())

    async def ask() -> None:
        await narrow.enter()
        async with model_server.answering({}):
            raise AssertionError

    asking = asyncio.create_task(ask())
    await asyncio.wait_for(sent.wait(), 10)
    await asyncio.wait_for(narrow.enter(), 10)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await model_server._session.close()
    listening.close()
    await asyncio.sleep(0.1)
