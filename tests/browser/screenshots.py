"""Pictures of the page for README and review: `make screenshots`.

Starts the real vLLM with the bundled model and the app, holds a short conversation in both languages and
both themes, and writes `docs/screenshots/`.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Browser, expect

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
QUESTIONS: dict[Language, str] = {"en-US": "What is PagedAttention?", "zh-CN": "什么是 PagedAttention？"}


async def take(browser: Browser, url: str, language: Language, theme: Theme) -> None:
    """The first screen, a conversation, and the settings, in one look."""
    look = f"{language.split('-')[0]}-{theme}"
    async with ChatPage(browser, url, language, theme) as chat:
        await chat.page.get_by_role("button", name=text(language, "starter_books")).wait_for()
        # The first screen fades in.
        await expect(chat.page.locator("#welcome-screen")).to_have_css("opacity", "1")
        await chat.page.screenshot(path=FOLDER / f"home-{look}.png")
        await chat.json_toggle.click()
        await chat.ask(text(language, "starter_books_message"))
        await chat.json_toggle.click()
        await chat.ask(QUESTIONS[language])
        await expect(chat.status).to_have_count(2)
        # The page scrolls each new question to the top; show the whole conversation.
        await chat.page.set_viewport_size({"width": 1200, "height": 1050})
        await chat.answers.first.scroll_into_view_if_needed()
        await chat.page.mouse.wheel(0, -5000)
        await expect(chat.page.get_by_text(text(language, "starter_books_message"))).to_be_in_viewport()
        await chat.page.screenshot(path=FOLDER / f"conversation-{look}.png")
        await chat.page.set_viewport_size({"width": 1200, "height": 800})
        await chat.page.locator("#chat-settings-open-modal").click()
        await chat.page.locator("#system_prompt").wait_for()
        await chat.page.screenshot(path=FOLDER / f"settings-{look}.png", animations="disabled")


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
    print(f"wrote {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    asyncio.run(main())
