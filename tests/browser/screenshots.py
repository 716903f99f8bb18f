"""Pictures of the page for README and review: `make screenshots`.

Starts the real vLLM with the bundled model and the app, holds a short conversation in both languages and
both themes, and writes `docs/screenshots/`.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Browser, expect

from chat.presets import Starter, presets
from chat.schema.ready import ready_schemas
from chat.texts import Language, text
from tests.browser.page import ChatPage, Theme, chromium
from tests.fake_vllm import free_port
from tests.processes import ROOT, app_service, vllm_service

FOLDER = ROOT / "docs" / "screenshots"
LOOKS: tuple[tuple[Language, Theme], ...] = (
    ("en-US", "light"),
    ("en-US", "dark"),
    ("zh-CN", "light"),
    ("zh-CN", "dark"),
)
FAULTY = """{
  "type": "object",
  "properties": {
    "name": {"type": "string"},
    "price": {"type": "number", "multipleOf": 0.01},
    "rating": {"type": "integer", "minimum": 5, "maximum": 1}
  },
  "required": ["name", "price"],
  "additionalProperties": false
}"""
QUESTIONS: dict[Language, str] = {"en-US": "What is PagedAttention?", "zh-CN": "什么是 PagedAttention？"}


def starter(language: Language) -> Starter:
    """The first question of the first screen: books, as JSON."""
    return presets()["assistant"].starters[language][0]


async def take(browser: Browser, url: str, language: Language, theme: Theme) -> None:
    """The first screen, a conversation, and the settings, in one look."""
    look = f"{language.split('-')[0]}-{theme}"
    async with ChatPage(browser, url, language, theme) as chat:
        await chat.page.get_by_role("button", name=starter(language).label).wait_for()
        # The first screen fades in.
        await expect(chat.page.locator("#welcome-screen")).to_have_css("opacity", "1")
        await chat.page.screenshot(path=FOLDER / f"home-{look}.png")
        await chat.json_toggle.click()
        await chat.ask(starter(language).message)
        await chat.json_toggle.click()
        await chat.ask(QUESTIONS[language])
        await expect(chat.status).to_have_count(2)
        # The page scrolls each new question to the top; show the whole conversation.
        await chat.page.set_viewport_size({"width": 1200, "height": 1050})
        await chat.answers.first.scroll_into_view_if_needed()
        await chat.page.mouse.wheel(0, -5000)
        await expect(chat.page.get_by_text(starter(language).message)).to_be_in_viewport()
        await chat.page.screenshot(path=FOLDER / f"conversation-{look}.png")
        await chat.page.set_viewport_size({"width": 1200, "height": 800})
        await chat.page.locator("#chat-settings-open-modal").click()
        await chat.page.locator("#system_prompt").wait_for()
        await chat.page.screenshot(path=FOLDER / f"settings-{look}.png", animations="disabled")


async def take_json(browser: Browser, url: str, language: Language, theme: Theme) -> None:
    """The JSON showcase: an answer under a schema, the comparison, the list of schemas, the editor with a problem."""
    look = f"{language.split('-')[0]}-{theme}"
    async with ChatPage(browser, url, language, theme) as chat:
        page = chat.page

        async def shoot(name: str) -> None:
            await page.mouse.move(0, 0)
            await page.screenshot(path=FOLDER / f"{name}-{look}.png", animations="disabled")

        await page.set_viewport_size({"width": 1200, "height": 900})
        recipe = ready_schemas()["recipe"]
        await chat.pick(recipe.name[language])
        await chat.send(recipe.questions[language][0])
        canvas = await chat.verdict("valid")
        await chat.ended()
        await shoot("json")
        await canvas.locator("[data-keep=compare]").click()
        await expect(canvas.locator(".jc-pane").nth(1).locator("[data-fact=parses]")).to_be_visible()
        await chat.ended()
        await shoot("compare")
        await page.locator(".schema-view").click()
        await page.get_by_test_id("schema-panel").wait_for()
        await shoot("schemas")
        await chat.pick(text(language, "json_write"))
        editor = page.get_by_test_id("schema-panel").get_by_label(text(language, "panel_text"), exact=True)
        await editor.fill(FAULTY)
        await page.locator("button[data-severity=error]").first.wait_for()
        await shoot("editor")


async def main() -> None:
    """All looks, one after the other."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    logs, vllm_port, port = Path(tempfile.mkdtemp()), free_port(), free_port()
    with (
        vllm_service(vllm_port, logs / "vllm.log"),
        app_service(port, f"http://127.0.0.1:{vllm_port}/v1", logs / "app.log", PAGODA_TEMPERATURE="0"),
    ):
        async with chromium() as browser:
            for language, theme in LOOKS:
                await take(browser, f"http://127.0.0.1:{port}", language, theme)
                await take_json(browser, f"http://127.0.0.1:{port}", language, theme)
    print(f"wrote {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    asyncio.run(main())
