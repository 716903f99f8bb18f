"""Pictures of what a small model cannot show at will: `make screenshots` makes them, too.

A stand-in for vLLM with scripted answers is behind the page here: an answer that waits in the queue, facts with the
server's clock, versions, reasoning, formulas, a full context, several models, a phone.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import threading
from pathlib import Path

from playwright.async_api import Browser, expect

from chat.texts import Language, group, text
from tests.browser.page import ChatPage, Theme, chromium
from tests.fake_vllm import FakeVllm, Script, free_port
from tests.processes import ROOT, app_service

FOLDER = ROOT / "docs" / "screenshots"
LOOKS: tuple[tuple[Language, Theme], ...] = (("en-US", "light"), ("zh-CN", "dark"))
DELAY_S = 0.02
ASK: dict[Language, tuple[str, str]] = {
    "en-US": ("How long is the diagonal of a unit square?", "And of a unit cube?"),
    "zh-CN": ("单位正方形的对角线有多长？", "单位立方体呢？"),
}
LONG: dict[Language, str] = {
    "en-US": "In a cube, the same theorem holds twice: once in the base, once in the upright triangle over it. ",
    "zh-CN": "在立方体中，同一条定理要用两次：先在底面上，再在竖直的三角形里。",
}
THOUGHT: dict[Language, str] = {
    "en-US": "Both sides are 1. By Pythagoras the square of the diagonal is 1 + 1 = 2.",
    "zh-CN": "两条边都是 1。根据勾股定理，对角线的平方是 1 + 1 = 2。",
}
ANSWER: dict[Language, str] = {
    "en-US": "The diagonal is $d = \\sqrt{1^2 + 1^2} = \\sqrt{2}$, about **1.414**.\n\n"
    "```python\nfrom math import hypot\n\nhypot(1, 1)  # 1.4142135623730951\n```",
    "zh-CN": "对角线是 $d = \\sqrt{1^2 + 1^2} = \\sqrt{2}$，约为 **1.414**。\n\n"
    "```python\nfrom math import hypot\n\nhypot(1, 1)  # 1.4142135623730951\n```",
}


def scripted(language: Language) -> Script:
    """The first answer, with the times that a server would tell of it."""
    thought, answer = (re.findall(r"\S+\s*|\s+", said[language]) for said in (THOUGHT, ANSWER))
    decode_ms = (len(thought) + len(answer) - 1) * DELAY_S * 1000
    times: dict[str, float | None] = {
        "queue_time_ms": 1.5,
        "time_to_first_token_ms": DELAY_S * 1000 - 2,
        "generation_time_ms": decode_ms,
        "mean_itl_ms": DELAY_S * 1000,
    }
    return Script(answer, delay_s=DELAY_S, reasoning=thought, metrics=times, cached_tokens=16)


async def take(browser: Browser, url: str, fake: FakeVllm, language: Language, theme: Theme, width: int) -> None:
    """All states in one look."""
    look = f"{language.split('-')[0]}-{theme}" + ("-phone" if width < 800 else "")
    first, second = ASK[language]
    async with ChatPage(browser, url, language, theme, width) as chat:
        page = chat.page
        bar = page.get_by_test_id("conversation-bar")

        async def shoot(name: str) -> None:
            await page.mouse.move(0, 0)
            await page.screenshot(path=FOLDER / f"{name}-{look}.png", animations="disabled")

        await page.locator("#mode-picker-trigger-model").click()
        await page.locator("#mode-picker-popover-model [cmdk-item]").last.wait_for()
        await shoot("models")
        await page.keyboard.press("Escape")
        fake.script = held = scripted(language)
        held.held, fake.waiting = threading.Event(), 3
        await chat.send(first)
        await expect(chat.waiting).to_contain_text(group(language, "facts_")["wait_queued_behind"].format(count=2))
        await shoot("waiting")
        held.held.set()
        fake.waiting = None
        await chat.ended()
        await chat.status.get_by_role("button", name=text(language, "facts_regenerate")).click()
        await expect(page.get_by_text("2/2")).to_be_visible()
        await chat.ended()
        await page.get_by_test_id("reasoning").get_by_role("button").click()
        await chat.status.get_by_role("button", name=text(language, "facts_details")).click()
        await shoot("facts")
        fake.script = Script([LONG[language]] * (900 // len(LONG[language])), delay_s=DELAY_S)
        await chat.ask(second)
        await page.locator("#chat-input").fill((LONG[language] * 30)[:800])
        await expect(bar).to_have_attribute("data-state", "leaves_out")
        await bar.get_by_role("button", name=text(language, "bar_menu")).click()
        await shoot("meter")
        await page.keyboard.press("Escape")


async def main() -> None:
    """All looks, one after the other."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    port = free_port()
    priced = {"PAGODA_PRICE_PER_HOUR": "7.2", "PAGODA_CURRENCY": "CNY", "PAGODA_MAX_TOKENS": "400"}
    with FakeVllm(model="Qwen2.5-7B-Instruct") as fake:
        fake.adapters = {"sql": "Qwen2.5-7B-Instruct", "support": "Qwen2.5-7B-Instruct"}
        with app_service(port, fake.url, Path(tempfile.mkdtemp()) / "app.log", **priced):
            async with chromium() as browser:
                for language, theme in LOOKS:
                    for width in (1200, 390):
                        await take(browser, f"http://127.0.0.1:{port}", fake, language, theme, width)
    print(f"wrote {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    asyncio.run(main())
