"""The app is ended and started again under a page that is open."""

from __future__ import annotations

import asyncio
import signal
import threading
from pathlib import Path

from playwright.async_api import Browser, expect

from chat.texts import text
from tests.browser.page import ChatPage
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import app_service


async def test_fault_65_restart_under_an_open_page(browser: Browser, tmp_path: Path) -> None:
    """The banner says that the chat is being restarted, the answer under way ends whole, and the page comes back."""
    port, held = free_port(), threading.Event()
    with FakeVllm() as fake, app_service(port, fake.url, tmp_path / "app.log") as app:
        fake.script = Script(["one ", "two ", "three"], held=held, hold_at=1)
        async with ChatPage(browser, f"http://127.0.0.1:{port}") as chat:
            banner = chat.page.get_by_test_id("banner").locator(".bn-sentence")
            await chat.send("Count")
            await expect(chat.answers.last).to_contain_text("one")
            app.process.send_signal(signal.SIGTERM)
            await expect(banner).to_have_text(text("en-US", "banner_shutting_down"))
            held.set()
            await expect(chat.answers.last).to_contain_text("one two three")
            assert await asyncio.to_thread(app.process.wait, 60) == 0
            with app_service(port, fake.url, tmp_path / "again.log"):
                await expect(banner).not_to_have_text(text("en-US", "banner_shutting_down"))
                await expect(chat.page.get_by_text("one two three")).to_be_visible()
                fake.script = Script()
                await chat.send("Again?")
                await expect(chat.answers.last).to_contain_text("Hello there.")
            assert chat.failures == []
