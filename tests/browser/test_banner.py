"""The banner while the model server is away or busy: it comes, counts, is read out once, and goes by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Locator, expect

from chat.texts import Language, text
from tests.browser.page import ChatPage, Theme
from tests.fake_vllm import FakeVllm, free_port
from tests.processes import app_service

LIMIT = 5


class WatchedPage(ChatPage):
    @property
    def banner(self) -> Locator:
        return self.page.get_by_test_id("banner")

    @property
    def sentence(self) -> Locator:
        return self.banner.locator(".bn-sentence")

    @property
    def more(self) -> Locator:
        return self.banner.locator(".bn-more")


@pytest.mark.parametrize(
    ("language", "theme", "width"), [("en-US", "light", 1200), ("zh-CN", "dark", 390)], ids=["en", "zh"]
)
async def test_the_banner_follows_the_model_server(
    browser: Browser, tmp_path: Path, language: Language, theme: Theme, width: int
) -> None:
    port, backend_port = free_port(), free_port()
    settings = {"PAGODA_QUEUE_LIMIT": str(LIMIT)}
    with app_service(port, f"http://127.0.0.1:{backend_port}/v1", tmp_path / "app.log", **settings):
        url = f"http://127.0.0.1:{port}"
        async with WatchedPage(browser, url, language, theme, width) as chat:
            page = chat.page
            await expect(chat.sentence).to_have_text(text(language, "banner_absent"))
            await expect(chat.banner).to_have_role("status")
            await expect(chat.more).to_have_attribute("aria-hidden", "true")
            # What counts does not touch what is read out.
            await chat.sentence.evaluate("element => (element.firstChild.mark = 'said once')")
            await expect(chat.more).to_have_text(text(language, "banner_for", time="0:03"))
            assert await chat.sentence.evaluate("element => element.firstChild.mark") == "said once"
            await accessible(chat)

            with FakeVllm(backend_port) as fake:
                await expect(chat.banner).to_have_attribute("data-look", "back")
                await expect(chat.sentence).to_have_text(text(language, "banner_back"))
                assert await chat.ask("Hello?") == "Hello there."
                await expect(chat.sentence).to_have_text("")
                box = await chat.banner.bounding_box()
                assert box
                assert box["height"] <= 1  # it takes no room
                fake.waiting = LIMIT + 2
                await expect(chat.sentence).to_have_text(text(language, "banner_overloaded"))
                await expect(chat.more).to_contain_text(text(language, "banner_waiting", count=LIMIT + 2))
                fake.waiting = LIMIT + 3
                await expect(chat.more).to_contain_text(text(language, "banner_waiting", count=LIMIT + 3))
                fake.waiting = 0
                await expect(chat.banner).to_have_attribute("data-look", "back")
            await expect(chat.sentence).to_have_text(text(language, "banner_restarting"))
            assert await chat.banner.evaluate("banner => banner.nextElementSibling.id") == "message-composer"
            # Another page, or this one reloaded, says so, too.
            await page.reload()
            await expect(chat.sentence).to_have_text(text(language, "banner_restarting"))
            await accessible(chat)
            assert chat.failures == []


async def accessible(chat: WatchedPage) -> None:
    """Nothing is wrong with it for those who don't see, or see little."""
    results = await Axe().run(chat.page, context=".pagoda-banner")
    assert results.response["violations"] == []
