"""The page in a real Chromium, as a user handles it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Literal, Self

from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from chat.texts import Language

# Without a sandbox (tests may run as root) and without Chromium's own traffic.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Theme = Literal["light", "dark"]
PATIENCE_MS = 60_000


def installed_chromium() -> str | None:
    """An installed Chromium or Chrome; without one, Playwright's own is used."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """One browser, for as long as needed."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=installed_chromium(), args=ARGUMENTS)
        yield browser
        await browser.close()


class ChatPage:
    """One visit to the page. `foreign` collects requests that leave the page's origin, `failures` its errors."""

    def __init__(
        self, browser: Browser, url: str, language: Language = "en-US", theme: Theme = "light", width: int = 1200
    ) -> None:
        self._browser, self.url, self._language, self._theme, self._width = browser, url, language, theme, width
        self.foreign: list[str] = []
        self.failures: list[str] = []

    async def __aenter__(self) -> Self:
        self._context = await self._browser.new_context(
            locale=self._language, color_scheme=self._theme, viewport={"width": self._width, "height": 800}
        )
        self.page: Page = await self._context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("pageerror", lambda error: self.failures.append(str(error)))
        self.page.on("dialog", lambda dialog: self.failures.append(f"dialog: {dialog.message}"))
        await self.prepare()
        await self.page.goto(self.url)
        # The toggle comes with the session: from here on a question would be taken.
        await expect(self.json_toggle).to_be_visible()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self._context.close()

    async def prepare(self) -> None:
        """What a test wants before the page is opened."""

    def _note(self, url: str) -> None:
        if not url.startswith((self.url, self.url.replace("http", "ws", 1), "data:", "blob:")):
            self.foreign.append(url)

    @property
    def json_toggle(self) -> Locator:
        return self.page.get_by_role("button", name="JSON").and_(self.page.locator(".command-button"))

    @property
    def canvas(self) -> Locator:
        """The views of JSON answers."""
        return self.page.get_by_test_id("json-canvas")

    @property
    def schema_picker(self) -> Locator:
        return self.page.locator("#mode-picker-trigger-schema")

    async def pick(self, name: str) -> None:
        """Pick a schema beside the JSON toggle."""
        await self.schema_picker.click()
        await self.page.locator("#mode-picker-popover-schema [cmdk-item]").filter(has_text=name).first.click()

    async def verdict(self, expected: str) -> Locator:
        """Wait for the verdict on the newest JSON answer, and return its view."""
        await expect(self.canvas.last).to_have_attribute("data-verdict", expected)
        return self.canvas.last

    @property
    def answers(self) -> Locator:
        return self.page.locator(".ai-message .message-content")

    @property
    def status(self) -> Locator:
        """The lines under the answers that have ended."""
        return self.page.locator('[data-testid="answer-status"][data-state="ended"]')

    @property
    def waiting(self) -> Locator:
        """What an answer under way is said to wait for."""
        return self.page.locator(".as-wait")

    async def send(self, question: str) -> None:
        await self.page.locator("#chat-input").click()
        await self.page.keyboard.type(question)
        await self.enter()

    async def enter(self) -> None:
        """Send what is in the box. While a chat begins Enter leaves it there, and a user presses it once more."""
        for _ in range(2):
            await expect(self.page.locator("#chat-submit")).to_be_enabled()
            await self.page.keyboard.press("Enter")
            if not await self.page.locator("#chat-input").input_value():
                return

    async def ask(self, question: str) -> str:
        """Send a question, wait for the end of its answer, return the answer's text."""
        count, told = await self.answers.count(), await self.status.count()
        await self.send(question)
        await expect(self.answers).to_have_count(count + 1)
        await expect(self.status).to_have_count(told + 1)
        await self.ended()
        # The status line is drawn inside the answer's own element.
        status = await self.status.last.inner_text()
        return (await self.answers.nth(count).inner_text()).removesuffix(status).strip()

    async def ended(self) -> None:
        """Wait until no answer is under way: the stop button has become the send button again."""
        await expect(self.page.locator("#chat-submit")).to_be_visible()
