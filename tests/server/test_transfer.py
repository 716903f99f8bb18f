"""Export and import of a conversation, over the page's own protocol."""

from __future__ import annotations

import json
import threading

import pytest

from chat.export.file import read
from chat.texts import LANGUAGES, Language, text
from tests.bar_client import NOW, answer_to, exported, imported, metered, tell, told
from tests.chat_client import ChatClient
from tests.fake_vllm import FakeVllm, Script

BOOKS = {"books": [{"title": "Emma", "author": "Jane Austen"}]}
OWN = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}


@pytest.fixture
def script(fake: FakeVllm) -> Script:
    """The fake's next answers, as they are unless a test says otherwise."""
    fake.script = Script()
    return fake.script


async def test_an_import_during_an_answer_is_refused_before_anything_is_asked(
    fake: FakeVllm, fake_app_url: str, script: Script
) -> None:
    async with ChatClient(fake_app_url) as chat:
        await chat.ask("Hello")
        out = await exported(chat)
        fake.script = Script(held=threading.Event())
        await chat.send("Another")
        await chat.until(lambda: len(fake.requests) and fake.requests[-1]["messages"][-1]["content"] == "Another")
        await tell(chat, "conversation_import", name="kept.json", text=out["text"])
        await chat.until(lambda: len(told(chat, "conversation_said")) > 0)
        assert told(chat, "conversation_said")[-1]["text"] == text("en-US", "import_busy")
        assert told(chat, "conversation_question") == []
        assert fake.script.held is not None
        fake.script.held.set()


async def test_a_conversation_goes_out_and_comes_in_again(fake: FakeVllm, fake_app_url: str, script: Script) -> None:
    async with ChatClient(fake_app_url) as chat:
        await chat.set(system_prompt="Be brief.", preset="custom", temperature=0.3, seed=7)
        script.reasoning = ["It is ", "a greeting."]
        first = await chat.ask("Hello, I am Ada")
        fake.script = Script(["Hi", " Ada."])
        await chat.act("answer_regenerate", first.answer_id)
        fake.script = Script([json.dumps(BOOKS)])
        await chat.ask("List books", schema="books")
        fake.script = Script(["Cut"], finish_reason="length")
        await chat.ask("More")
        out = await exported(chat)
    assert (out["name"], out["mime"]) == ("pagoda-2026-03-04-0506.json", "application/json")
    file = read(out["text"])
    assert (file.model, file.settings.temperature, file.settings.seed) == ("fake-model", 0.3, 7)
    assert [[answer.text for answer in turn.answers] for turn in file.turns] == [
        ["Hello there.", "Hi Ada."],
        [json.dumps(BOOKS)],
        ["Cut"],
    ]
    assert [turn.shown for turn in file.turns] == [2, 1, 1]
    assert file.turns[0].answers[0].reasoning == "It is a greeting."
    assert file.turns[1].answers[0].verdict == "valid"
    assert file.turns[0].answers[1].facts.completion_tokens == 2

    async with ChatClient(fake_app_url) as chat:
        await imported(chat, out["text"])
        assert chat.count("resume_thread") == 1
        questions = [m["output"] for m in chat.of("new_message") if m["type"] == "user_message"]
        assert questions == ["Hello, I am Ada", "List books", "More"]
        shown = chat.reply()
        assert (shown.verdict, shown.canvas and shown.canvas["schema_name"]) == ("valid", "Books")
        assert text("en-US", "status_cut", max_tokens=500) in shown.status
        lines = [e["props"] for e in chat.of("element") if e["name"] == "AnswerStatus"]
        assert [line["version"] for line in lines] == [
            {"number": 2, "of": 2},
            {"number": 1, "of": 1},
            {"number": 1, "of": 1},
        ]
        # What was imported is what the next question is asked with, settings included.
        fake.script = Script()
        await chat.ask("Who am I?")
        asked = fake.requests[-1]
        assert [m["content"] for m in asked["messages"]] == [
            "Be brief.",
            "Hello, I am Ada",
            "Hi Ada.",
            "List books",
            json.dumps(BOOKS),
            "More",
            "Cut",
            "Who am I?",
        ]
        assert (asked["temperature"], asked["seed"]) == (0.3, 7)
        # The other version is there with its reasoning, and exporting again gives the same turns.
        await chat.call("answer_version", {"id": lines[0]["id"], "number": 1})
        again = chat.reply()
        assert again.thought is not None
        assert again.thought["text"] == "It is a greeting."
        second = json.loads((await exported(chat))["text"])
    first_turns = json.loads(out["text"])["turns"]
    first_turns[0]["shown"] = 1
    assert second["turns"][:3] == first_turns


