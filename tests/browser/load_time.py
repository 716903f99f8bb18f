"""How long the page takes to load with the network to all others cut: `python -m tests.browser.load_time [RUNS]`.

Starts the app in front of the stand-in for vLLM, and visits it in Chromium, to which every other host has no address:
RUNS times (default 9) as a newcomer with an empty cache, and as many as one who comes back. Prints a table of medians
in milliseconds from the start of the navigation, and one line of JSON:

- first_paint_ms: something is seen
- composer_ms: the first screen stands, and a question can be typed
- ready_ms: the session is there, and a question would be taken
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.async_api import BrowserContext, async_playwright

from tests.browser.page import ARGUMENTS, installed_chromium
from tests.fake_vllm import FakeVllm, free_port
from tests.processes import app_service

GOAL_MS = 1500
CUT = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
WATCH = """
const seen = {};
new MutationObserver(() => {
  if (document.querySelector('#message-composer')) seen.composer_ms ??= performance.now();
  if (document.querySelector('.command-button')) seen.ready_ms ??= performance.now();
}).observe(document, { childList: true, subtree: true });
window.seen = seen;
"""
READ = """() => ({
  first_paint_ms: performance.getEntriesByName('first-contentful-paint')[0]?.startTime, ...window.seen })"""


async def visit(context: BrowserContext, url: str) -> dict[str, float]:
    """The times of one visit."""
    page = await context.new_page()
    await page.add_init_script(WATCH)
    await page.goto(url, wait_until="commit")
    await page.wait_for_function("window.seen?.ready_ms")
    times: dict[str, float] = await page.evaluate(READ)
    await page.close()
    return times


async def measure(runs: int) -> dict[str, dict[str, int]]:
    """Medians of a first and of a second visit."""
    visits: dict[str, list[dict[str, float]]] = {"first visit": [], "second visit": []}
    port, log = free_port(), Path(tempfile.mkdtemp()) / "app.log"
    with FakeVllm() as fake, app_service(port, fake.url, log):
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=installed_chromium(), args=[*ARGUMENTS, CUT])
            for _ in range(runs):
                context = await browser.new_context()
                for times in visits.values():
                    times.append(await visit(context, f"http://127.0.0.1:{port}"))
                await context.close()
            await browser.close()
    return {
        which: {name: round(statistics.median(time[name] for time in times)) for name in times[0]}
        for which, times in visits.items()
    }


def main() -> None:
    """Print both."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    medians = asyncio.run(measure(runs))
    names = ("first_paint_ms", "composer_ms", "ready_ms")
    print(f"{'':14}" + "".join(f"{name:>16}" for name in names))
    for which, times in medians.items():
        print(f"{which:14}" + "".join(f"{times[name]:16}" for name in names))
    print(json.dumps({"runs": runs, "goal_ready_ms": GOAL_MS, **medians}))


if __name__ == "__main__":
    main()
