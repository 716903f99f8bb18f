"""Presets, starters, the choice of a model, and what a new chat begins with; in front of a fake model server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chat.presets import LONGEST_PROMPT, presets
from chat.schema.ready import ready_schemas
from chat.texts import Language, text
from tests.chat_client import ChatClient
from tests.fake_vllm import FakeVllm, Script

ADAPTERS = {"sql": "fake-model", "poems": "fake-model"}


@pytest.fixture(autouse=True)
def script(fake: FakeVllm) -> Iterator[None]:
    fake.script = Script(["ok"])
    yield
    fake.adapters = {}


def said(chat: ChatClient, name: str) -> list[Any]:
    """What the app has told the page's script under a name."""
    return [message for message in chat.of("window_message") if message["pagoda"] == name]


async def say(chat: ChatClient, what: str, /, **more: object) -> None:
    await chat.emit("window_message", {"pagoda": what, **more})


async def until_said(chat: ChatClient, name: str, count: int) -> Any:
    await chat.until(lambda: len(said(chat, name)) >= count)
    return said(chat, name)[-1]


def picker(chat: ChatClient, mode: str) -> dict[str, Any] | None:
    """A picker as last shown."""
    return next((shown for shown in chat.of("set_modes")[-1] if shown["id"] == mode), None)


def chosen(shown: dict[str, Any] | None) -> str:
    assert shown is not None
    return str(next(option["id"] for option in shown["options"] if option["default"]))


def field(chat: ChatClient, field_id: str) -> Any:
    """The first value of a field of the settings panel as last shown; LookupError if it is not there."""
    return next(field["initial"] for field in chat.of("chat_settings")[-1] if field["id"] == field_id)


async def begin(chat: ChatClient, preset: str, number: int) -> None:
    """Press a starter, and wait for the end of its answer."""
    ended = chat.count("task_end")
    await say(chat, "starter", preset=preset, number=number)
    await chat.until(lambda: chat.count("task_end") > ended)


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_a_preset_brings_its_prompt_and_its_starters(
    fake: FakeVllm, fake_app_url: str, language: Language
) -> None:
    async with ChatClient(fake_app_url, language) as chat:
        shown = await until_said(chat, "starters", 1)
        assert [preset["name"] for preset in shown["presets"]] == [p.name[language] for p in presets().values()]
        assert shown["chosen"] == "assistant"
        await say(chat, "preset_chosen", name="cook")
        shown = await until_said(chat, "starters", 2)
        offered = presets()["cook"].starters[language]
        assert shown["chosen"] == "cook"
        assert shown["starters"] == [{"label": s.label, "json": s.json_schema is not None} for s in offered]
        assert (field(chat, "preset"), field(chat, "system_prompt")) == ("cook", presets()["cook"].prompt[language])
        await begin(chat, "cook", 1)
        asked = fake.requests[-1]
        assert asked["messages"][0]["content"] == presets()["cook"].prompt[language]
        assert asked["messages"][1]["content"] == offered[1].message
        question = next(m for m in chat.of("new_message") if m["type"] == "user_message")
        assert (question["output"], question["command"]) == (offered[1].message, None)


