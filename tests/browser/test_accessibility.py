"""The page as axe-core judges it, and as it is used by keyboard alone.

axe comes with the development dependency axe-playwright-python, which carries axe-core in its wheel: pinned and hashed
in the lock like the rest, no npm and no copy in this repository.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, TimeoutError, expect

from chat.schema.ready import ready_schemas
from chat.texts import Language, text
from tests.browser.page import ChatPage, Theme
from tests.fake_vllm import FakeVllm, Script

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
# Each language with each theme and each width, each theme with each width.
LOOKS: tuple[tuple[Language, Theme, int], ...] = (
    ("en-US", "light", 1200),
    ("en-US", "dark", 390),
    ("zh-CN", "light", 390),
    ("zh-CN", "dark", 1200),
)
ANSWER = r"""# A heading

Some **words**, `code`, a [link](https://docs.vllm.ai), and a formula: $E = mc^2$.

```python
def area(radius: float) -> float:  # a comment that is long enough to leave the side of a narrow screen
    return 3.14159 * radius**2
```

| Name | Number | Something that makes it wide | Something else that does |
|---|---|---|---|
| one | 1 | https://example.org/one | https://example.org/another |

> Quoted.
"""
BOOKS = '{"books": [{"title": "红楼梦", "author": "曹雪芹", "chapters": 120, "read": true, "note": null}]}'


# What appears fades in, whatever the user's wish for less motion: half there, its contrast is that of nothing.
STILL = """() => document.getAnimations().every(
    (animation) => animation.playState !== 'running' || animation.effect?.getTiming().iterations === Infinity)"""


async def complaints(page: Page) -> list[str]:
    """What axe finds on the page once nothing moves: rule, and the elements that break it."""
    await page.wait_for_function(STILL)
    found = await Axe().run(page, options=RULES)
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:200]} {node.get('failureSummary')}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]


async def states(chat: ChatPage, fake: FakeVllm, language: Language) -> AsyncIterator[str]:
    """Go through the page, and stop at each state with its name."""
    page = chat.page
    # Colours are judged as they are to be, not on their way there.
    await page.emulate_media(reduced_motion="reduce")
    await expect(page.get_by_role("heading", name="Pagoda")).to_be_visible()
    yield "first screen"
    fake.script = Script([ANSWER[at : at + 20] for at in range(0, len(ANSWER), 20)])
    await chat.ask("text")
    yield "answer in words"
    await page.locator(".edit-message").first.hover(force=True)
    await page.locator(".edit-message").first.click()
    await expect(page.locator("#edit-chat-input")).to_be_focused()
    yield "question being edited"
    await page.keyboard.press("Escape")
    await expect(page.locator("#edit-chat-input")).to_have_count(0)
    fake.script = Script([BOOKS])
    await chat.json_toggle.click()
    await chat.send("books")
    canvas = await chat.verdict("valid")
    await chat.ended()
    for tab in await canvas.get_by_role("tab").all():
        await tab.click()
        yield f"answer in JSON, {await tab.inner_text()}"
    folded = page.locator(".message-content [aria-expanded='false']:visible:not([aria-haspopup])")
    while await folded.count():
        await folded.first.click()
    yield "all that unfolds unfolded"
    menus = page.locator("[aria-haspopup='menu']:visible")
    for number in range(await menus.count()):
        await menus.nth(number).click()
        await expect(page.get_by_role("menu")).to_be_visible()
        yield f"menu {number}"
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("menu")).to_have_count(0)
    await chat.schema_picker.click()
    await expect(page.locator("#mode-picker-popover-schema")).to_be_visible()
    yield "schema picker"
    await page.keyboard.press("Escape")
    await chat.pick(ready_schemas()["invoice"].name[language])
    await expect(page.locator(".schema-view")).to_be_visible()
    yield "questions of a schema"
    await page.locator("#chat-settings-open-modal").click()
    await expect(page.locator("#system_prompt")).to_be_visible()
    yield "settings"
    await page.keyboard.press("Escape")
    await page.locator("#new-chat-button").click()
    await expect(page.locator("#new-chat-dialog")).to_be_visible()
    yield "before a new chat"
    await page.keyboard.press("Escape")
    await page.locator("#readme-button").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    yield "about"
    await page.keyboard.press("Escape")
    await page.locator(".schema-view").click()
    await expect(page.get_by_test_id("schema-panel")).to_be_visible()
    yield "schemas"
    await page.get_by_test_id("schema-panel").get_by_role("button", name=text(language, "panel_new")).click()
    await page.get_by_label(text(language, "panel_text"), exact=True).fill('{"type": "objekt"}')
    await expect(page.locator("button[data-severity=error]").first).to_be_visible()
    yield "schema editor"


@pytest.mark.parametrize(("language", "theme", "width"), LOOKS)
@pytest.mark.timeout(300)
async def test_axe_finds_nothing(
    browser: Browser, fake: FakeVllm, fake_app_url: str, language: Language, theme: Theme, width: int
) -> None:
    async with ChatPage(browser, fake_app_url, language, theme, width) as chat:
        found = {}
        async for state in states(chat, fake, language):
            if complaint := await complaints(chat.page):
                found[state] = complaint
        assert found == {}
        assert await chat.page.locator("html").get_attribute("lang") == {"en-US": "en", "zh-CN": "zh-CN"}[language]


NAMELESS = """() => [...document.querySelectorAll(
    'button, a[href], input, textarea, select, [role=slider], [role=menuitem], [role=separator][tabindex]')]
  .filter((element) => element.checkVisibility() && !element.closest('[aria-hidden=true]'))
  .filter((element) => !(element.ariaLabel || element.title || element.innerText?.trim() || element.labels?.length
    || element.getAttribute('aria-labelledby')))
  .map((element) => element.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_every_control_has_a_name_in_the_users_language(
    browser: Browser, fake: FakeVllm, fake_app_url: str, language: Language
) -> None:
    async with ChatPage(browser, fake_app_url, language) as chat:
        async for state in states(chat, fake, language):
            try:
                await chat.page.wait_for_function(f"() => !({NAMELESS})().length", timeout=5000)
            except TimeoutError:
                pytest.fail(f"{state}: {await chat.page.evaluate(NAMELESS)}")
            if language == "zh-CN":
                names = "() => [...document.querySelectorAll('[aria-label]')].map((element) => element.ariaLabel)"
                said = await chat.page.evaluate(names)
                latin = [name for name in said if name.isascii() and " " in name and name != "Top p"]
                assert latin == [], state


async def test_the_toggle_says_whether_it_is_on(browser: Browser, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        await expect(chat.json_toggle).to_have_attribute("aria-pressed", "false")
        await chat.json_toggle.click()
        await expect(chat.json_toggle).to_have_attribute("aria-pressed", "true")


async def test_a_conversation_by_keyboard_alone(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        page = chat.page
        keys = page.keyboard
        # What comes first on the page offers the way to the message box, and is seen.
        await reach(page, ".skip-link", "Shift+Tab")
        skip = page.get_by_role("link", name=text("en-US", "page_skip"))
        await expect(skip).to_be_in_viewport()
        await keys.press("Enter")
        await expect(page.locator("#chat-input")).to_be_focused()
        fake.script = Script(["first"])
        await keys.type("One?")
        await keys.press("Enter")
        await expect(chat.answers).to_have_count(1)
        await chat.ended()
        # Back to the question, to ask it in other words.
        await reach(page, ".edit-message", "Shift+Tab")
        await expect(page.locator(".edit-message")).to_have_css("opacity", "1")
        await keys.press("Enter")
        await expect(page.locator("#edit-chat-input")).to_be_focused()
        await keys.press("Escape")
        await expect(page.locator("#chat-input")).to_be_focused()
        # Settings open, take a value, and close.
        await reach(page, "#chat-settings-open-modal", "Tab")
        await keys.press("Enter")
        await expect(page.locator("#system_prompt")).to_be_visible()
        await reach(page, "#seed", "Tab")
        await keys.type("7")
        await reach(page, "#confirm", "Tab")
        await keys.press("Enter")
        await expect(page.locator("#system_prompt")).to_have_count(0)
        await page.locator("#chat-input").focus()
        await keys.type("Two?")
        await keys.press("Enter")
        await expect(chat.answers).to_have_count(2)
        await chat.ended()
        assert fake.requests[-1]["seed"] == 7


async def test_a_new_chat_is_begun_or_not_by_keyboard(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        page, dialog = chat.page, chat.page.locator("#new-chat-dialog")
        fake.script = Script(["first"])
        await chat.ask("One?")
        await page.locator("#new-chat-button").focus()
        await page.keyboard.press("Enter")
        await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
        await page.keyboard.press("Enter")  # which Chainlit takes for a yes
        await expect(dialog).to_have_count(0)
        await expect(chat.answers).to_have_count(1)
        await expect(page.locator("#new-chat-button")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(dialog).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(dialog.get_by_role("button", name="Start")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(chat.answers).to_have_count(0)


async def test_less_motion_is_respected(browser: Browser, fake: FakeVllm, fake_app_url: str) -> None:
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.page.emulate_media(reduced_motion="reduce")
        fake.script = Script(["word "] * 20)
        await chat.ask("?")
        moving = """() => document.getAnimations()
            .filter((animation) => animation.playState === 'running' && animation.effect.getTiming().duration > 1)
            .map((animation) => animation.animationName ?? animation.transitionProperty)"""
        assert await chat.page.evaluate(moving) == []


async def reach(page: Page, selector: str, key: str) -> None:
    """Press `key` until the control has the focus, as one who cannot point would."""
    for _ in range(60):
        if await page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
        await page.keyboard.press(key)
    raise AssertionError(f"{key} does not lead to {selector}")


async def test_the_button_that_sends_and_stops_is_called_what_it_does(
    browser: Browser, fake: FakeVllm, fake_app_url: str
) -> None:
    fake.script = script = Script(["Yes."], held=threading.Event())
    assert script.held is not None
    async with ChatPage(browser, fake_app_url) as chat:
        await chat.send("Are you there?")
        await expect(chat.page.locator("#stop-button")).to_have_attribute("aria-label", text("en-US", "page_stop"))
        script.held.set()
        await expect(chat.page.locator("#chat-submit")).to_have_attribute("aria-label", text("en-US", "page_send"))
