"""Pictures of a report of the benchmark, for the README: `python -m tests.browser.screenshots_report REPORT.html`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from playwright.async_api import FloatRect

from tests.browser.page import chromium
from tests.browser.screenshots import FOLDER, LOOKS


async def main(url: str) -> None:
    """Its beginning, down to the first two charts, in each language and theme."""
    async with chromium() as browser:
        for language, theme in LOOKS:
            context = await browser.new_context(
                locale=language, color_scheme=theme, viewport={"width": 1160, "height": 1400}
            )
            page = await context.new_page()
            await page.goto(url)
            chart = await page.locator("figure").nth(1).bounding_box()
            assert chart
            clip: FloatRect = {"x": 0, "y": 0, "width": 1160, "height": chart["y"] + chart["height"] + 12}
            await page.screenshot(path=FOLDER / f"report-{language.split('-')[0]}-{theme}.png", clip=clip)
            await context.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).resolve().as_uri()))
