"""Where the page would leave a user with a hole, a dead box or a word of no use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from chat.texts import Language, text
from tests.browser.page import ChatPage, Theme
from tests.browser.test_flow import LINES, SCROLLER
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import app_service

BOTH = pytest.mark.parametrize(
    ("language", "theme", "width"), [("en-US", "light", 1200), ("zh-CN", "dark", 390)], ids=["en", "zh"]
)


@pytest.mark.parametrize("width", [1200, 390])
async def test_below_a_long_answer_there_is_no_empty_screen(
    browser: Browser, fake: FakeVllm, fake_app_url: str, width: int
) -> None:
    fake.script = Script(LINES[:40])
    async with ChatPage(browser, fake_app_url, width=width) as chat:
        for question in ("First", "Second"):
            await chat.ask(question)
            await chat.page.mouse.move(width / 2, 300)
            await chat.page.mouse.wheel(0, 100_000)
            box = await chat.page.evaluate_handle(SCROLLER)
            await expect(chat.status.last).to_be_in_viewport(ratio=1)
            below = """box => {
                const lines = [...document.querySelectorAll('[data-testid="answer-status"]')];
                return box.scrollHeight - box.scrollTop - (lines.at(-1).getBoundingClientRect().bottom
                    - box.getBoundingClientRect().top);
            }"""
            assert await box.evaluate(below) < 120


@BOTH
async def test_an_image_from_elsewhere_is_its_words_and_a_link(
    browser: Browser, fake: FakeVllm, fake_app_url: str, language: Language, theme: Theme, width: int
) -> None:
    fake.script = Script(["Look: ![A red cat](https://example.org/cat.png) and ![](https://example.org/x.png)"])
    async with ChatPage(browser, fake_app_url, language, theme, width) as chat:
        await chat.send("Show me a cat")
        link = chat.answers.last.get_by_role("link")
        await expect(link).to_have_count(2)
        await expect(link.first).to_have_text("A red cat")
        await expect(link.first).to_have_attribute("href", "https://example.org/cat.png")
        await expect(link.first).to_have_attribute("rel", "noopener noreferrer")
        await expect(link.last).to_have_text("https://example.org/x.png")
        await expect(chat.answers.last.locator("img")).to_have_count(2)
        for image in await chat.answers.last.locator("img").all():
            await expect(image).to_be_hidden()


@pytest.mark.parametrize("mark", ["- ", "1. ", ">"])
async def test_a_model_in_a_loop_of_list_items_does_not_end_the_page(
    browser: Browser, fake: FakeVllm, fake_app_url: str, mark: str
) -> None:
    fake.script = Script([mark * 30] * 100)
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.ask("A list, please.")
        fake.script = Script(["Hello."])
        await chat.ask("Hello?")
        await expect(chat.answers.last).to_contain_text("Hello.")


async def test_a_link_that_leads_nowhere_is_text(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(["[js](javascript:alert(1)) and [web](https://example.org/)"])
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.ask("Links")
        await expect(chat.answers.last.get_by_role("link")).to_have_text(["web"])
        js = chat.answers.last.get_by_text("js", exact=True)
        assert await js.evaluate("link => getComputedStyle(link).textDecorationLine") == "none"
        pages = len(chat.page.context.pages)
        await js.click()
        assert len(chat.page.context.pages) == pages
        assert chat.failures == []


@BOTH
async def test_a_button_says_what_it_does(
    browser: Browser, fake: FakeVllm, fake_app_url: str, language: Language, theme: Theme, width: int
) -> None:
    fake.script = Script(["ok"])
    async with ChatPage(browser, fake_app_url, language, theme, width) as chat:
        page = chat.page
        await expect(page.locator("#theme-toggle")).to_have_text(text(language, "page_theme"))
        await chat.ask("One")
        await page.locator(".edit-message").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".confirm-edit")).to_have_text(text(language, "page_send"))
        await page.keyboard.press("Escape")
        await page.locator("#chat-settings-open-modal").click()
        await expect(page.locator("#chat-settings #confirm")).to_have_text(text(language, "page_save"))
        await page.keyboard.press("Escape")
        await page.locator("#new-chat-button").click()
        await expect(page.locator("#new-chat-dialog #confirm")).to_have_text(text(language, "page_start"))
        await page.locator("#new-chat-dialog #confirm").click()
        await expect(page.locator("#welcome-screen")).to_be_visible()


async def test_under_an_error_asking_again_is_said_in_words(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    fake.script = Script(status=500)
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.send("One")
        again = chat.status.get_by_role("button")
        await expect(again).to_have_text(text("en-US", "facts_regenerate"))
        sentence, button = await chat.answers.first.bounding_box(), await again.bounding_box()
        assert sentence
        assert button
        assert button["x"] - sentence["x"] < 10
        await expect(chat.status.locator("[data-fact=tokens]")).to_have_count(0)


async def test_the_empty_page_and_the_banner_do_not_contradict_each_other(browser: Browser, tmp_path: Path) -> None:
    port, backend_port = free_port(), free_port()
    with app_service(port, f"http://127.0.0.1:{backend_port}/v1", tmp_path / "app.log"):
        async with ChatPage(browser, f"http://127.0.0.1:{port}") as chat:
            with FakeVllm(backend_port):
                await expect(chat.page.locator(".bn-sentence")).to_have_text(text("en-US", "banner_back"))
                welcome = chat.page.locator("#welcome-screen .prose [role=article]")
                await expect(welcome).to_have_text([re.compile("machines of your own")])


async def test_settings_that_go_on_below_show_it(browser: Browser, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.page.locator("#chat-settings-open-modal").click()
        fields = chat.page.locator("#chat-settings .overflow-y-auto")
        await expect(fields).to_be_visible()
        shade = "fields => getComputedStyle(fields).backgroundImage"
        assert await fields.evaluate("fields => fields.scrollHeight > fields.clientHeight")
        assert "gradient" in await fields.evaluate(shade)
