"""The benchmark's report as a browser shows it: the file alone, in both languages, themes and widths."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from backend.benchmark.__main__ import main
from tests.browser.page import PATIENCE_MS, Theme
from tests.unit.benchmark_results import VLLM, result

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a result of an H200, whose command line has a long word."""
    line = [*VLLM, "--download-dir", "/mnt" + "/models" * 12]
    measured = result(goodput_ms={"ttft": 500, "tpot": 50}, command_line=line)
    folder = tmp_path_factory.mktemp("report")
    (folder / "result.json").write_text(json.dumps(measured), encoding="utf-8")
    page = folder / "report.html"
    assert main(["report", str(folder / "result.json"), "--out", str(page), "--price", "30"]) == 0
    return page


@pytest.mark.parametrize(("language", "theme", "width"), [("en-US", "light", 1200), ("zh-CN", "dark", 390)])
async def test_the_report_is_read_in_a_browser(
    browser: Browser, report: Path, language: str, theme: Theme, width: int
) -> None:
    context = await browser.new_context(
        locale=language, color_scheme=theme, viewport={"width": width, "height": 800}, offline=True
    )
    page = await context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(report.as_uri(), timeout=PATIENCE_MS)
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]

    # The reader's language is there at once, the other at the press of a button.
    spoken, other = ("en", "zh-CN") if language == "en-US" else ("zh-CN", "en")
    for name in (spoken, other, spoken):
        await page.get_by_text({"en": "English", "zh-CN": "中文"}[name], exact=True).click()
        await expect(page.locator("html")).to_have_attribute("lang", name)
        await expect(page.locator(f"h1 [lang={name}]")).to_be_visible()
        assert await page.locator("main [lang]:not(svg *):visible").evaluate_all(
            "(all) => [...new Set(all.map((element) => element.lang))]"
        ) == [name]

    # Every chart is drawn, nothing is wider than the screen, and nothing is hard to read.
    charts = page.locator("figure > svg")
    assert await charts.count() >= 2
    for number in range(await charts.count()):
        box = await charts.nth(number).bounding_box()
        assert box
        assert box["height"] > 100
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    found = await Axe().run(page, options=RULES)
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found.response["violations"]] == []
    await context.close()


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_on_a_phone_costs_are_in_sight_and_more_columns_are_announced(
    browser: Browser, report: Path, language: str
) -> None:
    context = await browser.new_context(locale=language, viewport={"width": 390, "height": 800})
    page = await context.new_page()
    await page.goto(report.as_uri(), timeout=PATIENCE_MS)
    loads = page.locator(".scroll").first
    for column in (2, 3):  # a million tokens, a thousand turns
        cost = await loads.locator("tr.best td").nth(column - 1).bounding_box()
        assert cost
        assert cost["x"] + cost["width"] < 370
    shades = await loads.evaluate("(element) => getComputedStyle(element).backgroundAttachment")
    assert shades == "local, local, scroll, scroll"
    # The table of sentences fits, and each card has its value on one line.
    for wrapping in (page.locator(".scroll:has(.wordy)"), *await page.locator(".cards dd").all()):
        assert await wrapping.evaluate("(element) => element.scrollWidth <= element.clientWidth")
    heights = await page.locator(".cards dd").evaluate_all("(all) => all.map((element) => element.clientHeight)")
    assert max(heights) < 40
    await context.close()


async def test_the_report_is_english_without_a_script(browser: Browser, report: Path) -> None:
    context = await browser.new_context(locale="zh-CN", java_script_enabled=False)
    page = await context.new_page()
    await page.goto(report.as_uri(), timeout=PATIENCE_MS)
    await expect(page.locator("h1 [lang=en]")).to_be_visible()
    await page.get_by_text("中文", exact=True).click()
    await expect(page.locator("h1 [lang=zh-CN]")).to_be_visible()
    await context.close()