async def test_a_starter_is_asked_as_it_is_meant_whatever_is_switched_on(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        await say(chat, "schema_chosen", name=ready_schemas()["recipe"].name["en-US"])  # switches JSON on, too
        await chat.until(lambda: chosen(picker(chat, "schema")) == "recipe")
        await begin(chat, "assistant", 1)
        assert "response_format" not in fake.requests[-1]
    async with ChatClient(fake_app_url) as chat:
        await say(chat, "preset_chosen", name="office")
        await until_said(chat, "starters", 2)
        fake.script = Script(["{}"])
        await begin(chat, "office", 1)
        assert fake.requests[-1]["response_format"]["json_schema"]["schema"] == ready_schemas()["invoice"].schema
        # The question's mark names the schema.
        mark = next(m["command"] for m in chat.of("update_message") if m["type"] == "user_message")
        assert mark == f"JSON · {ready_schemas()['invoice'].name['en-US']}"


async def test_a_marked_question_is_still_one_for_json_when_it_is_edited(fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(["{}"])
    async with ChatClient(fake_app_url) as chat:
        reply = await chat.ask("books", schema="books")
        mark = next(m for m in chat.of("update_message") if m["type"] == "user_message")
        ended = chat.count("task_end")
        await chat.emit("edit_message", {"message": {**mark, "output": "more books"}})
        await chat.until(lambda: chat.count("task_end") > ended)
        assert mark["id"] == reply.question_id
        assert fake.requests[-1]["messages"][-1]["content"] == "more books"
        assert fake.requests[-1]["response_format"]["json_schema"]["schema"] == ready_schemas()["books"].schema


@pytest.mark.parametrize("forged", [{"preset": "assistant", "number": 99}, {"preset": "cook", "number": 0}, {}])
async def test_a_starter_that_is_not_shown_is_not_asked(
    fake: FakeVllm, fake_app_url: str, forged: dict[str, object]
) -> None:
    async with ChatClient(fake_app_url) as chat:
        asked = len(fake.requests)
        await say(chat, "starter", **forged)
        await chat.ask("typed")
        assert [request["messages"][-1]["content"] for request in fake.requests[asked:]] == ["typed"]


async def test_an_own_preset_is_saved_changed_and_deleted(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        await chat.set(system_prompt="Speak like a sailor.", save_preset="Sailor")
        kept = await until_said(chat, "own_presets_saved", 1)
        assert kept["presets"] == [{"name": "Sailor", "text": "Speak like a sailor."}]
        assert (field(chat, "preset"), field(chat, "save_preset")) == ("own:Sailor", "Sailor")
        await until_said(chat, "starters", 2)
        # Its name stands in the form: what is changed now changes it.
        await chat.set(system_prompt="Sing like a sailor.")
        kept = await until_said(chat, "own_presets_saved", 2)
        assert kept["presets"] == [{"name": "Sailor", "text": "Sing like a sailor."}]
        await chat.set(delete_preset=True)
        kept = await until_said(chat, "own_presets_saved", 3)
        assert (kept["presets"], kept["gone"]) == ([], ["Sailor"])
        assert field(chat, "preset") == "custom"
        await chat.ask("?")
        assert fake.requests[-1]["messages"][0]["content"] == "Sing like a sailor."
        with pytest.raises(StopIteration):
            field(chat, "delete_preset")


async def test_what_is_wrong_in_the_settings_is_said_beside_the_conversation(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url, "zh-CN") as chat:
        await chat.set(seed="seven")
        wrong = text("zh-CN", "error_form", value="seven", field=text("zh-CN", "setting_seed"))
        assert said(chat, "conversation_said")[-1]["text"] == wrong
        assert chat.reply().errors == []
        # What is right beside it holds.
        await chat.set(seed="-99999999999999999999", system_prompt="Be brief.", temperature=0.3)
        assert (field(chat, "system_prompt"), field(chat, "temperature"), field(chat, "seed")) == ("Be brief.", 0.3, "")
        await chat.ask("?")
        assert fake.requests[-1]["messages"][0]["content"] == "Be brief."
        # Mended, nothing is said any more.
        await chat.set(seed="7")
        assert said(chat, "conversation_said")[-1]["text"] == ""


async def test_what_is_too_long_for_a_preset_is_still_used(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        await chat.set(system_prompt="x" * (LONGEST_PROMPT + 1), save_preset="Long")
        assert said(chat, "conversation_said")[-1]["text"] == text("en-US", "presets_too_long", limit=LONGEST_PROMPT)
        assert chat.reply().errors == []
        assert field(chat, "preset") == "custom"
        assert said(chat, "own_presets_saved") == []


async def test_a_new_chat_begins_as_the_last_one_was_left(fake: FakeVllm, fake_app_url: str) -> None:
    fake.adapters = ADAPTERS
    async with ChatClient(fake_app_url) as before:
        await before.set(system_prompt="Speak like a sailor.", save_preset="Sailor", temperature=0.3, seed=5)
        await say(before, "schema_chosen", name=ready_schemas()["quiz"].name["en-US"])
        await say(before, "model_chosen", name="sql")
        await before.until(lambda: any(kept["choices"]["settings"]["model"] for kept in said(before, "keep_choices")))
        choices = said(before, "keep_choices")[-1]["choices"]
        presets_kept = said(before, "own_presets_saved")[-1]["presets"]
    async with ChatClient(fake_app_url) as chat:
        await say(chat, "own_presets", presets=[*presets_kept, 5, {"name": "x"}, {"name": " ", "text": "x"}])
        await say(chat, "choices", **choices)
        assert (await until_said(chat, "schema_bar", 1))["id"] == "quiz"
        assert (chosen(picker(chat, "schema")), chosen(picker(chat, "model"))) == ("quiz", "sql")
        assert [field(chat, key) for key in ("preset", "temperature", "seed")] == ["own:Sailor", 0.3, "5"]
        fake.script = Script(["{}"])
        await chat.ask("?", json_mode=True)
        asked = fake.requests[-1]
        assert (asked["model"], asked["seed"]) == ("sql", 5)
        assert asked["messages"][0]["content"].startswith("Speak like a sailor.\n")
        assert asked["response_format"]["json_schema"]["schema"] == ready_schemas()["quiz"].schema


async def test_a_question_asked_at_once_waits_for_the_choices(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as before:
        await before.set(system_prompt="Speak like a sailor.")
        choices = (await until_said(before, "keep_choices", 1))["choices"]
    async with ChatClient(fake_app_url, restores=False) as chat:
        asked, started, ended = len(fake.requests), chat.count("task_start"), chat.count("task_end")
        await chat.send("?")
        await chat.until(lambda: chat.count("task_start") > started)
        for _ in range(3):  # time in which the question would have been asked
            await chat.call("schema_check", {"text": "{}"})
        await say(chat, "choices", **choices)
        await say(chat, "restored")
        await chat.until(lambda: chat.count("task_end") > ended)
        assert [request["messages"][0]["content"] for request in fake.requests[asked:]] == ["Speak like a sailor."]
    async with ChatClient(fake_app_url, restores=False) as chat:  # as a page in a frame: after a while without
        assert (await chat.ask("?")).text == "ok"


@pytest.mark.parametrize(
    "forged",
    [
        {"settings": {"temperature": 99}, "schema_name": "x"},
        {"settings": {"n": 100}, "schema_name": "x"},
        {"settings": [], "schema_name": "x"},
        {"settings": {}},
    ],
)
async def test_forged_choices_change_nothing(fake: FakeVllm, fake_app_url: str, forged: dict[str, object]) -> None:
    async with ChatClient(fake_app_url) as chat:
        await say(chat, "choices", **forged)
        await chat.ask("?")
        assert fake.requests[-1]["temperature"] == 0.7
        assert fake.requests[-1].keys() <= {
            *("model", "messages", "n", "stream", "stream_options", "temperature", "top_p", "max_tokens"),
            *("seed", "include_reasoning"),
        }


async def test_one_model_is_no_choice(fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        assert picker(chat, "model") is None


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_the_model_that_is_picked_is_the_one_asked(fake: FakeVllm, fake_app_url: str, language: Language) -> None:
    fake.adapters = ADAPTERS
    async with ChatClient(fake_app_url, language) as chat:
        shown = picker(chat, "model")
        assert shown is not None
        about = [(option["id"], option["description"]) for option in shown["options"]]
        adapter = text(language, "model_adapter", base="fake-model")
        context = text(language, "model_context", context=fake.max_model_len)
        assert about == [("fake-model", context), ("sql", adapter), ("poems", adapter)]
        assert chosen(shown) == "fake-model"
        await chat.ask("?")
        assert fake.requests[-1]["model"] == "fake-model"
        await say(chat, "model_chosen", name="poems")
        await chat.until(lambda: chosen(picker(chat, "model")) == "poems")
        # It holds for the answers after, also when another picker is set anew.
        await chat.ask("?")
        await say(chat, "schema_chosen", name=text(language, "json_any"))
        await chat.ask("?")
        assert [request["model"] for request in fake.requests[-2:]] == ["poems", "poems"]
        assert chosen(picker(chat, "model")) == "poems"


async def test_a_message_goes_to_the_model_its_picker_showed(fake: FakeVllm, fake_app_url: str) -> None:
    fake.adapters = ADAPTERS
    async with ChatClient(fake_app_url) as chat:
        await chat.ask("?", model="sql")
        assert fake.requests[-1]["model"] == "sql"
        await chat.ask("?")
        assert fake.requests[-1]["model"] == "sql"


async def test_a_model_that_has_gone_gets_a_sentence(fake: FakeVllm, fake_app_url: str) -> None:
    fake.adapters = ADAPTERS
    async with ChatClient(fake_app_url) as chat:
        await say(chat, "model_chosen", name="sql")
        await chat.until(lambda: chosen(picker(chat, "model")) == "sql")
        fake.adapters = {"poems": "fake-model"}
        asked = len(fake.requests)
        reply = await chat.ask("?")
        assert reply.errors == [text("en-US", "error_model_gone", model="sql", other="fake-model")]
        assert len(fake.requests) == asked
        shown = picker(chat, "model")
        assert shown is not None
        assert [option["id"] for option in shown["options"]] == ["fake-model", "poems"]
        assert chosen(shown) == "fake-model"
        reply = await chat.ask("?")
        assert (reply.text, fake.requests[-1]["model"]) == ("ok", "fake-model")


async def test_an_adapter_that_comes_later_can_be_picked(fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatClient(fake_app_url) as chat:
        assert picker(chat, "model") is None
        fake.adapters = ADAPTERS
        await chat.ask("?")
        assert chosen(picker(chat, "model")) == "fake-model"


async def test_a_model_that_nobody_offers_is_not_chosen(fake: FakeVllm, fake_app_url: str) -> None:
    fake.adapters = ADAPTERS
    async with ChatClient(fake_app_url) as chat:
        await say(chat, "model_chosen", name="somebody-elses")
        await chat.ask("?")
        assert fake.requests[-1]["model"] == "fake-model"
