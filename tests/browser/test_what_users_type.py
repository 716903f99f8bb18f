"""What a user types, and a model says after it, is shown as text: nothing of it runs, and nothing else is disturbed."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, expect

from tests.browser.page import ChatPage
from tests.fake_vllm import FakeVllm, Script

HELLO = Script(["Hello there."])
REVERSED = "abc \u202eevil\u202c zero\u200bwidth \u2066isolate"
HTML = [
    "<script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 1'>",
    "<svg onload='window.ran = 1'></svg>",
    "<iframe srcdoc='<script>parent.ran = 1</script>'></iframe>",
    "<a href='javascript:window.ran = 1'>a</a>",
    "<style>body { display: none }</style>",
]
LINKS = [
    "javascript:window.ran=1",
    "JaVaScRiPt:window.ran=1",
    "java\tscript:window.ran=1",
    "&#106;avascript:window.ran=1",
    "data:text/html,<script>opener.ran=1</script>",
    "vbscript:x",
]
LATEX = [
    r"$\frac{1$ and $x^$",
    r"$$\begin{matrix} a & b",
    r"\(\undefinedcommand{x}\) and \[ \left( \]",
    r"$\def\a{\a\a}\a$",
    r"$\href{javascript:window.ran=1}{x}$ $\htmlData{onclick=window.ran=1}{y}$ $\includegraphics{x.png}$",
]


async def nothing_ran(chat: ChatPage) -> None:
    """No script of the text ran, no error, no dialog, no other host was asked, and the next question is answered."""
    assert await chat.page.evaluate("() => window.ran") is None
    assert chat.failures == []
    assert chat.foreign == []
    assert "Hello there." in await chat.ask("And now?")


async def no_script_in_a_link(chat: ChatPage) -> None:
    """Every link in a message leads to an address, or nowhere."""
    links = await chat.page.locator(".message-content a").evaluate_all("all => all.map((link) => link.protocol)")
    assert set(links) <= {"http:", "https:", "mailto:", ":"}


async def ask_for(chat: ChatPage, fake: FakeVllm, said: str) -> None:
    """Type `said`, and have the model say it, too."""
    fake.script = Script([said])
    count = await chat.status.count()
    await chat.page.locator("#chat-input").click()
    await chat.page.keyboard.insert_text(said)
    await chat.page.keyboard.press("Enter")
    await expect(chat.status).to_have_count(count + 1)
    await chat.ended()
    assert fake.requests[-1]["messages"][-1]["content"] == said
    fake.script = HELLO


async def test_fault_27_right_to_left_and_zero_width(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    """What is written from right to left, or cannot be seen, stays in its message; the page around it is as it was."""
    async with ChatPage(browser, fake_app_url) as chat:
        words = await chat.page.locator("#chat-input").get_attribute("data-placeholder")
        await ask_for(chat, fake, REVERSED)
        question = chat.page.locator('[data-step-type="user_message"] .message-content').last
        assert REVERSED in (await question.text_content() or "")
        # Chainlit marks the end of a text that streams with a zero-width space, and takes all of them out.
        assert REVERSED.replace("\u200b", "") in (await chat.answers.last.text_content() or "")
        for block in (question, chat.answers.last):
            # An override that is never closed ends with the block that it stands in.
            isolated = "block => ['block', 'flex', 'flow-root'].includes(getComputedStyle(block).display)"
            assert await block.evaluate(isolated)
        assert await chat.page.evaluate("() => getComputedStyle(document.body).direction") == "ltr"
        assert await chat.page.locator("#chat-input").get_attribute("data-placeholder") == words
        await nothing_ran(chat)


async def test_fault_28_html_with_scripts(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    """HTML is shown as it was typed, in the question and in the answer; no script of it runs, no style of it counts."""
    async with ChatPage(browser, fake_app_url) as chat:
        for typed in HTML:
            await ask_for(chat, fake, typed)
            question = chat.page.locator('[data-step-type="user_message"] .message-content').last
            await expect(question).to_contain_text(typed)
            for block in (question, chat.answers.last):
                found = await block.locator("script, iframe, svg[onload], img[onerror], a, style").count()
                assert found == 0, typed
        await expect(chat.page.locator("body")).to_be_visible()
        await nothing_ran(chat)


async def test_fault_29_javascript_links_and_tracking_pictures(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    """A link that would run a script leads nowhere; a picture from elsewhere is its words, and nobody is asked."""
    asked: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    elsewhere = await asyncio.start_server(note, "127.0.0.1", 0)
    tracker = f"http://127.0.0.1:{elsewhere.sockets[0].getsockname()[1]}/pixel.png?who=me"
    async with elsewhere, ChatPage(browser, fake_app_url) as chat:
        for address in LINKS:
            await ask_for(chat, fake, f"[press]({address}) <{address}>")
            await no_script_in_a_link(chat)
            await chat.answers.last.get_by_text("press").first.click()
        await ask_for(chat, fake, f"![a picture]({tracker})")
        await expect(chat.answers.last.get_by_role("link", name="a picture")).to_have_attribute("href", tracker)
        assert len(chat.page.context.pages) == 1
        assert asked == []
        # Playwright notes what the browser was kept from asking, too.
        chat.foreign[:] = [url for url in chat.foreign if url != tracker]
        await nothing_ran(chat)


@pytest.mark.parametrize("json_mode", [False, True])
async def test_fault_30_broken_latex(browser: Browser, fake: FakeVllm, fake_app_url: str, json_mode: bool) -> None:
    """A formula that is broken is shown as it was written; the rest of the message and the page stay whole."""
    async with ChatPage(browser, fake_app_url) as chat:
        if json_mode:
            fake.script = Script(['{"formula": "$\\\\frac{1$"}'])
            await chat.json_toggle.click()
            await chat.send("A formula")
            await expect(await chat.verdict("valid")).to_contain_text(r"$\frac{1$")
            await chat.json_toggle.click()
        for formula in LATEX:
            await ask_for(chat, fake, f"before {formula}\n\nafter")
            await expect(chat.answers.last).to_contain_text("before")
            await expect(chat.answers.last).to_contain_text("after")
            await no_script_in_a_link(chat)
        await nothing_ran(chat)
