"""How an answer flows onto the page: nothing half-parsed, long answers in parts, and a scroll that is the user's."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.page import ChatPage
from tests.browser.test_facts import SERVER_TIMES
from tests.fake_vllm import FakeVllm, Script
from tests.load.upstream import long_answer

LINES = [f"Line {number} of an answer.\n\n" for number in range(400)]
SCROLLER = """() => {
    let box = document.querySelector("[data-step-type]");
    while (box && !/auto|scroll/.test(getComputedStyle(box).overflowY)) box = box.parentElement;
    return box;
}"""
# What is on the page after each frame, as far as a mark of Markdown is in it that should have been read.
HALF_PARSED = """() => {
    window.halfParsed = [];
    const look = () => {
        const text = document.querySelector(".ai-message .message-content")?.innerText ?? "";
        const found = text.match(/\\*\\*|`|\\]\\(|^#|^[-|]/m);
        if (found) window.halfParsed.push(text.slice(Math.max(0, found.index - 20), found.index + 20));
        requestAnimationFrame(look);
    };
    look();
}"""
BLOCKS = """() => {
    const content = document.querySelector(".ai-message .message-content");
    const top = content.getBoundingClientRect().top;
    return [...content.querySelectorAll(".prose :is(h2, [role=article], ul, ol, table, pre)")].map((block) => {
        const box = block.getBoundingClientRect();
        return [block.tagName, block.textContent.slice(0, 30), Math.round(box.top - top), Math.round(box.height)];
    });
}"""


async def top(page: Page) -> float:
    """Where the page stands."""
    box = await page.evaluate_handle(SCROLLER)
    place: float = await box.evaluate("box => box.scrollTop")
    return place


async def follows(page: Page) -> None:
    """Wait for the frame in which what has come is in sight; a page that does not follow has none."""
    from_end = "box.scrollHeight - box.clientHeight - box.scrollTop"
    await page.wait_for_function(f"() => {{ const box = ({SCROLLER})(); return {from_end} <= 1; }}")


async def lines_later(chat: ChatPage, count: int) -> None:
    """Wait until so many more lines of the answer have come."""
    line = chat.answers.last.locator("[role=article]")
    now = await line.count()
    await chat.page.wait_for_function(
        "now => document.querySelectorAll('.ai-message .message-content [role=article]').length > now", arg=now + count
    )


async def test_the_page_follows_an_answer_and_stays_where_the_user_puts_it(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    fake.script = Script(LINES, delay_s=0.05)
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.send("Count")
        await chat.answers.last.get_by_text("Line 30 ").wait_for()
        await follows(chat.page)
        await chat.page.mouse.move(600, 300)
        # As little as a touchpad moves at once.
        await chat.page.mouse.wheel(0, -4)
        await lines_later(chat, 10)
        away = await top(chat.page)
        await lines_later(chat, 10)
        assert await top(chat.page) == away
        await chat.page.mouse.wheel(0, -200)
        await lines_later(chat, 10)
        assert await top(chat.page) < away
        # Back at the end, it follows again.
        await chat.page.mouse.wheel(0, 100_000)
        await lines_later(chat, 10)
        await follows(chat.page)
        # So it does after the button, which is gone then.
        await chat.page.mouse.wheel(0, -900)
        button = chat.page.locator(".bottom-4.left-0.right-0 button")
        await button.click()
        await lines_later(chat, 10)
        await follows(chat.page)
        await expect(button).to_be_hidden()
        await chat.page.locator("#stop-button").click()
        await chat.ended()
        # The line under the answer is in sight, with nothing over it.
        await expect(chat.status).to_be_in_viewport(ratio=1)
        await expect(button).to_be_hidden()


async def test_nothing_is_shown_half_parsed(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    text = "".join(long_answer(500))
    text = text[: text.rindex("## Chapter")]
    fake.script = Script([text[at : at + 3] for at in range(0, len(text), 3)], delay_s=0.01)
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.page.evaluate(HALF_PARSED)
        await chat.ask("All of it")
        assert await chat.page.evaluate("window.halfParsed") == []
        await expect(chat.answers.last.locator("table")).to_have_count(text.count("| name |"))


async def test_a_long_answer_in_parts_looks_as_it_does_in_one(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    looks: list[Any] = []
    parts: list[int] = []
    for whole in (False, True):
        fake.script = Script(["".join(long_answer(2_000))])
        async with ChatPage(browser, fake_app_url) as chat:
            if whole:
                await chat.page.evaluate("window.pagodaMarkdown = undefined")
            await chat.ask("All of it")
            looks.append(await chat.page.evaluate(BLOCKS))
            parts.append(await chat.answers.last.locator(".markdown-part").count())
    assert parts[0] > 3
    assert parts[1] == 0
    assert looks[0] == looks[1]


async def test_what_is_complete_is_drawn_once(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    text = "".join(long_answer(2_000))
    fake.script = Script([text[at : at + 40] for at in range(0, len(text), 40)], delay_s=0.05)
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.send("All of it")
        heading = chat.answers.last.get_by_role("heading", name="Chapter 0")
        await chat.answers.last.get_by_role("heading", name="Chapter 4").wait_for()
        await heading.evaluate("heading => (heading.mark = 'the same')")
        await chat.answers.last.get_by_role("heading", name="Chapter 9").wait_for()
        assert await heading.evaluate("heading => heading.mark") == "the same"


@pytest.mark.parametrize("width", [1200, 390])
async def test_opening_the_details_shows_them_and_moves_the_page_no_further(
    browser: Browser, fake: FakeVllm, fake_app_url: str, width: int
) -> None:
    fake.script = Script(LINES[:20], metrics=SERVER_TIMES, cached_tokens=16)
    async with ChatPage(browser, fake_app_url, width=width) as chat:
        await chat.ask("First")
        await chat.ask("Second")
        fold, details = chat.status.last.locator(".as-fold"), chat.status.last.locator(".as-details")
        await expect(fold).to_be_in_viewport(ratio=1)
        before = await fold.bounding_box()
        await fold.click()
        await expect(details).to_be_in_viewport(ratio=1)
        await expect(fold).to_be_in_viewport(ratio=1)
        after, shown = await fold.bounding_box(), await details.bounding_box()
        assert before
        assert after
        assert shown
        assert 0 <= before["y"] - after["y"] <= shown["height"] + 24
        # Nothing lies over them: neither the message box nor the button that leads to the end.
        inside = {"x": shown["x"] + shown["width"] - 30, "y": shown["y"] + shown["height"] - 12}
        over = "({ x, y }) => document.elementFromPoint(x, y).closest('.as-details') !== null"
        assert await chat.page.evaluate(over, inside)


async def test_the_header_does_not_cut_into_a_question_that_fits_above_its_answer(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    cut = []
    async with ChatPage(browser, fake_app_url) as chat:
        header = await chat.page.locator("#header").bounding_box()
        box = await chat.page.locator("#message-composer").bounding_box()
        assert header
        assert box
        for lines in range(1, 16):
            fake.script = Script(LINES[:lines], delay_s=0.01)
            await chat.ask(f"Question {lines}")
            question = chat.page.locator('[data-step-type="user_message"] .bg-accent').last
            asked = await question.bounding_box()
            status = await chat.status.last.bounding_box()
            box = await chat.page.locator("#message-composer").bounding_box()
            assert asked
            assert status
            assert box
            top = asked["y"]
            assert status["y"] + status["height"] <= box["y"]
            fits = status["y"] + status["height"] - top < box["y"] - header["height"] - 8
            if fits and top < header["height"]:
                cut.append((lines, top))
    assert cut == []
