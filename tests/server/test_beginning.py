"""What is asked of the model server before an answer's first token, and what of it is asked later or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import aiohttp
import pytest

from chat.texts import text
from tests.chat_client import ChatClient
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import app_service

CONTEXT = 32768


@pytest.fixture(scope="module")
def large() -> Iterator[FakeVllm]:
    """A model server whose context a short question cannot fill."""
    with FakeVllm(max_model_len=CONTEXT) as fake:
        yield fake


@pytest.fixture(scope="module")
def large_url(large: FakeVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    with app_service(port, large.url, tmp_path_factory.mktemp("app") / "app.log"):
        yield f"http://127.0.0.1:{port}"


def asked_length(fake: FakeVllm) -> int:
    return sum(len(message["content"]) for message in fake.requests[-1]["messages"])


async def test_a_question_that_fits_for_certain_is_not_counted(large: FakeVllm, large_url: str) -> None:
    large.script = Script(["Yes"], held=(held := threading.Event()))
    async with ChatClient(large_url) as chat:
        asked, counted, ended = len(large.requests), large.counted, chat.count("task_end")
        await chat.send("Hello?")
        await large.until(lambda: len(large.requests) > asked)
        assert large.counted == counted
        assert large.requests[-1]["max_tokens"] < CONTEXT
        held.set()
        await chat.until(lambda: chat.count("task_end") > ended)
        assert chat.reply().facts["tokens"] == f"{asked_length(large):,} → 1 tokens"


async def test_a_question_that_may_not_fit_is_counted_first(large: FakeVllm, large_url: str) -> None:
    large.script = Script(["Yes"])
    async with ChatClient(large_url) as chat:
        asked, counted = len(large.requests), large.counted
        # Of two bytes each, and of one token in this server.
        reply = await chat.ask("é" * (CONTEXT // 2))
        assert large.counted > counted
        assert len(large.requests) == asked + 1
        assert reply.text == "Yes"
        room = CONTEXT - asked_length(large)
        assert large.requests[-1]["max_tokens"] <= room
        reply = await chat.ask("e" * (CONTEXT - 10))
        assert len(large.requests) == asked + 1
        assert reply.errors or reply.text


async def test_a_stopped_answer_tells_how_long_its_prompt_was(large: FakeVllm, large_url: str) -> None:
    large.script = Script(["One", "two"], hold_at=1, held=threading.Event())
    async with ChatClient(large_url) as chat:
        ended = chat.count("task_end")
        await chat.send("Hello?")
        await chat.until(lambda: chat.count("stream_start") > 0)
        await chat.emit("stop")
        await chat.until(lambda: chat.count("task_end") > ended)
        told = text("en-US", "fact_line_tokens_read", read=f"{asked_length(large):,}")
        assert chat.reply().facts["tokens"] == told


async def test_who_waits_is_told_how_long_the_prompt_is(large: FakeVllm, large_url: str) -> None:
    large.script = Script(["Yes"], held=(held := threading.Event()))
    async with ChatClient(large_url) as chat:
        ended = chat.count("task_end")
        await chat.send("Hello?")
        await chat.until(lambda: any(element["props"].get("wait") for element in chat.of("element")))
        held.set()
        await chat.until(lambda: chat.count("task_end") > ended)
        waits = chat.reply().waits
        assert [wait["prompt_tokens"] for wait in waits if wait["phase"] == "reading"] == [asked_length(large)]


async def test_events_are_not_compressed(large_url: str) -> None:
    url = f"{large_url}/ws/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, compress=15) as socket:
        assert socket.compress == 0