async def test_an_imported_answer_can_be_continued_and_edited(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(["Once upon"], finish_reason="length")
    async with ChatClient(fake_app_url) as chat:
        await chat.ask("Tell")
        out = await exported(chat)
    async with ChatClient(fake_app_url) as chat:
        await imported(chat, out["text"])
        line = next(e["props"] for e in chat.of("element") if e["name"] == "AnswerStatus")
        assert line["actions"] == {"copy": True, "regenerate": True, "continue": True}
        fake.script = Script([" a time."])
        assert (await chat.act("answer_continue", line["id"])).text == "Once upon a time."
        assert fake.requests[-1]["messages"][-1]["content"] == "Once upon"
        question = next(m["id"] for m in chat.of("new_message") if m["type"] == "user_message")
        fake.script = Script()
        assert (await chat.ask("Tell me", message_id=question)).text == "Hello there."
        assert fake.requests[-1]["messages"][-1]["content"] == "Tell me"


async def test_a_schema_that_is_not_known_here_comes_along(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(['{"word": "a"}'])
    async with ChatClient(fake_app_url) as chat:
        saved = await chat.call("schema_save", {"id": None, "name": "Word", "text": json.dumps(OWN)})
        await chat.ask("A word", schema=saved["id"])
        out = await exported(chat)
    async with ChatClient(fake_app_url) as chat:
        await imported(chat, out["text"])
        assert chat.reply().verdict == "valid"
        question = next(m for m in chat.of("new_message") if m["type"] == "user_message")
        await chat.ask("Another", message_id=question["id"], schema=question["modes"]["schema"])
        assert fake.requests[-1]["response_format"]["json_schema"]["schema"] == OWN


async def test_a_question_without_an_answer_can_be_answered_after_the_import(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(status=500)
    async with ChatClient(fake_app_url) as chat:
        await chat.ask("Hello")
        out = await exported(chat)
    assert read(out["text"]).turns[0].answers == []
    async with ChatClient(fake_app_url, "zh-CN") as chat:
        await imported(chat, out["text"])
        assert chat.reply().errors == [text("zh-CN", "error_not_answered")]
        line = next(e["props"] for e in chat.of("element") if e["name"] == "AnswerStatus")
        fake.script = Script()
        assert (await chat.act("answer_regenerate", line["id"])).text == "Hello there."


async def test_a_conversation_is_replaced_only_when_the_user_says_so(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script()
    async with ChatClient(fake_app_url) as chat:
        await chat.ask("The old one")
        out = await exported(chat)
    async with ChatClient(fake_app_url) as chat:
        await chat.ask("The new one")
        asked = await answer_to(chat, "conversation_question", "conversation_import", name="old.json", text=out["text"])
        assert "“old.json”" in asked["text"]
        assert "2026-03-04 05:06" in asked["text"]
        await chat.ask("Still there?")
        assert [m["content"] for m in fake.requests[-1]["messages"][1::2]] == ["The new one", "Still there?"]
        toasts = chat.count("toast")
        await tell(chat, "conversation_replace")
        await chat.until(lambda: chat.count("toast") > toasts)
        await chat.ask("And now?")
        assert [m["content"] for m in fake.requests[-1]["messages"][1::2]] == ["The old one", "And now?"]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_bad_file_changes_nothing_and_is_explained(
    fake: FakeVllm, fake_app_url: str, language: Language
) -> None:
    fake.script = Script()
    async with ChatClient(fake_app_url, language) as chat:
        await chat.ask("Hello")
        file = json.loads((await exported(chat))["text"])
        file["turns"][0]["answers"][0]["ending"] = "never"
        said = await answer_to(chat, "conversation_said", "conversation_import", name="a.json", text=json.dumps(file))
        assert "turns[0].answers[0].ending" in said["text"]
        reason = text(language, "import_reason_choice", expected="")
        assert reason[:2] in said["text"]
        # A schema that must not go to the server is explained by the schema check.
        file["turns"][0]["answers"][0]["ending"] = "complete"
        file["turns"][0]["json"] = {"id": "x", "name": "x", "schema": {"type": "array"}}
        said = await answer_to(chat, "conversation_said", "conversation_import", name="a.json", text=json.dumps(file))
        assert "turns[0].json.schema" in said["text"]
        await chat.ask("Still there?")
        assert len(fake.requests[-1]["messages"]) == 4


async def test_markdown_can_be_read_on_its_own(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script()
    async with ChatClient(fake_app_url) as chat:
        said = await answer_to(chat, "conversation_said", "conversation_export", format="markdown", now=NOW)
        assert said["text"] == text("en-US", "export_nothing")
        await chat.ask("Hello")
        out = await exported(chat, "markdown")
    assert out["name"] == "pagoda-2026-03-04-0506.md"
    assert out["text"].startswith("# Hello\n")
    for part in ("fake-model", "2026-03-04 05:06 +0800", "> Hello", "\nHello there.\n", "→ 3 tokens"):
        assert part in out["text"], part


async def test_what_is_not_well_formed_is_left_aside(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script()
    async with ChatClient(fake_app_url) as chat:
        for forged in ({"text": 5}, {"number": -1}, {"json_mode": 1}, {"more": 2}):
            await tell(chat, "meter_draft", **{"text": "x", "json_mode": False, "number": 1, **forged})
        await tell(chat, "conversation_export", format="pdf", now=NOW)
        await tell(chat, "conversation_export", format="json", now="yesterday")
        await tell(chat, "conversation_replace")
        assert (await metered(chat, "\ud83d"))["state"] == "ok"
        assert (await chat.ask("Hello")).text == "Hello there."
        assert told(chat, "conversation_file") == []
