"""The line under the message box in a real Chromium: meter, export, import."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from chat.export.file import read
from chat.schema.ready import ready_schemas
from chat.texts import LANGUAGES, Language, text
from tests.browser.page import ChatPage
from tests.fake_vllm import FakeVllm, Script

BOOKS = {"books": [{"title": "Emma", "author": "Jane Austen"}]}
LONG = "A reply that fills the context. " * 12


def bar(chat: ChatPage) -> Locator:
    return chat.page.get_by_test_id("conversation-bar")


async def choose(chat: ChatPage, language: Language, key: str) -> None:
    await bar(chat).get_by_role("button", name=text(language, "bar_menu")).click()
    await chat.page.get_by_role("menuitem", name=text(language, key)).click()


async def export(chat: ChatPage, language: Language, key: str, folder: Path) -> Path:
    async with chat.page.expect_download() as download:
        await choose(chat, language, key)
    file = await download.value
    await file.save_as(folder / file.suggested_filename)
    return folder / file.suggested_filename


async def pick(chat: ChatPage, file: Path) -> None:
    await bar(chat).locator("input[type=file]").set_input_files(file)


async def test_the_meter_follows_the_draft_and_goes_amber(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script([LONG])
    async with ChatPage(browser, fake_app_url) as chat:
        meter = bar(chat).get_by_role("meter")
        await expect(bar(chat)).to_have_attribute("data-state", "ok")
        empty = int(await meter.get_attribute("aria-valuenow") or "")
        await chat.page.locator("#chat-input").fill("twelve chars")
        await expect(meter).to_have_attribute("aria-valuenow", str(empty + 12))
        await expect(bar(chat)).to_contain_text(f"{empty + 12} of 2,048 tokens")
        for number in range(3):
            await chat.page.locator("#chat-input").fill("")
            await chat.ask(f"Question number {number}")
        used = empty + 3 * (len("Question number 0") + len(LONG))
        await expect(meter).to_have_attribute("aria-valuenow", str(used))
        await chat.page.locator("#chat-input").fill("x" * (2048 - 500 - used + 1))
        await expect(bar(chat)).to_have_attribute("data-state", "leaves_out")
        note = bar(chat).get_by_text(text("en-US", "meter_leaves_out_one"))
        await note.click()
        await expect(bar(chat).get_by_role("listitem")).to_have_text(["Question number 0"])
        await chat.page.locator("#chat-input").fill("x" * 2000)
        await expect(bar(chat)).to_have_attribute("data-state", "too_long")
        await expect(bar(chat).get_by_role("status")).to_contain_text("shorten one of them")
        # Sent, the draft counts no more; JSON mode has a line of its own.
        await chat.page.locator("#chat-input").fill("")
        await expect(meter).to_have_attribute("aria-valuenow", str(used))
        await chat.json_toggle.click()
        await expect(meter).to_have_attribute("aria-valuenow", str(used + 1 + len(text("en-US", "json_instruction"))))
        assert chat.failures == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_exported_conversation_is_imported_again(
    browser: Browser, fake: FakeVllm, fake_app_url: str, tmp_path: Path, language: Language
) -> None:
    async with ChatPage(browser, fake_app_url, language, width=390) as chat:
        fake.script = Script(["Hello **Ada**."])
        await chat.ask("I am Ada")
        await chat.json_toggle.click()
        fake.script = Script([json.dumps(BOOKS)])
        await chat.send("books")
        await chat.verdict("valid")
        await chat.ended()
        markdown = await export(chat, language, "bar_markdown", tmp_path)
        exported = await export(chat, language, "bar_json", tmp_path)
    now = datetime.now().astimezone()
    assert markdown.name.startswith(f"pagoda-{now:%Y-%m-}")
    assert "Hello **Ada**." in markdown.read_text(encoding="utf-8")
    assert len(read(exported.read_text(encoding="utf-8")).turns) == 2

    async with ChatPage(browser, fake_app_url, language) as chat:
        await pick(chat, exported)
        await expect(chat.page.locator(".ai-message .font-bold")).to_have_text("Ada")
        canvas = await chat.verdict("valid")
        await expect(canvas).to_contain_text("Emma")
        await expect(chat.status).to_have_count(2)
        fake.script = Script(["Ada."])
        assert await chat.ask("Who am I?") == "Ada."
        asked = [message["content"] for message in fake.requests[-1]["messages"]]
        assert asked[1:] == ["I am Ada", "Hello **Ada**.", "books", json.dumps(BOOKS), "Who am I?"]
        # Once something is here, it is replaced only after a question.
        await pick(chat, exported)
        dialog = chat.page.get_by_role("dialog")
        await expect(dialog).to_contain_text(exported.name)
        await dialog.get_by_role("button", name=text(language, "bar_cancel")).click()
        await expect(dialog).to_be_hidden()
        await expect(chat.status).to_have_count(3)
        await pick(chat, exported)
        await dialog.get_by_role("button", name=text(language, "bar_replace")).click()
        await expect(chat.status).to_have_count(2)
        assert (chat.failures, chat.foreign) == ([], [])


@pytest.mark.parametrize("on", [True, False])
async def test_an_import_leaves_the_toggle_as_it_was(
    browser: Browser, fake: FakeVllm, fake_app_url: str, tmp_path: Path, on: bool
) -> None:
    fake.script = Script(["Hello."])
    async with ChatPage(browser, fake_app_url) as chat:
        # A choice of schema has switched JSON on, and the user has it off again or not.
        await chat.pick(ready_schemas()["recipe"].name["en-US"])
        pressed = chat.page.locator(".command-button")
        await expect(pressed).to_have_attribute("aria-pressed", "true")
        await chat.json_toggle.click()
        await chat.ask("I am Ada")
        await expect(pressed).to_have_attribute("aria-pressed", "false")
        file = await export(chat, "en-US", "bar_json", tmp_path)
        if on:
            await chat.json_toggle.click()
        await pick(chat, file)
        await chat.page.get_by_role("dialog").get_by_role("button", name=text("en-US", "bar_replace")).click()
        await expect(chat.page.get_by_text(text("en-US", "import_done", count=1))).to_be_visible()
        await expect(pressed).to_have_attribute("aria-pressed", str(on).lower())
        # An imported answer can be copied as any other.
        copy = chat.status.get_by_role("button", name=text("en-US", "facts_copy"))
        await expect(copy).to_have_count(1)
        await chat.send("Next")
        await expect(chat.canvas).to_have_count(int(on))
        await chat.ended()
        assert ("response_format" in fake.requests[-1]) == on


async def test_a_bad_file_is_explained_and_the_page_stays(
    browser: Browser, fake: FakeVllm, fake_app_url: str, tmp_path: Path
) -> None:
    fake.script = Script()
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.ask("Hello")
        file = tmp_path / "bad.json"
        file.write_text('{"format": "other-chat"}', encoding="utf-8")
        await pick(chat, file)
        alert = bar(chat).get_by_role("alert")
        await expect(alert).to_contain_text(text("en-US", "import_other_program", format="other-chat"))
        await alert.get_by_role("button", name=text("en-US", "bar_dismiss")).click()
        await expect(alert).to_be_hidden()
        file.write_bytes(b'"' * 900_000)
        await pick(chat, file)
        await expect(alert).to_contain_text(text("en-US", "bar_file_too_large"))
        await expect(chat.status).to_have_count(1)
        assert chat.failures == []


async def test_the_menu_works_by_keyboard(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script()
    async with ChatPage(browser, fake_app_url) as chat:
        opener = bar(chat).get_by_role("button", name=text("en-US", "bar_menu"))
        await opener.focus()
        await chat.page.keyboard.press("Enter")
        items = chat.page.get_by_role("menuitem")
        await expect(items.nth(0)).to_be_focused()
        await chat.page.keyboard.press("ArrowUp")
        await expect(items.nth(2)).to_be_focused()
        await chat.page.keyboard.press("Escape")
        await expect(opener).to_be_focused()
        await expect(chat.page.get_by_role("menu")).to_be_hidden()
        # A new chat has the line, too, and nothing to export yet.
        await choose(chat, "en-US", "bar_markdown")
        await expect(bar(chat).get_by_role("alert")).to_contain_text(text("en-US", "export_nothing"))
