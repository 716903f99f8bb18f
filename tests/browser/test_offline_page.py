"""The page asks nobody but its own server, for anything; and what others draw with the help of a CDN is drawn."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, expect

from chat.schema.ready import ready_schemas
from chat.texts import Language
from tests.browser.page import ChatPage
from tests.fake_vllm import FakeVllm, Script

MATH = r"""Rest energy: $E = mc^2$, for $5 and **$10**, and the sum

\[ \sum_{k=1}^{n} k = \frac{n(n+1)}{2} \]
"""
CODE = "```python\nprint('hello')\n```"


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_a_whole_conversation_makes_no_request_to_another_origin(
    browser: Browser, fake: FakeVllm, fake_app_url: str, language: Language
) -> None:
    async with ChatPage(browser, fake_app_url, language) as chat:
        page = chat.page
        for answer in ("Just words.", CODE, MATH):
            fake.script = Script([answer])
            await chat.ask("?")
        fake.script = Script(['{"books": [{"title": "红楼梦"}]}'])
        await chat.json_toggle.click()
        await chat.send("books")
        await chat.verdict("valid")
        await chat.ended()
        await page.locator("#chat-settings-open-modal").click()
        await expect(page.locator("#system_prompt")).to_be_visible()
        await page.keyboard.press("Escape")
        await page.locator("#readme-button").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await chat.pick(ready_schemas()["invoice"].name[language])
        await page.locator(".schema-view").click()
        await expect(page.get_by_test_id("schema-panel")).to_be_visible()
        assert chat.foreign == []
        assert chat.failures == []


async def test_a_picture_in_an_answer_asks_no_other_host(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    asked: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    elsewhere = await asyncio.start_server(note, "127.0.0.1", 0)
    leak = f"http://127.0.0.1:{elsewhere.sockets[0].getsockname()[1]}/leak.png?secret=hello"
    fake.script = Script([f"Look: ![a picture]({leak})"])
    async with elsewhere, ChatPage(browser, fake_app_url) as chat:
        refused = asyncio.Event()
        await chat.page.expose_function("refused", lambda _uri: refused.set())
        await chat.page.evaluate(
            "() => document.addEventListener('securitypolicyviolation', (event) => refused(event.blockedURI))"
        )
        await chat.ask("?")
        await asyncio.wait_for(refused.wait(), 30)
        assert asked == []


async def test_nothing_on_the_page_points_elsewhere(browser: Browser, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        links = "() => [...document.querySelectorAll('link[href], script[src], img[src]')].map((e) => e.href || e.src)"
        assert [link for link in await chat.page.evaluate(links) if not link.startswith(fake_app_url)] == []
        assert "https://" not in (await (await chat.page.request.get(fake_app_url)).text())


async def test_formulas_are_drawn_by_the_browser_itself(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        fake.script = Script([MATH])
        await chat.ask("?")
        answer = chat.answers.last
        await expect(answer.locator("math")).to_have_count(2)
        await expect(answer.locator(".katex-html").first).to_be_hidden()
        fraction = await answer.locator("mfrac").bounding_box()
        letter = await answer.locator("math mi").first.bounding_box()
        assert fraction
        assert letter
        assert fraction["height"] > 1.5 * letter["height"]
        await expect(answer).to_contain_text("for $5 and $10, and the sum")
        # The source of a formula is there for those who copy it, and is not seen.
        await expect(answer.locator("annotation").first).to_be_hidden()


async def test_chainlits_scripts_are_packed_and_kept(browser: Browser, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        script = await chat.page.locator("script[src*='/assets/index-']").get_attribute("src")
        response = await chat.page.request.get(f"{fake_app_url}{script}")
        # Chainlit's own digest in its name does not tell of our change to it.
        again = {"If-None-Match": response.headers["etag"]}
        assert response.headers["cache-control"] == "no-cache"
        assert (await chat.page.request.get(f"{fake_app_url}{script}", headers=again)).status == 304
        style = await chat.page.locator("link[href*='/assets/index-']").get_attribute("href")
        assert "immutable" in (await chat.page.request.get(f"{fake_app_url}{style}")).headers["cache-control"]
        assert response.headers["content-encoding"] == "gzip"
        plain = await chat.page.request.get(f"{fake_app_url}{script}", headers={"Accept-Encoding": "identity"})
        assert await plain.body() == await response.body()
        for path in ("nothing.js", "..%2Findex.html", "..%2f..%2f..%2fconfig.py"):
            assert (await chat.page.request.get(f"{fake_app_url}/assets/{path}")).status in (400, 404)
