"""What a user does with an answer on the page: again, versions, on, edit and stop; the reasoning before it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Locator, expect

from chat.texts import Language, text
from tests.browser.page import ChatPage
from tests.browser.test_accessibility import complaints
from tests.fake_vllm import FakeVllm, Script

CLIPBOARD = """async () => {
    const [item] = await navigator.clipboard.read();
    const read = async (type) => [type, await (await item.getType(type)).text()];
    return Object.fromEntries(await Promise.all(item.types.map(read)));
}"""
WORDS = [f"word{number} " for number in range(40)]


def button(where: Locator, name: str, language: Language = "en-US") -> Locator:
    return where.get_by_role("button", name=text(language, f"facts_{name}"))


async def edit(chat: ChatPage, question: str, edited: str) -> None:
    """Hover over a question, press its pencil, write another, confirm."""
    asked = chat.page.locator('[data-step-type="user_message"]').filter(has_text=question).last
    await asked.hover()
    await asked.locator(".edit-message").click()
    await chat.page.locator("#edit-chat-input").fill(edited)
    await chat.page.locator(".confirm-edit").click()


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_versions_of_an_answer_are_within_reach(
    browser: Browser, fake: FakeVllm, fake_app_url: str, language: Language
) -> None:
    async with ChatPage(browser, fake_app_url, language) as chat:
        fake.script = Script(["first version"])
        await chat.ask("Q")
        fake.script = Script(["second version"])
        await button(chat.status, "regenerate", language).click()
        answer = chat.answers.last
        await expect(answer).to_contain_text("second version")
        await expect(answer).to_contain_text("2/2")
        await expect(chat.answers).to_have_count(1)
        # The pager and the next question.
        await button(chat.status, "earlier", language).click()
        await expect(answer).to_contain_text("first version")
        await expect(answer).to_contain_text("1/2")
        await expect(button(chat.status, "earlier", language)).to_be_disabled()
        await chat.ask("Next")
        assert [m["content"] for m in fake.requests[-1]["messages"][1:]] == ["Q", "first version", "Next"]
        assert chat.failures == []


async def test_a_json_answer_is_regenerated_in_its_place(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        fake.script = Script(['{"colour": "red"}'])
        await chat.json_toggle.click()
        await chat.ask("Q")
        await chat.verdict("valid")
        fake.script = Script(['{"colour": ', '"blue'], finish_reason="length")
        await button(chat.status, "regenerate").click()
        canvas = await chat.verdict("cut")
        await expect(canvas).to_contain_text("blue")
        await expect(canvas).not_to_contain_text("red")
        await expect(chat.canvas).to_have_count(1)
        await button(chat.status, "earlier").click()
        canvas = await chat.verdict("valid")
        await expect(canvas).to_contain_text("red")
        await expect(chat.page.get_by_text("1/2")).to_be_visible()
        # A failure takes no answer away.
        fake.script = Script(status=500)
        await button(chat.status, "regenerate").click()
        await expect(chat.page.get_by_text(text("en-US", "error_backend_failing"))).to_be_visible()
        await expect(canvas).to_contain_text("red")
        assert chat.failures == []


async def test_a_cut_answer_goes_on_where_it_was_cut(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        fake.script = Script(["one two "], finish_reason="length")
        await chat.ask("Count")
        fake.script = Script(["three"])
        await button(chat.status, "continue").click()
        await expect(chat.answers.last).to_contain_text("one two three")
        await expect(button(chat.status, "continue")).to_have_count(0)
        await expect(chat.answers).to_have_count(1)


async def test_an_edited_answer_is_stopped(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        fake.script = Script(["ok"])
        await chat.ask("First")
        await chat.ask("Second")
        fake.script = Script(WORDS, delay_s=0.1)
        await edit(chat, "First", "First, edited")
        await expect(chat.answers).to_have_count(1)
        await expect(chat.answers.last).to_contain_text("word2")
        await chat.page.locator("#stop-button").click()
        await expect(chat.status).to_contain_text(text("en-US", "status_stopped"))
        assert "word39" not in await chat.answers.last.inner_text()
        await expect(chat.page.get_by_text("Second", exact=True)).to_have_count(0)


async def test_the_error_of_an_edited_question_is_shown_and_it_is_asked_again(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        fake.script = Script(["ok"])
        await chat.ask("First")
        fake.script = Script(status=500)
        for edited in ("First, edited", "First, edited twice"):
            await edit(chat, "First", edited)
            await expect(chat.page.get_by_text(text("en-US", "error_backend_failing"))).to_have_count(1)
            await expect(chat.page.get_by_text(edited, exact=True)).to_be_visible()
            await chat.ended()
        fake.script = Script(["fine now"])
        await button(chat.status, "regenerate").click()
        await expect(chat.answers.last).to_contain_text("fine now")
        await expect(chat.page.get_by_text(text("en-US", "error_backend_failing"))).to_have_count(0)
        assert fake.requests[-1]["messages"][-1]["content"] == "First, edited twice"
        await expect(chat.answers).to_have_count(1)


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_reasoning_is_open_while_it_comes_and_closed_above_the_answer(
    browser: Browser, fake: FakeVllm, fake_app_url: str, language: Language
) -> None:
    async with ChatPage(browser, fake_app_url, language) as chat:
        fake.script = Script(["The answer is 42."], reasoning=[f"thought{n} " for n in range(30)], delay_s=0.1)
        await chat.send("6 x 7?")
        thought = chat.page.get_by_test_id("reasoning")
        name = thought.get_by_role("button")
        await expect(thought.get_by_role("region")).to_contain_text("thought3")
        await expect(name).to_have_text(text(language, "thought_thinking"))
        await expect(name).to_have_attribute("aria-expanded", "true")
        await expect(chat.answers.last).to_contain_text("The answer is 42.")
        await chat.ended()
        before, after = text(language, "thought_done", seconds="|").split("|")
        await expect(name).to_have_text(re.compile(rf"{before}\d\.\d{after}"))
        await expect(thought.get_by_role("region")).to_have_count(0)
        # From the keyboard, and all of it.
        await name.press("Enter")
        await expect(thought.get_by_role("region")).to_have_text("".join(f"thought{n} " for n in range(30)).strip())
        above = await thought.bounding_box()
        below = await chat.answers.last.get_by_text("The answer is 42.").bounding_box()
        assert above
        assert below
        assert above["y"] + above["height"] <= below["y"]
        # Chainlit's copy button takes the message's HTML along.
        assert "thought3" not in await chat.answers.last.inner_html()
        assert await complaints(chat.page) == []
        # The next question leaves it open, and does not send it.
        fake.script = Script(["ok"])
        await chat.ask("Next")
        await expect(thought.get_by_role("region")).to_be_visible()
        assert "thought3" not in str(fake.requests[-1]["messages"])
        await name.click()
        await expect(thought.get_by_role("region")).to_have_count(0)
        assert chat.failures == []


async def test_thinking_before_json_stays_out_of_the_canvas(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        fake.script = Script(['{"a": 1}'], reasoning=["Braces { first"])
        await chat.json_toggle.click()
        await chat.ask("Q")
        canvas = await chat.verdict("valid")
        await expect(canvas).not_to_contain_text("Braces")
        thought = chat.page.get_by_test_id("reasoning")
        await thought.get_by_role("button").click()
        await expect(thought.get_by_role("region")).to_have_text("Braces { first")
        # Asked again it comes without; the other version still has it.
        fake.script = Script(['{"a": 2}'])
        await button(chat.status, "regenerate").click()
        await expect(chat.page.get_by_text("2/2")).to_be_visible()
        await expect(thought).to_have_count(0)
        await button(chat.status, "earlier").click()
        await expect(thought.get_by_role("region")).to_have_text("Braces { first")


async def test_an_answer_that_is_all_thinking_says_so(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        fake.script = Script([], reasoning=["Hm ", "hm."])
        await chat.send("Q")
        await expect(chat.page.get_by_text(text("en-US", "answer_only_thought"))).to_be_visible()
        fake.script = Script(["here it is"])
        await button(chat.status, "regenerate").click()
        await expect(chat.answers.last).to_contain_text("here it is")


async def test_stop_while_thinking(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        fake.script = Script(["late"], reasoning=["hm "] * 300, delay_s=0.1)
        await chat.send("Q")
        thought = chat.page.get_by_test_id("reasoning")
        await expect(thought.get_by_role("region")).to_contain_text("hm hm hm")
        await chat.page.locator("#stop-button").click()
        await expect(chat.status).to_contain_text(text("en-US", "status_stopped"))
        await expect(thought).to_have_attribute("data-thinking", "false")
        await expect(thought.get_by_role("region")).to_have_count(0)


async def test_copying_takes_the_answer_and_nothing_else(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    written = "It costs **$5** to $7."
    fake.script = Script([written])
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await chat.ask("How much?")
        await button(chat.status, "copy").click()
        await expect(button(chat.status, "copied")).to_be_visible()
        copied = await chat.page.evaluate(CLIPBOARD)
        assert copied["text/plain"] == written
        assert re.sub(r"<[^>]+>", "", copied["text/html"]).strip() == "It costs $5 to $7."
        # Chainlit's own is not there beside it.
        await expect(chat.page.locator(".ai-message button:has(> .lucide-copy):visible")).to_have_count(1)
        await expect(button(chat.status, "copy")).to_be_visible()
        assert chat.failures == []


async def test_the_pointer_stays_on_answer_again(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        fake.script = Script(["first"])
        await chat.ask("Q")
        again = button(chat.status, "regenerate")
        first = await again.bounding_box()
        fake.script = Script(["second"], finish_reason="length")  # with "Continue" beside it
        await again.click()
        await expect(chat.answers.last).to_contain_text("2/2")
        await expect(button(chat.status, "continue")).to_be_visible()
        second = await again.bounding_box()
        assert first
        assert second
        assert first["x"] == second["x"]


async def test_while_an_answer_comes_no_other_can_be_asked_for(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        fake.script = Script(["first"])
        await chat.ask("Q")
        again = button(chat.status.first, "regenerate")
        await expect(again).to_have_attribute("aria-disabled", "false")
        fake.script = Script(WORDS, delay_s=0.1)
        await chat.send("Another")
        await expect(chat.answers.last).to_contain_text("word1")
        await expect(again).to_have_attribute("aria-disabled", "true")
        # Who tries it is told why.
        await again.click(force=True)
        await expect(chat.status.first.get_by_role("alert")).to_contain_text(text("en-US", "answer_busy"))
        await chat.page.locator("#stop-button").click()
        await expect(again).to_have_attribute("aria-disabled", "false")
