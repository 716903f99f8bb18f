"""How much one user may ask, and how long: through a real app process, in front of a model server that misbehaves."""

from __future__ import annotations

import threading

from chat.texts import text
from tests.chat_client import ChatClient
from tests.fake_vllm import FakeVllm, Script

HELLO = Script(["Hello", " there."])


async def test_fault_24_a_message_that_is_too_long_is_refused_with_its_length(fake: FakeVllm, narrow_url: str) -> None:
    """The page says how long the message is and how long it may be; the model is not asked; the next one works."""
    fake.script, asked = HELLO, len(fake.requests)
    async with ChatClient(narrow_url) as chat:
        for question in ("你" * 1001, "x" * 1_200_000):
            sentence = text("en-US", "error_too_long", length=len(question), limit=1000)
            assert (await chat.ask(question)).errors == [sentence]
        assert len(fake.requests) == asked
        assert (await chat.ask("x" * 1000)).text == "Hello there."
        assert [message["content"] for message in fake.requests[-1]["messages"][1:]] == ["x" * 1000]


async def test_fault_32_a_huge_system_prompt_is_refused(narrow_url: str) -> None:
    """The page says how long a system prompt may be, and keeps the one before."""
    async with ChatClient(narrow_url) as chat:
        before = chat.of("chat_settings")[-1]
        await chat.set(system_prompt="x" * 32_001)
        assert chat.of("chat_settings")[-1] == before
        sentence = text("en-US", "error_prompt_too_long", field=text("en-US", "setting_system_prompt"), limit=32_000)
        assert sentence in str(chat.events)
        await chat.set(system_prompt="y" * 32_000)
        assert "y" * 32_000 in str(chat.of("chat_settings")[-1])


async def test_fault_84_answers_at_once_are_limited_for_each_address(fake: FakeVllm, narrow_url: str) -> None:
    """Who has as many answers under way as allowed is told so in a sentence; somebody else is answered meanwhile."""
    fake.script = Script(["slow"], held=threading.Event())
    busy = [ChatClient(narrow_url) for _ in range(3)]
    sentence = text("en-US", "error_too_many_answers", limit=2)
    async with busy[0] as one, busy[1] as other, busy[2] as third:
        asked = len(fake.requests)
        await one.send("1")
        await one.send("2")  # waits for its turn in the session, and counts
        await fake.until(lambda: len(fake.requests) == asked + 1)
        assert (await other.ask("3")).errors == [sentence]
        await one.emit("stop")
        await one.until(lambda: one.count("task_end") >= 4)
        fake.script = HELLO
        reply = await third.ask("4")
        assert reply.text == "Hello there."
        assert (await third.act("answer_regenerate", reply.answer_id)).text == "Hello there."
        fake.script = Script(["slow"], held=threading.Event())
        await one.send("5")
        await other.send("6")
        await fake.until(lambda: len(fake.requests) >= asked + 5)
        assert await third.call("answer_regenerate", {"id": reply.answer_id}) == {"error": sentence}
        fake.script.held.set() if fake.script.held else None


async def test_fault_12_a_full_queue_is_tried_again(fake: FakeVllm, narrow_url: str) -> None:
    """Where the queue is full for a moment, the question is asked again by itself, and answered without an error."""
    fake.script, asked = Script(status=503), len(fake.requests)
    async with ChatClient(narrow_url) as chat:
        await chat.send("Hello?")
        await fake.until(lambda: len(fake.requests) >= asked + 2)
        fake.script = HELLO
        await chat.until(lambda: chat.count("task_end") >= 3)
        reply = chat.reply()
        assert (reply.text, reply.errors) == ("Hello there.", [])


async def test_fault_06_a_first_token_may_take_longer_than_the_next(fake: FakeVllm, narrow_url: str) -> None:
    """A first token that takes longer than later ones may is waited for; the answer is complete."""
    async with ChatClient(narrow_url) as chat:
        fake.script = Script(["late"], delay_s=1.7)
        assert (await chat.ask("Hello?")).text == "late"
        held = threading.Event()
        fake.script = Script(["early", "late"], held=held, hold_at=1)
        threading.Timer(2, held.set).start()
        reply = await chat.ask("Hello?")
        assert (reply.text, reply.errors) == ("early", [text("en-US", "error_backend_silent")])


async def test_an_answer_ends_after_its_time_and_what_arrived_stays(fake: FakeVllm, narrow_url: str) -> None:
    fake.script = Script(["word "] * 50, delay_s=0.2)
    async with ChatClient(narrow_url) as chat:
        reply = await chat.ask("Hello?")
        assert reply.errors == [text("en-US", "error_answer_too_long", minutes=1)]
        assert 5 <= reply.text.count("word") <= 12
        await fake.until(lambda: fake.aborted > 0)
        fake.script = HELLO
        assert (await chat.ask("Again?")).text == "Hello there."
