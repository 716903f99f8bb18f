"""Presets, starters and the choice of a model, as a user handles them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, Locator, expect

from chat.presets import presets
from chat.schema.ready import ready_schemas
from chat.texts import Language, text
from tests.browser.page import ChatPage
from tests.fake_vllm import FakeVllm, Script


@pytest.fixture(autouse=True)
def script(fake: FakeVllm) -> Iterator[None]:
    fake.script = Script(["ok"])
    yield
    fake.adapters = {}


def preset_choice(chat: ChatPage) -> Locator:
    return chat.page.locator(".starters-preset select")


def starter(chat: ChatPage, label: str) -> Locator:
    return chat.page.locator(".starter").get_by_text(label, exact=True)


async def save_preset(chat: ChatPage, prompt: str, name: str) -> None:
    page = chat.page
    await page.locator("#chat-settings-open-modal").click()
    await page.locator("#system_prompt").fill(prompt)
    await page.locator("#save_preset").fill(name)
    await confirm(chat)


async def confirm(chat: ChatPage) -> None:
    await chat.page.locator("#chat-settings #confirm").click()
    await expect(chat.page.locator("#chat-settings")).to_have_count(0)


async def new_chat(chat: ChatPage) -> None:
    """Begin a new chat, and wait until its session has got back what was chosen."""
    await chat.page.locator("#new-chat-button").click()
    async with chat.page.expect_websocket() as connected:
        await chat.page.locator("#new-chat-dialog #confirm").click()
    socket = await connected.value
    await socket.wait_for_event("framereceived", lambda frame: "keep_choices" in str(frame))
    await expect(chat.page.locator("#chat-settings-open-modal")).to_be_enabled()


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_a_preset_brings_its_starters(
    browser: Browser, fake: FakeVllm, fake_app_url: str, language: Language
) -> None:
    async with ChatPage(browser, fake_app_url, language) as chat:
        first = presets()["assistant"].starters[language]
        await expect(starter(chat, first[1].label)).to_be_visible()
        await preset_choice(chat).select_option(label=presets()["cook"].name[language])
        offered = presets()["cook"].starters[language]
        await expect(chat.page.locator(".starter")).to_have_count(len(offered))
        await expect(starter(chat, first[1].label)).to_have_count(0)
        await starter(chat, offered[1].label).click()
        await expect(chat.answers.first).to_contain_text("ok")
        asked = fake.requests[-1]["messages"]
        assert [message["content"] for message in asked] == [presets()["cook"].prompt[language], offered[1].message]
        # In the conversation there are none.
        await expect(chat.page.locator(".starter")).to_have_count(0)
        await chat.ended()
        assert chat.failures == []


async def test_the_settings_and_the_empty_page_name_the_same_preset(browser: Browser, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        page = chat.page
        await page.locator("#chat-settings-open-modal").click()
        await page.locator("#preset").click()
        await page.get_by_role("option", name=presets()["pirate"].name["en-US"]).click()
        await expect(page.locator("#system_prompt")).to_have_value(presets()["pirate"].prompt["en-US"])
        await confirm(chat)
        await expect(preset_choice(chat)).to_have_value("pirate")
        await expect(starter(chat, presets()["pirate"].starters["en-US"][1].label)).to_be_visible()
        await preset_choice(chat).select_option("cook")
        await expect(starter(chat, presets()["cook"].starters["en-US"][1].label)).to_be_visible()
        await page.locator("#chat-settings-open-modal").click()
        await expect(page.locator("#preset")).to_have_text(presets()["cook"].name["en-US"])


async def test_a_preset_is_filled_in_again_after_undo_and_after_cancel(browser: Browser, fake_app_url: str) -> None:
    pirate, before = presets()["pirate"], presets()["assistant"].prompt["en-US"]
    async with ChatPage(browser, fake_app_url) as chat:
        page, prompt = chat.page, chat.page.locator("#system_prompt")
        buttons = page.locator("#chat-settings").get_by_role("button")
        undo = buttons.filter(has_text=text("en-US", "chainlit_common.actions.reset"))

        async def fill_in() -> None:
            await page.locator("#preset").click()
            await page.get_by_role("option", name=pirate.name["en-US"]).click()
            await expect(prompt).to_have_value(pirate.prompt["en-US"])
            await expect(page.get_by_role("option")).to_have_count(0)

        await page.locator("#chat-settings-open-modal").click()
        await fill_in()
        await undo.click()
        await expect(prompt).to_have_value(before)
        await fill_in()
        await buttons.filter(has_text="Cancel").click()
        await expect(page.locator("#chat-settings")).to_have_count(0)
        await page.locator("#chat-settings-open-modal").click()
        await expect(prompt).to_have_value(before)
        await fill_in()


async def test_a_setting_that_does_not_work_is_said_beside_the_conversation(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.page.locator("#chat-settings-open-modal").click()
        await chat.page.locator("#seed").fill("seven")
        await chat.page.locator("#system_prompt").fill("Be brief.")
        await confirm(chat)
        notice = chat.page.get_by_test_id("conversation-bar").get_by_role("alert")
        await expect(notice).to_contain_text(text("en-US", "error_form", value="seven", field="Seed"))
        await notice.get_by_role("button", name=text("en-US", "bar_dismiss")).click()
        await expect(notice).to_be_hidden()
        await expect(chat.answers).to_have_count(0)
        # What is right is kept.
        await chat.page.locator("#chat-settings-open-modal").click()
        await expect(chat.page.locator("#system_prompt")).to_have_value("Be brief.")
        await expect(chat.page.locator("#seed")).to_have_value("")


async def test_a_starter_is_no_recipe_because_json_is_on(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.pick(ready_schemas()["recipe"].name["en-US"])
        await expect(chat.json_toggle).to_have_class(re.compile("text-command"))
        await starter(chat, presets()["assistant"].starters["en-US"][1].label).click()
        await expect(chat.answers.first).to_contain_text("ok")
        assert "response_format" not in fake.requests[-1]
        # What is typed is still asked as a recipe, and says so.
        await chat.ended()
        fake.script = Script(["{}"])
        await chat.send("soup")
        await expect(chat.canvas).to_have_count(1)
        mark = chat.page.locator(".command-span")
        await expect(mark).to_have_text(f"JSON · {ready_schemas()['recipe'].name['en-US']}")


async def test_nothing_is_sent_from_an_empty_box(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        asked = len(fake.requests)
        await chat.json_toggle.click()
        await chat.page.locator("#chat-submit").click()
        await chat.page.locator("#chat-input").press("Enter")
        await chat.page.locator("#chat-input").fill("  ")
        await chat.page.locator("#chat-input").press("Enter")
        await expect(chat.page.locator("#message-composer")).to_have_attribute("data-blank", "")
        await chat.page.locator("#chat-input").fill("")
        await chat.json_toggle.click()
        assert await chat.ask("Hello") == "ok"
        await expect(chat.answers).to_have_count(1)
        assert [request["messages"][-1]["content"] for request in fake.requests[asked:]] == ["Hello"]


async def test_an_own_preset_is_there_after_a_reload_until_it_is_deleted(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    async with ChatPage(browser, fake_app_url, "zh-CN") as chat:
        page = chat.page
        await save_preset(chat, "像水手那样说话。", "水手")
        await expect(preset_choice(chat)).to_have_value("own:水手")
        await page.reload()
        await expect(preset_choice(chat)).to_have_value("assistant")
        await preset_choice(chat).select_option(label="水手")
        await chat.ask("你好")
        assert fake.requests[-1]["messages"][0]["content"] == "像水手那样说话。"
        await page.locator("#chat-settings-open-modal").click()
        await expect(page.locator("#save_preset")).to_have_value("水手")
        await page.locator("#delete_preset").click()
        await confirm(chat)
        await page.reload()
        await expect(chat.page.locator(".starter").first).to_be_visible()
        await expect(preset_choice(chat).locator("option", has_text="水手")).to_have_count(0)
        assert chat.failures == []


async def test_a_new_chat_keeps_what_was_chosen_and_a_reload_does_not(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    fake.adapters = {"sql": "fake-model"}
    async with ChatPage(browser, fake_app_url) as chat:
        page = chat.page
        await save_preset(chat, "Speak like a sailor.", "Sailor")
        await chat.pick(ready_schemas()["recipe"].name["en-US"])
        await page.locator("#mode-picker-trigger-model").click()
        await page.locator("#mode-picker-popover-model [cmdk-item]").filter(has_text="sql").click()
        await expect(page.locator("#mode-picker-trigger-model")).to_have_text("sql")
        fake.script = Script(["{}"])
        await chat.ask("soup")
        await new_chat(chat)
        await expect(preset_choice(chat)).to_have_value("own:Sailor")
        await expect(chat.json_toggle).to_have_class(re.compile("text-command"))
        await expect(chat.schema_picker).to_have_text(ready_schemas()["recipe"].name["en-US"])
        await expect(page.locator("#mode-picker-trigger-model")).to_have_text("sql")
        await chat.ask("salad")
        asked = fake.requests[-1]
        assert len(asked["messages"]) == 2
        assert asked["messages"][0]["content"].startswith("Speak like a sailor.")
        assert asked["response_format"]["json_schema"]["schema"] == ready_schemas()["recipe"].schema
        assert asked["model"] == "sql"
        await page.reload()
        await expect(preset_choice(chat)).to_have_value("assistant")
        await expect(chat.json_toggle).not_to_have_class(re.compile("text-command"))
        await expect(page.locator("#mode-picker-trigger-model")).to_have_text("fake-model")
        assert chat.failures == []


async def test_the_model_picker_shows_adapters_with_their_base(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    fake.adapters = {"sql": "fake-model", "poems": "fake-model"}
    async with ChatPage(browser, fake_app_url) as chat:
        page = chat.page
        await page.locator("#mode-picker-trigger-model").click()
        options = page.locator("#mode-picker-popover-model [cmdk-item]")
        await expect(options).to_have_count(3)
        await expect(options.nth(1)).to_contain_text(text("en-US", "model_adapter", base="fake-model"))
        await options.filter(has_text="poems").click()
        await chat.ask("a poem")
        await chat.pick(text("en-US", "json_any"))
        await chat.json_toggle.click()
        await chat.ask("another")
        assert [request["model"] for request in fake.requests[-2:]] == ["poems", "poems"]
        fake.adapters = {"sql": "fake-model"}
        await chat.send("a third")
        gone = text("en-US", "error_model_gone", model="poems", other="fake-model")
        await expect(page.get_by_text(gone)).to_be_visible()
        await expect(page.locator("#mode-picker-trigger-model")).to_have_text("fake-model")


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_a_phone_has_room_for_all_of_it(
    browser: Browser, fake: FakeVllm, fake_app_url: str, language: Language
) -> None:
    fake.adapters = {"a-rather-long-adapter-name": "fake-model"}
    async with ChatPage(browser, fake_app_url, language, width=390) as chat:
        await expect(chat.page.locator(".starter").first).to_be_visible()
        await chat.pick(ready_schemas()["contact"].name[language])
        await chat.page.locator("#mode-picker-trigger-model").click()
        await chat.page.locator("#mode-picker-popover-model [cmdk-item]").last.click()
        composer = await chat.page.locator("#message-composer").bounding_box()
        assert composer is not None
        for inside in ("#chat-submit", ".command-button", "#mode-picker-trigger-model"):
            box = await chat.page.locator(inside).bounding_box()
            assert box is not None
            assert composer["x"] <= box["x"]
            assert box["x"] + box["width"] <= composer["x"] + composer["width"]
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await chat.page.evaluate(overflow) <= 0
