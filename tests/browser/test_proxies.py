"""The page behind proxies that are not made for it, in a real Chromium."""

from __future__ import annotations

import threading

from playwright.async_api import Browser, expect

from tests.browser.page import ChatPage
from tests.fake_vllm import FakeVllm, Script
from tests.proxy import Proxy

HELLO = Script(["Hello", " there."])


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


async def test_fault_75_a_proxy_that_passes_no_websocket_on(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    """The page polls instead: the conversation goes on as ever."""
    fake.script = HELLO
    async with Proxy(port_of(fake_app_url), websockets=False) as proxy, ChatPage(browser, proxy.url) as page:
        assert await page.ask("One?") == "Hello there."
        assert await page.ask("Two?") == "Hello there."
        await fake.until(lambda: proxy.refused > 0)
        assert [message["content"] for message in fake.requests[-1]["messages"][1:]] == ["One?", "Hello there.", "Two?"]
        assert page.failures == []


async def test_fault_75_a_proxy_that_closes_silent_connections(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    """The page connects again by itself, also in the middle of an answer; nothing of it is missing."""
    fake.script = HELLO
    async with Proxy(port_of(fake_app_url), idle_s=4) as proxy, ChatPage(browser, proxy.url) as page:
        assert await page.ask("One?") == "Hello there."
        cut = proxy.cut
        await fake.until(lambda: proxy.cut > cut)
        held = threading.Event()
        fake.script = Script(["Here", " it", " is."], held=held, hold_at=1)
        asked = len(fake.requests)
        await page.send("Two?")
        await fake.until(lambda: len(fake.requests) > asked)
        cut = proxy.cut
        await fake.until(lambda: proxy.cut > cut)
        held.set()
        await expect(page.answers.nth(1)).to_contain_text("Here it is.")
        await page.ended()
        fake.script = HELLO
        assert await page.ask("Three?") == "Hello there."
        said = [message["content"] for message in fake.requests[-1]["messages"][1:]]
        assert said == ["One?", "Hello there.", "Two?", "Here it is.", "Three?"]
        assert page.failures == []
