"""The JSON showcase as a user handles it: choose, write, watch, trust, take away, compare."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from chat.schema.ready import ready_schemas
from chat.texts import Language, text
from tests.browser.page import ChatPage, Theme
from tests.fake_vllm import FakeVllm, Script

LOOKS: list[tuple[Language, Theme]] = [("en-US", "dark"), ("zh-CN", "light")]
BOOKS = {"books": [{"title": f"Title {number}", "author": "红楼 & <b>"} for number in range(12)]}
WORD = '{"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}'


def slowly(value: object) -> Script:
    """An answer of a few seconds, in small pieces."""
    written = json.dumps(value)
    return Script([written[at : at + 8] for at in range(0, len(written), 8)], delay_s=0.03)


@pytest.mark.parametrize(("language", "theme"), LOOKS)
async def test_choosing_a_ready_schema_and_asking_its_question(
    browser: Browser, app_url: str, language: Language, theme: Theme
) -> None:
    recipe = ready_schemas()["recipe"]
    async with ChatPage(browser, app_url, language, theme) as chat:
        await chat.pick(recipe.name[language])
        # Picking switches JSON on and offers questions; one goes into the message box, for the user to send.
        await expect(chat.page.locator(".command-button.text-command")).to_be_visible()
        question = recipe.questions[language][0]
        await chat.page.locator(".schema-question").filter(has_text=question).click()
        await expect(chat.page.locator("#chat-input")).to_have_value(question)
        await chat.page.keyboard.press("Enter")
        canvas = await chat.verdict("valid")
        for fact in ("json_enforced", "json_ending_complete", "json_parses"):
            await expect(canvas.get_by_text(text(language, fact))).to_be_visible()
        await expect(canvas.get_by_text(text(language, "json_matches", name=recipe.name[language]))).to_be_visible()
        # Chainlit's own rendering of the answer is not shown beside it.
        await expect(chat.answers.last.locator("code")).to_be_hidden()
        assert chat.foreign == []
        assert chat.failures == []


async def test_an_answer_grows_as_a_table_and_as_text(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = slowly(BOOKS)
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.pick(ready_schemas()["books"].name["en-US"])
        await chat.send("Twelve books")
        canvas = await chat.verdict("streaming")
        await canvas.get_by_role("tab", name=text("en-US", "canvas_table")).click()
        rows = canvas.locator("tbody tr")
        await expect(rows.nth(2)).to_be_visible()
        assert await rows.count() < 12
        await expect(rows).to_have_count(12)
        await chat.verdict("valid")
        # What was chosen while it grew is still chosen, and names of tags are shown, not made.
        await expect(canvas.locator("td").filter(has_text="<b>").first).to_be_visible()
        await canvas.get_by_role("tab", name=text("en-US", "canvas_raw")).click()
        await expect(canvas.locator("pre")).to_have_text(json.dumps(BOOKS))
        assert chat.failures == []


async def test_stop_keeps_what_came_and_continue_goes_on(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    written = json.dumps(BOOKS)
    fake.script = slowly(BOOKS)
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.pick(ready_schemas()["books"].name["en-US"])
        await chat.send("Twelve books")
        await expect(chat.canvas.last).to_contain_text("Title 2")
        await chat.page.locator("#stop-button").click()
        canvas = await chat.verdict("stopped")
        await expect(canvas.get_by_text(text("en-US", "json_ending_stopped"))).to_be_visible()
        await canvas.get_by_role("tab", name=text("en-US", "canvas_raw")).click()
        kept = await canvas.locator("pre").inner_text()
        assert written.startswith(kept)
        fake.script = Script([written[len(kept) :]])
        await canvas.get_by_role("button", name=text("en-US", "canvas_continue")).click()
        await chat.verdict("valid")
        await expect(canvas.get_by_text(text("en-US", "json_partly_enforced"))).to_be_visible()
        await expect(canvas.locator("pre")).to_have_text(written)


async def test_a_violation_is_shown_at_its_place(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script([json.dumps({"books": [{"title": "Emma"}]})])
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.pick(ready_schemas()["books"].name["en-US"])
        await chat.send("One book")
        canvas = await chat.verdict("mismatch")
        await expect(canvas.locator("[data-fact=matches]")).to_contain_text("/books/0")


@pytest.mark.parametrize(("language", "theme"), LOOKS)
async def test_writing_a_schema_of_ones_own(
    browser: Browser, fake: FakeVllm, fake_app_url: str, language: Language, theme: Theme
) -> None:
    fake.script = Script([json.dumps({"word": "hello"})])
    async with ChatPage(browser, fake_app_url, language, theme) as chat:
        page, panel = chat.page, chat.page.get_by_test_id("schema-panel")
        await chat.pick(text(language, "json_write"))
        editor = panel.get_by_label(text(language, "panel_text"), exact=True)
        await editor.fill('{\n  "type": "object",\n  "properties": {"n": {"type": "integer", "multipleOf": 5}},\n')
        save = panel.get_by_role("button", name=text(language, "panel_save"))
        await expect(save).to_be_disabled()
        await expect(panel.locator("button[data-severity=error]")).to_contain_text(text(language, "panel_line", line=4))
        await editor.fill(WORD)
        await expect(panel.get_by_text(text(language, "panel_fine"))).to_be_visible()
        await panel.get_by_label(text(language, "panel_name"), exact=True).fill("Word")
        await save.click()
        await expect(chat.schema_picker).to_contain_text("Word")
        await chat.send("A word")
        await chat.verdict("valid")
        assert fake.requests[-1]["response_format"]["json_schema"]["schema"] == json.loads(WORD)
        # It outlives a new chat and a reload.
        await page.reload()
        await expect(chat.json_toggle).to_be_visible()
        await chat.pick("Word")
        await chat.send("Another word")
        await chat.verdict("valid")
        assert fake.requests[-1]["response_format"]["json_schema"]["schema"] == json.loads(WORD)
        assert chat.failures == []


@pytest.mark.parametrize(
    ("source", "pasted"),
    [
        ("panel_from_example", '{"title": "Emma", "year": 1815}'),
        ("panel_from_pydantic", "class Book(BaseModel):\n    title: str\n    year: int\n"),
    ],
)
async def test_a_schema_from_what_one_has(browser: Browser, fake_app_url: str, source: str, pasted: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        panel = chat.page.get_by_test_id("schema-panel")
        await chat.pick(text("en-US", "json_write"))
        await panel.get_by_role("button", name=text("en-US", source)).click()
        await panel.locator(".sp-source textarea").fill(pasted)
        await panel.get_by_role("button", name=text("en-US", "panel_convert"), exact=True).click()
        editor = panel.get_by_label(text("en-US", "panel_text"), exact=True)
        await expect(editor).to_have_value(re.compile('"year"'))
        made = json.loads(await editor.input_value())
        assert made["properties"]["year"]["type"] == "integer"
        assert made["required"] == ["title", "year"]
        await expect(panel.get_by_text(text("en-US", "panel_fine"))).to_be_visible()


async def test_taking_an_answer_away(browser: Browser, fake: FakeVllm, fake_app_url: str, tmp_path: Path) -> None:
    fake.script = Script([json.dumps(BOOKS)])
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await chat.pick(ready_schemas()["books"].name["en-US"])
        await chat.send("Twelve books")
        canvas = await chat.verdict("valid")

        async def take(key: str) -> None:
            await canvas.get_by_role("button", name=text("en-US", "canvas_take_away")).click()
            await chat.page.get_by_role("menuitem", name=text("en-US", key)).click()
            await expect(chat.page.get_by_role("menuitem")).to_have_count(0)

        for key, check in (("canvas_export_json", '"title": "Title 3"'), ("canvas_export_csv", "Title 3,红楼 & <b>")):
            async with chat.page.expect_download() as download:
                await take(key)
            file = tmp_path / (await download.value).suggested_filename
            await (await download.value).save_as(file)
            assert check in file.read_text(encoding="utf-8-sig")
        await take("canvas_export_curl")
        await expect(canvas.get_by_role("status")).to_have_text(text("en-US", "canvas_copied"))
        copied = await chat.page.evaluate("navigator.clipboard.readText()")
        assert copied.startswith("curl")
        assert fake.url in copied


async def test_the_page_stays_where_it_is_when_an_answer_ends(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.pick(ready_schemas()["books"].name["en-US"])
        for number in range(2):
            fake.script = slowly(BOOKS)
            await chat.send("Twelve books")
            await expect(chat.canvas).to_have_count(number + 1)
            await expect(chat.canvas.last).to_contain_text("Title 9")
            await chat.verdict("valid")
            await chat.ended()
        # Chainlit builds the element anew when an answer ends; the page must not jump to another one by that.
        await expect(chat.canvas.last).to_be_in_viewport(ratio=0.5)


async def test_an_edited_question_is_shown_as_it_is_now(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    fake.script = Script(["ok"])
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.ask("Weather in Paris")
        await chat.ask("And tomorrow?")
        await chat.page.get_by_text("Weather in Paris").hover()
        await chat.page.locator(".edit-message").first.click()
        await chat.page.locator("#edit-chat-input").fill("Weather in London")
        await chat.page.locator(".confirm-edit").click()
        await expect(chat.page.get_by_text("Weather in London")).to_be_visible()
        await expect(chat.page.get_by_text("Weather in Paris")).to_have_count(0)
        await expect(chat.page.get_by_text("And tomorrow?")).to_have_count(0)


async def test_schemas_of_two_tabs_are_both_kept(browser: Browser, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        other = await chat.page.context.new_page()
        await other.goto(fake_app_url)
        for page, name in ((chat.page, "Alpha"), (other, "Beta")):
            await page.locator("#mode-picker-trigger-schema").click()
            write = page.locator("#mode-picker-popover-schema [cmdk-item]").filter(has_text=text("en-US", "json_write"))
            await write.first.click()
            panel = page.get_by_test_id("schema-panel")
            await panel.get_by_label(text("en-US", "panel_text"), exact=True).fill(WORD)
            await panel.get_by_label(text("en-US", "panel_name"), exact=True).fill(name)
            await panel.get_by_role("button", name=text("en-US", "panel_save")).click()
            await expect(page.locator("#mode-picker-trigger-schema")).to_contain_text(name)
        await chat.page.reload()
        await chat.pick("Beta")
        await expect(chat.schema_picker).to_contain_text("Beta")
        await chat.pick("Alpha")
        await expect(chat.schema_picker).to_contain_text("Alpha")


@pytest.mark.parametrize(("language", "theme"), LOOKS)
async def test_comparing_with_the_same_prompt_unenforced(
    browser: Browser, fake: FakeVllm, fake_app_url: str, language: Language, theme: Theme
) -> None:
    fake.script = Script([json.dumps(BOOKS)])
    async with ChatPage(browser, fake_app_url, language, theme) as chat:
        await chat.pick(ready_schemas()["books"].name[language])
        await chat.send("Twelve books")
        canvas = await chat.verdict("valid")
        fake.script = Script(["Sure, here are ", "twelve books: ..."])
        await canvas.locator("[data-keep=compare]").click()
        panes = canvas.locator(".jc-pane")
        await expect(panes).to_have_count(2)
        plain = panes.nth(1)
        await expect(plain.locator("[data-fact=enforced]")).to_have_text(text(language, "json_not_enforced"))
        await expect(plain.locator("[data-fact=parses]")).to_have_attribute("data-kind", "bad")
        await expect(plain).to_contain_text("2")
        # The verdict is that of the answer, not of the comparison.
        await chat.verdict("valid")
        assert chat.failures == []
