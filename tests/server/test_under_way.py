"""Faults 53 to 58: what a user does while an answer is under way, and settings that no page would send."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from chat.texts import text
from tests.chat_client import ChatClient
from tests.fake_vllm import FakeVllm, Script
from tests.fault_client import HELLO


async def test_fault_53_stop_before_the_first_token(fake: FakeVllm, fake_app_url: str) -> None:
    """The answer is called stopped by the user, the model server is free at once, and the next question works."""
    fake.script, before = Script(["late"], delay_s=30), fake.aborted
    async with ChatClient(fake_app_url) as chat:
        asked, ended = len(fake.requests), chat.count("task_end")
        await chat.send("Hello?")
        await fake.until(lambda: len(fake.requests) > asked)
        await chat.emit("stop")
        await chat.until(lambda: chat.count("task_end") > ended)
        await fake.until(lambda: fake.aborted > before)
        reply = chat.reply()
        assert (reply.text, reply.status, reply.errors) == ("", [text("en-US", "status_stopped")], [])
        fake.script = HELLO
        assert (await chat.ask("Again?")).text == "Hello there."


async def test_stop_keeps_what_has_arrived(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(["one ", "two ", "three ", "four"], delay_s=0.2)
    async with ChatClient(fake_app_url) as chat:
        ended = chat.count("task_end")
        await chat.send("Count")
        await chat.until(lambda: chat.count("stream_token") >= 1)
        await chat.emit("stop")
        await chat.until(lambda: chat.count("task_end") > ended)
        reply = chat.reply()
        assert reply.text
        assert "one two three four".startswith(reply.text)
        assert len(reply.text) < len("one two three four")
        assert reply.status == [text("en-US", "status_stopped")]
        fake.script = HELLO
        await chat.ask("And then?")
        assert fake.requests[-1]["messages"][2] == {"role": "assistant", "content": reply.text}


async def test_fault_57_an_edited_question_can_be_stopped(fake: FakeVllm, fake_app_url: str) -> None:
    """An edited question takes the place of the old one and what came after; its answer can be stopped as any other."""
    fake.script = HELLO
    async with ChatClient(fake_app_url) as chat:
        first = (await chat.ask("First")).question_id
        await chat.ask("Second")
        await chat.ask("First, edited", message_id=first)
        assert [m["content"] for m in fake.requests[-1]["messages"][1:]] == ["First, edited"]
        fake.script, ended, asked = Script(["x"], delay_s=30), chat.count("task_end"), len(fake.requests)
        await chat.send("First, again", message_id=first)
        await fake.until(lambda: len(fake.requests) > asked)
        await chat.emit("stop")
        await chat.until(lambda: chat.count("task_end") > ended)


async def test_fault_55_questions_faster_than_answers(fake: FakeVllm, fake_app_url: str) -> None:
    """They are answered one after the other, in their order, each with those before it in the prompt."""
    fake.script = Script(["ok"], delay_s=0.2)
    async with ChatClient(fake_app_url) as chat:
        asked = len(fake.requests)
        for number in range(3):
            await chat.send(f"question {number}")
        await fake.until(lambda: len(fake.requests) == asked + 3)
        await chat.until(lambda: chat.count("stream_start") == 3)
        sent = [[m["content"] for m in request["messages"][1:]] for request in fake.requests[asked:]]
        assert sent[2] == ["question 0", "ok", "question 1", "ok", "question 2"]


async def test_fault_55_stop_ends_all_that_wait(fake: FakeVllm, fake_app_url: str) -> None:
    """Stop ends the answer under way and the questions that wait for it; the next question works."""
    fake.script = Script(["late"], delay_s=30)
    async with ChatClient(fake_app_url) as chat:
        asked, ended = len(fake.requests), chat.count("task_end")
        for number in range(5):
            await chat.send(f"question {number}")
        await fake.until(lambda: len(fake.requests) > asked)
        await chat.emit("stop")
        await chat.until(lambda: chat.count("task_end") == ended + 5)
        assert len(fake.requests) == asked + 1
        fake.script = HELLO
        assert (await chat.ask("Next")).text == "Hello there."


async def test_fault_56_settings_changed_mid_stream(fake: FakeVllm, fake_app_url: str) -> None:
    """The answer under way goes on as it began; the new settings hold from the next answer on."""
    fake.script = Script(["a", "b"], delay_s=0.2)
    async with ChatClient(fake_app_url) as chat:
        asked, ended = len(fake.requests), chat.count("task_end")
        await chat.send("1")
        await fake.until(lambda: len(fake.requests) > asked)
        await chat.set(temperature=0.25, top_p=0.5, max_tokens=77, seed=5, system_prompt="Be brief.")
        await chat.until(lambda: chat.count("task_end") > ended)
        await chat.ask("2")
        running, following = fake.requests[asked:]
        assert (running["temperature"], "seed" in running) == (0.7, False)
        keys = ("temperature", "top_p", "max_tokens", "seed", "n")
        assert [following[key] for key in keys] == [0.25, 0.5, 77, 5, 1]
        assert following["messages"][0] == {"role": "system", "content": "Be brief."}


def notices(chat: ChatClient) -> list[str]:
    """What was said beside the conversation."""
    said = [data["text"] for data in chat.of("window_message") if data["pagoda"] == "conversation_said"]
    return [sentence for sentence in said if sentence]


FORGED: list[dict[str, Any]] = [
    {"seed": "abc"},
    {"seed": [1]},
    {"temperature": 99},
    {"temperature": "NaN"},
    {"top_p": {}},
    {"max_tokens": -1},
    {"max_tokens": 1e308},
    {"system_prompt": 5},
    {"model": ["fake-model"]},
    {"preset": {"id": "pirate"}},
    {"n": 50},
    {"chat_template": "x"},
    {"__class__": "x"},
]


@pytest.mark.parametrize("forged", FORGED, ids=str)
async def test_fault_58_forged_settings(fake: FakeVllm, fake_app_url: str, forged: dict[str, Any]) -> None:
    """Settings of keys or types that the panel has not are refused in a sentence; the old ones stay and work."""
    fake.script = HELLO
    async with ChatClient(fake_app_url) as chat:
        before = chat.of("chat_settings")[-1]
        await chat.emit("chat_settings_change", forged)
        await chat.until(lambda: len(notices(chat)) > 0)
        assert chat.reply().errors == []
        assert (await chat.ask("Hello?")).text == "Hello there."
        assert chat.of("chat_settings")[-1] == before
        asked = fake.requests[-1]
        assert (asked["temperature"], asked["n"]) == (0.7, 1)
        assert "chat_template" not in asked


@pytest.mark.parametrize("forged", [[], "x", 5, None], ids=str)
async def test_fault_58_settings_that_are_no_object(fake: FakeVllm, fake_app_url: str, forged: object) -> None:
    """What is no set of settings at all changes nothing, and the next question works."""
    fake.script = HELLO
    async with ChatClient(fake_app_url) as chat:
        for event in ("chat_settings_change", "chat_settings_edit"):
            await chat.emit(event, forged)
        assert (await chat.ask("Hello?")).text == "Hello there."
        assert fake.requests[-1]["temperature"] == 0.7


FORGED_QUESTIONS: dict[str, Any] = {
    "nothing": None,
    "a list": [],
    "no message": {},
    "a message of nothing": {"message": None},
    "an id that is none": {"message": {"id": "nope", "output": "x", "createdAt": ""}},
    "an output of no text": {"message": {"id": str(uuid4()), "output": {"a": 1}, "createdAt": ""}},
    "files": {"message": {"id": str(uuid4()), "output": "x", "createdAt": ""}, "fileReferences": [{"id": "../x"}]},
    "modes of a list": {"message": {"id": str(uuid4()), "output": "x", "createdAt": "", "modes": [1]}},
    "modes of lists": {"message": {"id": str(uuid4()), "output": "x", "createdAt": "", "modes": {"schema": [1]}}},
}


@pytest.mark.parametrize("event", ["client_message", "edit_message"])
@pytest.mark.parametrize("forged", FORGED_QUESTIONS)
async def test_a_forged_question_gets_a_sentence_and_nothing_of_pythons(
    fake: FakeVllm, fake_app_url: str, event: str, forged: str
) -> None:
    fake.script, asked = HELLO, len(fake.requests)
    async with ChatClient(fake_app_url) as chat:
        await chat.emit(event, FORGED_QUESTIONS[forged])
        await chat.until(lambda: chat.reply().errors)
        assert chat.reply().errors == [text("en-US", "error_unknown")]
        await chat.emit("stop", {"a": 1})
        assert (await chat.ask("Hello?")).text == "Hello there."
    assert [request["messages"][-1]["content"] for request in fake.requests[asked:]] == ["Hello?"]
