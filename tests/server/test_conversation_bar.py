"""The context meter under the message box, over the page's own protocol."""

from __future__ import annotations

import threading

import pytest

from chat.export.file import read
from chat.texts import Language, text
from tests.bar_client import exported, imported, metered, tell, told
from tests.chat_client import ChatClient
from tests.fake_vllm import FakeVllm, Script


@pytest.fixture
def script(fake: FakeVllm) -> Script:
    """The fake's next answers, as they are unless a test says otherwise."""
    fake.script = Script()
    return fake.script


async def test_the_meter_counts_what_the_next_question_would_send(
    fake: FakeVllm, fake_app_url: str, script: Script
) -> None:
    async with ChatClient(fake_app_url) as chat:
        await chat.set(system_prompt="Be brief.", preset="custom")
        await chat.ask("Hello")
        draft = "What is it?"
        shown = await metered(chat, draft)
        assert shown["state"] == "ok"
        await chat.ask(draft)
        assert shown["tokens"] == sum(len(message["content"]) for message in fake.requests[-1]["messages"])
        assert (shown["context"], shown["limit"]) == (2048, 2048 - 500)
        # In JSON mode the line for the model counts, too.
        with_json = await metered(chat, draft, json_mode=True)
        await chat.ask(draft, json_mode=True)
        assert with_json["tokens"] == sum(len(message["content"]) for message in fake.requests[-1]["messages"])


@pytest.mark.parametrize(("language", "question"), [("en-US", "What is vLLM?"), ("zh-CN", "vLLM 是什么？")])
async def test_the_real_server_counts_and_an_imported_turn_is_remembered(
    app_url: str, language: Language, question: str
) -> None:
    name = {"en-US": ("My name is Matilda.", "What is my name?"), "zh-CN": ("我叫欧阳雪晴。", "我叫什么名字？")}
    async with ChatClient(app_url, language) as chat:
        counts = []
        for asked in (name[language][0], question):
            counts.append((await metered(chat, asked))["tokens"])
            await chat.ask(asked)
        out = await exported(chat)
    # To the token what vLLM says that it has read.
    assert [turn.answers[0].facts.prompt_tokens for turn in read(out["text"]).turns] == counts
    async with ChatClient(app_url, language) as chat:
        await imported(chat, out["text"])
        reply = await chat.ask(name[language][1])
    assert ("Matilda" if language == "en-US" else "欧阳雪晴") in reply.text


async def test_what_would_be_left_out_is_named(fake: FakeVllm, fake_app_url: str, script: Script) -> None:
    async with ChatClient(fake_app_url, "zh-CN") as chat:
        await chat.set(system_prompt="", preset="custom")
        for number in range(3):
            await chat.ask(f"Question {number} " + "x" * 400)
        shown = await metered(chat, "y" * 700)
        assert shown["state"] == "leaves_out"
        assert [name[:11] for name in shown["names"]] == ["Question 0 "]
        assert shown["names"][0].endswith("…")
        assert shown["note"] == text("zh-CN", "meter_leaves_out_one")
        # The figure says by how much all of it is too long.
        answer = len("".join(script.pieces))
        whole = 3 * (len("Question 0 ") + 400 + answer) + 700
        assert shown["tokens"] == whole > fake.max_model_len - 500
        sent = whole - len("Question 0 ") - 400 - answer
        values = {"tokens": whole, "sent": sent, "context": fake.max_model_len, "reserve": 500}
        assert shown["help"] == text("zh-CN", "meter_help", **values)
        # And it is exactly what the answer says afterwards.
        reply = await chat.ask("y" * 700)
        assert text("zh-CN", "status_left_out", count=1) in " ".join(reply.status)
        assert len(fake.requests[-1]["messages"]) == 2 * 2 + 1


async def test_a_draft_that_does_not_fit_is_called_so(fake: FakeVllm, fake_app_url: str, script: Script) -> None:
    async with ChatClient(fake_app_url) as chat:
        await chat.set(system_prompt="", preset="custom")
        shown = await metered(chat, "y" * 3000)
        assert (shown["state"], shown["tokens"]) == ("too_long", 3000)
        assert shown["note"] == text("en-US", "meter_too_long", tokens=3000, limit=1548)


async def test_nothing_is_counted_while_an_answer_is_under_way_and_then_it_is(
    fake: FakeVllm, fake_app_url: str, script: Script
) -> None:
    script.held, script.hold_at = threading.Event(), 1
    async with ChatClient(fake_app_url) as chat:
        await metered(chat, "")
        await chat.send("Hello")
        await chat.until(lambda: chat.count("stream_start") > 0)
        meters = len(told(chat, "meter"))
        await tell(chat, "meter_draft", text="typed meanwhile", json_mode=False, number=0)
        # A count begun later than this one would be, in another session, is made.
        async with ChatClient(fake_app_url) as other:
            await metered(other, "typed later")
        assert len(told(chat, "meter")) == meters
        script.held.set()
        await chat.until(lambda: len(told(chat, "meter")) > meters)
        ended = told(chat, "meter")[-1]["tokens"]
        assert (await metered(chat, "typed meanwhil"))["tokens"] == ended - 1


async def test_the_meter_follows_settings_and_versions(fake: FakeVllm, fake_app_url: str, script: Script) -> None:
    async with ChatClient(fake_app_url) as chat:
        await chat.set(system_prompt="", preset="custom")
        reply = await chat.ask("Hello")
        fake.script = Script(["Hi"])
        await chat.act("answer_regenerate", reply.answer_id)
        short = (await metered(chat, "1"))["tokens"]
        meters = len(told(chat, "meter"))
        await chat.call("answer_version", {"id": reply.answer_id, "number": 1})
        await chat.until(lambda: len(told(chat, "meter")) > meters)
        assert told(chat, "meter")[-1]["tokens"] == short + len("Hello there.") - len("Hi")
        meters = len(told(chat, "meter"))
        await chat.set(system_prompt="12345")
        await chat.until(lambda: len(told(chat, "meter")) > meters)
        assert told(chat, "meter")[-1]["tokens"] == short + len("Hello there.") - len("Hi") + 5


async def test_a_server_that_is_away_leaves_the_meter_unknown(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        await metered(chat, "a")
        fake.model, kept = "", fake.model
        fake.max_model_len, length = None, fake.max_model_len  # type: ignore[assignment]  # not a vLLM any more
        try:
            assert (await metered(chat, "ab"))["state"] == "unknown"
        finally:
            fake.model, fake.max_model_len = kept, length
        assert (await metered(chat, "abc"))["state"] == "ok"
