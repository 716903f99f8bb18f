"""The page in a real Chromium: in front of the real vLLM, and of a fake one where timing matters."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from chat.presets import presets
from chat.texts import Language, text
from tests.browser.page import ChatPage, Theme
from tests.fake_vllm import FakeVllm, Script

WORDS = [f"word{number} " for number in range(40)]


@pytest.mark.parametrize(("language", "theme"), [("en-US", "dark"), ("zh-CN", "light")])
async def test_a_conversation_in_the_browsers_language(
    browser: Browser, app_url: str, language: Language, theme: Theme
) -> None:
    async with ChatPage(browser, app_url, language, theme) as chat:
        notice = text(language, "notice_demo", model="pagoda-demo").replace("**", "")
        await expect(chat.page.get_by_text(notice)).to_be_visible()
        placeholder = text(language, "chainlit_chat.input.placeholder")
        await expect(chat.page.get_by_text(placeholder).or_(chat.page.get_by_placeholder(placeholder))).to_be_visible()
        assert theme in (await chat.page.locator("html").get_attribute("class") or "")
        # A starter asks its question with JSON on, whatever the toggle says.
        await chat.page.get_by_role("button", name=presets()["assistant"].starters[language][0].label).click()
        canvas = await chat.verdict("valid")
        await expect(canvas.get_by_text(text(language, "json_enforced"))).to_be_visible()
        answer = await chat.ask({"en-US": "Who are you?", "zh-CN": "你是谁？"}[language])
        assert any("\u4e00" <= letter <= "\u9fff" for letter in answer) == (language == "zh-CN")
        assert chat.foreign == []
        assert chat.failures == []


async def test_json_is_one_click_on_and_one_click_off(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        colours = "element => getComputedStyle(element).backgroundColor"
        off = await chat.json_toggle.evaluate(colours)
        fake.script = Script(['{"books":', ' [{"title": "红楼梦"}]}'])
        await chat.json_toggle.click()
        await expect(chat.json_toggle).to_have_class(pattern("text-command"))
        assert await chat.json_toggle.evaluate(colours) != off
        await chat.ask("books")
        assert fake.requests[-1]["response_format"] == {"type": "json_object"}
        # A table of books, and still on.
        canvas = await chat.verdict("valid")
        await expect(canvas.get_by_role("tab")).to_have_count(3)
        await expect(canvas).to_contain_text("红楼梦")
        await expect(chat.json_toggle).to_have_class(pattern("text-command"))
        fake.script = Script(["plain"])
        await chat.json_toggle.click()
        assert await chat.ask("again") == "plain"
        assert "response_format" not in fake.requests[-1]


async def test_a_cut_answer_is_never_passed_off_as_json(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(['{"a": 1}'], finish_reason="length")
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.json_toggle.click()
        await chat.ask("cut")
        canvas = await chat.verdict("cut")
        await expect(canvas).to_contain_text(text("en-US", "json_ending_cut", max_tokens=500))


async def test_tokens_appear_as_they_come_and_stop_keeps_them(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    fake.script = Script(WORDS, delay_s=0.1)
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.send("Count")
        seen = chat.answers.last
        await expect(seen).to_contain_text("word2 ")
        assert "word30" not in await seen.inner_text()
        await expect(seen).to_contain_text("word6 ")
        await chat.page.locator("#stop-button").click()
        await expect(chat.status).to_contain_text(text("en-US", "status_stopped"))
        kept = await seen.inner_text()
        assert "word6" in kept
        assert "word39" not in kept
        fake.script = Script(["Yes."])
        assert await chat.ask("Still there?") == "Yes."
        assert fake.requests[-1]["messages"][2]["content"].startswith("word0 word1")


async def test_the_settings_panel_sets_the_next_answer(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(["ok"])
    async with ChatPage(browser, fake_app_url, "zh-CN") as chat:
        page = chat.page
        await page.locator("#chat-settings-open-modal").click()
        await page.locator("#preset").click()
        await page.get_by_role("option", name="一句话").click()
        await expect(page.locator("#system_prompt")).to_have_value("请用一句简短的话回答。")
        await page.locator("#system_prompt").fill("只说“好”。")
        await page.locator("#seed").fill("7")
        await page.get_by_role("button", name="保存").click()
        await chat.ask("你好")
        request = fake.requests[-1]
        assert request["messages"][0] == {"role": "system", "content": "只说“好”。"}
        assert (request["seed"], request["temperature"]) == (7, 0.7)
        # The panel knows now that the prompt is the user's own.
        await page.locator("#chat-settings-open-modal").click()
        await expect(page.locator("#preset")).to_have_text(text("zh-CN", "setting_preset_custom"))


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_a_failure_is_explained_in_the_users_language(
    browser: Browser, fake: FakeVllm, fake_app_url: str, language: Language
) -> None:
    fake.script = Script(status=500)
    async with ChatPage(browser, fake_app_url, language) as chat:
        await chat.send("?")
        await expect(chat.page.get_by_text(text(language, "error_backend_failing"))).to_be_visible()
        assert "secret-detail" not in await chat.page.content()
        await expect(chat.status).to_have_count(1)
        fake.script = Script(["ok"])
        assert await chat.ask("!") == "ok"


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_a_long_question_is_folded(
    browser: Browser, fake: FakeVllm, fake_app_url: str, language: Language
) -> None:
    fake.script = Script(["ok"])
    async with ChatPage(browser, fake_app_url, language) as chat:
        page, question = chat.page, chat.page.locator('[data-step-type="user_message"]')
        fold = question.locator(".question-fold")
        for asked in ("short", "words of a page that is pasted " * 50, "a line\n" * 100):
            await page.locator("#chat-input").fill(asked)
            await page.keyboard.press("Enter")
            await expect(question.last).to_contain_text(asked[:5])
            await chat.ended()
        await expect(fold).to_have_count(1)
        await expect(fold).to_have_text(text(language, "page_show_all"))
        await expect(fold).to_have_attribute("aria-expanded", "false")
        body = question.last.locator(".message-content")
        shut = await body.bounding_box()
        # By keyboard.
        await fold.focus()
        await page.keyboard.press("Enter")
        await expect(fold).to_have_attribute("aria-expanded", "true")
        await expect(fold).to_have_text(text(language, "page_show_less"))
        opened = await body.bounding_box()
        assert shut
        assert opened
        assert shut["height"] <= 300 < 2000 < opened["height"]
        await page.keyboard.press("Enter")
        await expect(question.last).to_be_in_viewport()
        # Edited, it has no button, and made short it needs none.
        await question.last.hover()
        await question.last.locator(".edit-message").click()
        await expect(fold).to_have_count(0)
        await page.locator("#edit-chat-input").fill("made short")
        await page.locator(".confirm-edit").click()
        await expect(question.last).to_contain_text("made short")
        await chat.ended()
        await expect(fold).to_have_count(0)
        assert chat.failures == []


async def test_markup_from_user_and_model_stays_text(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    hostile = '<img src=x onerror="alert(1)"><script>alert(2)</script>[link](javascript:alert(3))'
    fake.script = Script([hostile])
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.ask(hostile)
        assert await chat.page.locator("img[src=x], a[href^=javascript]").count() == 0
        assert chat.failures == []
        assert chat.foreign == []


async def test_a_phone_shows_all_of_it(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(WORDS)
    async with ChatPage(browser, fake_app_url, width=390) as chat:
        await expect(chat.json_toggle).to_have_text("JSON")
        await chat.ask("Hello")
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await chat.page.evaluate(overflow) <= 0


def pattern(name: str) -> re.Pattern[str]:
    """A class attribute that holds the word `name`."""
    return re.compile(rf"(^|\s){name}(\s|$)")
