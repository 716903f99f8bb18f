"""What the tests of faults behind the page have in common: events of a stream, and what is asked of the page."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

from chat.texts import LANGUAGES, text
from tests.chat_client import ChatClient, Reply
from tests.fake_vllm import FakeVllm, Script

HELLO = Script(["Hello", " there."])


def event(**content: object) -> bytes:
    """One event of a stream."""
    return (
        b"data: "
        + json.dumps({"id": "x", "object": "chat.completion.chunk", "model": "m", **content}).encode()
        + b"\n\n"
    )


def piece(delta: object, finish_reason: str | None = None) -> bytes:
    """A piece of an answer, as vLLM sends it."""
    return event(choices=[{"index": 0, "delta": delta, "finish_reason": finish_reason}])


HEL = piece({"content": "Hel"})


async def explained(fake: FakeVllm, url: str, script: Script, key: str, kept: str = "") -> None:
    """Ask in both languages while `script` goes on: sentence `key`, `kept` of the answer; then all is well again."""
    async with AsyncExitStack() as stack:
        pages = [await stack.enter_async_context(ChatClient(url, language)) for language in LANGUAGES]
        fake.script = script
        replies: list[Reply] = await asyncio.gather(*(page.ask("Hello?") for page in pages))
        for language, page, reply in zip(LANGUAGES, pages, replies, strict=True):
            assert reply.errors == [text(language, key)]
            assert reply.text == kept
            assert reply.status == []  # the sentence has said that it was broken off
            assert "secret-detail" not in str(page.events)
        fake.script, asked = HELLO, len(fake.requests)
        replies = await asyncio.gather(*(page.ask("Again?") for page in pages))
        assert [reply.text for reply in replies] == ["Hello there."] * 2
        kept_turn = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": kept}]
        for request in fake.requests[asked:]:
            assert request["messages"][1:] == [*(kept_turn if kept else []), {"role": "user", "content": "Again?"}]


async def answered(fake: FakeVllm, url: str, script: Script, whole: str, *, json_mode: bool = False) -> None:
    """An oddity that is no fault: the answer is whole, without a word of error, and the next one works."""
    fake.script = script
    async with ChatClient(url) as chat:
        reply = await chat.ask("Hello?", json_mode=json_mode)
        assert (reply.text, reply.errors) == (whole, [])
        fake.script = HELLO
        assert (await chat.ask("Again?")).text == "Hello there."
