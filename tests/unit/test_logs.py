"""JSON lines: one line each, whatever is logged, without what an exception quotes."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from chat.errors import BackendBroke, BackendFailing, TurnError
from chat.logs import JsonLines, about

TURN = "0b8e63f0-58a1-4f0e-9d59-7f7f3f1f3b0c"


def line(message: str, *arguments: object, error: BaseException | None = None, **extra: object) -> dict[str, Any]:
    trace = (type(error), error, error.__traceback__) if error else None
    record = logging.makeLogRecord(
        {"name": "chat.test", "levelname": "WARNING", "msg": message, "args": arguments, "exc_info": trace, **extra}
    )
    written = JsonLines().format(record)
    assert len(written.splitlines()) == 1
    parsed: dict[str, Any] = json.loads(written)
    return parsed


def test_a_line_says_when_who_and_what() -> None:
    written = line("%s of %d", "one", 2, fields={"ending": "complete"})
    assert written.pop("time").endswith("+00:00")
    expected = {"level": "warning", "logger": "chat.test", "message": "one of 2", "ending": "complete"}
    assert written == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\x85"])
def test_a_line_cannot_be_forged(end: str) -> None:
    assert line("refused: %s", f'x{end}{{"level": "info"}}')["message"] == f'refused: x{end}{{"level": "info"}}'


def test_an_exception_is_its_type_and_place() -> None:
    try:
        raise ValueError("what the user typed")
    except ValueError as error:
        written = line("%s failed", "on_message", error=error)
    assert written["exception"] == "ValueError"
    assert written["at"][0].startswith(f"{__file__}:")
    assert "what the user typed" not in str(written)


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ValueError("what the user typed"), "ValueError"),
        (BackendFailing("500: what the user typed"), "BackendFailing (500)"),
        (BackendBroke("ClientPayloadError('what the user typed')"), "BackendBroke (ClientPayloadError)"),
        (BackendBroke("what the user typed"), "BackendBroke"),
    ],
)
def test_an_exception_in_a_message_too(error: TurnError | ValueError, shown: str) -> None:
    assert line("model server: %s", error)["message"] == f"model server: {shown}"


async def test_a_line_names_the_turn_of_its_task() -> None:
    async def answer(turn_id: str) -> object:
        about(turn_id)
        return (await asyncio.create_task(work())).get("turn")

    async def work() -> dict[str, Any]:
        return line("in a task of its own")

    other = TURN.replace("0", "1")
    assert list(await asyncio.gather(answer(TURN), answer(other))) == [TURN, other]
    assert await asyncio.create_task(answer("a question in place of an id")) == "of no known form"
    assert "turn" not in line("afterwards")


def test_no_percent_sign_is_taken_for_a_place() -> None:
    assert line("100 %")["message"] == "100 %"
