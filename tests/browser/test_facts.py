"""The line under an answer in Chromium: what is waited for, the facts, their details, and what can be done."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, expect

from chat.texts import Language, group, text
from tests.browser.page import ChatPage
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import app_service

SERVER_TIMES: dict[str, float | None] = {
    "queue_time_ms": 0.4,
    "time_to_first_token_ms": 31.0,
    "generation_time_ms": 58.0,
    "mean_itl_ms": 5.0,
}


@pytest.fixture(scope="module")
def patient_url(fake: FakeVllm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app that waits as long as a test needs, on a machine with a price."""
    port = free_port()
    priced = {"PAGODA_PRICE_PER_HOUR": "7.2", "PAGODA_CURRENCY": "CNY"}
    with app_service(port, fake.url, tmp_path_factory.mktemp("app") / "app.log", **priced):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_a_waiting_answer_says_what_it_waits_for_and_the_seconds_run(
    browser: Browser, fake: FakeVllm, patient_url: str, language: Language
) -> None:
    texts = group(language, "facts_")
    script = fake.script = Script(["One", " two."], held=threading.Event())
    assert script.held is not None
    fake.waiting = 3
    async with ChatPage(browser, patient_url, language) as chat:
        await chat.send("Hello?")
        await expect(chat.waiting).to_contain_text(texts["wait_queued_behind"].format(count=2))
        seconds = chat.waiting.locator(".as-seconds")
        earlier = await seconds.inner_text()
        assert re.fullmatch(texts["seconds"].format(count=r"\d+"), earlier.strip("· \n"))
        await expect(seconds).not_to_have_text(earlier)
        fake.waiting = 0
        prompt = sum(len(message["content"]) for message in fake.requests[-1]["messages"])
        await expect(chat.waiting).to_contain_text(texts["wait_reading_tokens"].format(count=prompt))
        script.hold_at = 1
        await expect(chat.waiting).to_contain_text(texts["wait_writing"])
        await expect(chat.waiting).to_contain_text(texts["wait_stalled"])
        script.held.set()
        await expect(chat.status).to_have_count(1)
        await expect(chat.waiting).to_have_count(0)
        await expect(chat.answers.last).to_contain_text("One two.")
        assert chat.failures == []
    fake.waiting = None


async def test_the_facts_and_the_two_clocks_behind_them(browser: Browser, fake: FakeVllm, patient_url: str) -> None:
    fake.script = Script(["One", " two", " three."], delay_s=0.03, metrics=SERVER_TIMES, cached_tokens=16)
    async with ChatPage(browser, patient_url) as chat:
        await chat.ask("Hello?")
        line = chat.status.last
        for fact in ("ttft", "tokens", "context", "cost"):
            await expect(line.locator(f".as-line [data-fact={fact}]")).to_be_visible()
        server, here = line.locator("[data-clock=server]"), line.locator("[data-clock=browser]")
        await expect(server).to_be_hidden()
        fold = line.get_by_role("button", name=text("en-US", "facts_details"))
        await expect(fold).to_have_attribute("aria-expanded", "false")
        await fold.click()
        await expect(fold).to_have_attribute("aria-expanded", "true")
        await expect(server.locator("[data-fact=prompt] dd")).to_have_text("31 ms")
        await expect(here.locator("[data-fact=network]")).to_be_visible()
        # The page's own clock covers the app's.
        first = int((await here.locator("[data-fact=page_first] dd").inner_text()).split()[0].replace(",", ""))
        app = await here.locator("[data-fact=ttft] dd").inner_text()
        assert first >= int(app.split()[0])
        # Another answer makes Chainlit build the line anew: what was open stays so.
        fake.script = Script(["Four."])
        await chat.ask("And?")
        await expect(chat.status).to_have_count(2)
        await expect(chat.status.first.locator("[data-clock=server]")).to_be_visible()
        await expect(chat.status.last.locator("[data-clock=server]")).to_be_hidden()
        # Another version has been waited for from the click on.
        await chat.status.last.get_by_role("button", name=text("en-US", "facts_regenerate")).click()
        await expect(chat.status.last).to_contain_text("2/2")
        await chat.ended()
        await chat.status.last.locator(".as-fold").click()
        again = chat.status.last.locator("[data-clock=browser] [data-fact=page_first] dd")
        assert int((await again.inner_text()).split()[0].replace(",", "")) > 0
        assert chat.failures == []


async def test_without_the_servers_account_the_page_says_so(browser: Browser, fake: FakeVllm, patient_url: str) -> None:
    fake.script = Script(["One."])
    async with ChatPage(browser, patient_url) as chat:
        await chat.ask("Hello?")
        await chat.status.get_by_role("button", name=text("en-US", "facts_details")).click()
        server = chat.status.locator("[data-clock=server]")
        await expect(server).to_contain_text(text("en-US", "fact_server_silent"))
        await expect(server.locator("dd")).to_have_count(0)


async def test_what_was_left_out_is_named(browser: Browser, fake: FakeVllm, patient_url: str) -> None:
    async with ChatPage(browser, patient_url) as chat:
        fake.script = Script(["x" * 700])
        for name in ("Ada", "Bea", "Cy", "Di"):
            await chat.ask(f"My name is {name}.")
        fact = chat.status.last.locator("[data-fact=left_out]")
        await expect(fact).to_contain_text("My name is Ada.")


async def test_one_row_on_a_desktop_and_nothing_wider_than_a_phone(
    browser: Browser, fake: FakeVllm, patient_url: str
) -> None:
    fake.script = Script(["One", " two."], delay_s=0.1, metrics=SERVER_TIMES, cached_tokens=16)
    async with ChatPage(browser, patient_url) as chat:
        await chat.ask("Hello?")
        line, row = chat.status.last, chat.status.last.locator(".as-row")
        box = await row.bounding_box()
        assert box is not None
        assert box["height"] < 40
        await line.get_by_role("button", name=text("en-US", "facts_details")).click()
        await chat.page.set_viewport_size({"width": 390, "height": 800})
        await expect(line.locator("[data-clock=browser]")).to_be_visible()
        wide = "() => document.documentElement.scrollWidth"
        assert await chat.page.evaluate(wide) <= 390
        detail = await line.locator(".as-details").bounding_box()
        assert detail is not None
        assert detail["x"] + detail["width"] <= 390
